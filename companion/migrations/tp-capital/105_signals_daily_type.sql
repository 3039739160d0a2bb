--! requires: timescaledb
--! set: timescale
CREATE INDEX tp_capital_signals_daily_type ON tp_capital_signals_daily (signal_type, day DESC);

--! down
DROP INDEX tp_capital_signals_daily_type;
