-- Every act of custody leaves the events that it should, no more and no less,
-- and nothing that a person typed or a client's row holds can be read in them.
--
-- The last part calls run(), which commits; so does this file.  It has a
-- database of its own.
SET client_min_messages = warning;
SET timezone = 'Asia/Shanghai';
SELECT plan(92);

/*
 * Whatever bears MARK is free text or a client's data: keys, names, matters,
 * reasons, evidence, constants, predicates.  At the end no entry may hold it.
 */
CREATE TABLE firm (id text PRIMARY KEY, name text);
CREATE TABLE deal (no text PRIMARY KEY, firm text NOT NULL REFERENCES firm, until date, note text);
CREATE TABLE paper (id int PRIMARY KEY, firm text NOT NULL REFERENCES firm, written date, kind text, body text,
	phone text, extra text);
CREATE TABLE line (id int PRIMARY KEY, paper int NOT NULL REFERENCES paper, amount numeric);
CREATE INDEX ON deal (firm);
CREATE INDEX ON paper (firm);
CREATE INDEX ON line (paper);
INSERT INTO firm VALUES ('MARK-1', 'MARK Ltd'), ('MARK-2', 'MARK Inc'), ('MARK-3', 'MARK AG');
INSERT INTO deal VALUES ('MARK-D1', 'MARK-1', NULL, 'MARK'), ('MARK-D2', 'MARK-2', '2020-06-30', 'MARK-done');
INSERT INTO paper SELECT g, 'MARK-' || (g % 2 + 1), '2019-01-01', 'a', 'MARK', 'MARK-139', 'MARK' FROM generate_series(1, 4) AS g;
INSERT INTO line SELECT g, g, 1 FROM generate_series(1, 4) AS g;

/*
 * The events that a statement leaves, in order, one text each: act, relation,
 * client, commitments, rows, detail.  Clients and contracts stand in an event by
 * their numbers; here by the keys that these stand for.
 */
CREATE FUNCTION events_of(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT count(*) FROM custodian.audit);
BEGIN
	EXECUTE statement;
	RETURN QUERY SELECT event FROM event OFFSET before;
END $$;
CREATE VIEW event AS
SELECT concat_ws(' ', e.act, e.relation, c.client_key,
		(SELECT '[' || string_agg(replace(k.key, '_commitment', ''), ',' ORDER BY k.key) || ']'
		 FROM jsonb_object_keys(custodian.audit_entry_json(a.entry)) AS k(key) WHERE k.key LIKE '%\_commitment'),
		e.rows || ' rows',
		NULLIF(e.detail
			|| COALESCE((SELECT jsonb_build_object('contract', k.contract_key) FROM custodian.contract AS k
				WHERE k.contract_no = (e.detail ->> 'contract')::bigint), '{}')
			|| COALESCE((SELECT jsonb_build_object('clients', jsonb_agg(n.client_key ORDER BY l.n))
				FROM jsonb_array_elements_text(e.detail -> 'clients') WITH ORDINALITY AS l(no, n)
					JOIN custodian.client AS n ON n.client_no = l.no::bigint
				HAVING count(*) > 0), '{}'), '{}')) AS event,
	e.xid, e.seq, e.act
FROM custodian.audit_event AS e
	JOIN custodian.audit AS a USING (system_identifier, timeline, xid, seq)
	LEFT JOIN custodian.client AS c ON c.client_no = e.client_no
ORDER BY e.xid, e.seq;
-- One assertion an act.
CREATE FUNCTION leaves(statement text, expected text[], why text) RETURNS text LANGUAGE sql AS $$
	SELECT results_eq('SELECT * FROM events_of(' || quote_literal(statement) || ')',
		'SELECT unnest(' || quote_literal(expected) || '::text[])', why) $$;
-- A statement that fails leaves none.
CREATE FUNCTION leaves_nothing(statement text, state text, why text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT count(*) FROM custodian.audit);
BEGIN
	RETURN NEXT throws_ok(statement, state, NULL, why || ': refused');
	RETURN NEXT is((SELECT count(*) FROM custodian.audit), before, why || ': no event');
END $$;

-- --------------------------------------------------------------------- settings

SELECT leaves($$SELECT custodian.configure('time_zone', 'Asia/Shanghai')$$,
	ARRAY['configure {"value": "Asia/Shanghai", "setting": "time_zone"}'], 'configure()');
