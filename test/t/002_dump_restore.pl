# pg_dump, pg_restore and standbys: what custodian knows goes with the data,
# and goes on working where it arrives.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('source');
$node->init(allows_streaming => 1);
$node->start;

# An application with everything that makes a dump hard: partitions, quoted
# and Chinese names, a path over a foreign key, contracts from a table and from
# calls, own settings, two versions of a rule, terms, holds, techniques.
my $setup = <<'SQL';
CREATE EXTENSION custodian CASCADE;
CREATE SCHEMA "公司";
SET search_path = "公司", public;
CREATE TABLE client (id text PRIMARY KEY, "Full Name" text);
CREATE TABLE "Contract 2" ("No" text PRIMARY KEY,
	client_id text NOT NULL REFERENCES client, "ends on" date, note text);
CREATE TABLE "凭证" ("编号" integer, "年度" integer, client_id text NOT NULL REFERENCES client,
	"日期" date NOT NULL, PRIMARY KEY ("编号", "年度")) PARTITION BY RANGE ("年度");
CREATE TABLE "凭证 2019" PARTITION OF "凭证" FOR VALUES FROM (2019) TO (2020);
CREATE TABLE "凭证 2020" PARTITION OF "凭证" FOR VALUES FROM (2020) TO (2021);
CREATE INDEX ON "凭证" (client_id);
CREATE TABLE "Line""s" (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	"编号" integer, "年度" integer, FOREIGN KEY ("编号", "年度") REFERENCES "凭证");
CREATE INDEX ON "Line""s" ("编号", "年度");
CREATE TABLE person (id integer PRIMARY KEY, client_id text NOT NULL REFERENCES client,
	name text, kind text);
CREATE INDEX ON person (client_id);

INSERT INTO client SELECT 'K-' || n, '客户' || n FROM generate_series(1, 4) AS n;
INSERT INTO "Contract 2" SELECT 'C-' || n, 'K-' || n,
	CASE WHEN n < 4 THEN date '2020-06-30' END FROM generate_series(1, 4) AS n;
INSERT INTO "凭证" SELECT n, 2019 + n % 2, 'K-' || 1 + n % 4, make_date(2019 + n % 2, 1, 15)
	FROM generate_series(1, 80) AS n;
INSERT INTO "Line""s" ("编号", "年度") SELECT v."编号", v."年度" FROM "凭证" v, generate_series(1, 2);
INSERT INTO "凭证" VALUES (1001, 2019, 'K-3', '2019-01-15');
INSERT INTO person SELECT n, 'K-' || 1 + n % 4, '李' || n, CASE n % 3 WHEN 0 THEN 'manager' ELSE 'clerk' END
	FROM generate_series(1, 40) AS n;

SELECT custodian.configure('fiscal_year_start', '04-01');
SELECT custodian.create_record_class('books', '账簿', 'own');
SELECT custodian.create_rule('books', 'books', 'own', 'row_date', '50 years', 'old law',
	mode => 'governance', effective_from => '2000-01-01');
SELECT custodian.create_rule('books', 'books', 'own', 'fiscal_year_end', '1 year', 'test',
	mode => 'governance', effective_from => '2016-01-01');
SELECT custodian.create_record_class('people', basis => 'own');
SELECT custodian.create_rule('people', 'people', 'own', 'contract_end', '1 year', 'test',
	maximum => '90 years', disposition => 'anonymize', mode => 'governance');
SELECT custodian.create_record_class('managers', basis => 'own');
SELECT custodian.create_rule('managers', 'managers', 'own', 'contract_end', '60 years', 'test',
	guard => 'update', mode => 'governance');
SELECT custodian.track_contracts('"Contract 2"', 'No', 'client_id', 'ends on',
	ended_when => 'note IS DISTINCT FROM ''draft''');
