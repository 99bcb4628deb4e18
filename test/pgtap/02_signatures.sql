-- The interface that applications and scripts rely on: names, arguments,
-- defaults, result columns, views, SQLSTATEs.  A change here is a change of the
-- interface: it needs a line in CHANGELOG.md, and from 1.0.0 on an upgrade
-- script that keeps the old call working.
SET client_min_messages = warning;
SET intervalstyle = postgres;
BEGIN;

CREATE TEMP TABLE expected (name text, kind "char", arguments text, result text);
INSERT INTO expected VALUES
	-- settings
	('configure', 'f', 'setting text, value text', 'void'),
	('current_setting', 'f', 'setting text', 'text'),
	('today', 'f', '', 'date'),
	('pause', 'f', '', 'void'),
	('resume', 'f', '', 'void'),
	-- audit
	('immutable_am_handler', 'f', 'internal', 'table_am_handler'),
	('refuse_rewrite', 'f', '', 'event_trigger'),
	('audit_entry_json', 'f', 'entry bytea', 'jsonb'),
	('verify', 'f', 'OUT check_name text, OUT subject text, OUT events bigint, OUT problems bigint, OUT detail text',
		'SETOF record'),
	('row_digest', 'f', 'row_value record, salt bytea', 'bytea'),
	('manifest_contains', 'f',
		'system_identifier bigint, timeline integer, xid xid8, seq integer, digest bytea', 'boolean'),
	-- contracts
	('track_contract_change', 'f', '', 'trigger'),
	('track_contracts', 'f',
		'relation regclass, contract text, client text, ends_on text, ended_when text DEFAULT NULL::text', 'bigint'),
	('untrack_contracts', 'f', 'relation regclass', 'void'),
	('open_contract', 'f', 'contract text, client text, starts_on date DEFAULT NULL::date', 'bigint'),
	('end_contract', 'f', 'contract text, ends_on date DEFAULT NULL::date', 'void'),
	('reopen_contract', 'f', 'contract text', 'void'),
	('confirm_return', 'f', 'client text, evidence text, returned_on date DEFAULT NULL::date', 'void'),
	-- record classes, rules, terms, holds
	('create_record_class', 'f',
		'record_class text, title text DEFAULT NULL::text, basis text DEFAULT NULL::text', 'void'),
	('set_custody_basis', 'f', 'record_class text, basis text', 'void'),
	('create_rule', 'f',
		'rule text, record_class text, basis text, anchor text, minimum interval, legal_basis text, '
		'maximum interval DEFAULT NULL::interval, disposition text DEFAULT ''destroy''::text, '
		'article text DEFAULT NULL::text, ends_on_return boolean DEFAULT false, guard text DEFAULT ''delete''::text, '
		'mode text DEFAULT ''draft''::text, effective_from date DEFAULT NULL::date', 'integer'),
	('set_rule_mode', 'f', 'rule text, mode text', 'void'),
	('load_law_pack', 'f', 'pack text, mode text DEFAULT ''draft''::text', 'integer'),
	('set_contract_term', 'f',
		'contract text, record_class text, basis text DEFAULT NULL::text, minimum interval DEFAULT NULL::interval, '
		'maximum interval DEFAULT NULL::interval, source regclass DEFAULT NULL::regclass', 'void'),
	('hold', 'f',
		'matter text, client text DEFAULT NULL::text, relation regclass DEFAULT NULL::regclass, '
		'record_class text DEFAULT NULL::text, reason text DEFAULT NULL::text', 'bigint'),
	('release_hold', 'f', 'hold_no bigint, reason text', 'void'),
	-- plan, guard, anonymization
	('guard_row', 'f', '', 'trigger'),
	('guard_truncate', 'f', '', 'trigger'),
	('keep_guarded', 'f', '', 'event_trigger'),
	('keyed_digest', 'f', 'value text, secret bytea', 'text'),
	('set_technique', 'f',
		'relation regclass, column_name name, technique text, value text DEFAULT NULL::text', 'void'),
	('plan', 'f',
		'client text, as_of date DEFAULT NULL::date, OUT step integer, OUT client_no bigint, OUT relation regclass, '
		'OUT record_class text, OUT basis text, OUT action text, OUT rows bigint, OUT retain_from date, '
		'OUT retain_until date, OUT dispose_by date, OUT rule text, OUT article text, OUT blocked_by text',
		'SETOF record'),
	('plan_due', 'f',
		'as_of date DEFAULT NULL::date, OUT step integer, OUT client_no bigint, OUT relation regclass, '
		'OUT record_class text, OUT basis text, OUT action text, OUT rows bigint, OUT retain_from date, '
		'OUT retain_until date, OUT dispose_by date, OUT rule text, OUT article text, OUT blocked_by text',
		'SETOF record'),
	('plan_digest', 'f', 'client text, as_of date DEFAULT NULL::date', 'text'),
	('explain', 'f',
		'relation regclass, key text, as_of date DEFAULT NULL::date, OUT record_class text, OUT basis text, '
		'OUT rule text, OUT version integer, OUT mode text, OUT anchor text, OUT anchor_date date, '
		'OUT minimum interval, OUT retain_until date, OUT dispose_by date, OUT decides boolean, OUT action text, '
		'OUT blocked_by text, OUT legal_basis text, OUT article text', 'SETOF record'),
	-- adoption, runs
	('adopt', 'f',
		'relation regclass, client text DEFAULT NULL::text, via text DEFAULT NULL::text, '
		'dated_by text DEFAULT NULL::text, event_at text DEFAULT NULL::text, record_class text DEFAULT NULL::text, '
		'rule text DEFAULT NULL::text, fiscal_year_start text DEFAULT NULL::text', 'void'),
	('change_adoption', 'f',
		'relation regclass, dated_by text DEFAULT NULL::text, event_at text DEFAULT NULL::text, '
		'record_class text DEFAULT NULL::text, rule text DEFAULT NULL::text, '
		'fiscal_year_start text DEFAULT NULL::text', 'void'),
	('add_record_class', 'f',
		'relation regclass, record_class text, predicate text, rule text DEFAULT NULL::text', 'void'),
	('release', 'f', 'relation regclass', 'void'),
	('adopt_tree', 'f',
		'root regclass, preview boolean DEFAULT false, OUT depth integer, OUT relation regclass, OUT client text, '
		'OUT via text, OUT parent regclass, OUT status text', 'SETOF record'),
	('run', 'p',
		'IN client text DEFAULT NULL::text, IN batch_rows integer DEFAULT 200000, IN max_rows bigint DEFAULT NULL::bigint, '
		'IN max_time interval DEFAULT NULL::interval, IN lock_timeout interval DEFAULT ''00:00:05''::interval, '
		'IN plan_digest text DEFAULT NULL::text, IN dry_run boolean DEFAULT false', NULL),
	('schedule', 'f', 'cron text DEFAULT ''30 2 * * *''::text', 'bigint'),
	('unschedule', 'f', '', 'boolean'),
	('grant_duty', 'f', 'role regrole, duty text', 'void');