SELECT leaves($$SELECT custodian.pause()$$,
	ARRAY['configure {"value": "on", "setting": "paused"}'], 'pause() is a setting');
SELECT leaves($$SELECT custodian.resume()$$,
	ARRAY['configure {"value": "off", "setting": "paused"}'], 'resume() too');

-- --------------------------------------------------------- record classes and rules

SELECT leaves($$SELECT custodian.create_record_class('paper', 'MARK title', 'own')$$,
	ARRAY['create_record_class {"basis": "own", "record_class": "paper"}'],
	'create_record_class(): its title is for people, and not in the event');
SELECT leaves($$SELECT custodian.create_record_class('line')$$,
	ARRAY['create_record_class {"record_class": "line"}'], 'create_record_class() without a basis says none');
SELECT leaves($$SELECT custodian.set_custody_basis('line', 'own')$$,
	ARRAY['set_custody_basis {"basis": "own", "record_class": "line"}'], 'set_custody_basis()');
SELECT leaves($$SELECT custodian.create_rule('keep', 'paper', 'own', 'contract_end', '10 years', 'Law',
		maximum => '11 years 2 mons 3 days', disposition => 'anonymize', article => 'art. 1', guard => 'update',
		effective_from => '2020-01-01')$$,
	ARRAY['create_rule {"mode": "draft", "rule": "keep", "basis": "own", "guard": "update", "anchor": "contract_end", '
		'"article": "art. 1", "maximum": "P11Y2M3D", "minimum": "P10Y", "version": 1, "disposition": "anonymize", '
		'"legal_basis": "Law", "record_class": "paper", "effective_from": "2020-01-01", "ends_on_return": false}'],
	'create_rule() says the whole rule');
SELECT leaves($$SELECT custodian.create_rule('keep', 'paper', 'own', 'contract_end', '10 years', 'Law',
		maximum => '11 years 2 mons 3 days', disposition => 'anonymize', article => 'art. 1', guard => 'update',
		effective_from => '2020-01-01')$$,
	'{}', 'the same rule again is no act');
SELECT leaves($$SELECT custodian.set_rule_mode('keep', 'governance')$$,
	ARRAY['set_rule_mode {"mode": "governance", "rule": "keep"}'], 'set_rule_mode()');
SELECT leaves($$SELECT custodian.create_rule('keep', 'paper', 'own', 'contract_end', '0 days', 'Law',
		disposition => 'anonymize', mode => 'draft', effective_from => '2021-01-01')$$,
	ARRAY['create_rule {"mode": "governance", "rule": "keep", "basis": "own", "guard": "delete", '
		'"anchor": "contract_end", "minimum": "P0D", "version": 2, "disposition": "anonymize", "legal_basis": "Law", '
		'"record_class": "paper", "effective_from": "2021-01-01", "ends_on_return": false}'],
	'the next version: the event has the mode that is in force, not the looser one asked for');
SELECT leaves($$SELECT custodian.create_rule('line', 'line', 'own', 'contract_end', '0 days', 'Law',
		mode => 'governance', effective_from => '2020-01-01')$$,
	ARRAY['create_rule {"mode": "governance", "rule": "line", "basis": "own", "guard": "delete", '
		'"anchor": "contract_end", "minimum": "P0D", "version": 1, "disposition": "destroy", "legal_basis": "Law", '
		'"record_class": "line", "effective_from": "2020-01-01", "ends_on_return": false}'],
	'a rule that destroys');
SELECT is((SELECT count(*) FROM custodian.law_pack_rule WHERE pack = 'cn-accounting')::int + 1,
	(SELECT count(*) FROM events_of($$SELECT custodian.load_law_pack('cn-accounting')$$))::int,
	'load_law_pack(): one event, and one for each rule that it brings');
SELECT results_eq(
	$$SELECT act, count(*)::int FROM event WHERE event LIKE '%cn-accounting%' GROUP BY act ORDER BY act$$,
	$$SELECT * FROM (VALUES ('create_rule', (SELECT count(*)::int FROM custodian.law_pack_rule
		WHERE pack = 'cn-accounting')), ('load_law_pack', 1)) AS v(act, n)$$,
	'each says from which pack');
SELECT leaves($$SELECT custodian.load_law_pack('cn-accounting')$$,
	ARRAY['load_law_pack {"mode": "draft", "pack": "cn-accounting"}'],
	'loading it again brings nothing new');
