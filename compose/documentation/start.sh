#!/bin/sh
# Takes in what has changed of the documents, and becomes the companion that answers from them.
set -eu
slipstream rag ingest /usr/share/slipstream/documents
exec slipstream serve
