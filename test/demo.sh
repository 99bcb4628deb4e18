#!/usr/bin/env bash
# make demo: builds custodian, starts a private server, plays test/demo/demo.sql
# and leaves nothing behind. The server takes settings from test/lib/demo.conf.

# shellcheck source=test/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

setup demo
build || die "the build failed"
cluster_start demo fast
as_user "$BINDIR/createdb" demo
cd "$SRC/test/demo"
psql -d demo <demo.sql
cd "$WORK"