SELECT leaves_nothing($$SELECT custodian.create_rule('bad', 'paper', 'own', 'row_date', '2 years', 'MARK',
	maximum => '1 year')$$, 'RC007', 'a rule in conflict with itself');
SELECT leaves_nothing($$SELECT custodian.set_rule_mode('keep', 'draft')$$, 'RC007', 'a looser mode');

-- ---------------------------------------------------------------------- contracts

SELECT leaves($$SELECT custodian.open_contract('MARK-K', 'MARK-3', '2018-01-01')$$,
	ARRAY['open_contract MARK-3 {"contract": "MARK-K"}'], 'open_contract()');
SELECT leaves($$SELECT custodian.set_contract_term('MARK-K', 'paper', minimum => '12 years', maximum => '13 years')$$,
	ARRAY['set_contract_term MARK-3 {"maximum": "P13Y", "minimum": "P12Y", "contract": "MARK-K", "record_class": "paper"}'],
	'set_contract_term()');
SELECT leaves($$SELECT custodian.end_contract('MARK-K', '2020-03-31')$$,
	ARRAY['end_contract MARK-3 {"ends_on": "2020-03-31", "contract": "MARK-K"}', 'open_case MARK-3 {"case": 1}'],
	'end_contract() ends the client''s last contract: a case opens');
SELECT leaves($$SELECT custodian.end_contract('MARK-K', '2020-03-31')$$,
	'{}', 'the same end again is no act');
SELECT leaves($$SELECT custodian.end_contract('MARK-K', '2020-04-30')$$,
	ARRAY['end_contract MARK-3 {"ends_on": "2020-04-30", "contract": "MARK-K"}', 'change_case MARK-3 {"case": 1}'],
	'another end changes the case');
SELECT leaves($$SELECT custodian.confirm_return('MARK-3', 'MARK list 7', '2020-05-05')$$,
	ARRAY['confirm_return MARK-3 [evidence] {"returned_on": "2020-05-05"}'],
	'confirm_return() commits to the evidence');
SELECT leaves($$SELECT custodian.reopen_contract('MARK-K')$$,
	ARRAY['reopen_contract MARK-3 {"contract": "MARK-K"}', 'cancel_case MARK-3 {"case": 1}'],
	'reopen_contract() cancels the case');
SELECT leaves_nothing($$SELECT custodian.open_contract('MARK-K', 'MARK-3')$$, '42710', 'a contract known already');
SELECT leaves_nothing($$SELECT custodian.end_contract('MARK-X')$$, 'RC006', 'an unknown contract');
SELECT leaves_nothing($$SELECT custodian.confirm_return('MARK-X', 'MARK')$$, 'RC005', 'an unknown client');
SELECT leaves_nothing($$SELECT custodian.end_contract('MARK-K', '2017-01-01')$$, '22023', 'an end before the start');

SELECT leaves($$SELECT custodian.track_contracts('deal', 'no', 'firm', 'until', 'note = ''MARK-done''')$$,
	ARRAY['open_case MARK-2 {"case": 2}', 'track_contracts public.deal {"contracts": 2}'],
	'track_contracts(): one event however many rows it takes in, and the cases of clients that left');
SELECT leaves($$INSERT INTO deal VALUES ('MARK-D3', 'MARK-1')$$,
	ARRAY['contract MARK-1 {"contract": "MARK-D3"}'], 'a new row of the contract table');
SELECT leaves($$UPDATE deal SET note = 'MARK again' WHERE no = 'MARK-D1'$$,
	'{}', 'a change that is not about the contract is no act');
SELECT leaves($$UPDATE deal SET until = '2020-06-30' WHERE firm = 'MARK-1'$$,
	'{}', 'an end to which the condition does not consent is no act either');
SELECT leaves($$UPDATE deal SET note = 'MARK-done' WHERE firm = 'MARK-1'$$,
	ARRAY['contract MARK-1 {"ends_on": "2020-06-30", "contract": "MARK-D1"}',
		'contract MARK-1 {"ends_on": "2020-06-30", "contract": "MARK-D3"}', 'open_case MARK-1 {"case": 3}'],
	'the ends of both contracts of a client, and the case that the second one opens');
SELECT leaves($$DELETE FROM deal WHERE no = 'MARK-D3'$$,
	'{}', 'a row that is deleted changes nothing that is known');
