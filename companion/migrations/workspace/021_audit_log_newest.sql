--! transaction: none
--! set: default
--! index: workspace_audit_log_newest
--! query: SELECT id, action, actor, changes, created_at FROM workspace_audit_log
--! | ORDER BY created_at DESC LIMIT 50
CREATE INDEX CONCURRENTLY workspace_audit_log_newest
    ON workspace_audit_log (created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_audit_log_newest;
