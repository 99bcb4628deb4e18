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
		'CREATE INDEX ON public.deferred ((public.evil_index(id)))',
		'DECLARE pwned CURSOR WITH HOLD FOR SELECT public.evil(''held cursor'')',
		'INSERT INTO public.deferred VALUES (1)',
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
	FOR o IN SELECT p.oprname, p.oprleft::regtype AS l, p.oprright::regtype AS r, p.oprresult::regtype AS result
		FROM pg_operator p
		WHERE p.oprnamespace = 'pg_catalog'::regnamespace
		AND p.oprname IN ('=', '<>', '<', '<=', '>', '>=', '||', '+', '-', '*')
		AND p.oprleft IN ('text'::regtype, 'name'::regtype, 'bigint'::regtype, 'integer'::regtype, 'oid'::regtype,
			'date'::regtype, 'interval'::regtype, 'boolean'::regtype, 'timestamptz'::regtype, 'bytea'::regtype)
		AND p.oprright <> 0 AND p.oprresult <> 0
	LOOP
		EXECUTE format('CREATE FUNCTION public.shadow(a %s, b %s) RETURNS %s LANGUAGE sql AS $f$ SELECT CASE WHEN public.evil(%L) THEN NULL::%s END $f$',
			o.l, o.r, o.result, 'operator ' || o.oprname || ' of ' || o.l || ' and ' || o.r, o.result)
			WHERE to_regprocedure(format('public.shadow(%s,%s)', o.l, o.r)) IS NULL;
		BEGIN
			IF to_regprocedure(format('public.shadow(%s,%s)', o.l, o.r)) IS NULL THEN
				EXECUTE format('CREATE FUNCTION public.shadow(a %s, b %s) RETURNS %s LANGUAGE sql AS $f$ SELECT CASE WHEN public.evil(%L) THEN NULL::%s END $f$',
					o.l, o.r, o.result, 'operator of ' || o.l || ' and ' || o.r, o.result);
			END IF;
			EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.shadow)', o.oprname, o.l, o.r);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
END $$;
CREATE FUNCTION public.unnest(anyarray) RETURNS SETOF anyelement LANGUAGE sql AS
	$$ SELECT $1[1] WHERE public.evil('unnest') $$;
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS
	$$ SELECT pg_catalog.now() WHERE public.evil('now') $$;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
	$$ SELECT pg_catalog.now() WHERE public.evil('clock_timestamp') $$;
CREATE FUNCTION public.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_format'; -- may be refused
SQL