SELECT leaves($$SELECT custodian.untrack_contracts('deal')$$,
	ARRAY['untrack_contracts public.deal'], 'untrack_contracts()');
SELECT leaves_nothing($$SELECT custodian.track_contracts('deal', 'no', 'firm', 'until', 'MARK = 1')$$, '42703',
	'a condition on a column that is not there');

-- ----------------------------------------------------------------------- adoption

SELECT leaves($$SELECT custodian.adopt('paper', client => 'firm', dated_by => 'written', record_class => 'paper')$$,
	ARRAY['adopt public.paper {"client": "firm", "dated_by": "written", "record_class": "paper"}'], 'adopt()');
SELECT leaves($$SELECT custodian.adopt('line', via => 'paper', rule => 'line')$$,
	ARRAY['adopt public.line {"via": "paper", "record_class": "line"}'], 'adopt() over a foreign key');
SELECT leaves($$SELECT custodian.change_adoption('paper', dated_by => 'written', fiscal_year_start => '04-01')$$,
	ARRAY['change_adoption public.paper {"dated_by": "written", "fiscal_year_start": "04-01"}'], 'change_adoption()');
SELECT leaves($$SELECT custodian.add_record_class('paper', 'line', 'kind = ''MARK''')$$,
	ARRAY['add_record_class public.paper [predicate] {"record_class": "line"}'],
	'add_record_class() commits to the predicate, which may name somebody');
SELECT leaves($$SELECT custodian.set_technique('paper', 'body', 'constant', 'MARK gone')$$,
	ARRAY['set_technique public.paper {"column": "body", "technique": "constant"}'],
	'set_technique(): column and technique');
SELECT leaves($$SELECT custodian.set_technique('paper', 'phone', 'keyed_digest')$$,
	ARRAY['set_technique public.paper {"column": "phone", "technique": "keyed_digest"}'], 'set_technique() of a digest');
SELECT leaves($$SELECT custodian.set_technique('paper', 'extra', 'null')$$,
	ARRAY['set_technique public.paper {"column": "extra", "technique": "null"}'], 'set_technique() of NULL');
SELECT leaves($$SELECT custodian.set_technique('paper', 'extra', NULL)$$,
	ARRAY['set_technique public.paper {"column": "extra"}'], 'and taken back');
SELECT leaves($$SELECT * FROM custodian.adopt_tree('firm', preview => true)$$,
	'{}', 'a preview is no act');
SELECT leaves($$SELECT * FROM custodian.adopt_tree('firm')$$,
	ARRAY['adopt public.firm {"client": "id", "record_class": "firm"}',
		'adopt public.deal {"client": "firm", "record_class": "deal"}'],
	'adopt_tree(): one event for each table that it adopts');
SELECT leaves($$SELECT custodian.release('deal')$$,
	ARRAY['release public.deal'], 'release()');
SELECT leaves_nothing($$SELECT custodian.adopt('paper', client => 'firm')$$, 'RC004', 'a table adopted already');
SELECT leaves_nothing($$SELECT custodian.release('paper')$$, '2BP01', 'a table over which another one reaches its client');
SELECT leaves_nothing($$SELECT custodian.release('deal')$$, 'RC003', 'a table that is not adopted');
SELECT leaves_nothing($$SELECT custodian.set_technique('paper', 'id', 'constant', '7')$$, '42P10',
	'a technique on a key');

-- -------------------------------------------------------------------------- holds

SELECT leaves($$SELECT custodian.hold('MARK suit', client => 'MARK-2', reason => 'MARK said so')$$,
	ARRAY['hold MARK-2 [matter,reason] {"hold": 1}'], 'hold() on a client commits to matter and reason');
SELECT leaves($$SELECT custodian.hold('MARK suit', relation => 'paper', record_class => 'paper')$$,
	ARRAY['hold public.paper [matter] {"hold": 2, "record_class": "paper"}'], 'hold() on a table and a class');
SELECT leaves($$SELECT custodian.release_hold(2, 'MARK over')$$,
	ARRAY['release_hold [reason] {"hold": 2}'], 'release_hold()');
SELECT leaves_nothing($$SELECT custodian.release_hold(2, 'MARK')$$, '42704', 'a hold that does not stand');
SELECT leaves_nothing($$SELECT custodian.hold('MARK', client => 'MARK-X')$$, 'RC005', 'a hold on an unknown client');

-- ------------------------------------------------------------------------- duties

