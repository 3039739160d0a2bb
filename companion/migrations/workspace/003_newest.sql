-- All items, newest first; and each page after the first by (created_at, id).
--! transaction: none
--! index: workspace_items_newest
--! query: SELECT id, title, status FROM workspace_items
--! | ORDER BY created_at DESC, id DESC LIMIT 50
CREATE INDEX CONCURRENTLY workspace_items_newest
    ON workspace_items (created_at DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_newest;
