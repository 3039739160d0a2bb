--! requires: timescaledb
--! set: timescale
CREATE INDEX tp_capital_signals_daily_asset ON tp_capital_signals_daily (asset, signal_type, day DESC);

--! down
DROP INDEX tp_capital_signals_daily_asset;
