-- All signals, latest first; and each page after the first by (ts, id).
--! transaction: none
--! index: tp_capital_signals_latest
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | ORDER BY ts DESC, id DESC LIMIT 50
CREATE INDEX CONCURRENTLY tp_capital_signals_latest
    ON tp_capital_signals (ts DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_latest;