CREATE TEMP TABLE expected_view (name text, columns text);
INSERT INTO expected_view VALUES
	('audit_event',
		'system_identifier bigint, timeline integer, xid xid8, seq integer, at timestamp with time zone, act text, '
		'session_user_name text, current_user_name text, relation text, client_no bigint, rows bigint, detail jsonb, '
		'login_user_name text, database_name text'),
	('adoption',
		'relation regclass, position integer, record_class text, title text, basis text, predicate text, rule text, '
		'client_columns name[], via_columns name[], dated_by name, event_at name, fiscal_year_start text'),
	('run_progress',
		'run_no bigint, pid integer, run_by name, state text, started_at timestamp with time zone, '
		'updated_at timestamp with time zone, finished_at timestamp with time zone, clients bigint, '
		'clients_done bigint, relation regclass, batches bigint, rows_destroyed bigint, rows_anonymized bigint, '
		'restrictions bigint, problems integer, last_problem text');

SELECT plan((SELECT 3 * count(*)::int FROM expected) + (SELECT count(*)::int FROM expected_view) + 17);

-- -------------------------------------------------------------------- functions

SELECT set_eq(
	$$SELECT proname::text FROM pg_proc WHERE pronamespace = 'custodian'::regnamespace$$,
	'SELECT name FROM expected',
	'there are these functions and no others');
SELECT is(
	(SELECT count(*) FROM pg_proc WHERE pronamespace = 'custodian'::regnamespace),
	(SELECT count(*) FROM expected),
	'none has two forms: named arguments and defaults are enough');
SELECT is((SELECT pg_get_function_arguments(p.oid) FROM pg_proc AS p
		WHERE p.pronamespace = 'custodian'::regnamespace AND p.proname = e.name),
	e.arguments, 'arguments of ' || e.name)
FROM expected AS e ORDER BY e.ctid;
SELECT is((SELECT pg_get_function_result(p.oid) FROM pg_proc AS p
		WHERE p.pronamespace = 'custodian'::regnamespace AND p.proname = e.name),
	e.result, 'result of ' || e.name)
FROM expected AS e ORDER BY e.ctid;
SELECT is((SELECT p.prokind FROM pg_proc AS p
		WHERE p.pronamespace = 'custodian'::regnamespace AND p.proname = e.name)::text,
	e.kind::text, 'kind of ' || e.name)
