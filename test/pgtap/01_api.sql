-- What the extension is made of, as the catalogs tell it: that everything is
-- commented, that PUBLIC can do nothing, that what must survive a dump is
-- dumped, and that the words a CHECK allows are the words the functions take.
--
-- Most assertions are is_empty(): what is listed when one fails is what is
-- wrong.  The lists of exceptions carry their reasons; whatever is not on them
-- has to keep the rule.
SET client_min_messages = warning;
SET extra_float_digits = 1;
BEGIN;
SELECT plan(71);

CREATE TEMP VIEW member AS
SELECT d.classid, d.objid
FROM pg_depend AS d
	JOIN pg_extension AS e ON e.oid = d.refobjid
WHERE e.extname = 'custodian'
	AND d.refclassid = 'pg_extension'::regclass
	AND d.deptype = 'e';

CREATE TEMP VIEW relation AS
SELECT c.*
FROM pg_class AS c
	JOIN member AS m ON m.classid = 'pg_class'::regclass AND m.objid = c.oid;

CREATE TEMP VIEW routine AS
SELECT p.*, p.oid::regprocedure::text AS signature
FROM pg_proc AS p
	JOIN member AS m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;

-- ------------------------------------------------------- the extension itself

SELECT results_eq(
	$$SELECT superuser, trusted, relocatable, schema::text COLLATE "default",
		requires::text COLLATE "default"
	  FROM pg_available_extension_versions WHERE name = 'custodian' AND installed$$,
	$$VALUES (true, false, false, 'pg_catalog', '{pgcrypto}')$$,
	'only a superuser installs it, in pg_catalog''s name, after pgcrypto');
SELECT results_eq(
	$$SELECT n.nspname::text COLLATE "default", e.extrelocatable
	  FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
	  WHERE e.extname = 'custodian'$$,
	$$VALUES ('pg_catalog', false)$$,
	'and so it was installed');
-- Row types of tables and their arrays are members on some major versions only.
SELECT set_eq(
	$$SELECT classid::regclass::text FROM member WHERE NOT EXISTS
		(SELECT FROM pg_type AS t WHERE classid = 'pg_type'::regclass AND t.oid = objid
			AND (t.typrelid <> 0 OR t.typelem <> 0))$$,
	ARRAY['pg_proc', 'pg_class', 'pg_am', 'pg_namespace', 'pg_event_trigger'],
	'it is made of these kinds of objects; a new kind needs tests of its own');
SELECT is_empty(
	$$SELECT oid::regclass::text FROM relation WHERE relnamespace <> 'custodian'::regnamespace
	  UNION ALL
	  SELECT signature FROM routine WHERE pronamespace <> 'custodian'::regnamespace$$,
	'every table and function is in schema custodian');
SELECT is_empty(
	$$SELECT c.oid::regclass FROM pg_class AS c
	  WHERE c.relnamespace = 'custodian'::regnamespace AND c.relkind NOT IN ('i', 'I', 't')
		AND c.oid NOT IN (SELECT oid FROM relation)$$,
	'and no other table is in that schema');

-- ------------------------------------------------------------------- comments

SELECT is_empty(
	$$SELECT oid::regclass FROM relation
	  WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
		AND COALESCE(obj_description(oid, 'pg_class'), '') = ''$$,
	'every table and view has a comment');
SELECT is_empty(
	$$SELECT r.oid::regclass, a.attname
	  FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
	  WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
		AND COALESCE(col_description(r.oid, a.attnum), '') = ''$$,
	'every column of a table has a comment');
-- Columns of the two views below bear the names of the table columns that they
-- show, and are described there.
SELECT is_empty(
	$$SELECT r.oid::regclass, a.attname
	  FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
	  WHERE r.relkind = 'v' AND a.attnum > 0
		AND COALESCE(col_description(r.oid, a.attnum), '') = ''
		AND NOT EXISTS (
			SELECT FROM (VALUES
				('custodian.adoption', 'custodian.adopted'),
				('custodian.adoption', 'custodian.adopted_class'),
				('custodian.adoption', 'custodian.record_class'),
				('custodian.run_progress', 'custodian.run_log')) AS s(view, source)
				JOIN pg_attribute AS b ON b.attrelid = s.source::regclass
			WHERE s.view::regclass = r.oid AND b.attname = a.attname AND b.attnum > 0)$$,
	'every column of a view has a comment, or the column that it shows has one');
SELECT is_empty(
	$$SELECT signature FROM routine WHERE COALESCE(obj_description(oid, 'pg_proc'), '') = ''$$,
	'every function has a comment');
