-- An item by its number in another system. Not partial: of a partial index on an expression the planner has no statistics, takes one in 200 items
-- for a match, and reads all items newest first where the newest are asked for.
--! transaction: none
--! index: workspace_items_external_id
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE metadata ->> 'ext_id' = {ext_id} ORDER BY created_at DESC, id DESC LIMIT 50
--! sample: SELECT metadata ->> 'ext_id' AS ext_id FROM workspace_items
--! | WHERE metadata ->> 'ext_id' IS NOT NULL LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_external_id
    ON workspace_items ((metadata ->> 'ext_id'));

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_external_id;
