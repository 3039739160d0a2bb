#!/bin/sh
# start-node NODE…: becomes the first of these nodes, and makes a cluster of them all.
set -eu
sh /etc/redis/form-cluster.sh "$@" &
exec sh /etc/redis/start.sh /etc/redis/cluster.conf "cluster-announce-hostname $1"
