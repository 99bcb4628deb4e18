#!/usr/bin/env bash
# Memory of the backend during a run: the peak of its private memory while it
# destroys 400,000 rows against that for 40,000, in batches of 2,000 rows.
set -eu -o pipefail

sql() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# Peak of RssAnon, in kB, of the backend that runs.
peak_kb() {
	local db=$1 pid=$WORKPID peak=0 now
	sql -d "$db" -c "SET application_name = 'bench_memory'" \
		-c "SET client_min_messages = warning" -c "CALL custodian.run(batch_rows => 2000)" &
	WORKPID=$!
	while kill -0 "$WORKPID" 2>/dev/null; do
		pid=$(sql -d postgres -c "SELECT pid FROM pg_stat_activity WHERE application_name = 'bench_memory'")
		if [ -n "$pid" ]; then
			now=$(awk '$1 == "RssAnon:" { print $2 }' "/proc/$pid/status" 2>/dev/null || true)
			if [ "${now:-0}" -gt "$peak" ]; then peak=$now; fi
		fi
		sleep 0.05
	done
	wait "$WORKPID"
	echo "$peak"
}
WORKPID=

for clients in 40 400; do
	sql -d postgres -c "CREATE DATABASE memory_$clients"
	sql -d "memory_$clients" -v clients="$clients" -v scale=100 -f records_schema.sql -f records_adopt.sql >/dev/null
done
few=$(peak_kb memory_40)
many=$(peak_kb memory_400)
echo "peak of private memory: $few kB for 40,000 rows, $many kB for 400,000"
awk -v a="$many" -v b="$few" 'BEGIN { printf "bench run_memory_10x_rows ratio %.2f goal <=1.10\n", a / b }'
for clients in 40 400; do
	sql -d postgres -c "DROP DATABASE memory_$clients"
done
