#!/bin/sh
# Makes the databases and their owners, when the server's folder is empty. The companion's migrations make the tables.
set -eu
make() {
    psql -v ON_ERROR_STOP=1 -v database="$1" -v owner="$2" -v password="$3" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE :"owner" LOGIN PASSWORD :'password';
CREATE DATABASE :"database" OWNER :"owner";
REVOKE CONNECT ON DATABASE :"database" FROM PUBLIC;
SQL
}
make APPS-WORKSPACE workspace "${WORKSPACE_PASSWORD:?}"
make APPS-TPCAPITAL tp_capital "${TP_CAPITAL_PASSWORD:?}"
# Follows the changes of the workspace's rows, which purges what was built from them.
psql -v ON_ERROR_STOP=1 -v password="${CAPTURE_PASSWORD:?}" --username "$POSTGRES_USER" --dbname postgres <<'SQL'
CREATE ROLE slipstream_capture LOGIN REPLICATION PASSWORD :'password' IN ROLE workspace;
SQL
