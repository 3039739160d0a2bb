-- With the usual target, the planner knows too few words to tell a rare one from a common one, and reads all items newest first.
--! set: default
ALTER INDEX workspace_items_search ALTER COLUMN 1 SET STATISTICS 2000;
ANALYZE workspace_items;

--! down
ALTER INDEX workspace_items_search ALTER COLUMN 1 SET STATISTICS -1;
