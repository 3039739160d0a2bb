-- Any recent time span, from the index alone. A partial index cannot follow the clock: its condition is fixed when it is made.
--! transaction: none
--! set: default
--! index: workspace_items_recent
--! query: SELECT status, count(*) FROM workspace_items
--! | WHERE created_at >= {start} AND created_at < {start}::timestamptz + interval '1 day'
--! | GROUP BY status
--! sample: SELECT max(created_at) - interval '1 day' AS start FROM workspace_items
CREATE INDEX CONCURRENTLY workspace_items_recent
    ON workspace_items (created_at, status);

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_recent;