SELECT is_empty(
	$$SELECT t.oid::regtype
	  FROM pg_type AS t JOIN member AS m ON m.classid = 'pg_type'::regclass AND m.objid = t.oid
	  WHERE t.typrelid = 0 AND t.typelem = 0
		AND COALESCE(obj_description(t.oid, 'pg_type'), '') = ''$$,
	'every type that is not a table''s row has a comment');
SELECT is_empty(
	$$SELECT classid::regclass, objid FROM member
	  WHERE classid IN ('pg_am'::regclass, 'pg_event_trigger'::regclass, 'pg_namespace'::regclass)
		AND COALESCE(obj_description(objid, classid::regclass::name), '') = ''$$,
	'so do access method, event trigger and schema');

-- ------------------------------------------------------------------- routines

SELECT is_empty(
	$$SELECT signature FROM routine AS r JOIN pg_language AS l ON l.oid = r.prolang
	  WHERE l.lanname NOT IN ('c', 'sql')$$,
	'no function is written in PL/pgSQL');
-- The server calls the handler of an access method, nobody by name.
SELECT is_empty(
	$$SELECT signature FROM routine
	  WHERE cardinality(COALESCE(proallargtypes, proargtypes::oid[])) > 0
		AND (proargnames IS NULL OR '' = ANY (proargnames))
		AND proname <> 'immutable_am_handler'$$,
	'every function with arguments names them');
SELECT is(
	(SELECT count(*) FROM routine WHERE prosecdef), 0::bigint,
	'no function is SECURITY DEFINER: identity is switched in C, statement by statement');
SELECT is_empty(
	$$SELECT signature FROM routine
	  WHERE prosecdef AND NOT EXISTS
		(SELECT FROM unnest(proconfig) AS c WHERE c ~ '^search_path=pg_catalog, pg_temp$')$$,
	'one that were would have to pin search_path');
SELECT set_eq(
	$$SELECT proname::text FROM routine WHERE prokind = 'p'$$,
	ARRAY['run'],
	'run() is the procedure that commits');
SELECT is_empty(
	$$SELECT signature FROM routine WHERE prokind = 'p' AND (prosecdef OR proconfig IS NOT NULL)$$,
	'it has no SET clause and is not SECURITY DEFINER: either would forbid to commit');
SELECT set_eq(
	$$SELECT proname::text FROM routine WHERE provolatile = 'i'$$,
	ARRAY['audit_entry_json', 'keyed_digest'],
	'these are functions of their arguments alone: IMMUTABLE');
-- verify() is VOLATILE: it reads on through the tables with snapshots of its own.
SELECT set_eq(
	$$SELECT proname::text FROM routine WHERE provolatile = 's'$$,
	ARRAY['today', 'current_setting', 'plan', 'plan_due', 'plan_digest', 'explain',
		'row_digest', 'manifest_contains'],
	'these read: STABLE');
SELECT is_empty(
	$$SELECT signature FROM routine WHERE proparallel <> 'u'
		AND proname NOT IN ('audit_entry_json', 'keyed_digest', 'row_digest')$$,
	'nothing that looks at a table or changes identity is for parallel workers');
SELECT is_empty(
	$$SELECT signature FROM routine WHERE proleakproof$$,
	'nothing is LEAKPROOF');

-- --------------------------------------------------------------------- rights

SELECT is_empty(
	$$SELECT r.oid::regclass, a.privilege_type
	  FROM relation AS r, aclexplode(r.relacl) AS a WHERE a.grantee = 0
	  UNION ALL
	  SELECT r.oid::regclass, a.privilege_type
	  FROM relation AS r JOIN pg_attribute AS c ON c.attrelid = r.oid, aclexplode(c.attacl) AS a
	  WHERE a.grantee = 0$$,
	'PUBLIC has no right on any table, view, sequence or column');
SELECT set_eq(
	$$SELECT signature FROM routine AS r,
		aclexplode(COALESCE(r.proacl, acldefault('f', r.proowner))) AS a
	  WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE'$$,
	ARRAY['custodian.audit_entry_json(bytea)', 'custodian.keyed_digest(text,bytea)'],
	'PUBLIC may execute two functions');
SELECT is_empty(
	$$SELECT signature FROM routine AS r,
		aclexplode(COALESCE(r.proacl, acldefault('f', r.proowner))) AS a
	  WHERE a.grantee = 0 AND (provolatile <> 'i' OR NOT proisstrict OR prosecdef)$$,
	'and these depend on nothing but their arguments');
