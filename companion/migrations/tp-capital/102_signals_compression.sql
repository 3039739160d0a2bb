-- One segment for each asset in a chunk: `slipstream timescale advise` shows what other layouts come to with your data.
--! requires: timescaledb
--! set: timescale
ALTER TABLE tp_capital_signals SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'asset',
    timescaledb.compress_orderby = 'ts DESC, id DESC'
);
SELECT add_compression_policy('tp_capital_signals', compress_after => INTERVAL '7 days');

--! down
SELECT remove_compression_policy('tp_capital_signals', if_exists => true);
SELECT decompress_chunk(chunk, if_compressed => true) FROM show_chunks('tp_capital_signals') AS chunk;
ALTER TABLE tp_capital_signals SET (timescaledb.compress = false);
