#!/bin/sh
# start-node NAME NODE…: becomes a node of the cluster under this name. The node that is named first makes the cluster.
set -eu
name=$1
shift
if [ "$name" = "$1" ]; then sh /etc/redis/form-cluster.sh "$@" & fi
exec sh /etc/redis/start.sh /etc/redis/cluster.conf "cluster-announce-hostname $name"
