-- A day's signals in one row for each asset and type. What is newer than the last refresh is added when it is asked for.
--! requires: timescaledb
--! set: timescale
CREATE MATERIALIZED VIEW tp_capital_signals_daily
WITH (timescaledb.continuous, timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS
SELECT time_bucket(INTERVAL '1 day', ts) AS day,
       asset,
       signal_type,
       count(*) AS signals,
       count(*) FILTER (WHERE status = 'open') AS open_signals,
       first(price, ts) AS first_price,
       last(price, ts) AS last_price,
       min(price) AS min_price,
       max(price) AS max_price,
       sum(price) AS sum_price,
       sum(volume) AS volume,
       sum(confidence::double precision) AS sum_confidence,
       count(confidence) AS with_confidence
FROM tp_capital_signals
GROUP BY time_bucket(INTERVAL '1 day', ts), asset, signal_type
WITH NO DATA;

--! down
DROP MATERIALIZED VIEW tp_capital_signals_daily;
