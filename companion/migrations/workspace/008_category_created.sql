--! transaction: none
--! set: default
--! index: workspace_items_category_created
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE category = {category}
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT category FROM workspace_items ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_category_created
    ON workspace_items (category, created_at DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_category_created;