SELECT custodian.open_contract('by call', 'K-3', '2010-01-01');
SELECT custodian.end_contract('by call', '2020-12-31');
SELECT custodian.adopt('"凭证"', client => 'client_id', dated_by => '日期', record_class => 'books');
-- lines have no date of their own, which rule "books" would wait for
SELECT custodian.create_record_class('lines', basis => 'own');
SELECT custodian.create_rule('lines', 'lines', 'own', 'contract_end', '1 year', 'test',
	mode => 'governance');
SELECT custodian.adopt('"Line""s"', via => '"编号", "年度"', record_class => 'books');
SELECT custodian.change_adoption('"Line""s"', record_class => 'lines');
SELECT custodian.change_adoption('"Line""s"', fiscal_year_start => '07-01');
SELECT custodian.adopt('person', client => 'client_id', record_class => 'people');
SELECT custodian.add_record_class('person', 'managers', 'kind = ''manager''');
SELECT custodian.set_technique('person', 'name', 'keyed_digest');
SELECT custodian.set_contract_term('C-2', 'people', minimum => '70 years');
SELECT custodian.hold('lawsuit', client => 'K-3', reason => '诉讼');
SELECT custodian.hold('over', relation => '"凭证"');
SELECT custodian.release_hold(2, 'settled');
SELECT custodian.confirm_return('K-1', 'list 7', '2021-01-01');
SQL
$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql('app', $setup);

# Part of the work is done, and the key of a client is in the database.
$node->safe_psql('app', 'CALL custodian.run(batch_rows => 3, max_rows => 123)');
is($node->safe_psql('app', 'SELECT count(*) > 0 FROM custodian.client_secret'),
	't', 'the run stopped where a key is still needed');
is($node->safe_psql('app', 'SELECT count(*) > 0 FROM custodian.anonymized'),
	't', 'some rows are anonymized');

# What must be the same wherever the data is.
my %same = (
	'plan' => q{SELECT k.client_key, p.* FROM custodian.client k,
		custodian.plan(k.client_key, '2026-01-01') p ORDER BY k.client_key, p.step, p.record_class, p.action, p.retain_from},
	'plan digests' => q{SELECT client_key, custodian.plan_digest(client_key, '2026-01-01')
		FROM custodian.client ORDER BY 1},
	'explanation' => q{SELECT * FROM custodian.explain('"公司".person', '3', '2026-01-01')},
	'audit' => q{SELECT system_identifier, timeline, xid, seq, entry, leaf, manifest
		FROM custodian.audit ORDER BY 1, 2, 3, 4},
	'audit side rows' => q{SELECT * FROM custodian.audit_side ORDER BY 1, 2, 3, 4, 5},
	'decoded audit' => q{SELECT * FROM custodian.audit_event ORDER BY 1, 2, 3, 4},
	'adoption' => q{SELECT * FROM custodian.adoption ORDER BY relation::text COLLATE "C", position},
	'runs' => q{SELECT * FROM custodian.run_log ORDER BY run_no},
	'guards' => q{SELECT t.tgrelid::regclass::text, t.tgname, t.tgenabled FROM pg_trigger t
		WHERE t.tgname LIKE 'custodian%' ORDER BY 1, 2},
	'marks' => q{SELECT relation, row_key, client_no FROM custodian.anonymized ORDER BY 2, 1},
	map { ("table $_" => "SELECT t::text FROM custodian.$_ AS t ORDER BY 1") }
	  qw(setting client contract_source contract return_confirmation client_case record_class rule
	  contract_term adopted adopted_class hold technique restriction));
my %expected = map { $_ => $node->safe_psql('app', $same{$_}) } keys %same;
isnt($expected{$_}, '', "there is something to compare: $_")
  for grep { $_ ne 'table restriction' } sort keys %same;

sub check_same
{
	my ($where, $database, $name) = @_;
	is($where->safe_psql($database, $same{$_}), $expected{$_}, "$name: same $_") for sort keys %same;
	is($where->safe_psql($database, 'SELECT sum(problems) FROM custodian.verify()'),
		'0', "$name: the audit verifies");
}

