#!/bin/sh
# start FILE [LINE…]: becomes redis-server on this configuration and these further lines, with the password of the environment, which
# thus shows in no list of processes.
set -eu
: "${REDIS_PASSWORD:?is what clients have to know}"
file=$1
shift
exec redis-server - <<END
$(cat "$file")
$(for line in "$@"; do echo "$line"; done)
requirepass $REDIS_PASSWORD
masterauth $REDIS_PASSWORD
END
