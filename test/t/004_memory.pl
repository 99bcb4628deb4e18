# Memory of a run does not grow with its batches, nor the guard's with the
# rows that it looks at.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;

# PostgreSQL 18 names a context's parent by its place in a path.
my $view = $node->pg_version >= 18 ? <<'NEW' : <<'OLD';
CREATE VIEW context AS
SELECT c.name, p.name AS parent, c.total_bytes, c.used_bytes
FROM pg_backend_memory_contexts AS c
	LEFT JOIN pg_backend_memory_contexts AS p ON p.level = c.level - 1 AND p.path = c.path[:c.level - 1];
NEW
CREATE VIEW context AS
SELECT name, parent, total_bytes, used_bytes FROM pg_backend_memory_contexts;
OLD

# The backend measures itself, from a trigger, a few times in each batch:
# pg_backend_memory_contexts is about one's own process.
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION custodian CASCADE;
CREATE TABLE client (id integer PRIMARY KEY);
CREATE TABLE voucher (id integer PRIMARY KEY, client_id integer NOT NULL REFERENCES client, note text);
CREATE INDEX ON voucher (client_id);
CREATE TABLE person (id integer PRIMARY KEY, client_id integer NOT NULL REFERENCES client, name text);
CREATE INDEX ON person (client_id);

CREATE TABLE memory (n integer GENERATED ALWAYS AS IDENTITY, what text, total bigint, own bigint);
$view
CREATE FUNCTION measure(what text) RETURNS void LANGUAGE sql AS \$\$
	INSERT INTO public.memory (what, total, own)
	SELECT what, sum(total_bytes),
		sum(used_bytes) FILTER (WHERE name LIKE 'custodian%' OR 'PortalContext' IN (name, parent))
	FROM public.context
\$\$;
CREATE FUNCTION measure() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM public.measure(TG_TABLE_NAME || ' ' || TG_OP);
	RETURN NULL;
END \$\$;
CREATE TRIGGER measure AFTER DELETE ON voucher FOR EACH ROW
	WHEN (old.id % 50 = 0) EXECUTE FUNCTION measure();
CREATE TRIGGER measure AFTER UPDATE ON person FOR EACH ROW
	WHEN (old.id % 50 = 0) EXECUTE FUNCTION measure();

INSERT INTO client SELECT generate_series(1, 30);
INSERT INTO voucher SELECT n, 1 + n % 30, repeat('x', 100) FROM generate_series(1, 30000) AS n;
INSERT INTO person SELECT n, 1 + n % 30, 'name ' || n FROM generate_series(1, 10000) AS n;
ANALYZE;

SELECT custodian.create_record_class('books', basis => 'own');
SELECT custodian.create_rule('books', 'books', 'own', 'contract_end', '1 year', 'test',
	mode => 'governance');
SELECT custodian.create_record_class('people', basis => 'own');
SELECT custodian.create_rule('people', 'people', 'own', 'contract_end', '1 year', 'test',
	disposition => 'anonymize', mode => 'governance');
SELECT custodian.adopt('voucher', client => 'client_id', record_class => 'books');
SELECT custodian.adopt('person', client => 'client_id', record_class => 'people');
SELECT custodian.set_technique('person', 'name', 'keyed_digest');
SELECT custodian.open_contract('K-' || n, n::text) FROM generate_series(1, 30) AS n;
SELECT custodian.end_contract('K-' || n, '2020-12-31') FROM generate_series(1, 30) AS n;
SQL

# Growth between the second tenth and the last of the measurements of a kind, in
# bytes: caches are filled by then.
sub growth
{
	my ($what, $column) = @_;
	return $node->safe_psql('postgres', <<"SQL");
WITH m AS (SELECT *, row_number() OVER (ORDER BY n) AS i, count(*) OVER () AS k
	FROM memory WHERE what = '$what')
SELECT max($column) FILTER (WHERE i > k * 9 / 10)
	- max($column) FILTER (WHERE i BETWEEN k / 10 AND k / 5)
FROM m
SQL
}

# ------------------------------------------------------- batches of a run
my ($rc, $stdout, $stderr) = $node->psql('postgres', <<'SQL');
CALL custodian.run(batch_rows => 100);
SELECT measure('run over');
CALL custodian.run(batch_rows => 100);
SELECT measure('run over');
SELECT count(*) FROM pg_backend_memory_contexts WHERE name LIKE 'custodian run%' OR name LIKE 'custodian batch%';
SQL
is($rc, 0, 'the run ends well');
is( $node->safe_psql('postgres',
		'SELECT rows_destroyed, rows_anonymized FROM custodian.run_log WHERE run_no = 1'),
	'30000|10000', 'all rows were due');
is($stdout, "\n\n0", 'no memory context of the run is left');
cmp_ok($node->safe_psql('postgres', 'SELECT batches FROM custodian.run_log WHERE run_no = 1'),
	'>=', 200, 'in hundreds of batches');
for my $what ('voucher DELETE', 'person UPDATE')
{
	# all contexts of the backend, caches too; and what the call itself has in use
	my %most = (total => 65536, own => 2048);
	for my $column (sort keys %most)
	{
		my $grown = growth($what, $column);
		cmp_ok($grown, '<=', $most{$column}, "$what: memory does not grow with batches ($column)")
		  or diag("grew by $grown bytes");
	}
}
my $after = $node->safe_psql('postgres',
	q{SELECT max(total) - min(total) FROM memory WHERE what = 'run over'});
cmp_ok($after, '<=', 16384, 'nor with runs in one session') or diag("grew by $after bytes");

# ------------------------------------------ the guard, row by row and at once
$node->safe_psql('postgres', <<'SQL');
ALTER TABLE voucher DISABLE TRIGGER measure;
INSERT INTO client VALUES (100);
INSERT INTO voucher SELECT n, 100, 'x' FROM generate_series(1, 20000) AS n;
SELECT custodian.open_contract('K-100', '100');
SELECT custodian.end_contract('K-100', '2020-12-31');
SQL
# every row is let go, one statement a row; then many rows in one statement
$node->safe_psql('postgres', <<'SQL');
DO $$
BEGIN
	FOR i IN 1..5000 LOOP
		DELETE FROM voucher WHERE id = i;
		IF i % 500 = 0 THEN
			PERFORM measure('guard');
		END IF;
	END LOOP;
END $$;
SELECT measure('guard, rows at once');
DELETE FROM voucher WHERE id <= 10000;
SELECT measure('guard, rows at once');
DELETE FROM voucher WHERE id <= 15000;
SELECT measure('guard, rows at once');
DELETE FROM voucher WHERE id <= 20000;
SELECT measure('guard, rows at once');
SQL
is($node->safe_psql('postgres', 'SELECT count(*) FROM voucher'), '0', 'the guard let all rows go');
for my $what ('guard', 'guard, rows at once')
{
	my $grown = $node->safe_psql('postgres', <<"SQL");
SELECT max(total) FILTER (WHERE n > (SELECT min(n) FROM memory WHERE what = '$what'))
	- (SELECT total FROM memory WHERE what = '$what' ORDER BY n OFFSET 1 LIMIT 1)
FROM memory WHERE what = '$what'
SQL
	cmp_ok($grown, '<=', 16384, "$what: memory does not grow with rows") or diag("grew by $grown bytes");
}

$node->stop;
done_testing();