sub refused
{
	my ($where, $database, $sql, $pattern, $name) = @_;
	my ($rc, $stdout, $stderr) = $where->psql($database, $sql);
	isnt($rc, 0, "$name is refused");
	like($stderr, $pattern, "$name: says why");
}

# What must work wherever the data is; changes the database.
sub check_works
{
	my ($where, $database, $name) = @_;
	refused($where, $database, q{DELETE FROM "公司".person WHERE id = 3},
		qr/cannot delete a row of .*under retention/, "$name: deleting a retained row");
	refused($where, $database, q{SET session_replication_role = replica;
		DELETE FROM "公司".person WHERE id = 3},
		qr/under retention/, "$name: the same as a replica");
	refused($where, $database, q{DELETE FROM "公司"."凭证 2019" WHERE "编号" = 1001},
		qr/under a legal hold/, "$name: deleting a held row of a partition");
	refused($where, $database, q{TRUNCATE "公司"."Line""s"}, qr/cannot truncate/,
		"$name: TRUNCATE");
	refused($where, $database, q{UPDATE custodian.audit SET seq = seq + 1}, qr/./,
		"$name: changing the audit");

	# numbers go on after the restored ones
	$where->safe_psql($database, <<'SQL');
INSERT INTO "公司".client VALUES ('K-9');
INSERT INTO "公司"."Contract 2" VALUES ('C-9', 'K-9', NULL);
UPDATE "公司"."Contract 2" SET "ends on" = '2020-12-31' WHERE "No" IN ('C-4', 'C-9');
SELECT custodian.open_contract('call 2', 'K-10');
SELECT custodian.hold('lawsuit 2', client => 'K-9');
SQL
	is( $where->safe_psql($database, <<'SQL'), "K-4|f|2020-12-31\nK-9|t|2020-12-31\nK-10|t|", "$name: the contract table is followed, numbers go on");
SELECT client_key, client_no > (SELECT max(client_no) FROM custodian.client WHERE client_key <= 'K-4' AND client_key <> 'K-10'),
	contract_end FROM custodian.client WHERE client_key IN ('K-4', 'K-9', 'K-10') ORDER BY client_no
SQL
	is($where->safe_psql($database, 'SELECT max(hold_no) FROM custodian.hold'),
		'3', "$name: the next hold has the next number");

	$where->safe_psql($database, 'CALL custodian.run()');
	is($where->safe_psql($database, 'SELECT run_no, state FROM custodian.run_log ORDER BY run_no DESC LIMIT 1'),
		'2|finished', "$name: a run works and has the next number");
	is( $where->safe_psql($database, <<'SQL'), 'K-3|20|40', "$name: only the held rows are left");
SELECT client_id, count(DISTINCT "编号"), count(*) FROM "公司"."凭证" JOIN "公司"."Line""s" USING ("编号", "年度")
	GROUP BY 1
SQL
	is( $where->safe_psql($database, <<'SQL'), "K-1|t\nK-2|f\nK-3|f\nK-4|t", "$name: people as the terms say");
SELECT client_id, bool_and(name !~ '李') FROM "公司".person WHERE kind = 'clerk' GROUP BY 1 ORDER BY 1
SQL
	is( $where->safe_psql($database, <<'SQL'), '160|160|40', "$name: the audit has every row that went, from here and there");
SELECT sum(rows) FILTER (WHERE relation LIKE '%Line%') + 40, 2 * sum(rows) FILTER (WHERE relation LIKE '%凭证%') + 40,
	(SELECT count(*) FROM "公司".person)
FROM custodian.audit_event WHERE act = 'destroy'
SQL
	is($where->safe_psql($database, 'SELECT sum(problems) FROM custodian.verify()'),
		'0', "$name: the audit verifies afterwards");
}

