#!/bin/sh
# Asks the databases for what PgBouncer has to know, and becomes PgBouncer.
set -eu
slipstream pooling render
exec pgbouncer -q "${SLIPSTREAM_POOLING__CONFIG_FILE:?is where the configuration is written}"
