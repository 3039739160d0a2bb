-- What has come in since: for whoever keeps a copy.
--! transaction: none
--! set: default
--! index: tp_capital_signals_created
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE created_at > {since}
--! | ORDER BY created_at LIMIT 500
--! sample: SELECT max(created_at) - interval '1 hour' AS since FROM tp_capital_signals
CREATE INDEX CONCURRENTLY tp_capital_signals_created
    ON tp_capital_signals (created_at);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_created;
