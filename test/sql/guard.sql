--
-- The guard: a row under retention or hold cannot be let go of, by whatever
-- statement, by whomever.
--
-- Its error says until when and by which rule, never whose row it is.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE ROLE regress_custodian_clerk;
GRANT USAGE ON SCHEMA agency TO regress_custodian_clerk;
CREATE TABLE client (id text PRIMARY KEY);
CREATE TABLE voucher (id int PRIMARY KEY, client text NOT NULL REFERENCES client, dated date NOT NULL, amount numeric, note text);
CREATE INDEX ON voucher (client);
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON client, voucher TO regress_custodian_clerk;
INSERT INTO client VALUES ('身份证110105'), ('B');
SELECT custodian.create_record_class('voucher', basis => 'own') \gset
SELECT custodian.adopt('voucher', client => 'client', dated_by => 'dated', record_class => 'voucher') \gset
INSERT INTO voucher VALUES (1, '身份证110105', '2010-01-01', 1, 'old'), (2, '身份证110105', '2090-06-30', 2, 'young'), (3, 'B', '2090-06-30', 3, 'young');

--
-- Without a rule, and under a draft, nothing is refused.
--
BEGIN;
DELETE FROM voucher;
ROLLBACK;
SELECT custodian.create_rule('ten years', 'voucher', 'own', 'fiscal_year_end', '10 years', '会计法', article => '23', effective_from => '2000-01-01') \gset
BEGIN;
DELETE FROM voucher;
TRUNCATE voucher;
ROLLBACK;

--
-- In force, each way of deleting is refused.  A row past its retention may go.
-- The client's contract need not be over, nor even known.
--
SELECT custodian.set_rule_mode('ten years', 'governance') \gset
BEGIN;
DELETE FROM voucher WHERE id = 1;
ROLLBACK;
DELETE FROM voucher WHERE id = 2;
\echo :SQLSTATE
-- One retained row is enough: the statement as a whole is undone.
DELETE FROM voucher;
SELECT count(*) FROM voucher;
WITH gone AS (DELETE FROM voucher WHERE id = 2 RETURNING *) SELECT count(*) FROM gone;
TRUNCATE voucher;
\echo :SQLSTATE
TRUNCATE client CASCADE;
-- The key of the client's table is no way round.
ALTER TABLE voucher DROP CONSTRAINT voucher_client_fkey, ADD FOREIGN KEY (client) REFERENCES client ON DELETE CASCADE ON UPDATE CASCADE;
DELETE FROM client WHERE id = 'B';
\echo :SQLSTATE
UPDATE client SET id = 'C' WHERE id = 'B';
-- Not for a plain role, not for the owner, not as a replica.
SET ROLE regress_custodian_clerk;
DELETE FROM voucher WHERE id = 2;
TRUNCATE voucher;
RESET ROLE;
SET session_replication_role = replica;
DELETE FROM voucher WHERE id = 2;
TRUNCATE voucher;
RESET session_replication_role;
DO $$ BEGIN DELETE FROM agency.voucher WHERE id = 2; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, SQLERRM; END $$;
-- No setting of the session changes the verdict.
SET TimeZone = 'Pacific/Kiritimati';
SET datestyle = 'SQL, DMY';
SET search_path = pg_temp, agency;
DELETE FROM agency.voucher WHERE id = 2;
SET search_path = agency, public;
SET datestyle = 'ISO, YMD';
RESET TimeZone;
-- A cursor, a prepared statement, COPY do not come round it either.
PREPARE del AS DELETE FROM voucher WHERE id = $1;
EXECUTE del (2);
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM voucher WHERE id = 2 FOR UPDATE;
FETCH c;
DELETE FROM voucher WHERE CURRENT OF c;
ROLLBACK;
SELECT count(*) FROM voucher;

--
-- guard 'delete': a row may be changed, but not be given to another client.
--
BEGIN;
UPDATE voucher SET amount = amount + 1, note = 'corrected', dated = dated;
UPDATE voucher SET id = id + 100;
ROLLBACK;
UPDATE voucher SET client = 'B' WHERE id = 2;
\echo :SQLSTATE
-- To nobody neither.
ALTER TABLE voucher ALTER client DROP NOT NULL;
UPDATE voucher SET client = NULL WHERE id = 2;
INSERT INTO voucher VALUES (2, 'B', '2090-06-30', 1, '') ON CONFLICT (id) DO UPDATE SET client = excluded.client;
-- A row past its retention may.
BEGIN;
UPDATE voucher SET client = 'B' WHERE id = 1;
ROLLBACK;
-- Its date may be corrected, but not so that it would go earlier: that and a
-- DELETE would be a deletion.
UPDATE voucher SET dated = '2011-01-01' WHERE id = 2;
\echo :SQLSTATE
BEGIN;
UPDATE voucher SET dated = '2091-01-01' WHERE id = 2;
-- Within the same fiscal year nothing ends earlier.
UPDATE voucher SET dated = '2091-12-31' WHERE id = 2;
UPDATE voucher SET dated = '2091-06-01' WHERE id = 2;
ROLLBACK;

