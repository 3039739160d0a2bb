#!/bin/sh
# Puts what Envoy's configuration cannot read from the environment into it, and becomes Envoy.
set -eu
: "${SLIPSTREAM_TOKEN:?is what the companion has as its token}"
case "$SLIPSTREAM_TOKEN${APPLICATION-}" in
    *[!A-Za-z0-9_-]*) echo "SLIPSTREAM_TOKEN and APPLICATION may have letters, digits, - and _ only" >&2; exit 2 ;;
esac
sed -e "s/\${SLIPSTREAM_TOKEN}/$SLIPSTREAM_TOKEN/g" -e "s/\${APPLICATION}/${APPLICATION-}/g" \
    /etc/envoy/envoy.yaml > /run/envoy/envoy.yaml
exec envoy -c /run/envoy/envoy.yaml --concurrency "${ENVOY_CONCURRENCY:-2}" --disable-hot-restart -l "${ENVOY_LOG_LEVEL:-warning}"
