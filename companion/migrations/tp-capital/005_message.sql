-- Whether a message of a channel has come before. Not unique: a unique index would need the time.
--! transaction: none
--! index: tp_capital_signals_message
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE channel = {channel} AND message_id = {message_id}
--! sample: SELECT channel, message_id FROM tp_capital_signals WHERE message_id IS NOT NULL ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_message
    ON tp_capital_signals (channel, message_id);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_message;
