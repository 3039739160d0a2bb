-- Deletes signals that are older than two years. Their days stay in tp_capital_signals_daily.
--! requires: timescaledb
--! set: timescale-retention
SELECT add_retention_policy('tp_capital_signals', drop_after => INTERVAL '2 years');

--! down
SELECT remove_retention_policy('tp_capital_signals', if_exists => true);