--
-- guard 'update': no change at all, but writing the same again is none.
--
SELECT custodian.create_rule('ten years', 'voucher', 'own', 'fiscal_year_end', '10 years', '会计法', article => '23', guard => 'update', effective_from => '2000-01-01') \gset
UPDATE voucher SET amount = 5 WHERE id = 2;
\echo :SQLSTATE
UPDATE voucher SET note = NULL WHERE id = 2;
UPDATE voucher SET dated = '2011-01-01' WHERE id = 2;
UPDATE voucher SET amount = amount WHERE id = 2;
UPDATE voucher SET amount = 2.0 WHERE id = 2;
INSERT INTO voucher VALUES (2, 'B', '2090-06-30', 7, '') ON CONFLICT (id) DO UPDATE SET amount = excluded.amount;
INSERT INTO voucher VALUES (2, 'B', '2090-06-30', 7, '') ON CONFLICT (id) DO NOTHING;
WITH u AS (UPDATE voucher SET amount = 9 WHERE id = 2 RETURNING *) SELECT count(*) FROM u;
-- Past retention: free.
BEGIN;
UPDATE voucher SET amount = 5 WHERE id = 1;
ROLLBACK;
-- New rows are always welcome.
BEGIN;
INSERT INTO voucher VALUES (4, 'B', '2090-06-30', 1, '');
ROLLBACK;

-- MERGE came with PostgreSQL 15.
SELECT current_setting('server_version_num')::int >= 150000 AS have_merge \gset
\if :have_merge
\set ECHO none
DO $$
BEGIN
	EXECUTE $m$MERGE INTO agency.voucher AS v USING (VALUES (2)) AS s(id) ON v.id = s.id WHEN MATCHED THEN DELETE$m$;
	RAISE 'MERGE deleted a retained row';
EXCEPTION WHEN SQLSTATE 'RC001' THEN NULL;
END $$;
DO $$
BEGIN
	EXECUTE $m$MERGE INTO agency.voucher AS v USING (VALUES (2)) AS s(id) ON v.id = s.id WHEN MATCHED THEN UPDATE SET amount = 8$m$;
	RAISE 'MERGE changed a retained row';
EXCEPTION WHEN SQLSTATE 'RC001' THEN NULL;
END $$;
\set ECHO all
\endif
SELECT id, amount FROM voucher ORDER BY id;

--
-- A hold: everything of the client stays, whatever its age.
--
SELECT custodian.open_contract('K', '身份证110105'), custodian.hold('lawsuit', client => '身份证110105') AS hold \gset
DELETE FROM voucher WHERE id = 1;
\echo :SQLSTATE
TRUNCATE voucher;
\echo :SQLSTATE
UPDATE voucher SET client = 'B' WHERE id = 1;
\echo :SQLSTATE
SELECT custodian.release_hold(:hold, 'over') \gset
BEGIN;
DELETE FROM voucher WHERE id = 1;
ROLLBACK;
-- A hold on the table, on the class; without any rule that guards.
SELECT custodian.hold('inquiry', relation => 'voucher') AS hold \gset
DELETE FROM voucher WHERE id = 1;
SELECT custodian.release_hold(:hold, 'over') \gset
SELECT custodian.hold('inquiry', record_class => 'voucher') AS hold \gset
DELETE FROM voucher WHERE id = 1;
SELECT custodian.release_hold(:hold, 'over') \gset
SELECT custodian.adopt('client', client => 'id', record_class => 'master data') \gset
SELECT custodian.hold('inquiry', client => '身份证110105', relation => 'client') AS hold \gset
DELETE FROM voucher WHERE id = 1;
DELETE FROM client WHERE id LIKE '身%';
\echo :SQLSTATE
TRUNCATE client CASCADE;
UPDATE client SET id = 'other' WHERE id LIKE '身%';
SELECT custodian.release_hold(:hold, 'over') \gset

--
-- No value of a row in any of those messages.
--
DO $$
DECLARE
	m text;
	d text;
	h text;
	c text;
BEGIN
	DELETE FROM agency.voucher WHERE id = 2;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
	RAISE NOTICE 'a value is shown: %', concat(m, d, h, c) ~ '身份证|2090-06|young';
END $$;
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
DROP ROLE regress_custodian_clerk;
