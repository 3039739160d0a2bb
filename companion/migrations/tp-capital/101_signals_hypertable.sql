-- Chunks of 30 days: what counts for compression is how many rows a segment has, and in a chunk of a day an asset has too few.
-- Rows that are there are moved, during which the table is locked: with many, do it while nobody needs them.
--! requires: timescaledb
--! set: timescale
SELECT create_hypertable('tp_capital_signals', by_range('ts', INTERVAL '30 days'),
                         migrate_data => true, create_default_indexes => false);
