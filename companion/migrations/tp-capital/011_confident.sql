-- Partial: what its channel is sure of.
--! transaction: none
--! set: default
--! index: tp_capital_signals_confident
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE confidence >= 0.9
--! | ORDER BY ts DESC, id DESC LIMIT 50
CREATE INDEX CONCURRENTLY tp_capital_signals_confident
    ON tp_capital_signals (ts DESC, id DESC)
    WHERE confidence >= 0.9;

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_confident;
