--! transaction: none
--! set: covered
--! index: tp_capital_signals_ts
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! covered-by: tp_capital_signals_latest
CREATE INDEX CONCURRENTLY tp_capital_signals_ts
    ON tp_capital_signals (ts DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_ts;
