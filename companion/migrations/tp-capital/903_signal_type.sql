--! transaction: none
--! set: covered
--! index: tp_capital_signals_signal_type
--! query: SELECT id, ts, asset, signal_type, price FROM tp_capital_signals
--! | WHERE signal_type = {signal_type}
--! | ORDER BY ts DESC, id DESC LIMIT 50
--! sample: SELECT signal_type FROM tp_capital_signals ORDER BY ts DESC LIMIT 1
--! covered-by: tp_capital_signals_type_latest
CREATE INDEX CONCURRENTLY tp_capital_signals_signal_type
    ON tp_capital_signals (signal_type);

--! down
DROP INDEX CONCURRENTLY IF EXISTS tp_capital_signals_signal_type;
