--
-- Rights by duty: application, operator, officer, auditor.  Nobody has a right
-- of custodian's without one, and no duty gives any right on the tables of the
-- application.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE ROLE regress_custodian_app;
CREATE ROLE regress_custodian_job;
CREATE ROLE regress_custodian_officer;
CREATE ROLE regress_custodian_auditor;
CREATE ROLE regress_custodian_owner;
CREATE ROLE regress_custodian_nobody;
GRANT USAGE, CREATE ON SCHEMA agency TO regress_custodian_app, regress_custodian_job, regress_custodian_officer,
	regress_custodian_auditor, regress_custodian_owner, regress_custodian_nobody;

-- The tables of the application belong to a role of their own.
SET ROLE regress_custodian_owner;
CREATE TABLE contract (no text PRIMARY KEY, client text NOT NULL, ends date);
CREATE TABLE record (id int PRIMARY KEY, client text NOT NULL, dated date);
CREATE INDEX ON record (client);
GRANT SELECT, INSERT, UPDATE, DELETE ON contract TO regress_custodian_app;
INSERT INTO record VALUES (1, 'A', '2010-01-01'), (2, 'A', '2090-01-01');
RESET ROLE;

--
-- What everybody may call.
--
SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'custodian'::regnamespace
	AND has_function_privilege('public', oid, 'EXECUTE') ORDER BY proname;
