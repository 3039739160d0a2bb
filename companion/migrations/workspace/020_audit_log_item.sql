-- An item's history.
--! transaction: none
--! index: workspace_audit_log_item
--! query: SELECT id, action, actor, changes, created_at FROM workspace_audit_log
--! | WHERE item_id = {item_id}
--! | ORDER BY created_at DESC LIMIT 50
--! sample: SELECT item_id FROM workspace_audit_log ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_audit_log_item
    ON workspace_audit_log (item_id, created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_audit_log_item;
