--! transaction: none
--! index: workspace_items_category_status_created
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE category = {category} AND status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT (SELECT u.v FROM pg_stats, unnest(most_common_vals::text::text[]) WITH ORDINALITY u (v, n)
--! | WHERE schemaname = current_schema() AND tablename = 'workspace_items' AND attname = 'category' ORDER BY n DESC LIMIT 1) AS category,
--! | (SELECT u.v FROM pg_stats, unnest(most_common_vals::text::text[]) WITH ORDINALITY u (v, n)
--! | WHERE schemaname = current_schema() AND tablename = 'workspace_items' AND attname = 'status' ORDER BY n DESC LIMIT 1) AS status
CREATE INDEX CONCURRENTLY workspace_items_category_status_created
    ON workspace_items (category, status, created_at DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_category_status_created;
