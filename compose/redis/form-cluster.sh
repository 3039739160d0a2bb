#!/bin/sh
# form-cluster NODE…: makes a cluster of these nodes, once; the first of them runs it beside its server.
set -eu
export REDISCLI_AUTH="$REDIS_PASSWORD"
addresses=
for node in "$@"; do
    until [ "$(redis-cli -h "$node" ping 2>/dev/null)" = PONG ]; do sleep 0.5; done
    addresses="$addresses $(getent hosts "$node" | cut -d ' ' -f 1):6379"
done
redis-cli cluster info | grep -q 'cluster_slots_assigned:16384' && exit 0
# shellcheck disable=SC2086 # each address is a word
redis-cli --cluster create $addresses --cluster-replicas 0 --cluster-yes
