--! transaction: none
--! set: covered
--! index: workspace_items_category
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE category = {category}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT category FROM workspace_items ORDER BY id DESC LIMIT 1
--! covered-by: workspace_items_category_created
CREATE INDEX CONCURRENTLY workspace_items_category
    ON workspace_items (category);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_category;
