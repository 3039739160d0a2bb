--! requires: timescaledb
--! set: timescale
CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public;

--! down
-- Other databases' objects may need the extension, so it stays.
SELECT 1;
