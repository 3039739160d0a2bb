-- Partial: what is overdue.
--! transaction: none
--! set: default
--! index: workspace_items_due
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE due_at < {now} AND status IN ('new', 'in-progress', 'review')
--! | ORDER BY due_at LIMIT 50
--! sample: SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY due_at) AS now
--! | FROM (SELECT due_at FROM workspace_items WHERE due_at IS NOT NULL LIMIT 1000) AS some_items
CREATE INDEX CONCURRENTLY workspace_items_due
    ON workspace_items (due_at)
    WHERE due_at IS NOT NULL AND status IN ('new', 'in-progress', 'review');

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_due;
