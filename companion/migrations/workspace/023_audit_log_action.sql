--! transaction: none
--! set: default
--! index: workspace_audit_log_action
--! query: SELECT id, action, actor, changes, created_at FROM workspace_audit_log
--! | WHERE action = {action}
--! | ORDER BY created_at DESC LIMIT 50
--! sample: SELECT action FROM workspace_audit_log ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_audit_log_action
    ON workspace_audit_log (action, created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_audit_log_action;
