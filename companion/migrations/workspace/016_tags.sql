-- Items that have all of some tags.
--! transaction: none
--! set: default
--! index: workspace_items_tags
--! query: SELECT count(*) FROM workspace_items WHERE tags @> {tags}
--! sample: SELECT tags[1:2] AS tags FROM workspace_items WHERE cardinality(tags) >= 2 ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_tags
    ON workspace_items USING gin (tags)
    WITH (gin_pending_list_limit = 1024);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_tags;
