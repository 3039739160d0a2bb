--! transaction: none
--! set: covered
--! index: workspace_items_status
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT (SELECT u.v FROM pg_stats, unnest(most_common_vals::text::text[]) WITH ORDINALITY u (v, n)
--! | WHERE schemaname = current_schema() AND tablename = 'workspace_items' AND attname = 'status' ORDER BY n DESC LIMIT 1) AS status
--! covered-by: workspace_items_status_created
CREATE INDEX CONCURRENTLY workspace_items_status
    ON workspace_items (status);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_status;
