#!/usr/bin/env bash
# Plan for one client among 10,000 (2,000,000 rows, keys indexed), in
# milliseconds; the same among 1,000 clients, to show that it is the client's
# rows that count and not the table's; and the warning for a key without index.
set -eu -o pipefail

sql() {
	psql -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# Median time of plan() over 41 clients, in one session, after a first call.
median_ms() {
	sql -d "$1" <<-SQL
		SET client_min_messages = warning;
		SELECT count(*) > 0 AS warm FROM custodian.plan('2') \gset
		CREATE TEMP TABLE took (ms float8);
		DO \$\$
		DECLARE
			client text;
			began timestamptz;
			lines int;
		BEGIN
			FOR client IN SELECT client_key FROM custodian.client
					WHERE contract_end IS NOT NULL ORDER BY md5(client_key) LIMIT 41 LOOP
				began := clock_timestamp();
				SELECT count(*) INTO STRICT lines FROM custodian.plan(client);
				ASSERT lines >= 6;
				INSERT INTO took SELECT 1000 * extract(epoch FROM clock_timestamp() - began);
			END LOOP;
		END
		\$\$;
		SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 2) FROM took;
	SQL
}

for clients in 1000 10000; do
	sql -d postgres -c "CREATE DATABASE plan_$clients"
	sql -d "plan_$clients" -v clients="$clients" -v scale=10 -f records_schema.sql -f records_adopt.sql >/dev/null
done
small=$(median_ms plan_1000)
large=$(median_ms plan_10000)
echo "plan() of one client, 200 rows in 6 tables: $small ms among 1,000 clients, $large ms among 10,000"
echo "bench plan_one_client_ms ratio $large goal <=50"
# Linear in the client's rows, not in the table's size: ten times the clients.
awk -v a="$large" -v b="$small" 'BEGIN { printf "bench plan_10x_clients ratio %.2f goal <=1.50\n", a / b }'

sql -d plan_1000 -c 'DROP INDEX voucher_client_id_idx'
warning=$(sql -d plan_1000 -c "SELECT count(*) FROM custodian.plan('2')" 2>&1 >/dev/null)
echo "without the index on voucher.client_id: $(echo "$warning" | head -n 1)"
[[ $warning == *'no index on public.voucher (client_id)'* ]]
for clients in 1000 10000; do
	sql -d postgres -c "DROP DATABASE plan_$clients"
done
