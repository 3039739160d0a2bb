--! transaction: none
--! set: covered
--! index: tp_capital_signals_asset
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE asset = {asset}
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT asset FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
--! covered-by: tp_capital_signals_asset_latest
CREATE INDEX CONCURRENTLY tp_capital_signals_asset
    ON tp_capital_signals (asset);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_asset;
