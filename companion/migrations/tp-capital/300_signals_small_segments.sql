-- Many small segments, in chunks of a day, for who needs it to be so. It takes more room: `slipstream timescale advise`.
-- What is compressed already stays as it is.
--! requires: timescaledb
--! set: timescale-small-segments
ALTER TABLE tp_capital_signals SET (
    timescaledb.compress_segmentby = 'asset, channel, signal_type',
    timescaledb.compress_orderby = 'ts DESC, id DESC'
);
SELECT set_chunk_time_interval('tp_capital_signals', INTERVAL '1 day');

--! down
ALTER TABLE tp_capital_signals SET (
    timescaledb.compress_segmentby = 'asset',
    timescaledb.compress_orderby = 'ts DESC, id DESC'
);
SELECT set_chunk_time_interval('tp_capital_signals', INTERVAL '30 days');
