-- Partial: what is open.
--! transaction: none
--! set: default
--! index: tp_capital_signals_active
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE status = 'open'
--! | ORDER BY ts DESC, id DESC LIMIT 50
CREATE INDEX CONCURRENTLY tp_capital_signals_active
    ON tp_capital_signals (ts DESC, id DESC)
    WHERE status = 'open';

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_active;
