# custodian.schedule() with the real pg_cron: the job runs as the role that
# made it, in a background worker and over a connection of its own.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($pkglibdir) = split /\n/, qx(pg_config --pkglibdir);
plan skip_all => "pg_cron is not installed in $pkglibdir"
  unless -e "$pkglibdir/pg_cron.so";

# Both ways in which pg_cron can run a job; both servers wait for the same full
# minute.
my %nodes;
for my $way (qw(worker connection))
{
	my $node = $nodes{$way} = PostgreSQL::Test::Cluster->new($way);
	$node->init;
	$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = 'app'
cron.host = '@{[ $node->host ]}'
cron.use_background_workers = @{[ $way eq 'worker' ? 'on' : 'off' ]}
CONF
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE app; CREATE DATABASE "app two"; CREATE ROLE op LOGIN');
	$node->safe_psql('app', <<'SQL');
CREATE EXTENSION custodian CASCADE;
CREATE TABLE client (id integer PRIMARY KEY);
CREATE TABLE voucher (id integer PRIMARY KEY, client_id integer NOT NULL REFERENCES client);
CREATE INDEX ON voucher (client_id);
INSERT INTO client VALUES (1), (2);
INSERT INTO voucher SELECT n, 1 + n % 2 FROM generate_series(1, 200) AS n;
SELECT custodian.create_record_class('books', basis => 'own');
SELECT custodian.create_rule('books', 'books', 'own', 'contract_end', '1 year', 'test',
	mode => 'governance');
SELECT custodian.adopt('voucher', client => 'client_id', record_class => 'books');
SELECT custodian.open_contract('K-1', '1');
SELECT custodian.open_contract('K-2', '2');
SELECT custodian.end_contract('K-1', '2020-12-31');
SELECT custodian.grant_duty('op', 'operator');
SQL

	# ------------------------------------------------- without pg_cron
	my ($rc, $stdout, $stderr) = $node->psql('app', 'SELECT custodian.schedule()');
	like($stderr, qr/ERROR:  extension "pg_cron" is not installed in this database/,
		"$way: schedule() without the extension");
	like($stderr, qr/HINT:  .*CREATE EXTENSION pg_cron/, "$way: says what to do");
	($rc, $stdout, $stderr) = $node->psql('app', 'SELECT custodian.unschedule()');
	like($stderr, qr/ERROR:  extension "pg_cron" is not installed in this database/,
		"$way: unschedule() without the extension");
	$node->safe_psql('app two', 'CREATE EXTENSION custodian CASCADE');
	($rc, $stdout, $stderr) = $node->psql('app two', 'SELECT custodian.schedule()');
	my ($elsewhere) = $stderr =~ /(cron\.schedule_in_database\(.*\))\./;
	ok($elsewhere, "$way: the hint has a call for databases that pg_cron is not in");

	# ---------------------------------------------------- with pg_cron
	$node->safe_psql('app', 'CREATE EXTENSION pg_cron; GRANT USAGE ON SCHEMA cron TO op');
	$node->safe_psql('app', "SELECT $elsewhere");
	is( $node->safe_psql('app', 'SELECT command, database FROM cron.job'),
		'CALL custodian.run()|app two', "$way: the call of the hint does what it says");
	is($node->safe_psql('app', 'SELECT custodian.unschedule()'), 'f',
		"$way: nothing to unschedule");
	$node->safe_psql('app', 'SELECT cron.unschedule(jobid) FROM cron.job');
	($rc, $stdout, $stderr) = $node->psql('app', q{SELECT custodian.schedule('every day')});
	isnt($rc, 0, "$way: no cron expression");
	like($stderr, qr/invalid schedule: every day/, "$way: says so");
	is($node->safe_psql('app', 'SELECT count(*) FROM cron.job'), '0', "$way: no job is left of it");
	is($node->safe_psql('app', q{SELECT count(*) FROM custodian.audit_event WHERE act = 'schedule'}),
		'0', "$way: nor an event");
	is($node->safe_psql('app', 'SET ROLE op; SELECT custodian.schedule()'),
		$node->safe_psql('app', 'SELECT jobid FROM cron.job'), "$way: schedule() returns the job's number");
	is( $node->safe_psql('app',
			'SELECT jobname, schedule, command, database, username, active FROM cron.job'),
		'custodian.run|30 2 * * *|CALL custodian.run()|app|op|t',
		"$way: the job runs every night by default");
	is($node->safe_psql('app', 'SELECT custodian.unschedule()'), 'f',
		"$way: another role's job is not touched");
	is($node->safe_psql('app', q{SET ROLE op; SELECT custodian.schedule('* * * * *') = max(jobid) FROM cron.job}),
		't', "$way: scheduling again");
	is($node->safe_psql('app', 'SELECT count(*), min(schedule) FROM cron.job'),
		'1|* * * * *', "$way: changes the one job");
}

for my $way (sort keys %nodes)
{
	my $node = $nodes{$way};
	my $done = 0;

	# poll_query_until() may be set to wait less than the minute
	for (1 .. 1300)
	{
		$done = $node->safe_psql('app',
			q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status IN ('succeeded', 'failed')}) eq 't';
		last if $done;
		select undef, undef, undef, 0.1;
	}
	ok($done, "$way: the job has run");
	is( $node->safe_psql('app',
			'SELECT status, username FROM cron.job_run_details ORDER BY runid LIMIT 1'),
		'succeeded|op', "$way: it succeeded")
	  or diag($node->safe_psql('app', 'SELECT * FROM cron.job_run_details'));
	is( $node->safe_psql('app',
			'SELECT state, run_by, rows_destroyed, problems FROM custodian.run_log ORDER BY run_no LIMIT 1'),
		'finished|op|100|0', "$way: the run has finished");
	is($node->safe_psql('app', 'SELECT client_id, count(*) FROM voucher GROUP BY 1'),
		'2|100', "$way: rows that were due are gone");
	is( $node->safe_psql('app', q{SELECT act, session_user_name, rows FROM custodian.audit_event
			WHERE act = 'destroy'}), 'destroy|op|100', "$way: the audit knows who");
	is( $node->safe_psql('app', 'SET ROLE op; SELECT custodian.unschedule(), custodian.unschedule()'),
		't|f', "$way: unscheduled, and then there is nothing to unschedule");
	is($node->safe_psql('app', 'SELECT count(*) FROM cron.job'), '0', "$way: the job is gone");
	is( $node->safe_psql('app', q{SELECT string_agg(act, ' ' ORDER BY at) FROM custodian.audit_event
			WHERE act LIKE '%schedule'}),
		'schedule schedule unschedule', "$way: all of it is in the audit");
	is($node->safe_psql('app', 'SELECT sum(problems) FROM custodian.verify()'), '0',
		"$way: the audit verifies");
	$node->stop;
}

done_testing();