SELECT oid::regclass FROM pg_class WHERE relnamespace = 'custodian'::regnamespace AND relkind IN ('r', 'v', 'S')
	AND has_table_privilege('public', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') ORDER BY relname;
SELECT has_schema_privilege('public', 'custodian', 'USAGE') AS usage, has_schema_privilege('public', 'custodian', 'CREATE') AS "create";

SET ROLE regress_custodian_nobody;
SELECT custodian.open_contract('C', 'A');
\echo :SQLSTATE
SELECT * FROM custodian.plan('A');
CALL custodian.run();
SELECT * FROM custodian.client;
SELECT * FROM custodian.audit;
SELECT * FROM custodian.audit_event;
SELECT * FROM custodian.run_progress;
SELECT custodian.grant_duty('regress_custodian_nobody', 'officer');
\echo :SQLSTATE
-- To own a table is not to be its custodian.
SET ROLE regress_custodian_owner;
SELECT custodian.adopt('record', client => 'client');
\echo :SQLSTATE
RESET ROLE;

--
-- Granting.
--
SELECT custodian.grant_duty('regress_custodian_app', 'application');
SELECT custodian.grant_duty('regress_custodian_job', 'operator');
SELECT custodian.grant_duty('regress_custodian_officer', 'officer');
SELECT custodian.grant_duty('regress_custodian_auditor', 'auditor');
SELECT custodian.grant_duty('regress_custodian_auditor', 'auditor');
SELECT act, detail FROM custodian.audit_event WHERE act = 'grant_duty' ORDER BY xid, seq;
SELECT custodian.grant_duty('regress_custodian_app', 'director');
\echo :SQLSTATE
SELECT custodian.grant_duty('regress_custodian_no_such_role', 'operator');
\echo :SQLSTATE

-- Which of them may call what.
SELECT p.proname, string_agg(split_part(r.rolname, '_', 3), ', ' ORDER BY r.rolname) AS who
	FROM pg_proc AS p JOIN pg_roles AS r ON r.rolname LIKE 'regress\_custodian\_%' AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
	WHERE p.pronamespace = 'custodian'::regnamespace AND NOT has_function_privilege('public', p.oid, 'EXECUTE')
	GROUP BY p.proname ORDER BY p.proname COLLATE "C";
-- Which of them may read what.
SELECT c.relname, string_agg(split_part(r.rolname, '_', 3), ', ' ORDER BY r.rolname) AS who
	FROM pg_class AS c JOIN pg_roles AS r ON r.rolname LIKE 'regress\_custodian\_%' AND has_table_privilege(r.oid, c.oid, 'SELECT')
	WHERE c.relnamespace = 'custodian'::regnamespace AND c.relkind IN ('r', 'v')
	GROUP BY c.relname ORDER BY c.relname COLLATE "C";
-- None of them may write any table of custodian's.
SELECT count(*) FROM pg_class AS c JOIN pg_roles AS r ON r.rolname LIKE 'regress\_custodian\_%'
	AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
	WHERE c.relnamespace = 'custodian'::regnamespace AND c.relkind IN ('r', 'v');

--
-- The officer makes rules, and adopts tables of which he is a member of the
-- owner; no other.
--
SET ROLE regress_custodian_officer;
SELECT custodian.create_record_class('record', basis => 'own'),
	custodian.create_rule('five', 'record', 'own', 'row_date', '5 years', 'law', mode => 'governance', effective_from => '2000-01-01');
SELECT custodian.adopt('record', client => 'client', dated_by => 'dated', record_class => 'record');
\echo :SQLSTATE
SELECT custodian.track_contracts('contract', 'no', 'client', 'ends');
\echo :SQLSTATE
SELECT * FROM custodian.adopt_tree('record', preview => true);
RESET ROLE;
GRANT regress_custodian_owner TO regress_custodian_officer;
SET ROLE regress_custodian_officer;
SELECT custodian.adopt('record', client => 'client', dated_by => 'dated', record_class => 'record');
SELECT custodian.track_contracts('contract', 'no', 'client', 'ends');
SELECT * FROM custodian.adoption;
-- He runs nothing, and grants nothing.
CALL custodian.run();
SELECT custodian.grant_duty('regress_custodian_officer', 'operator');
RESET ROLE;
REVOKE regress_custodian_owner FROM regress_custodian_officer;
SET ROLE regress_custodian_officer;
SELECT custodian.release('record');
SELECT custodian.change_adoption('record', dated_by => 'dated');
SELECT custodian.add_record_class('record', 'other', 'true');
SELECT custodian.set_technique('record', 'dated', 'null');
SELECT custodian.untrack_contracts('contract');
RESET ROLE;

-- A table is adopted via one of another owner only where each may read what
-- custodian has to look at as its owner.
SET ROLE regress_custodian_nobody;
CREATE TABLE remark (id int PRIMARY KEY, record int);
CREATE INDEX ON remark (record);
RESET ROLE;
ALTER TABLE remark ADD FOREIGN KEY (record) REFERENCES record;
SELECT custodian.adopt('remark', via => 'record', record_class => 'record');
\echo :SQLSTATE
DROP TABLE remark;

--
-- The application goes on as before: it writes its contract table, and has no
-- right of custodian's for that.
--
SET ROLE regress_custodian_app;
INSERT INTO contract VALUES ('C-1', 'A', NULL);
UPDATE contract SET ends = '2015-12-31';
SELECT custodian.open_contract('C-2', 'B') > 0 AS opened;
SELECT custodian.end_contract('C-2', '2015-12-31');
SELECT relation, action, rows, blocked_by FROM custodian.plan('A');
SELECT * FROM record;
SELECT custodian.hold('matter', client => 'A');
\echo :SQLSTATE
-- A role without any duty may still end a contract in its own table.
RESET ROLE;
GRANT SELECT, UPDATE ON contract TO regress_custodian_nobody;
SET ROLE regress_custodian_nobody;
UPDATE contract SET ends = '2016-01-31';

--
-- The operator runs what is due, on tables that it may not even read.
--
SET ROLE regress_custodian_job;
SELECT relation, action, rows FROM custodian.plan_due();
SELECT * FROM record;
CALL custodian.run();
SELECT state, rows_destroyed, run_by = session_user AS by_me FROM custodian.run_progress;
SELECT custodian.pause(), custodian.resume();
SELECT custodian.configure('paused', 'on');
SELECT custodian.create_rule('none', 'record', 'own', 'row_date', '0 days', 'law');
\echo :SQLSTATE
RESET ROLE;
SELECT id FROM record;

-- User code of the table's owner never runs as the operator or a superuser.
SET ROLE regress_custodian_owner;
CREATE TABLE seen (who name);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO agency.seen VALUES (current_user); RETURN OLD; END $$;
CREATE TRIGGER look BEFORE DELETE ON record FOR EACH ROW EXECUTE FUNCTION look();
INSERT INTO record VALUES (3, 'A', '2010-01-01');
RESET ROLE;
CALL custodian.run();
SELECT who FROM seen;
-- Nor can it take another role, or leave something behind.
SET ROLE regress_custodian_owner;
CREATE OR REPLACE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET LOCAL ROLE regress_custodian_officer; RETURN OLD; END $$;
INSERT INTO record VALUES (3, 'A', '2010-01-01');
RESET ROLE;
CALL custodian.run();
SELECT last_problem FROM custodian.run_progress ORDER BY run_no DESC LIMIT 1;
SET ROLE regress_custodian_owner;
CREATE OR REPLACE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'agency', false); RETURN OLD; END $$;
RESET ROLE;
CALL custodian.run();
SHOW search_path;
SELECT current_user = session_user AS myself;

--
-- The auditor reads everything, verifies, and changes nothing.
--
SET ROLE regress_custodian_auditor;
SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SELECT count(*) > 0 AS events FROM custodian.audit_event;
SELECT count(*) FROM custodian.client_secret;
\echo :SQLSTATE
SELECT relation, action FROM custodian.plan('A');
CALL custodian.run();
SELECT custodian.hold('matter', client => 'A');
DELETE FROM custodian.audit;
RESET ROLE;

-- The audit knows who it was: the session's user, and the role in force.
SELECT DISTINCT act, current_user_name, session_user_name = session_user AS my_session FROM custodian.audit_event
	WHERE act IN ('adopt', 'create_rule', 'contract', 'run_started', 'destroy') AND current_user_name LIKE 'regress%' ORDER BY 1, 2;

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
DROP EXTENSION custodian;
DROP ROLE regress_custodian_app, regress_custodian_job, regress_custodian_officer, regress_custodian_auditor, regress_custodian_owner, regress_custodian_nobody;
CREATE EXTENSION custodian;
