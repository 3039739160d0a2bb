#!/bin/sh
# form-cluster NODE…: makes a cluster of these nodes; the first of them runs it beside its server. Each step may be done again, so it
# does not matter which node comes when, or whether one of them was away.
set -u
export REDISCLI_AUTH="$REDIS_PASSWORD"
# Whether every node knows of all slots.
is_formed() {
    for node in "$@"; do
        redis-cli -h "$node" cluster info 2>/dev/null | grep -q 'cluster_slots_assigned:16384' || return 1
    done
}
until is_formed "$@"; do
    from=0 left=$#
    for node in "$@"; do
        to=$((from + (16384 - from) / left - 1))
        # A node that has its slots, or is known, says so, and nothing changes.
        redis-cli -h "$node" cluster addslotsrange "$from" "$to" >/dev/null 2>&1
        address=$(getent hosts "$node" | cut -d ' ' -f 1)
        [ -z "$address" ] || redis-cli cluster meet "$address" 6379 >/dev/null 2>&1
        from=$((to + 1)) left=$((left - 1))
    done
    sleep 1
done
echo "form-cluster: all slots are with $*"