# ------------------------------------------------------------ dump, restore
my $dumps = $node->basedir . '/dumps';
mkdir $dumps or die $!;
my @from = ('-d', $node->connstr('app'));
$node->command_ok([ 'pg_dump', @from, '-f', "$dumps/plain" ], 'pg_dump, plain');
$node->command_ok([ 'pg_dump', @from, '-Fc', '-f', "$dumps/custom" ], 'pg_dump, custom format');
$node->command_ok([ 'pg_dump', @from, '-Fd', '-j2', '-f', "$dumps/directory" ],
	'pg_dump, directory format, 2 jobs');
$node->command_ok([ 'pg_dump', @from, '-s', '-f', "$dumps/schema" ], 'pg_dump --schema-only');
$node->command_ok([ 'pg_dump', @from, '-a', '--disable-triggers', '-f', "$dumps/data" ],
	'pg_dump --data-only --disable-triggers');
unlike(slurp_file("$dumps/plain"), qr/client_secret/, 'no key is in a dump');

my $other = PostgreSQL::Test::Cluster->new('other');
$other->init(allows_streaming => 1);
$other->start;
$other->safe_psql('postgres', "CREATE DATABASE $_ TEMPLATE template0")
  for qw(plain custom parallel sections twostep);

sub restored
{
	my ($database) = @_;
	return ('-d', $other->connstr($database));
}
my @psql = ('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1');

$other->command_ok([ @psql, restored('plain'), '-f', "$dumps/plain" ], 'restored with psql');
$other->command_ok([ 'pg_restore', restored('custom'), '-1', "$dumps/custom" ],
	'restored with pg_restore, in one transaction');
my $parallel =
  $other->command_ok([ 'pg_restore', restored('parallel'), '-j2', "$dumps/directory" ],
	'restored with pg_restore, 2 jobs');
$other->command_ok([ 'pg_restore', restored('sections'), "--section=$_", "$dumps/custom" ],
	"restored by sections: $_")
  for qw(pre-data data post-data);
$other->command_ok([ @psql, restored('twostep'), '-f', "$dumps/schema" ], 'restored: the schema');

# A clone without data has the guards but nobody has told it what they guard.
is($other->safe_psql('twostep', 'SELECT sum(problems) FROM custodian.verify()'),
	'0', 'schema only: the empty audit verifies');
is($other->safe_psql('twostep', 'SELECT count(*) FROM custodian.client'), '0',
	'schema only: no client is known');
refused($other, 'twostep', q{INSERT INTO "公司".client VALUES ('X');
	INSERT INTO "公司"."Contract 2" VALUES ('X', 'X', NULL)},
	qr/not tracked.*HINT:.*track_contracts/s, 'schema only: an untracked contract table');
