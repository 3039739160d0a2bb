--! transaction: none
--! set: default
--! index: workspace_audit_log_actor
--! query: SELECT id, action, actor, changes, created_at FROM workspace_audit_log
--! | WHERE actor = {actor}
--! | ORDER BY created_at DESC LIMIT 50
--! sample: SELECT actor FROM workspace_audit_log ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_audit_log_actor
    ON workspace_audit_log (actor, created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_audit_log_actor;
