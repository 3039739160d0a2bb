--! transaction: none
--! set: covered
--! index: workspace_items_created
--! query: SELECT id, title, status FROM workspace_items
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! covered-by: workspace_items_newest
CREATE INDEX CONCURRENTLY workspace_items_created
    ON workspace_items (created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_created;