FROM expected AS e ORDER BY e.ctid;

-- ------------------------------------------------------------------------ views

SELECT set_eq(
	$$SELECT relname::text FROM pg_class WHERE relnamespace = 'custodian'::regnamespace AND relkind IN ('v', 'm')$$,
	'SELECT name FROM expected_view',
	'there are these views and no others');
SELECT is((SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum)
		FROM pg_attribute AS a WHERE a.attrelid = ('custodian.' || e.name)::regclass AND a.attnum > 0),
	e.columns, 'columns of ' || e.name)
FROM expected_view AS e ORDER BY e.ctid;

-- -------------------------------------- calls as people write them, with names

\o /dev/null
CREATE TABLE paper (id int PRIMARY KEY, client text NOT NULL, written date);
CREATE INDEX ON paper (client);
INSERT INTO paper VALUES (1, 'C-1', '2020-05-05');
SELECT custodian.create_record_class('paper', title => 'papers', basis => 'own');
SELECT custodian.create_rule('paper', 'paper', basis => 'own', anchor => 'row_date', minimum => '10 years',
	legal_basis => 'the law', article => 'art. 1', mode => 'governance', effective_from => '2020-01-01');
SELECT custodian.adopt('paper', client => 'client', dated_by => 'written', record_class => 'paper');
SELECT custodian.open_contract('K-1', client => 'C-1', starts_on => '2019-01-01');
SELECT custodian.end_contract('K-1', ends_on => '2020-12-31');
\o
SELECT results_eq(
	$$SELECT step, relation::text, record_class, basis, action, rows, retain_from, retain_until, dispose_by, rule,
		article, blocked_by FROM custodian.plan('C-1', as_of => '2026-01-01')$$,
	$$VALUES (1, 'paper', 'paper', 'own', 'keep', 1::bigint, date '2030-05-05', date '2030-05-05', NULL::date,
		'paper', 'art. 1', 'retention')$$,
	'a line of plan() means what its columns say');
SELECT results_eq(
	$$SELECT step, relation::text, action, rows, retain_until FROM custodian.plan_due(as_of => '2030-05-06')$$,
	$$VALUES (1, 'paper', 'destroy', 1::bigint, date '2030-05-05')$$,
	'so does one of plan_due(), on the day after the last retained one');
SELECT results_eq(
	$$SELECT record_class, basis, rule, version, mode, anchor, anchor_date, minimum, retain_until, dispose_by, decides,
		action, blocked_by, legal_basis, article FROM custodian.explain('paper', key => '1', as_of => '2026-01-01')$$,
	$$VALUES ('paper', 'own', 'paper', 1, 'governance', 'row_date', date '2020-05-05', interval '10 years',
		date '2030-05-05', NULL::date, true, 'keep', 'retention', 'the law', 'art. 1')$$,
	'and one of explain()');

-- -------------------------------------------------------------------- SQLSTATEs

SELECT throws_ok('DELETE FROM paper', 'RC001', NULL, 'RC001: the row is under retention');
SELECT throws_ok($$SELECT custodian.plan('C-2')$$, 'RC005', NULL, 'RC005: the client is not known');
SELECT throws_ok($$SELECT custodian.end_contract('K-2')$$, 'RC006', NULL, 'RC006: the contract is not known');
SELECT throws_ok($$SELECT custodian.explain('expected', '1')$$, 'RC003', NULL, 'RC003: the table is not adopted');
SELECT throws_ok($$SELECT custodian.adopt('paper', client => 'client')$$, 'RC004', NULL,
	'RC004: the table is adopted already');
SELECT throws_ok($$SELECT custodian.create_rule('r', 'paper', 'own', 'row_date', '2 years', 'law',
	maximum => '1 year')$$, 'RC007', NULL, 'RC007: the rule contradicts itself');
SELECT throws_ok($$SELECT custodian.set_contract_term('K-1', 'paper', minimum => '1 year')$$, 'RC008', NULL,
	'RC008: the contract''s term is weaker than the rule');
SELECT throws_ok('DELETE FROM custodian.audit', 'RC009', NULL, 'RC009: the table is insert-only');
SELECT throws_ok($$CALL custodian.run(client => 'C-1', plan_digest => repeat('0', 64))$$, 'RC010', NULL,
	'RC010: the plan is not the approved one');
SELECT lives_ok($$SELECT custodian.hold(matter => 'suit 7', client => 'C-1', relation => 'paper',
	record_class => 'paper', reason => 'evidence')$$, 'a hold on what three names have in common');
SELECT throws_ok('DELETE FROM paper', 'RC002', NULL, 'RC002: the row is under a hold');

SELECT * FROM finish();
ROLLBACK;