SELECT set_eq(
	$$SELECT a.privilege_type FROM pg_namespace AS n, aclexplode(n.nspacl) AS a
	  WHERE n.nspname = 'custodian' AND a.grantee = 0$$,
	ARRAY['USAGE'],
	'PUBLIC may resolve names in the schema, not create in it');
CREATE ROLE pgtap_nobody;
SELECT is_empty(
	$$SELECT oid::regclass FROM relation
	  WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND (
		has_table_privilege('pgtap_nobody', oid, 'SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER')
		OR has_any_column_privilege('pgtap_nobody', oid, 'SELECT,INSERT,UPDATE,REFERENCES'))
	  UNION ALL
	  SELECT oid::regclass FROM relation
	  WHERE CASE relkind WHEN 'S' THEN has_sequence_privilege('pgtap_nobody', oid, 'USAGE,SELECT,UPDATE') END$$,
	'a role without grants reaches no row');
SELECT is_empty(
	$$SELECT signature FROM routine
	  WHERE has_function_privilege('pgtap_nobody', oid, 'EXECUTE')
		AND proname NOT IN ('audit_entry_json', 'keyed_digest')$$,
	'and calls nothing');
SELECT is_empty(
	$$SELECT oid::regclass FROM relation AS r
	  WHERE relkind = 'v' AND (reloptions IS NULL OR 'security_barrier=true' <> ALL (reloptions)
			AND 'security_barrier' <> ALL (reloptions))
		AND oid <> 'custodian.audit_event'::regclass$$,
	'views are barriers; audit_event shows whole rows to whoever may see any');

-- ------------------------------------------------------------- dump and restore

CREATE TEMP VIEW dumped AS
SELECT c.relid, e.extcondition[c.n] AS condition
FROM pg_extension AS e, unnest(e.extconfig) WITH ORDINALITY AS c(relid, n)
WHERE e.extname = 'custodian';

-- law_pack_*: rows of the extension itself, which come with CREATE EXTENSION.
-- client_secret: a key that survives in a backup makes every digest recomputable.
SELECT set_eq(
	$$SELECT oid::regclass::text FROM relation WHERE relkind IN ('r', 'p')
		AND oid NOT IN (SELECT relid FROM dumped)$$,
	ARRAY['custodian.law_pack_class', 'custodian.law_pack_rule', 'custodian.client_secret'],
	'pg_dump takes the rows of every table but these');
SELECT is_empty(
	$$SELECT s.oid::regclass
	  FROM relation AS s
		JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid
			AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
	  WHERE s.relkind = 'S' AND d.refobjid IN (SELECT relid FROM dumped)
		AND s.oid NOT IN (SELECT relid FROM dumped)$$,
	'and with a table its sequence, or a restored table would give numbers twice');
SELECT is(
	(SELECT count(*) FROM relation WHERE relkind = 'S'
		AND oid IN (SELECT relid FROM dumped)), 5::bigint,
	'which are five: client, contract, case, hold, run');
SELECT is_empty(
	$$SELECT relid::regclass, condition FROM dumped WHERE condition <> ''$$,
	'all rows of them');
CREATE FUNCTION pg_temp.rows_of(tab regclass) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	result bigint;
BEGIN
	EXECUTE format('SELECT count(*) FROM %s', tab) INTO result;
	RETURN result;
END $$;
SELECT is_empty(
	$$SELECT s.relid::regclass, pg_temp.rows_of(s.relid)
	  FROM dumped AS s JOIN relation AS r ON r.oid = s.relid AND r.relkind = 'r'
	  WHERE pg_temp.rows_of(s.relid) > 0$$,
	'and CREATE EXTENSION puts no row there, which a restored one would collide with');
SELECT is_empty(
	$$SELECT r.oid::regclass, a.attname, a.atttypid::regtype
	  FROM relation AS r JOIN pg_attribute AS a ON a.attrelid = r.oid
	  WHERE r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
		AND a.atttypid IN ('oid'::regtype, 'oid[]'::regtype, 'regproc'::regtype,
			'regprocedure'::regtype, 'regoper'::regtype, 'regoperator'::regtype,
			'regtype[]'::regtype, 'pg_node_tree'::regtype, 'xid'::regtype, 'tid'::regtype)$$,
	'no column has a type whose values do not survive dump and restore');

-- ------------------------------------------------------------------- the tables