CREATE ROLE pgtap_auditor;
SELECT leaves($$SELECT custodian.grant_duty('pgtap_auditor', 'auditor')$$,
	ARRAY['grant_duty {"duty": "auditor", "role": "pgtap_auditor"}'], 'grant_duty()');
SELECT leaves_nothing($$SELECT custodian.grant_duty('pgtap_auditor', 'MARK')$$, '22023', 'an unknown duty');

-- ------------------------------------------------------------------------ reading

SELECT leaves($$SELECT * FROM custodian.plan('MARK-1'), custodian.plan_due(), custodian.explain('paper', '2'),
	custodian.plan_digest('MARK-1'), custodian.verify(), custodian.today(), custodian.current_setting('paused')$$,
	'{}', 'looking is no act (yet)');
SELECT leaves($$CALL custodian.run(dry_run => true)$$, '{}', 'nor is a dry run');

-- ---------------------------------------------------------------------------- run
--
-- MARK-1 has papers 2 and 4, MARK-2 papers 1 and 3 under
-- a hold.  Lines are destroyed, papers anonymized, the firm has no basis.
CREATE TEMP TABLE before_run AS SELECT count(*) AS n FROM custodian.audit;
CALL custodian.run();
SELECT results_eq(
	$$SELECT event FROM event OFFSET (SELECT n FROM before_run)$$,
	$$VALUES
		('run_started {"run": 1}'),
		('destroy public.line MARK-1 2 rows {"run": 1, "basis": "own", "clients": ["MARK-1"], "client_rows": [2], "record_class": "line"}'),
		('anonymize public.paper MARK-1 2 rows {"run": 1, "basis": "own", "clients": ["MARK-1"], "client_rows": [2], '
			'"technique_1": "body constant", "technique_2": "phone keyed_digest", "record_class": "paper"}'),
		('run_finished {"run": 1, "state": "finished", "problems": 0, "restrictions": 0, "rows_destroyed": 2, "rows_anonymized": 2}')$$,
	'run(): one event when it starts, one a batch, one when it ends');
SELECT results_eq($$SELECT id, body FROM paper ORDER BY id$$,
	$$VALUES (1, 'MARK'), (2, 'MARK gone'), (3, 'MARK'), (4, 'MARK gone')$$, 'which is what it did');
SELECT results_eq($$SELECT id FROM line ORDER BY id$$, $$VALUES (1), (3)$$, 'and nothing else');
SELECT is((SELECT count(DISTINCT xid)::int FROM event WHERE event LIKE '%"run": 1%'), 4,
	'each in the transaction of its batch');
SELECT is((SELECT sum(length(manifest) / 32)::int FROM custodian.audit WHERE manifest IS NOT NULL), 4,
	'with a digest for each of the four rows');

-- A second run finds nothing, and says that it looked.
TRUNCATE before_run;
INSERT INTO before_run SELECT count(*) FROM custodian.audit;
CALL custodian.run();
SELECT results_eq(
	$$SELECT event FROM event OFFSET (SELECT n FROM before_run)$$,
	$$VALUES ('run_started {"run": 2}'),
		('run_finished {"run": 2, "state": "finished", "problems": 0, "restrictions": 0, "rows_destroyed": 0, "rows_anonymized": 0}')$$,
	'a run with nothing to do leaves two');

-- A batch that fails is reported by code and place: its message may quote a row,
-- and so may the constraint's name that a trigger gives, where there is none such.
DO $$ BEGIN PERFORM custodian.release_hold(1, 'MARK'); END $$;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'MARK: % may not go', OLD USING ERRCODE = '23514', CONSTRAINT = 'no_way', DETAIL = 'MARK'; END $$;
CREATE TRIGGER refuse BEFORE DELETE ON line FOR EACH ROW EXECUTE FUNCTION refuse();
TRUNCATE before_run;
INSERT INTO before_run SELECT count(*) FROM custodian.audit;
SET client_min_messages = error;
CALL custodian.run('MARK-2');
SET client_min_messages = warning;
SELECT results_eq(
	$$SELECT event FROM event OFFSET (SELECT n FROM before_run)$$,
	$$VALUES
		('run_started MARK-2 {"run": 3}'),
		('problem public.line {"run": 3, "sqlstate": "23514", "disposition": "destroy"}'),
		('anonymize public.paper MARK-2 2 rows {"run": 3, "basis": "own", "clients": ["MARK-2"], "client_rows": [2], '
			'"technique_1": "body constant", "technique_2": "phone keyed_digest", "record_class": "paper"}'),
		('run_finished {"run": 3, "state": "problems", "problems": 1, "restrictions": 0, "rows_destroyed": 0, "rows_anonymized": 2}')$$,
	'a batch that fails leaves an event with the code, and the run goes on');
