-- Partial: what is urgent.
--! transaction: none
--! index: workspace_items_high_priority
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE priority IN ('high', 'critical')
--! | ORDER BY created_at DESC, id DESC LIMIT 50
CREATE INDEX CONCURRENTLY workspace_items_high_priority
    ON workspace_items (created_at DESC, id DESC)
    WHERE priority IN ('high', 'critical');

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_high_priority;
