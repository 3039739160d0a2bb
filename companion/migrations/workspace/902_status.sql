--! transaction: none
--! set: covered
--! index: workspace_items_status
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT status FROM workspace_items ORDER BY id DESC LIMIT 1
--! covered-by: workspace_items_status_created
CREATE INDEX CONCURRENTLY workspace_items_status
    ON workspace_items (status);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_status;
