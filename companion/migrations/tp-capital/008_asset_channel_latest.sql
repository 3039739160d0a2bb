--! transaction: none
--! set: default
--! index: tp_capital_signals_asset_channel_latest
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE asset = {asset} AND channel = {channel}
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT asset, channel FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_asset_channel_latest
    ON tp_capital_signals (asset, channel, ts DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_asset_channel_latest;
