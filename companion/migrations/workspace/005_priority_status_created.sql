--! transaction: none
--! index: workspace_items_priority_status_created
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE priority = {priority} AND status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT priority, status FROM workspace_items ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_priority_status_created
    ON workspace_items (priority, status, created_at DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_priority_status_created;
