-- Refreshes the last 90 days only. Retention keeps signals for far longer, so no refresh meets a time whose signals are gone.
--! requires: timescaledb
--! set: timescale
SELECT add_continuous_aggregate_policy('tp_capital_signals_daily',
    start_offset => INTERVAL '90 days', end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '1 hour');

--! down
SELECT remove_continuous_aggregate_policy('tp_capital_signals_daily', if_exists => true);
