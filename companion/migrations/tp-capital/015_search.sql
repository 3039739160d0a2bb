-- Full text of the messages.
--! transaction: none
--! set: default
--! index: tp_capital_signals_search
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE to_tsvector('english', raw_message) @@ plainto_tsquery('english', {raw_message})
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT raw_message FROM tp_capital_signals WHERE raw_message <> '' ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_search
    ON tp_capital_signals USING gin (to_tsvector('english', raw_message))
    WITH (gin_pending_list_limit = 1024);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_search;