refused($other, 'twostep', q{TRUNCATE "公司".person},
	qr/has custodian's guard but is not adopted/, 'schema only: TRUNCATE of an unknown table');
$other->safe_psql('twostep', q{DELETE FROM "公司".client});
$other->command_ok([ @psql, restored('twostep'), '-f', "$dumps/data" ], 'restored: the data');

# --disable-triggers leaves triggers enabled, but no longer always; naming the
# table to custodian puts that right.
$other->safe_psql('twostep', <<'SQL');
SELECT custodian.change_adoption(relation) FROM custodian.adopted;
SELECT custodian.untrack_contracts('"公司"."Contract 2"');
SELECT custodian.track_contracts('"公司"."Contract 2"', 'No', 'client_id', 'ends on',
	ended_when => 'note IS DISTINCT FROM ''draft''');
SQL

is($other->safe_psql('twostep', $same{$_}), $expected{$_}, "data only: same $_")
  for ('plan', 'plan digests', 'adoption', 'guards', 'table contract', 'table client');

for my $database (qw(plain custom sections twostep), $parallel ? 'parallel' : ())
{
	check_same($other, $database, $database) if $database ne 'twostep';
	is($other->safe_psql($database, 'SELECT count(*) FROM custodian.client_secret'),
		'0', "$database: keys stay behind");
	check_works($other, $database, $database);
	is( $other->safe_psql($database,
			'SELECT count(DISTINCT system_identifier) FROM custodian.audit'),
		'2', "$database: the audit tells the two clusters apart");
}

# A dump of what was restored is as good as the first.
$other->command_ok([ 'pg_dump', restored('plain'), '-Fc', '-f', "$dumps/second" ],
	'a dump of the restored database');
$node->safe_psql('postgres', 'CREATE DATABASE again TEMPLATE template0');
$node->command_ok([ 'pg_restore', '-d', $node->connstr('again'), "$dumps/second" ],
	'restored into the cluster where it began');
is($node->safe_psql('again', 'SELECT sum(problems) FROM custodian.verify()'),
	'0', 'back home: the audit verifies');
is( $node->safe_psql('again', q{SELECT custodian.pause(); SELECT custodian.resume();
		SELECT count(DISTINCT system_identifier) FROM custodian.audit}),
	"\n\n2", 'back home: events are written as before');
is($node->safe_psql('again', 'SELECT sum(problems) FROM custodian.verify()'),
	'0', 'back home: and verify');
$other->stop;

# ------------------------------------------------------------------ standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));

my ($rc, $stdout, $stderr) = $standby->psql('app', 'CALL custodian.run()');
is($rc, 0, 'standby: run() returns');
like($stderr, qr/NOTICE:  the server is a standby; nothing to do here/, 'standby: and says why');
check_same($standby, 'app', 'standby');

my @writing = (
	q{configure('paused', 'on')}, 'pause()', 'resume()',
	q{track_contracts('"公司".client', 'id', 'id', 'Full Name')},
	q{untrack_contracts('"公司"."Contract 2"')},
	q{open_contract('x', 'y')}, q{end_contract('by call')}, q{reopen_contract('by call')},
	q{confirm_return('K-1', 'x')}, q{create_record_class('x')},
	q{set_custody_basis('books', 'own')},
	q{create_rule('x', 'books', 'own', 'contract_end', '1 year', 'x')},
	q{set_rule_mode('books', 'compliance')}, q{set_contract_term('C-1', 'books', basis => 'own')},
	q{hold('x', client => 'K-1')}, q{release_hold(1, 'x')}, q{load_law_pack('cn-accounting')},
	q{set_technique('"公司".person', 'name', 'null')}, q{adopt('"公司".client', client => 'id')},
	q{change_adoption('"公司".person', record_class => 'books')},
	q{add_record_class('"公司".person', 'books', 'true')}, q{release('"公司".person')},
	q{adopt_tree('"公司".client')}, q{schedule()}, 'unschedule()',
	q{grant_duty('pg_monitor', 'auditor')});
for my $call (@writing)
{
	my ($function) = $call =~ /^(\w+)/;
	($rc, $stdout, $stderr) =
	  $standby->psql('app', "\\set VERBOSITY verbose\nSELECT FROM custodian.$call");
	like($stderr, qr/ERROR:  25006: cannot execute custodian\.$function\(\) during recovery/,
		"standby: $function() is refused");
}
refused($standby, 'app', q{DELETE FROM "公司".person WHERE id = 3},
	qr/read-only transaction/, 'standby: DELETE');
is( $node->safe_psql('app', q{SELECT count(*) FROM pg_proc p
		WHERE p.pronamespace = 'custodian'::regnamespace AND p.provolatile = 'v' AND p.prokind = 'f'
		AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype, 'table_am_handler'::regtype)
		AND p.proname <> 'verify'}),
	scalar(@writing), 'standby: every function that writes was tried');

# The primary dies, the standby takes over, and the audit says so.
$node->stop('immediate');
$standby->promote;
check_same($standby, 'app', 'promoted');
check_works($standby, 'app', 'promoted');
is( $standby->safe_psql('app', q{SELECT timeline, count(DISTINCT system_identifier), bool_or(act = 'run_started')
		FROM custodian.audit_event GROUP BY 1 ORDER BY 1}),
	"1|1|t\n2|1|t", 'promoted: events carry the timeline on which they happened');

$standby->stop;
done_testing();
