#!/usr/bin/env bash
# make bench: runs every benchmark test/bench/*.sh, or only BENCH=name, in a
# private server with durable settings, each in a new database of its own name
# that has custodian in it (PGHOST, PGDATABASE and PATH are set for psql and
# pgbench). A benchmark prints, for each goal of its own,
#
#   bench NAME ratio R goal <=G      (or >=G)
#
# Ratios are taken in one run on one machine, so they mean something elsewhere.
# A missed goal is a finding, not a failure: the exit status is 1 only if a
# benchmark did not run. The server takes settings from test/lib/bench.conf.

# shellcheck source=test/lib/setup.sh
. "$(dirname "$0")/lib/setup.sh"

run_benchmark() {
	local name=$1
	as_user "$BINDIR/createdb" "$name" &&
		psql -d "$name" -c 'SET client_min_messages = warning' -c 'CREATE EXTENSION custodian CASCADE' &&
		(cd "$SRC/test/bench" && PGDATABASE=$name as_user bash "./$name.sh") | tee -a "$WORK/report" &&
		as_user "$BINDIR/dropdb" "$name"
}

names=()
for file in "$TOP"/test/bench/*.sh; do
	[ -e "$file" ] || continue
	name=$(basename "$file" .sh)
	[ "${BENCH:-$name}" != "$name" ] || names+=("$name")
done
[ ${#names[@]} -gt 0 ] || die "test/bench: no benchmark${BENCH:+ \"$BENCH\"}"

setup bench
build || die "the build failed"
# No checkpoint and no autovacuum in the middle of a measurement: both would
# hit one side of a ratio and not the other.
as_user tee -a "$SRC/test/lib/bench.conf" >/dev/null <<'CONF'
shared_buffers = 1GB
max_wal_size = 8GB
checkpoint_timeout = 30min
autovacuum = off
CONF
cluster_start bench durable

broken=()
for name in "${names[@]}"; do
	echo "=== $name"
	run_benchmark "$name" || broken+=("$name")
done

echo
echo "goals:"
awk '$1 == "bench" && $3 == "ratio" && $5 == "goal" {
		goal = substr($6, 3)
		met = $6 ~ /^<=/ ? $4 + 0 <= goal + 0 : $4 + 0 >= goal + 0
		printf "  %-6s  %-40s %8s  %s\n", met ? "met" : "missed", $2, $4, $6
	}' "$WORK/report"
[ ${#broken[@]} = 0 ] || die "did not run: ${broken[*]}"