-- A primary key is what logical replication and pg_repack go by.  Nothing
-- refers to a confirmation; it is only ever added.
SELECT set_eq(
	$$SELECT oid::regclass::text FROM relation AS r WHERE relkind = 'r'
		AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = r.oid AND k.contype = 'p')$$,
	ARRAY['custodian.return_confirmation'],
	'every table but one has a primary key');
-- pg_restore --jobs loads the data of extension tables in any order, so nothing
-- of ours may refer to anything else of ours.
SELECT is_empty(
	$$SELECT k.conrelid::regclass, k.conname FROM pg_constraint AS k JOIN relation AS r ON r.oid = k.conrelid
	  WHERE k.contype = 'f'$$,
	'no table of ours has a foreign key');
SELECT results_eq(
	$$SELECT r.oid::regclass::text FROM relation AS r JOIN pg_am AS a ON a.oid = r.relam
	  WHERE a.amname = 'custodian_immutable'$$,
	$$VALUES ('custodian.audit')$$,
	'the audit is stored insert-only, and only the audit');
SELECT is_empty(
	$$SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger AS t JOIN relation AS r ON r.oid = t.tgrelid
	  WHERE NOT t.tgisinternal
	  UNION ALL
	  SELECT w.ev_class::regclass, w.rulename FROM pg_rewrite AS w JOIN relation AS r ON r.oid = w.ev_class
	  WHERE r.relkind <> 'v'
	  UNION ALL
	  SELECT oid::regclass, 'row security' FROM relation WHERE relrowsecurity$$,
	'no trigger, rule or policy stands between custodian and its tables');
SELECT results_eq(
	$$SELECT evtname::text COLLATE "default", evtevent::text COLLATE "default", evtenabled::text
	  FROM pg_event_trigger AS e JOIN member AS m
		ON m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid
	  ORDER BY evtname$$,
	$$VALUES ('custodian_keep_guarded', 'ddl_command_end', 'A'), ('custodian_refuse_rewrite', 'table_rewrite', 'A')$$,
	'event triggers fire whatever session_replication_role says');

-- ------------------------------------------------ words of CHECKs and of functions

