#!/bin/sh
# Writes compose/.env from compose/.env.example, with a random value for each secret. It replaces nothing: what is in .env stays, and
# only secrets that it lacks are added.
set -eu
cd "$(dirname "$0")"
umask 077
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
new=$(mktemp .env.XXXXXX)
trap 'rm -f "$new"' EXIT
if [ -e .env ]; then cat .env > "$new"; else grep -Ev '^[A-Z_]+=$' .env.example > "$new"; fi
added=0
for name in $(sed -n 's/^\([A-Z_]*\)=$/\1/p' .env.example); do
    if ! grep -q "^$name=." "$new"; then
        echo "$name=$(secret)" >> "$new"
        added=$((added + 1))
    fi
done
grep -q '^K6_USER=' "$new" || echo "K6_USER=$(id -u):$(id -g)" >> "$new"
mkdir -p reports
mv "$new" .env
echo "compose/.env: $added secrets added"
