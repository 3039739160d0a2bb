-- Full text.
--! transaction: none
--! set: default
--! index: workspace_items_search
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE to_tsvector('english', title || ' ' || description)
--! | @@ plainto_tsquery('english', {title})
--! | ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT title FROM workspace_items ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_search
    ON workspace_items USING gin ((to_tsvector('english', title || ' ' || description)))
    WITH (gin_pending_list_limit = 1024);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_search;
