# Who owns a table, or may write it, tries to have custodian run code with
# rights that they do not have.
#
# Whatever a table's owner can attach to a table, its types or its rules runs
# as that owner, in a security-restricted operation, never as the superuser who
# calls custodian.  Every piece of it here calls evil(), which notes as whom it
# runs and tries to get further.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->start;
my $super = $node->safe_psql('postgres', 'SELECT quote_ident(current_user)');

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE owner LOGIN;
CREATE ROLE officer LOGIN;
CREATE ROLE app LOGIN;
CREATE ROLE operator LOGIN;
CREATE ROLE auditor LOGIN;
GRANT CREATE ON SCHEMA public TO owner;
GRANT CREATE ON DATABASE postgres TO owner;
CREATE EXTENSION custodian CASCADE;
SELECT custodian.grant_duty('officer', 'officer');
SELECT custodian.grant_duty('app', 'application');
SELECT custodian.grant_duty('operator', 'operator');
SELECT custodian.grant_duty('auditor', 'auditor');
SQL

# Run as a role of its own: result, output, messages.
sub as_role
{
	my ($role, $sql) = @_;
	return $node->psql('postgres', $sql, extra_params => [ '-U', $role ]);
}

sub as_owner
{
	my ($sql) = @_;
	my ($rc, $stdout, $stderr) = as_role('owner', "\\set ON_ERROR_STOP 1\n$sql");
	die "as owner: $stderr" if $rc != 0;
	return $stdout;
}

# The superuser, whose search_path somebody has spoilt.
sub as_careless_superuser
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = '-c search_path=public,pg_catalog';
	return $node->psql('postgres', $sql);
}

# -------------------------------------------------------------- the attacker
as_owner(<<"SQL");
CREATE SEQUENCE was_here;
CREATE SEQUENCE superuser_was_here;
CREATE TABLE loot (place text, attempt text, who name, outcome text);
CREATE TABLE sprung (place text, who name, login name);
CREATE TABLE deferred (id integer);

CREATE FUNCTION evil(place text) RETURNS boolean LANGUAGE plpgsql AS \$\$
DECLARE
	attempt text;
