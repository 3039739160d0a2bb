-- Partial: what is open, newest first.
--! transaction: none
--! set: default
--! index: workspace_items_active
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE status IN ('new', 'in-progress', 'review')
--! | ORDER BY created_at DESC, id DESC LIMIT 50
CREATE INDEX CONCURRENTLY workspace_items_active
    ON workspace_items (created_at DESC, id DESC)
    WHERE status IN ('new', 'in-progress', 'review');

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_active;
