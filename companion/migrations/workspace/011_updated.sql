-- What has changed since: for whoever keeps a copy.
--! transaction: none
--! set: default
--! index: workspace_items_updated
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE updated_at > {since}
--! | ORDER BY updated_at LIMIT 500
--! sample: SELECT max(updated_at) - interval '1 day' AS since FROM workspace_items
CREATE INDEX CONCURRENTLY workspace_items_updated
    ON workspace_items (updated_at);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_updated;