SELECT is((SELECT last_problem FROM custodian.run_log WHERE run_no = 3),
	'SQLSTATE 23514 in public.line', 'so does the log');
DROP TRIGGER refuse ON line;

-- Rows in appointed custody that wait are restricted: a mark for each client and class.
DO $$ BEGIN
	PERFORM custodian.set_custody_basis('firm', 'appointed');
	PERFORM custodian.create_rule('firm', 'firm', 'appointed', 'permanent', NULL, 'Law', disposition => 'keep',
		mode => 'governance', effective_from => '2020-01-01');
END $$;
TRUNCATE before_run;
INSERT INTO before_run SELECT count(*) FROM custodian.audit;
CALL custodian.run();
SELECT results_eq(
	$$SELECT event FROM event OFFSET (SELECT n FROM before_run)$$,
	$$VALUES
		('run_started {"run": 4}'),
		('destroy public.line MARK-2 2 rows {"run": 4, "basis": "own", "clients": ["MARK-2"], "client_rows": [2], "record_class": "line"}'),
		('restrict public.firm {"run": 4, "basis": "appointed", "clients": ["MARK-1", "MARK-2"], "record_class": "firm"}'),
		('run_finished {"run": 4, "state": "finished", "problems": 0, "restrictions": 2, "rows_destroyed": 2, "rows_anonymized": 0}')$$,
	'restriction: one event a table and class, with the clients');
SELECT leaves($$SELECT custodian.open_contract('MARK-K2', 'MARK-2')$$,
	ARRAY['open_contract MARK-2 {"contract": "MARK-K2"}', 'cancel_case MARK-2 {"case": 2}'],
	'a contract of a client whose rows went already: the case ends');
SELECT results_eq($$SELECT case_no, state FROM custodian.client_case ORDER BY case_no$$,
	$$VALUES (1::bigint, 'cancelled'), (2, 'reopened'), (3, 'running')$$,
	'as reopened, not as cancelled: that is for cases of which nothing was done');

-- --------------------------------------------------- what stands in no event

CREATE VIEW clear_text AS
SELECT xid, seq, convert_from(entry, 'UTF8') AS entry FROM custodian.audit;
SELECT cmp_ok((SELECT count(*) FROM clear_text), '>', 100::bigint, 'there are events to search');
SELECT is_empty($$SELECT xid, seq, entry FROM clear_text WHERE entry ILIKE '%mark%'$$,
	'no client''s key, contract''s key, row, matter, reason, evidence, constant, predicate or message is in one');
SELECT is_empty($$SELECT xid, seq FROM clear_text WHERE entry ILIKE '%' || encode('MARK', 'hex') || '%'
		OR entry LIKE '%' || encode('MARK', 'base64') || '%'$$,
	'nor in another guise');
-- The manifest is digests; a MARK of four bytes would be there by chance once in 2^32.
SELECT is_empty($$SELECT xid, seq FROM custodian.audit WHERE position('MARK'::bytea IN manifest) > 0$$,
	'nor in a manifest');
SELECT set_eq($$SELECT convert_from(value, 'UTF8') FROM custodian.audit_side WHERE value IS NOT NULL$$,
	ARRAY['MARK list 7', '(t.kind = ''MARK''::text)', 'MARK suit', 'MARK said so', 'MARK over', 'MARK'],
	'what was committed to lies beside the audit, where it can be erased');
SELECT is_empty($$SELECT run_no, last_problem FROM custodian.run_log WHERE last_problem LIKE '%MARK%'$$,
	'the log of runs has none of it either');
SELECT is_empty($$SELECT act, session_user_name FROM custodian.audit_event
		WHERE session_user_name IS DISTINCT FROM session_user OR database_name IS DISTINCT FROM current_database()
			OR at IS NULL OR act IS NULL$$,
	'every event says who, where and when');
SELECT is_empty($$SELECT * FROM custodian.verify() WHERE problems <> 0$$, 'and the audit verifies');

SELECT * FROM finish();
DROP OWNED BY pgtap_auditor;
DROP ROLE pgtap_auditor;
