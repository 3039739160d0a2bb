#!/bin/bash
# probe PORT [PATH]: succeeds if this container's PORT takes a connection and, with a PATH, answers a GET of it with 200. Images
# that hold little else have bash, and Envoy wants HTTP/1.1.
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
[ $# -gt 1 ] || exit 0
printf 'GET %s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n' "$2" >&3
read -r -t 4 _ status _ <&3
[ "$status" = 200 ]
