-- Signals of an asset around a price.
--! transaction: none
--! set: default
--! index: tp_capital_signals_price
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE asset = {asset} AND price >= {price} AND price < {price}::numeric * 1.001
--! | ORDER BY price LIMIT 50
--! sample: SELECT asset, price FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
CREATE INDEX CONCURRENTLY tp_capital_signals_price
    ON tp_capital_signals (asset, price);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_price;
