#!/bin/sh
# cargo, for a build stage whose results are there already.
set -eu
case "$1" in
    build) mkdir -p target/release && cp /built/slipstream /built/slipstream-demo target/release/ ;;
    xtask) mkdir -p target/filters && cp /built/filters/*.wasm target/filters/ ;;
    *) echo "cargo $*: not here" >&2; exit 1 ;;
esac
