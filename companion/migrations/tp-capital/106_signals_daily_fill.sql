-- Once, over everything there is. It must come before retention: a refresh of a time whose signals are gone removes its days.
--! requires: timescaledb
--! set: timescale
--! transaction: none
CALL refresh_continuous_aggregate('tp_capital_signals_daily', NULL, NULL);

--! down
SELECT 1;
