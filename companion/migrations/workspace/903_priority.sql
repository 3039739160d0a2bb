--! transaction: none
--! set: covered
--! index: workspace_items_priority
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE priority = {priority} AND status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT priority, status FROM workspace_items ORDER BY id DESC LIMIT 1
--! covered-by: workspace_items_priority_status_created
CREATE INDEX CONCURRENTLY workspace_items_priority
    ON workspace_items (priority);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_priority;
