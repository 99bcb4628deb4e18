--
-- CALL run(): exactly what plan_due() said, in committed batches.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- Clients with vouchers and lines, all under a rule of the agency's own.
CREATE TABLE client (id int PRIMARY KEY, name text);
CREATE TABLE voucher (id int PRIMARY KEY, client_id int NOT NULL REFERENCES client, dated date, reverses int REFERENCES voucher);
CREATE INDEX ON voucher (client_id);
CREATE INDEX ON voucher (reverses);
CREATE TABLE line (voucher_id int REFERENCES voucher, no int, amount numeric, PRIMARY KEY (voucher_id, no));
SELECT custodian.create_record_class('records', basis => 'own') \gset
SELECT custodian.create_rule('five years', 'records', 'own', 'contract_end', '5 years', 'contract', article => '7', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.adopt('client', client => 'id', record_class => 'records') \gset
SELECT custodian.adopt('voucher', client => 'client_id', record_class => 'records') \gset
SELECT custodian.adopt('line', via => 'voucher_id', record_class => 'records') \gset

-- Clients 1 to 4 left long ago, 5 lately, 6 is there, 7 leaves in the future.
CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$
	INSERT INTO client SELECT n, 'client ' || n FROM generate_series(1, 7) AS n;
	INSERT INTO voucher SELECT c * 100 + v, c, '2010-01-01', CASE WHEN v > 1 THEN c * 100 + v - 1 END
		FROM generate_series(1, 7) AS c, generate_series(1, 4) AS v;
	INSERT INTO line SELECT id, n, n FROM voucher, generate_series(1, 3) AS n;
$$;
SELECT fill() \gset
SELECT custodian.open_contract('K' || n, n::text) FROM generate_series(1, 7) AS n \g /dev/null
SELECT custodian.end_contract('K' || n, '2015-06-30') FROM generate_series(1, 4) AS n \g /dev/null
SELECT custodian.end_contract('K5', custodian.today() - 10), custodian.end_contract('K7', custodian.today() + 10) \gset

-- Rows of each client, table by table.
CREATE VIEW counts AS
	SELECT c.id AS client,
		(SELECT count(*) FROM client WHERE id = c.id) AS client_rows,
		(SELECT count(*) FROM voucher WHERE client_id = c.id) AS vouchers,
		(SELECT count(*) FROM line WHERE voucher_id / 100 = c.id) AS lines
	FROM generate_series(1, 7) AS c(id) ORDER BY 1;
-- Rows that the audit says were destroyed.
CREATE VIEW audited AS
	SELECT relation, sum(rows) AS rows FROM custodian.audit_event WHERE act = 'destroy' GROUP BY 1 ORDER BY 1;
-- What a run logged, without its times.
CREATE VIEW runs AS
	SELECT run_no, state, clients, clients_done, batches, rows_destroyed AS destroyed, rows_anonymized AS anonymized,
		restrictions, problems, last_problem FROM custodian.run_log ORDER BY run_no;
SELECT * FROM counts;

--
-- A dry run says what would be done, and does nothing.
--
CALL custodian.run(dry_run => true);
CALL custodian.run(client => '2', dry_run => true);
CALL custodian.run(client => '6', dry_run => true);
SELECT count(*) FROM custodian.run_log;
SELECT sum(lines) FROM counts;

--
-- One client.
--
CALL custodian.run(client => '1');
SELECT * FROM counts;
SELECT * FROM runs;

--
-- All that are due: the plan, to the row.
--
CREATE TABLE planned AS SELECT relation, sum(rows) AS rows FROM custodian.plan_due() GROUP BY relation;
CALL custodian.run();
SELECT * FROM counts;
SELECT p.relation, p.rows AS planned FROM planned AS p ORDER BY 1;
SELECT * FROM runs;
-- The audit counts as many as are gone, and a digest for each of them.
SELECT * FROM audited;
SELECT relation, a.rows, length(r.manifest) / 32 AS digests, detail ->> 'clients' AS clients, detail ->> 'client_rows' AS client_rows
	FROM custodian.audit_event AS a JOIN custodian.audit AS r USING (system_identifier, timeline, xid, seq)
	WHERE act = 'destroy' ORDER BY xid, seq;
-- Where a run did something for a client, its case is under way.
SELECT client_key, state FROM custodian.client_case JOIN custodian.client USING (client_no) ORDER BY client_key;

-- Once more: nothing is left to do, and nothing is done.
SELECT count(*) FROM custodian.plan_due();
SELECT count(*) AS destroyed FROM custodian.audit_event WHERE act = 'destroy' \gset
CALL custodian.run();
SELECT count(*) - :destroyed AS more FROM custodian.audit_event WHERE act = 'destroy';

--
-- Batches of any size come to the same end, here through a chain of vouchers
-- that refer to each other.
--
TRUNCATE client, voucher, line;
\echo :SQLSTATE
DELETE FROM line WHERE voucher_id = 601;
\echo :SQLSTATE
INSERT INTO client SELECT n, 'again ' || n FROM generate_series(1, 4) AS n;
INSERT INTO voucher SELECT c * 100 + v, c, '2010-01-01', CASE WHEN v > 1 THEN c * 100 + v - 1 END FROM generate_series(1, 4) AS c, generate_series(1, 4) AS v;
INSERT INTO line SELECT id, n, n FROM voucher, generate_series(1, 3) AS n WHERE client_id <= 4;
CALL custodian.run(client => '1', batch_rows => 1);
CALL custodian.run(client => '2', batch_rows => 5);
SELECT * FROM counts WHERE client <= 4;
SELECT batches, destroyed FROM runs ORDER BY run_no DESC LIMIT 2;

--
-- A budget of rows: the run stops, says so, and the next one goes on.
--
CALL custodian.run(max_rows => 7, batch_rows => 3);
SELECT state, batches, destroyed FROM runs ORDER BY run_no DESC LIMIT 1;
CALL custodian.run(max_rows => 9);
CALL custodian.run();
SELECT * FROM counts WHERE client <= 4;
SELECT state, destroyed FROM runs ORDER BY run_no DESC LIMIT 3;
-- A budget of time that is long enough.
CALL custodian.run(max_time => '1 hour');

--
-- While paused no batch begins.
--
INSERT INTO client VALUES (1, 'paused');
SELECT custodian.pause() \gset
CALL custodian.run();
SELECT * FROM counts WHERE client = 1;
SELECT state FROM runs ORDER BY run_no DESC LIMIT 1;
SELECT custodian.resume() \gset
CALL custodian.run();
SELECT * FROM counts WHERE client = 1;

--
-- An approved plan is executed only as it was approved.
--
INSERT INTO client VALUES (1, 'approved');
INSERT INTO voucher VALUES (101, 1, '2010-01-01', NULL);
SELECT custodian.plan_digest('1') AS approved \gset
INSERT INTO voucher VALUES (102, 1, '2010-01-01', NULL);
CALL custodian.run(client => '1', plan_digest => :'approved');
\echo :SQLSTATE
SELECT * FROM counts WHERE client = 1;
SELECT custodian.plan_digest('1') AS approved \gset
CALL custodian.run(client => '1', plan_digest => :'approved');
SELECT * FROM counts WHERE client = 1;
-- Once done, it is no longer the plan.
CALL custodian.run(client => '1', plan_digest => :'approved');
CALL custodian.run(plan_digest => :'approved');
\echo :SQLSTATE
CALL custodian.run(client => '1', plan_digest => 'something');

--
-- A run commits after each batch, so it needs to be called on its own.
--
INSERT INTO client VALUES (1, 'again');
BEGIN;
CALL custodian.run();
\echo :SQLSTATE
ROLLBACK;
DO $$ BEGIN CALL custodian.run(); EXCEPTION WHEN division_by_zero THEN NULL; END $$;
\echo :SQLSTATE
CREATE FUNCTION run_it() RETURNS void LANGUAGE plpgsql AS 'BEGIN CALL custodian.run(); END';
SELECT run_it();
\echo :SQLSTATE
SELECT * FROM counts WHERE client = 1;
-- A DO block outside of a transaction block may commit, and so may a procedure.
DO $$ BEGIN CALL custodian.run(); END $$;
SELECT * FROM counts WHERE client = 1;
INSERT INTO client VALUES (1, 'again');
CREATE PROCEDURE nightly() LANGUAGE plpgsql AS $$ BEGIN CALL custodian.run(); CALL custodian.run(); END $$;
CALL nightly();
SELECT * FROM counts WHERE client = 1;
-- Whatever isolation level the session likes best.
INSERT INTO client VALUES (1, 'again');
SET default_transaction_isolation = 'serializable';
CALL custodian.run();
RESET default_transaction_isolation;
SELECT * FROM counts WHERE client = 1;

--
-- Bad arguments: nothing is begun, nothing logged.
--
SELECT count(*) AS runs FROM custodian.run_log \gset
CALL custodian.run(client => 'nobody');
\echo :SQLSTATE
CALL custodian.run(batch_rows => 0);
\echo :SQLSTATE
CALL custodian.run(batch_rows => -1);
CALL custodian.run(batch_rows => 10000001);
CALL custodian.run(max_rows => 0);
CALL custodian.run(max_rows => -5);
CALL custodian.run(max_time => '0');
\echo :SQLSTATE
CALL custodian.run(max_time => '-1 second');
CALL custodian.run(lock_timeout => '0');
CALL custodian.run(max_time => '178000000 years');
SELECT count(*) - :runs AS new_runs FROM custodian.run_log;
-- NULL is the default.
CALL custodian.run(client => NULL, batch_rows => NULL, max_rows => NULL, max_time => NULL, lock_timeout => NULL, plan_digest => NULL, dry_run => NULL);

-- The view of the runs: nobody's is cut off.
SELECT count(*) FROM custodian.run_progress WHERE state NOT IN ('finished', 'budget', 'paused');
-- After all that the audit agrees with itself, and with what was done.
SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SELECT sum(rows) = (SELECT sum(destroyed) FROM runs) AS same FROM audited;
SELECT count(*) AS names FROM custodian.audit WHERE convert_from(entry, 'UTF8') ~ 'client [1-7]"|again|approved';

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