BEGIN
	-- sequences remember although everything else is rolled back
	PERFORM pg_catalog.nextval('public.was_here');
	IF (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r
		WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN
		PERFORM pg_catalog.nextval('public.superuser_was_here');
		INSERT INTO public.loot VALUES (place, 'as superuser', current_user, 'succeeded');
	END IF;
	INSERT INTO public.sprung VALUES (place, current_user, session_user);
	IF EXISTS (SELECT FROM public.loot AS l WHERE l.place OPERATOR(pg_catalog.=) evil.place) THEN
		RETURN true;
	END IF;
	FOREACH attempt IN ARRAY ARRAY[
		'SET ROLE $super',
		'RESET ROLE',
		'SET SESSION AUTHORIZATION $super',
		'RESET SESSION AUTHORIZATION',
		'SELECT pg_catalog.set_config(''role'', ''$super'', false)',
		'SELECT pg_catalog.set_config(''session_authorization'', ''$super'', true)',
		'SET session_replication_role = replica',
		'ALTER ROLE owner SUPERUSER',
		'GRANT $super TO owner',
		'CREATE ROLE pwned SUPERUSER',
		'SELECT 1 FROM custodian.client',
		'SELECT 1 FROM custodian.client_secret',
		'SELECT 1 FROM custodian.audit',
		'SELECT 1 FROM custodian.hold',
		'INSERT INTO custodian.rule SELECT * FROM custodian.rule',
		'UPDATE custodian.hold SET released_at = pg_catalog.now()',
		'DELETE FROM custodian.adopted_class',
		'SELECT custodian.pause()',
		'SELECT custodian.create_record_class(''pwned'')',
		'SELECT custodian.end_contract(''x'')',
		'CREATE TRIGGER pwned BEFORE DELETE ON custodian.hold EXECUTE FUNCTION public.evil_trigger()',
		'CREATE FUNCTION custodian.pwned() RETURNS integer LANGUAGE sql AS ''SELECT 1''',
		'CREATE TEMP TABLE pwned (id integer)',
		'DECLARE pwned CURSOR WITH HOLD FOR SELECT public.evil(''held cursor'')',
		'SET CONSTRAINTS ALL DEFERRED; INSERT INTO public.deferred VALUES (1)',
		'LISTEN pwned',
		'SELECT pg_catalog.pg_read_file(''PG_VERSION'')',
		'COPY public.loot TO PROGRAM ''true'''
	] LOOP
		BEGIN
			EXECUTE attempt;
			INSERT INTO public.loot VALUES (place, attempt, current_user, 'succeeded');
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO public.loot VALUES (place, attempt, current_user, SQLSTATE);
		END;
	END LOOP;
	RETURN true;
END \$\$;

CREATE FUNCTION evil_trigger() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM public.evil(pg_catalog.format('%s %s %s on %s', TG_WHEN, TG_OP, TG_LEVEL, TG_TABLE_NAME));
	RETURN CASE TG_OP WHEN 'DELETE' THEN old ELSE new END;
END \$\$;
CREATE CONSTRAINT TRIGGER evil AFTER INSERT ON deferred DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION evil_trigger();

-- a function that says that it changes nothing can call one that does
CREATE FUNCTION evil_index(id integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN PERFORM public.evil(''index''); RETURN id; END';
CREATE FUNCTION evil_condition(place text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN RETURN public.evil(place); END';
SQL

# Operators, functions, types and tables in public that bear the names of those
# in pg_catalog that custodian's own statements use.
as_owner(<<'SQL');
DO $$
DECLARE
	o record;
BEGIN
	FOR o IN SELECT p.oid, p.oprname, p.oprleft::regtype AS l, p.oprright::regtype AS r,
			p.oprresult::regtype AS result
		FROM pg_operator AS p
		WHERE p.oprnamespace = 'pg_catalog'::regnamespace AND p.oprresult <> 0
		AND p.oprname IN ('=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*')
		AND (p.oprleft::regtype::text || p.oprright::regtype::text) ~
			'^(text|name|bigint|integer|oid|date|interval|boolean|timestamp with time zone|bytea|"char"|xid8)+$'
	LOOP
		EXECUTE format('CREATE FUNCTION public.shadow_%s(%s, %s) RETURNS %s LANGUAGE sql AS '
			'$f$ SELECT CASE WHEN public.evil(%L) THEN NULL::%s END $f$',
			o.oid, o.l, o.r, o.result, format('operator %s(%s,%s)', o.oprname, o.l, o.r), o.result);
		EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.shadow_%s)',
			o.oprname, o.l, o.r, o.oid);
	END LOOP;
END $$;
CREATE FUNCTION public.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS
	$$ SELECT $1[1] WHERE public.evil('unnest') $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS
	$$ SELECT pg_catalog.now() WHERE public.evil('now') $$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
	$$ SELECT pg_catalog.now() WHERE public.evil('clock_timestamp') $$;
CREATE FUNCTION public.string_to_array(text, text) RETURNS text[] LANGUAGE sql AS
	$$ SELECT ARRAY[$1] WHERE public.evil('string_to_array') $$;
CREATE AGGREGATE public.max(date) (SFUNC = pg_catalog.date_larger, STYPE = date);
CREATE DOMAIN public.int8 AS pg_catalog.int8 CHECK (public.evil('type int8'));
CREATE DOMAIN public.date AS pg_catalog.date CHECK (public.evil('type date'));
CREATE VIEW public.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE public.evil('pg_class');
CREATE VIEW public.pg_proc AS SELECT * FROM pg_catalog.pg_proc WHERE public.evil('pg_proc');
CREATE VIEW public.pg_rewrite AS SELECT * FROM pg_catalog.pg_rewrite WHERE public.evil('pg_rewrite');
SQL

# Tables to be adopted, each with its own ways to run code.
as_owner(<<'SQL');
CREATE DOMAIN key AS integer CHECK (evil('domain of the client key'));
CREATE DOMAIN day AS pg_catalog.date CHECK (evil('domain of the date'));
CREATE DOMAIN label AS text CHECK (evil('domain of an anonymized column'));
CREATE TYPE kind AS ENUM ('a', 'b');
CREATE FUNCTION kind_to_text(kind) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN PERFORM public.evil(''cast to text''); RETURN ''a''; END';
CREATE FUNCTION kind_from_text(text) RETURNS kind IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN PERFORM public.evil(''cast from text''); RETURN ''a''::public.kind; END';
CREATE CAST (kind AS text) WITH FUNCTION kind_to_text(kind) AS ASSIGNMENT;
CREATE CAST (text AS kind) WITH FUNCTION kind_from_text(text);

CREATE TABLE client (id integer PRIMARY KEY);
CREATE TABLE contract (id text PRIMARY KEY, client_id integer NOT NULL, ends_on day,
	EXCLUDE USING btree (id WITH =));
CREATE TABLE voucher (id key PRIMARY KEY, client_id key NOT NULL, kind kind, day day);
CREATE INDEX ON voucher (client_id);
CREATE INDEX ON voucher (evil_index(id));
CREATE TABLE line (id integer PRIMARY KEY, client_id integer NOT NULL,
	voucher_id key REFERENCES voucher ON DELETE SET NULL);
CREATE INDEX ON line (client_id);
CREATE INDEX ON line (voucher_id);
CREATE TABLE person (id kind PRIMARY KEY, client_id integer NOT NULL, name text, label label,
	twice text GENERATED ALWAYS AS (CASE WHEN evil_condition('generated column') THEN name END) STORED,
	CHECK (evil_condition('check constraint') OR name IS NULL));
CREATE INDEX ON person (client_id);
CREATE INDEX ON person (evil_index(length(name)));
CREATE TABLE ruled (id integer PRIMARY KEY, client_id integer NOT NULL);
CREATE INDEX ON ruled (client_id);
CREATE TABLE later (id integer PRIMARY KEY, client_id integer NOT NULL);
CREATE INDEX ON later (client_id);
CREATE TABLE secret (id integer PRIMARY KEY, client_id integer NOT NULL);
CREATE INDEX ON secret (client_id);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
CREATE POLICY evil ON secret USING (evil('policy'));
CREATE TABLE "x; CREATE ROLE pwned SUPERUSER; --'"" " (
	"id'); CREATE ROLE pwned SUPERUSER; --" integer PRIMARY KEY,
	"client""; CREATE ROLE pwned SUPERUSER; --" integer NOT NULL, "$1 name" text);
CREATE INDEX ON "x; CREATE ROLE pwned SUPERUSER; --'"" " ("client""; CREATE ROLE pwned SUPERUSER; --");

INSERT INTO client VALUES (1), (2);
INSERT INTO contract VALUES ('1', 1, '2020-12-31');
INSERT INTO voucher SELECT n, 1, 'a', pg_catalog.date '2020-01-01' FROM generate_series(1, 3) AS n;
INSERT INTO voucher VALUES (11, 2, 'a', pg_catalog.date '2020-01-01');
INSERT INTO line VALUES (1, 1, 1);
INSERT INTO person VALUES ('a', 1, 'Li');
INSERT INTO ruled VALUES (1, 1);
INSERT INTO later VALUES (1, 1);
INSERT INTO secret VALUES (1, 1);
INSERT INTO "x; CREATE ROLE pwned SUPERUSER; --'"" " VALUES (1, 1, 'Li');

CREATE TRIGGER e1 BEFORE DELETE ON voucher FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE TRIGGER e2 AFTER DELETE ON voucher FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE TRIGGER e3 BEFORE DELETE ON voucher FOR EACH STATEMENT EXECUTE FUNCTION evil_trigger();
CREATE TRIGGER e4 AFTER DELETE ON voucher FOR EACH STATEMENT EXECUTE FUNCTION evil_trigger();
CREATE TRIGGER e5 BEFORE UPDATE ON line FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE TRIGGER e6 BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE TRIGGER e7 AFTER UPDATE ON person FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE CONSTRAINT TRIGGER e8 AFTER DELETE ON later DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION evil_trigger();
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO app;

-- what the owner did until here does not count
TRUNCATE loot, sprung, deferred;
ALTER SEQUENCE was_here RESTART;
SQL

# No piece of evil() got anywhere since the last time.  (What it does in the
# application's own statements, with the application's own rights, is not
# custodian's doing.)
sub check_nothing_gained
{
	my ($name) = @_;
	is( $node->safe_psql('postgres', "SELECT DISTINCT place, attempt, who FROM public.loot WHERE outcome = 'succeeded' AND who <> 'app' ORDER BY 1, 2"),
		'', "$name: no attempt succeeded");
	is($node->safe_psql('postgres', 'SELECT is_called FROM public.superuser_was_here'),
		'f', "$name: nothing ran as a superuser");
	is($node->safe_psql('postgres', 'SELECT string_agg(quote_ident(rolname), $$ $$) FROM pg_roles WHERE rolsuper'),
		$super, "$name: there is no new superuser");
	$node->safe_psql('postgres', "DELETE FROM public.loot WHERE outcome = 'succeeded'; ALTER SEQUENCE public.superuser_was_here RESTART");
}

# ------------------------------------------- a careless superuser sets it up
my ($rc, $stdout, $stderr);
for my $call (
	q{create_record_class('books', basis => 'own')},
	q{create_rule('books', 'books', 'own', 'contract_end', '1 year', 'test', mode => 'governance')},
	q{create_rule('rows', 'books', 'own', 'row_date', '1 year', 'test', mode => 'governance')},
	q{create_record_class('people', basis => 'own')},
	q{create_rule('people', 'people', 'own', 'contract_end', '1 year', 'test', disposition => 'anonymize', mode => 'governance')},
	q{create_record_class('rest', basis => 'own')},
	q{create_rule('rest', 'rest', 'own', 'contract_end', '1 year', 'test', mode => 'governance')},
	q{track_contracts('contract', 'id', 'client_id', 'ends_on', ended_when => 'evil_condition(''ended_when'')')},
	q{adopt_tree('client', preview => true)},
	q{adopt('voucher', client => 'client_id', dated_by => 'day', record_class => 'books')},
	q{create_record_class('kept', basis => 'own')},
	q{create_rule('kept', 'kept', 'own', 'contract_end', '100 years', 'test', mode => 'governance')},
	q{adopt('line', client => 'client_id', record_class => 'kept')},
	q{adopt('person', client => 'client_id', record_class => 'people')},
	q{adopt('ruled', client => 'client_id', record_class => 'rest')},
	q{adopt('later', client => 'client_id', record_class => 'rest')},
	q{adopt('secret', client => 'client_id', record_class => 'rest')},
	q{adopt('"x; CREATE ROLE pwned SUPERUSER; --''"" "', client => 'client"; CREATE ROLE pwned SUPERUSER; --', record_class => 'people')},
	q{add_record_class('voucher', 'rest', 'NOT evil_condition(''predicate'')')},
	q{change_adoption('voucher', dated_by => 'day')},
	q{set_technique('person', 'name', 'constant', 'x'', label = (SELECT ''pwned'')')},
	q{set_technique('person', 'label', 'constant', 'nobody')},
	q{set_technique('"x; CREATE ROLE pwned SUPERUSER; --''"" "', '$1 name', 'keyed_digest')},
	q{open_contract('2', '2')},
	q{set_contract_term('2', 'books', minimum => '2 years')},
	q{plan('1')},
	q{plan_due()},
	q{plan_digest('1')},
	q{explain('voucher', '1')},
	q{explain('person', 'a')},
	q{explain('"x; CREATE ROLE pwned SUPERUSER; --''"" "', '1')},
	q{hold('lawsuit', client => '2', relation => 'voucher')},
	q{confirm_return('1', 'list')},
	q{verify()})
{
	my ($function) = $call =~ /^(\w+)/;
	($rc, $stdout, $stderr) = as_careless_superuser("SELECT FROM custodian.$call");
	is($rc, 0, "$function() works") or diag("$call\n$stderr");
	check_nothing_gained($call);
}

# The owner adds what adopt() would have refused.
as_owner(<<'SQL');
CREATE RULE evil AS ON DELETE TO ruled DO ALSO SELECT public.evil('rule');
SQL

# ------------------------------------------------------------- and runs it
($rc, $stdout, $stderr) = as_careless_superuser(q{CALL custodian.run(dry_run => true)});
is($rc, 0, 'a dry run works') or diag($stderr);
check_nothing_gained('dry run');
($rc, $stdout, $stderr) = as_careless_superuser(<<'SQL');
CALL custodian.run();
SELECT pg_catalog.current_setting('search_path') AS path, current_user AS me, pg_catalog.current_setting('role') AS role,
	pg_catalog.current_setting('row_security') AS rls, pg_catalog.current_setting('session_replication_role') AS replication;
SQL
is($rc, 0, 'a run works') or diag($stderr);
is($stdout, "public,pg_catalog|$super|none|on|origin", 'the session is as it was');
check_nothing_gained('run');
is( $node->safe_psql('postgres', q{SELECT (SELECT string_agg(id::int::text, ',') FROM public.voucher),
		(SELECT count(*) FROM public.line), (SELECT count(*) FROM public.person WHERE name <> 'Li'),
		(SELECT count(*) FROM public."x; CREATE ROLE pwned SUPERUSER; --'"" " WHERE "$1 name" <> 'Li')}),
	'11|1|1|1', 'the run did its work all the same');
is( $node->safe_psql('postgres', q{SELECT name, label FROM public.person}),
	q{x', label = (SELECT 'pwned')|nobody}, 'a constant is no more than a value');

# With a role set: RESET ROLE would lead back to the superuser.
as_owner(q{INSERT INTO voucher SELECT n, 1, 'a', pg_catalog.date '2020-01-01' FROM generate_series(1, 3) AS n;
	TRUNCATE loot; ALTER SEQUENCE superuser_was_here RESTART});
($rc, $stdout, $stderr) =
  $node->psql('postgres', 'SET ROLE operator; CALL custodian.run(); SELECT current_user');
is($stdout, 'operator', 'the role is still set');
check_nothing_gained('run under SET ROLE');

# The operator, who is nobody else.
($rc, $stdout, $stderr) = as_role('operator', 'CALL custodian.run(); SELECT FROM custodian.plan_due()');
is($rc, 0, 'the operator may run') or diag($stderr);
check_nothing_gained('run by the operator');

# ------------------------------------------- the application ends a contract
($rc, $stdout, $stderr) = as_role('app',
	q{DELETE FROM loot; INSERT INTO contract VALUES ('3', 2, NULL); UPDATE contract SET ends_on = '2021-12-31' WHERE id = '3'});
is($rc, 0, 'the application may write its contracts') or diag($stderr);
check_nothing_gained('contract trigger');
is($node->safe_psql('postgres', q{SELECT DISTINCT who FROM loot WHERE place = 'ended_when'}),
	'owner', 'the condition runs as the owner of the table');
($rc, $stdout, $stderr) = as_role('app', q{DELETE FROM voucher WHERE id = 11});
like($stderr, qr/ERROR:  cannot delete a row of public\.voucher: it is under a legal hold/,
	'the application meets the guard');
check_nothing_gained('guard');
($rc, $stdout, $stderr) = as_role('app', q{SELECT FROM custodian.plan('1'); SELECT FROM custodian.explain('voucher', '11')});
is($rc, 0, 'the application may see plans') or diag($stderr);
check_nothing_gained('plan for the application');

# --------------------------------------------- each trap was really set off
# (not counting what the owner did in sessions of its own)
is( $node->safe_psql('postgres',
		q{SELECT place FROM public.sprung WHERE who = 'owner' AND login <> 'owner' GROUP BY 1 ORDER BY 1}),
	join("\n", sort(
		map({ "$_ on voucher" } 'BEFORE DELETE ROW', 'AFTER DELETE ROW', 'BEFORE DELETE STATEMENT',
			'AFTER DELETE STATEMENT'),
		'AFTER DELETE ROW on later', 'BEFORE UPDATE ROW on line', 'BEFORE UPDATE ROW on person',
		'AFTER UPDATE ROW on person', 'cast from text', 'cast to text', 'check constraint',
		'domain of an anonymized column', 'domain of the client key', 'ended_when',
		'generated column', 'index', 'predicate', 'rule')),
	'each trap was set off, as the owner of the table; no name in public took the place of a built-in one');

# ------------------------------------------------ rows that must not go with
# A trap inside the statement that destroys deletes a row that is retained, or
# held, or another one of those that are due: none goes without guard and audit.
as_owner(<<'SQL');
CREATE FUNCTION strike() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('app.armed', true) = 'on' THEN
		BEGIN
			DELETE FROM public.doc WHERE id = 11;
		EXCEPTION WHEN OTHERS THEN
			INSERT INTO public.loot VALUES ('strike', 'DELETE', current_user, SQLSTATE);
		END;
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION strike_trigger() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN PERFORM public.strike(); RETURN old; END';
CREATE FUNCTION strike_condition(id integer) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS
	'BEGIN RETURN public.strike(); END';
CREATE TABLE doc (id integer PRIMARY KEY, client_id integer NOT NULL);
CREATE INDEX ON doc (client_id);
INSERT INTO doc VALUES (1, 1), (2, 1), (11, 2);
SQL
$node->safe_psql('postgres', <<'SQL');
SELECT custodian.adopt('doc', client => 'client_id', record_class => 'rest');
SELECT custodian.add_record_class('doc', 'kept', 'NOT strike_condition(id)');
SELECT custodian.open_contract('always', '2');
SQL
as_owner('TRUNCATE loot');
($rc, $stdout, $stderr) = $node->psql('postgres', 'SET app.armed = on; CALL custodian.run()');
is($node->safe_psql('postgres', 'SELECT id FROM doc ORDER BY 1'), '11',
	'a condition cannot smuggle a retained row out along with the others');
like($node->safe_psql('postgres', q{SELECT string_agg(DISTINCT outcome, ' ') FROM loot WHERE place = 'strike'}),
	qr/^RC00\d$/, 'its attempt met the guard');
as_owner(<<'SQL');
INSERT INTO doc VALUES (1, 1), (2, 1);
CREATE TRIGGER strike BEFORE DELETE ON doc FOR EACH ROW WHEN (old.id < 10) EXECUTE FUNCTION strike_trigger();
TRUNCATE loot;
SQL
($rc, $stdout, $stderr) = $node->psql('postgres', 'SET app.armed = on; CALL custodian.run()');
is($node->safe_psql('postgres', 'SELECT id FROM doc ORDER BY 1'), '11', 'nor can a trigger');
is( $node->safe_psql('postgres',
		q{SELECT sum(rows) FROM custodian.audit_event WHERE act = 'destroy' AND relation = 'public.doc'}),
	'4', 'the audit has the rows that went');
is($node->safe_psql('postgres', 'SELECT sum(problems) FROM custodian.verify()'), '0', 'and verifies');

# --------------------------------------------- what a failure gives away
# The text of an error may quote a row; it stays out of log, audit and warning.
as_owner(<<'SQL');
CREATE TABLE talk (id integer PRIMARY KEY, client_id integer NOT NULL, name text);
CREATE INDEX ON talk (client_id);
CREATE FUNCTION talk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'no: %', old.name USING DETAIL = old.name, HINT = old.name, CONSTRAINT = old.name,
		TABLE = old.name, COLUMN = old.name, ERRCODE = 'XX123';
END $$;
CREATE TRIGGER talk BEFORE DELETE ON talk FOR EACH ROW EXECUTE FUNCTION talk();
INSERT INTO talk VALUES (1, 1, 'Li Lei 13800000000');
SQL
$node->safe_psql('postgres', q{SELECT custodian.adopt('talk', client => 'client_id', record_class => 'rest')});
($rc, $stdout, $stderr) = $node->psql('postgres', 'CALL custodian.run()');
is($rc, 0, 'a trigger that fails does not fail the run');
like($stderr, qr/WARNING:  /, 'but the caller is warned');
unlike($stderr, qr/Li Lei/, 'the warning does not quote the row');
my $last = $node->safe_psql('postgres', 'SELECT last_problem FROM custodian.run_log ORDER BY run_no DESC LIMIT 1');
like($last, qr/^SQLSTATE XX123 in public\.talk/, 'the log has code and table');
unlike($last, qr/Li Lei/, 'the log does not quote the row');
is( $node->safe_psql('postgres',
		q{SELECT count(*) FROM custodian.audit WHERE position('Li Lei'::bytea IN entry) > 0}),
	'0', 'nor does the audit');
as_owner('DROP TRIGGER talk ON talk');

# ------------------------------------------------ what nobody may do at all
my %denied = (
	owner => [
		'SELECT FROM custodian.client', 'SELECT FROM custodian.audit', 'SELECT FROM custodian.client_secret',
		'SELECT FROM custodian.rule', 'SELECT custodian.pause()', q{SELECT custodian.hold('x', client => '1')},
		q{SELECT custodian.release('voucher')}, 'CALL custodian.run()', 'SELECT custodian.verify()',
		q{SELECT custodian.plan('1')}, q{SELECT custodian.grant_duty('owner', 'officer')},
		'CREATE TRIGGER mine BEFORE TRUNCATE ON line EXECUTE FUNCTION custodian.guard_truncate()',
		'CREATE TABLE custodian.mine (id integer)', 'DROP EXTENSION custodian',
		'ALTER EXTENSION custodian ADD TABLE line', 'DROP EVENT TRIGGER custodian_refuse_rewrite' ],
	app => [
		'SELECT FROM custodian.client', 'INSERT INTO custodian.rule SELECT * FROM custodian.rule',
		q{SELECT custodian.hold('x', client => '1')}, 'SELECT custodian.release_hold(1, $$x$$)',
		'SELECT custodian.pause()', 'CALL custodian.run()', q{SELECT custodian.release('voucher')},
		q{SELECT custodian.create_rule('x', NULL, 'own', 'row_date', '1 day', 'x')} ],
	operator => [
		q{SELECT custodian.adopt('client', client => 'id')}, q{SELECT custodian.hold('x', client => '1')},
		'SELECT FROM custodian.client', 'SELECT FROM custodian.client_secret', 'DELETE FROM custodian.hold',
		'UPDATE custodian.run_log SET state = $$finished$$' ],
	officer => [
		'SELECT FROM custodian.client_secret', 'INSERT INTO custodian.rule SELECT * FROM custodian.rule',
		'DELETE FROM custodian.hold', 'CALL custodian.run()', 'DELETE FROM custodian.audit',
		q{SELECT custodian.grant_duty('officer', 'operator')},
		# tables that the officer does not own
		q{SELECT custodian.adopt('client', client => 'id')}, q{SELECT custodian.release('voucher')},
		q{SELECT custodian.change_adoption('voucher', record_class => 'kept')},
		q{SELECT custodian.add_record_class('voucher', 'kept', 'true')},
		q{SELECT custodian.set_technique('voucher', 'kind', 'null')},
		q{SELECT custodian.track_contracts('client', 'id', 'id', 'id')},
		q{SELECT custodian.untrack_contracts('contract')} ],
	auditor => [
		'SELECT FROM custodian.client_secret', 'SELECT custodian.pause()', 'DELETE FROM custodian.audit',
		'INSERT INTO custodian.audit SELECT * FROM custodian.audit', 'CALL custodian.run()' ]);
for my $role (sort keys %denied)
{
	for my $sql (@{ $denied{$role} })
	{
		($rc, $stdout, $stderr) = as_role($role, "\\set VERBOSITY verbose\n$sql");
		like($stderr, qr/ERROR:  42501: /, "$role may not: $sql");
	}
}
# what the auditor is there for
($rc, $stdout, $stderr) = as_role('auditor',
	'SELECT sum(problems) FROM custodian.verify(); SELECT count(*) > 0 FROM custodian.audit_event');
is($stdout, "0\nt", 'the auditor may verify and read') or diag($stderr);

# Superusers are told as well, by the access method and the guard.
for my $sql ('UPDATE custodian.audit SET seq = 0', 'DELETE FROM custodian.audit', 'TRUNCATE custodian.audit',
	'SET session_replication_role = replica; DELETE FROM custodian.audit',
	'ALTER TABLE custodian.audit SET ACCESS METHOD heap', 'ALTER TABLE custodian.audit ALTER COLUMN seq TYPE bigint')
{
	($rc, $stdout, $stderr) = $node->psql('postgres', $sql);
	isnt($rc, 0, "nobody may: $sql");
	is($node->safe_psql('postgres', 'SELECT sum(problems) FROM custodian.verify()'), '0', 'the audit is as it was');
}

$node->stop;
done_testing();
