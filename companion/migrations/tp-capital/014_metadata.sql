--! transaction: none
--! set: default
--! index: tp_capital_signals_metadata
--! query: SELECT count(*) FROM tp_capital_signals WHERE metadata @> {metadata}
--! sample: SELECT metadata FROM tp_capital_signals WHERE metadata <> jsonb_build_object() ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_metadata
    ON tp_capital_signals USING gin (metadata jsonb_path_ops)
    WITH (gin_pending_list_limit = 1024);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_metadata;
