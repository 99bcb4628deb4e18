# A run that is cut off in the middle of a batch, in every way in which that
# can happen: what it had committed is in the audit, the batch it was in never
# happened, and the next run goes on and finishes.
use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
restart_after_crash = on
max_connections = 20
CONF
$node->start;

# Rows of voucher stop a run that comes to the id in table stop.  The clients'
# contracts are long over.
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION custodian CASCADE;
CREATE TABLE client (id integer PRIMARY KEY);
CREATE TABLE voucher (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	client_id integer NOT NULL REFERENCES client);
CREATE INDEX ON voucher (client_id);
CREATE TABLE line (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	voucher_id integer NOT NULL REFERENCES voucher);
CREATE INDEX ON line (voucher_id);
CREATE TABLE person (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	client_id integer NOT NULL REFERENCES client, name text);
CREATE INDEX ON person (client_id);

CREATE TABLE stop (place text PRIMARY KEY, id integer);
INSERT INTO stop VALUES ('voucher', 0), ('person', 0);
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM public.stop WHERE place = TG_TABLE_NAME AND id = old.id) THEN
		PERFORM pg_sleep(300);
	END IF;
	RETURN coalesce(new, old);
END $$;
CREATE TRIGGER stop BEFORE DELETE ON voucher FOR EACH ROW EXECUTE FUNCTION stop();
CREATE TRIGGER stop BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION stop();

SELECT custodian.create_record_class('books', basis => 'own');
SELECT custodian.create_rule('books', 'books', 'own', 'contract_end', '1 year', 'test',
	mode => 'governance');
SELECT custodian.create_record_class('people', basis => 'own');
SELECT custodian.create_rule('people', 'people', 'own', 'contract_end', '1 year', 'test',
	disposition => 'anonymize', mode => 'governance');
SELECT custodian.adopt('voucher', client => 'client_id', record_class => 'books');
SELECT custodian.adopt('line', via => 'voucher_id', record_class => 'books');
SELECT custodian.adopt('person', client => 'client_id', record_class => 'people');
SELECT custodian.set_technique('person', 'name', 'keyed_digest');
SQL

my $inserted = 0;
my $clients = 0;

# One more client whose rows are due: 200 vouchers, 400 lines.
sub add_client
{
	$clients++;
	$node->safe_psql('postgres', <<"SQL");
INSERT INTO client VALUES ($clients);
INSERT INTO voucher (client_id) SELECT $clients FROM generate_series(1, 200);
INSERT INTO line (voucher_id) SELECT v.id FROM voucher v, generate_series(1, 2)
	WHERE v.client_id = $clients;
SELECT custodian.open_contract('K-$clients', '$clients');
SELECT custodian.end_contract('K-$clients', '2020-12-31');
SQL
	$inserted += 600;
}

# Let the next run stop in the middle of the vouchers, or not at all.
sub stop_in_voucher
{
	my ($on) = @_;
	$node->safe_psql('postgres',
		"UPDATE stop SET id = " . ($on ? "(SELECT min(id) + 120 FROM voucher)" : '0')
		  . " WHERE place = 'voucher'");
}

my ($out, $err);

