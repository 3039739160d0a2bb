-- As for the workspace's items: the planner must know enough words to tell a rare one from a common one.
--! set: default
ALTER INDEX tp_capital_signals_search ALTER COLUMN 1 SET STATISTICS 2000;
ANALYZE tp_capital_signals;

--! down
ALTER INDEX tp_capital_signals_search ALTER COLUMN 1 SET STATISTICS -1;
