#!/usr/bin/env bash
# Purge of 1,000,000 rows in 6 tables, audited, against the plain DELETEs in
# foreign-key order; each on a fresh copy of the same database, in turn.
# The DELETEs run with the server's settings as they are (work_mem 4MB); a batch
# sets its own (maintenance_work_mem for hashes), and checks plain foreign keys
# once a batch where the DELETEs fire a trigger for each row.
# Half of the clients are due, with 2,000 rows each.
# Settings: PURGE_CLIENTS, ROUNDS.
set -eu -o pipefail

clients=${PURGE_CLIENTS:-1000}
rounds=${ROUNDS:-5}

sql() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 -v clients="$clients" -v scale=100 "$@"
}

milliseconds() {
	date +%s%3N
}

# A copy of a database, on disk before the clock starts.
fresh() {
	sql -d postgres -c "SET client_min_messages = warning" -c "DROP DATABASE IF EXISTS $2" -c "CREATE DATABASE $2 TEMPLATE $1" -c CHECKPOINT
	sql -d "$2" -c "SELECT sum(length(t::text)) FROM voucher_line t" >/dev/null
}

timed() {
	local start
	start=$(milliseconds)
	sql -d "$1" "${@:2}" >/dev/null
	echo $(($(milliseconds) - start))
}

median() {
	sort -n | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

sql -d postgres -c "CREATE DATABASE purge_plain" -c "CREATE DATABASE purge_custody"
sql -d purge_plain -f records_schema.sql
sql -d purge_custody -f records_schema.sql -f records_adopt.sql >/dev/null

plain=() audited=()
for ((i = 0; i < rounds; i++)); do
	fresh purge_plain purge_a
	plain+=("$(timed purge_a -f purge_plain.sql)")
	fresh purge_custody purge_b
	audited+=("$(timed purge_b -c "SET client_min_messages = warning" -c "CALL custodian.run()")")
	echo "round $((i + 1)): plain ${plain[i]} ms, audited ${audited[i]} ms"
done

# both must have done the same work, and the audit must say so
left='SELECT (SELECT count(*) FROM voucher) + (SELECT count(*) FROM voucher_line)
	+ (SELECT count(*) FROM invoice) + (SELECT count(*) FROM invoice_item)
	+ (SELECT count(*) FROM message) + (SELECT count(*) FROM document)'
a=$(sql -d purge_a -c "$left")
b=$(sql -d purge_b -c "$left")
gone=$(sql -d purge_b -c "SELECT sum(rows) FROM custodian.audit_event WHERE act = 'destroy'")
wrong=$(sql -d purge_b -c "SELECT sum(problems) FROM custodian.verify()")
echo "rows left: plain $a, audited $b; rows in the audit: $gone; problems found by verify(): $wrong"
[ "$a" = "$b" ] && [ "$gone" = $((clients * 1000)) ] && [ "$wrong" = 0 ]

m=$(printf '%s\n' "${plain[@]}" | median)
n=$(printf '%s\n' "${audited[@]}" | median)
echo "medians of $rounds: plain $m ms, audited $n ms, $gone rows"
awk -v a="$n" -v b="$m" 'BEGIN { printf "bench purge ratio %.2f goal <=1.15\n", a / b }'
for db in purge_a purge_b purge_plain purge_custody; do
	sql -d postgres -c "DROP DATABASE $db"
done