# A session of its own that runs these statements one after the other.
sub start_session
{
	my (@statements) = @_;
	($out, $err) = ('', '');
	return IPC::Run::start(
		[
			'psql', '-XAtq', '-d', $node->connstr('postgres'),
			map { ('-c', $_) } @statements
		],
		'<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
}

my $run = 'CALL custodian.run(batch_rows => 50)';
my $own_locks =
  "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";

# Process of the run, once it sleeps in the trigger.
sub wait_for_stop
{
	$node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event = 'PgSleep'")
	  or die 'the run did not come to its stop';
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE query LIKE 'CALL%' AND wait_event = 'PgSleep'");
}

# What must be so at any time: what is not there any more is in the audit, and
# in the log of the runs; no lock of a run is left.
sub check_sums
{
	my ($name) = @_;
	my $gone = $inserted
	  - $node->safe_psql('postgres', 'SELECT (SELECT count(*) FROM voucher) + (SELECT count(*) FROM line)');
	is($node->safe_psql('postgres', <<'SQL'), "$gone|$gone", "$name: rows gone are in audit and log");
SELECT (SELECT coalesce(sum(rows), 0) FROM custodian.audit_event WHERE act = 'destroy'),
	(SELECT coalesce(sum(rows_destroyed), 0) FROM custodian.run_log)
SQL
	is($node->safe_psql('postgres', 'SELECT sum(problems) FROM custodian.verify()'),
		'0', "$name: the audit is well");
	is($node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
		'0', "$name: no advisory lock is left");
	return $gone;
}

# What is known of the run that began last.
sub last_run
{
	my ($column) = @_;
	return $node->safe_psql('postgres',
		"SELECT $column FROM custodian.run_progress ORDER BY run_no DESC LIMIT 1");
}

# The run just now was cut off between its first batch and its end; the next
# one does the rest.
sub check_cut_off
{
	my ($name, $before, $state) = @_;
	my $gone = check_sums($name);
	cmp_ok($gone, '>', $before, "$name: earlier batches stay committed");
	cmp_ok($gone, '<', $inserted, "$name: the batch was undone");
	is(last_run('state'), $state // 'cut off', "$name: the run shows as it ended");
	stop_in_voucher(0);
	$node->safe_psql('postgres', $run);
	is(last_run('state'), 'finished', "$name: the next run finishes");
	is(check_sums("$name, next run"), $inserted, "$name: nothing is left");
	$node->safe_psql('postgres', $run);
	is(last_run('rows_destroyed'), '0', "$name: nothing is done twice");
}

# ------------------------------------------------ a backend is killed (-9)
add_client();
stop_in_voucher(1);
my $session = start_session($run);
my $pid = wait_for_stop();
is($node->safe_psql('postgres', 'SELECT state FROM custodian.run_progress'),
	'running', 'a run under way shows as running');
system_log('pg_ctl', 'kill', 'KILL', $pid);
$session->finish;
ok($node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'),
	'the server comes back after a backend was killed');
check_cut_off('kill -9', 0);

# ----------------------------------------------------- immediate shutdown
my $before = $inserted;
add_client();
stop_in_voucher(1);
$session = start_session($run);
wait_for_stop();
$node->stop('immediate');
$session->finish;
$node->start;
check_cut_off('immediate shutdown', $before);

# ---------------------------------------------------------- the DBA cancels
$before = $inserted;
add_client();
stop_in_voucher(1);
$session = start_session($run, $own_locks);
$pid = wait_for_stop();
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$session->finish;
like($err, qr/canceling statement due to user request/, 'cancel: the caller is told');
is($out, "0\n", 'cancel: the session holds no lock of the run any more');
check_cut_off('cancel', $before);

# ------------------------------------------------------ the DBA terminates
$before = $inserted;
add_client();
stop_in_voucher(1);
$session = start_session($run);
$pid = wait_for_stop();
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)");
$session->finish;
check_cut_off('terminate', $before);

# ------------------------------------------------------- statement_timeout
$before = $inserted;
add_client();
stop_in_voucher(1);
$session = start_session("SET statement_timeout = '2s'", $run, 'RESET statement_timeout',
	$own_locks);
$session->finish;
like($err, qr/canceling statement due to statement timeout/,
	'statement_timeout: the caller is told');
is($out, "0\n", 'statement_timeout: the session holds no lock of the run any more');
check_cut_off('statement_timeout', $before);

# ---------------------------------------- somebody else has locked a row
# That table is left to the next run; the session's own lock_timeout is put
# back.
$before = $inserted;
add_client();
my $locker = start_session('BEGIN',
	'SELECT FROM voucher WHERE id = (SELECT min(id) + 120 FROM voucher) FOR UPDATE',
	'SELECT pg_sleep(300)');
$node->poll_query_until('postgres',
	"SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND wait_event = 'PgSleep'");
my ($rc, $stdout, $stderr) = $node->psql('postgres',
	"CALL custodian.run(batch_rows => 50, lock_timeout => '50 ms');");
is($rc, 0, 'lock_timeout: the run comes to its end');
like($stderr, qr/WARNING:  /, 'lock_timeout: the caller is warned');
like(last_run('last_problem'), qr/^SQLSTATE 55P03 in public\.voucher/,
	'lock_timeout: the log says what and where');
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)'");
$locker->finish;
check_cut_off('lock_timeout', $before, 'problems');
is( $node->safe_psql('postgres',
		"SET lock_timeout = '7s'; CALL custodian.run(lock_timeout => '1 second'); SHOW lock_timeout"),
	'7s',
	'the lock_timeout of the session is its own again');

# -------------------------------------- killed in the middle of anonymizing
# Equal names stay equal to each other, although two runs changed them; when it
# is over nobody has the key.
$node->safe_psql('postgres', <<"SQL");
INSERT INTO person (client_id, name) SELECT 1, '李雷' FROM generate_series(1, 100);
UPDATE stop SET id = 50 WHERE place = 'person';
SQL
$session = start_session('CALL custodian.run(batch_rows => 10)');
$pid = wait_for_stop();
system_log('pg_ctl', 'kill', 'KILL', $pid);
$session->finish;
$node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()');
my $done = $node->safe_psql('postgres', "SELECT count(*) FROM person WHERE name <> '李雷'");
ok($done > 0 && $done < 50, 'anonymizing: earlier batches stay committed');
is($node->safe_psql('postgres', 'SELECT count(*) FROM custodian.anonymized'),
	$done, 'anonymizing: as many marks');
$node->safe_psql('postgres', "UPDATE stop SET id = 0; $run");
is( $node->safe_psql('postgres',
		"SELECT count(*), count(DISTINCT name), count(*) FILTER (WHERE name = '李雷') FROM person"),
	'100|1|0',
	'anonymizing: the next run goes on with the same key');
is($node->safe_psql('postgres', 'SELECT count(*) FROM custodian.client_secret'),
	'0', 'anonymizing: the key is destroyed in the end');
is($node->safe_psql('postgres', "SELECT sum(rows) FROM custodian.audit_event WHERE act = 'anonymize'"),
	'100', 'anonymizing: the audit has every row once');
check_sums('anonymizing');

$node->stop;
done_testing();
