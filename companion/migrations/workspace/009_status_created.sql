--! transaction: none
--! set: default
--! index: workspace_items_status_created
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT status FROM workspace_items ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_status_created
    ON workspace_items (status, created_at DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_status_created;
