--! transaction: none
--! set: covered
--! index: workspace_items_category_status
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE category = {category} AND status = {status}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT category, status FROM workspace_items ORDER BY id DESC LIMIT 1
--! covered-by: workspace_items_category_status_created
CREATE INDEX CONCURRENTLY workspace_items_category_status
    ON workspace_items (category, status);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_category_status;
