--! transaction: none
--! set: default
--! index: tp_capital_signals_channel_latest
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE channel = {channel}
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT channel FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_channel_latest
    ON tp_capital_signals (channel, ts DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_channel_latest;
