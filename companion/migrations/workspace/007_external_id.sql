-- An item by its number in another system.
--! transaction: none
--! index: workspace_items_external_id
--! query: SELECT id, title, status FROM workspace_items
--! | WHERE metadata ->> 'ext_id' = {ext_id}
--! sample: SELECT metadata ->> 'ext_id' AS ext_id FROM workspace_items
--! | WHERE metadata ->> 'ext_id' IS NOT NULL LIMIT 1
CREATE INDEX CONCURRENTLY workspace_items_external_id
    ON workspace_items ((metadata ->> 'ext_id'))
    WHERE metadata ->> 'ext_id' IS NOT NULL;

--! down
DROP INDEX CONCURRENTLY IF EXISTS workspace_items_external_id;
