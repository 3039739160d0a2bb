-- Partial: what somebody has to do.
--! transaction: none
--! set: default
--! index: workspace_items_assignee_active
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE assignee = {assignee} AND status IN ('new', 'in-progress', 'review')
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT assignee FROM workspace_items WHERE assignee IS NOT NULL ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_assignee_active
    ON workspace_items (assignee, created_at DESC, id DESC)
    WHERE status IN ('new', 'in-progress', 'review');

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_assignee_active;
