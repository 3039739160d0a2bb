#!/bin/sh
# pip, for a stage whose one package is there already: copies it to the folder behind --target.
set -eu
while [ "$1" != --target ]; do shift; done
mkdir -p "$2"
cp -r /packages/. "$2"