-- The words of a CHECK (column IN ('a', 'b')).
CREATE FUNCTION pg_temp.words(tab regclass, col name) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(DISTINCT w[1] ORDER BY w[1])
	FROM pg_constraint AS k
		JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum],
		regexp_matches(pg_get_constraintdef(k.oid), '''([^'']*)''::text', 'g') AS w
	WHERE k.conrelid = tab AND a.attname = col AND k.contype = 'c'
		AND pg_get_constraintdef(k.oid) ~ 'ANY \(' $$;
-- Every word of any of these lists, and some that are in none.
CREATE TEMP TABLE candidate AS
SELECT DISTINCT w AS word
FROM (VALUES ('record_class', 'basis'), ('rule', 'basis'), ('rule', 'anchor'),
		('rule', 'disposition'), ('rule', 'mode'), ('rule', 'guard'),
		('contract_term', 'basis'), ('technique', 'technique'), ('client_case', 'state'))
	AS c(tab, col),
	unnest(pg_temp.words(('custodian.' || tab)::regclass, col::name)
		|| '{bogus,Own,"own ",NULL_,none,off}'::text[]) AS w;
-- Which of them a statement takes; %L stands for the word.  Only 22023, what
-- functions say to a wrong word, counts as a refusal.
CREATE FUNCTION pg_temp.taken(statement text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	word text;
	result text[] := '{}';
BEGIN
	FOR word IN SELECT c.word FROM candidate AS c ORDER BY 1 LOOP
		BEGIN
			EXECUTE replace(statement, '%L', quote_literal(word));
			result := result || word;
			RAISE EXCEPTION USING ERRCODE = 'ZZ000';
		EXCEPTION WHEN SQLSTATE 'ZZ000' OR invalid_parameter_value THEN
			NULL;
		END;
	END LOOP;
	RETURN ARRAY(SELECT w FROM unnest(result) AS w ORDER BY 1);
END $$;

\o /dev/null
SELECT custodian.create_record_class('word', basis => 'own');
SELECT custodian.open_contract('word', 'word');
CREATE TABLE worded (id int PRIMARY KEY, client text NOT NULL, name text);
CREATE INDEX ON worded (client);
SELECT custodian.adopt('worded', client => 'client', record_class => 'word');
SELECT custodian.create_rule('draft', 'word', 'own', 'row_date', '1 day', 'law');
\o

SELECT is(pg_temp.words('custodian.record_class', 'basis'),
	'{appointed,entrusted,own}', 'the words of a custody basis');
SELECT is(pg_temp.words('custodian.rule', 'basis'), pg_temp.words('custodian.record_class', 'basis'),
	'are those of rules');
SELECT is(pg_temp.words('custodian.contract_term', 'basis'), pg_temp.words('custodian.record_class', 'basis'),
	'and of contract terms');
SELECT is(pg_temp.taken($$SELECT custodian.create_record_class('w', basis => %L)$$),
	pg_temp.words('custodian.record_class', 'basis'), 'create_record_class() takes them');
SELECT is(pg_temp.taken($$SELECT custodian.set_custody_basis('word', %L)$$),
	pg_temp.words('custodian.record_class', 'basis'), 'set_custody_basis() takes them');
SELECT is(pg_temp.taken($$SELECT custodian.create_rule('w', 'word', %L, 'row_date', '1 day', 'law')$$),
	pg_temp.words('custodian.rule', 'basis'), 'create_rule() takes them');
SELECT is(pg_temp.taken($$SELECT custodian.set_contract_term('word', 'word', basis => %L)$$),
	pg_temp.words('custodian.contract_term', 'basis'), 'set_contract_term() takes them');

SELECT is(pg_temp.words('custodian.rule', 'anchor'),
	'{contract_end,event,fiscal_year_end,permanent,row_date}', 'the words of an anchor');
SELECT is(pg_temp.taken($$SELECT custodian.create_rule('w', 'word', 'own', %L,
	CASE WHEN %L <> 'permanent' THEN interval '1 day' END, 'law', disposition => 'keep')$$),
	pg_temp.words('custodian.rule', 'anchor'), 'create_rule() takes them');

SELECT is(pg_temp.words('custodian.rule', 'disposition'),
	'{anonymize,destroy,keep,restrict,return}', 'the words of a disposition');
SELECT is(pg_temp.taken($$SELECT custodian.create_rule('w', 'word', 'own', 'row_date', '1 day', 'law',
	disposition => %L)$$),
	pg_temp.words('custodian.rule', 'disposition'), 'create_rule() takes them');

SELECT is(pg_temp.words('custodian.rule', 'guard'), '{delete,none,update}', 'the words of a guard');
SELECT is(pg_temp.taken($$SELECT custodian.create_rule('w', 'word', 'own', 'row_date', '1 day', 'law',
	guard => %L)$$),
	pg_temp.words('custodian.rule', 'guard'), 'create_rule() takes them');

SELECT is(pg_temp.words('custodian.rule', 'mode'), '{compliance,draft,governance}', 'the words of a mode');
SELECT is(pg_temp.taken($$SELECT custodian.create_rule('w', 'word', 'own', 'row_date', '1 day', 'law',
	mode => %L)$$),
	pg_temp.words('custodian.rule', 'mode'), 'create_rule() takes them');
SELECT is(pg_temp.taken($$SELECT custodian.set_rule_mode('draft', %L)$$),
	pg_temp.words('custodian.rule', 'mode'), 'set_rule_mode() takes them');
SELECT is(pg_temp.taken($$SELECT custodian.load_law_pack('cn-accounting', %L)$$),
	pg_temp.words('custodian.rule', 'mode'), 'load_law_pack() takes them');

SELECT is(pg_temp.words('custodian.technique', 'technique'),
	'{constant,keyed_digest,"null"}', 'the words of a technique');
SELECT is(pg_temp.taken($$SELECT custodian.set_technique('worded', 'name', %L,
	CASE WHEN %L = 'constant' THEN 'x' END)$$),
	pg_temp.words('custodian.technique', 'technique'), 'set_technique() takes them');

-- Law packs are copied to the tables above, so they may hold no other word.
SELECT is_empty(
	$$SELECT pack, record_class FROM custodian.law_pack_class
	  WHERE basis <> ALL (pg_temp.words('custodian.record_class', 'basis'))
	  UNION ALL
	  SELECT pack, rule FROM custodian.law_pack_rule
	  WHERE basis <> ALL (pg_temp.words('custodian.rule', 'basis'))
		OR anchor <> ALL (pg_temp.words('custodian.rule', 'anchor'))
		OR disposition <> ALL (pg_temp.words('custodian.rule', 'disposition'))
		OR guard <> ALL (pg_temp.words('custodian.rule', 'guard'))$$,
	'law packs use no other words');
SELECT isnt_empty('SELECT FROM custodian.law_pack_rule', 'and there are law packs');

-- A day that every year has: the setting's and the table's ideas of it.
CREATE TEMP TABLE day AS
SELECT to_char(d, 'MM-DD') AS day FROM generate_series('2024-01-01', '2024-12-31', interval '1 day') AS d
UNION SELECT unnest('{00-01,13-01,02-30,1-1,"01-1","01-01 ",0101,01-00,"",-1-01}'::text[]);
CREATE FUNCTION pg_temp.refused(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	candidate text;
	error text;
BEGIN
	FOR candidate IN SELECT d.day FROM day AS d LOOP
		BEGIN
			EXECUTE replace(statement, '%L', quote_literal(candidate));
			RAISE EXCEPTION USING ERRCODE = 'ZZ000';
		EXCEPTION
			WHEN SQLSTATE 'ZZ000' THEN
				NULL;
			WHEN OTHERS THEN
				GET STACKED DIAGNOSTICS error = RETURNED_SQLSTATE;
				RETURN NEXT candidate || ' ' || error;
		END;
	END LOOP;
END $$;
SELECT set_eq(
	$$SELECT * FROM pg_temp.refused('SELECT custodian.change_adoption(''worded'', fiscal_year_start => %L)')$$,
	$$SELECT * FROM pg_temp.refused('SELECT custodian.configure(''fiscal_year_start'', %L)')$$,
	'a fiscal year of a table starts on the days on which the installation''s may, by its own check');
SELECT is_empty(
	$$SELECT * FROM pg_temp.refused('SELECT custodian.configure(''fiscal_year_start'', %L)') AS r(day)
	  WHERE day !~ ' 22023$'$$,
	'other days are refused as invalid values');
SELECT bag_has(
	$$SELECT left(day, 5) FROM pg_temp.refused('SELECT custodian.configure(''fiscal_year_start'', %L)') AS r(day)$$,
	$$VALUES ('02-29'), ('02-30'), ('13-01'), ('00-01'), ('01-00')$$,
	'among them 29 February');

-- --------------------------------------------------------- who writes, who reads

-- In a read-only transaction a writer says so before it looks at anything
-- else, even with arguments that are wrong.
CREATE FUNCTION pg_temp.state_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	error text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS error = RETURNED_SQLSTATE;
	RETURN error;
END $$;
-- A call of each function with an argument of its type for each parameter.
CREATE FUNCTION pg_temp.call(routine oid) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s custodian.%I(%s)', CASE prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, proname,
		(SELECT string_agg(CASE t
				WHEN 'text'::regtype THEN '''word''' WHEN 'name'::regtype THEN '''name'''
				WHEN 'regclass'::regtype THEN '''worded''' WHEN 'regrole'::regtype THEN '''pgtap_nobody'''
				WHEN 'interval'::regtype THEN '''1 day''' WHEN 'date'::regtype THEN '''2026-01-01'''
				WHEN 'boolean'::regtype THEN 'false' ELSE '1' END || '::' || t::regtype, ', ' ORDER BY n)
		 FROM unnest(proargtypes) WITH ORDINALITY AS a(t, n)))
	FROM pg_proc WHERE oid = routine $$;
SET LOCAL transaction_read_only = on;
SELECT is_empty(
	$$SELECT signature, pg_temp.state_of(pg_temp.call(oid)) FROM routine
	  WHERE provolatile = 'v' AND prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype,
			'table_am_handler'::regtype)
		AND proname NOT IN ('verify', 'run')
		AND pg_temp.state_of(pg_temp.call(oid)) IS DISTINCT FROM '25006'$$,
	'every VOLATILE function writes: it refuses a read-only transaction');
-- A client is asked for before, because a plan may have to be compared.
SELECT throws_ok('CALL custodian.run()', '25006', NULL, 'and so does run()');
SELECT lives_ok($$CALL custodian.run(dry_run => true)$$, 'but for a dry run');
SELECT is_empty(
	$$SELECT signature, pg_temp.state_of(pg_temp.call(oid)) FROM routine
	  WHERE provolatile = 's'
		AND pg_temp.state_of(pg_temp.call(oid)) = '25006'$$,
	'no STABLE function does');
SELECT lives_ok($$SELECT * FROM custodian.plan('word')$$, 'plan() works there');
SELECT lives_ok($$SELECT * FROM custodian.plan_due()$$, 'plan_due() too');
SELECT lives_ok($$SELECT custodian.plan_digest('word')$$, 'plan_digest() too');
SELECT lives_ok($$SELECT * FROM custodian.verify()$$, 'verify() too');

SELECT * FROM finish();
ROLLBACK;
