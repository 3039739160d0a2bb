--! transaction: none
--! set: default
--! index: workspace_audit_log_actor
--! query: SELECT id, action, actor, changes, created_at FROM workspace_audit_log
--! | WHERE actor = {actor}
--! | ORDER BY created_at DESC LIMIT 50
--! sample: SELECT u.v AS actor FROM pg_stats, unnest(most_common_vals::text::text[]) WITH ORDINALITY u (v, n)
--! | WHERE schemaname = current_schema() AND tablename = 'workspace_audit_log' AND attname = 'actor' ORDER BY n DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_audit_log_actor
    ON workspace_audit_log (actor, created_at DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_audit_log_actor;
