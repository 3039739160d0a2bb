-- Items whose metadata contains this.
--! transaction: none
--! set: default
--! index: workspace_items_metadata
--! query: SELECT count(*) FROM workspace_items WHERE metadata @> {metadata}
--! sample: SELECT metadata FROM workspace_items WHERE metadata <> jsonb_build_object() ORDER BY id DESC LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_metadata
    ON workspace_items USING gin (metadata jsonb_path_ops)
    WITH (gin_pending_list_limit = 1024);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_metadata;
