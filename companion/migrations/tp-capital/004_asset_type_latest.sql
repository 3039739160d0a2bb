--! transaction: none
--! index: tp_capital_signals_asset_type_latest
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE asset = {asset} AND signal_type = {signal_type}
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT asset, signal_type FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_asset_type_latest
    ON tp_capital_signals (asset, signal_type, ts DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_asset_type_latest;
