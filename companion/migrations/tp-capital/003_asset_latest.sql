--! transaction: none
--! index: tp_capital_signals_asset_latest
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE asset = {asset}
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT asset FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_asset_latest
    ON tp_capital_signals (asset, ts DESC, id DESC);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_asset_latest;
