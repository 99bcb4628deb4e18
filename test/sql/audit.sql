-- The audit room: insert-only tables, events, digests, verify().
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
DROP SCHEMA IF EXISTS agency CASCADE;
CREATE SCHEMA agency;
SET search_path = agency;

-- An insert-only table takes rows, whichever way they come ...
CREATE TABLE note (id int PRIMARY KEY, body text) USING custodian_immutable;
INSERT INTO note VALUES (1, 'one'), (2, repeat('long ', 5000));
COPY note FROM stdin;
3	three
\.
INSERT INTO note VALUES (3, 'again') ON CONFLICT DO NOTHING;
CREATE TABLE reader (note int REFERENCES note);
INSERT INTO reader VALUES (1);
SELECT id, length(body) FROM note ORDER BY id;
SELECT id FROM note ORDER BY id FOR UPDATE;

-- ... and gives none back, not even to a superuser who switched triggers off.
SET session_replication_role = replica;
UPDATE note SET body = 'forged' WHERE id = 1;
DELETE FROM note;
TRUNCATE note CASCADE;
INSERT INTO note VALUES (1, 'forged') ON CONFLICT (id) DO UPDATE SET body = excluded.body;
WITH gone AS (DELETE FROM note RETURNING *) SELECT * FROM gone;
\echo :LAST_ERROR_SQLSTATE
RESET session_replication_role;
ALTER TABLE note ALTER COLUMN body TYPE text USING 'forged';

-- Maintenance keeps what is there.
VACUUM FULL note;
CLUSTER note USING note_pkey;
CREATE INDEX note_body ON note (length(body));
REINDEX TABLE note;
REINDEX INDEX CONCURRENTLY note_body;
VACUUM (FREEZE, ANALYZE) note;
ALTER TABLE note ADD COLUMN extra text;
SELECT id, length(body), extra FROM note ORDER BY id;
-- what was made in the same transaction may be emptied: a restore does that
BEGIN;
CREATE TABLE fresh (id int) USING custodian_immutable;
TRUNCATE fresh;
COMMIT;

-- The same holds for the audit itself; a rule cannot swallow its rows.
SELECT custodian.configure('fiscal_year_start', '04-01');
UPDATE custodian.audit SET entry = '';
DELETE FROM custodian.audit;
TRUNCATE custodian.audit;
CREATE RULE swallow AS ON INSERT TO custodian.audit DO INSTEAD NOTHING;
SELECT custodian.configure('fiscal_year_start', '01-01');
DROP RULE swallow ON custodian.audit;
SELECT act, detail FROM custodian.audit_event ORDER BY at, seq;

-- Events of one transaction are numbered without a gap, whatever was rolled back.
BEGIN;
SELECT custodian.create_record_class('a');
SAVEPOINT s;
SELECT custodian.create_record_class('b');
ROLLBACK TO s;
SELECT custodian.create_record_class('c');
COMMIT;
SELECT seq, act, detail->>'record_class' AS class FROM custodian.audit_event
	WHERE act = 'create_record_class' ORDER BY at, seq;

-- Free text is there as a salted commitment only, which its side row opens.
SELECT custodian.hold('Li Lei v. Han Meimei', record_class => 'a', reason => 'secret reason');
SELECT count(*) AS with_text FROM custodian.audit
	WHERE convert_from(entry, 'UTF8') ~ 'Li Lei|secret';
SELECT field FROM custodian.audit_side ORDER BY field;
SELECT check_name, problems, detail FROM custodian.verify() WHERE check_name = 'commitment';
-- Erasing the side rows leaves the audit whole.
DELETE FROM custodian.audit_side;
SELECT check_name, problems, detail FROM custodian.verify() WHERE check_name = 'commitment';

-- A row's digest is that of its binary COPY form under a salt of 32 bytes; NULL is
-- not the empty string, and a dropped column does not count.
CREATE TABLE pair (a int, gone int, b text);
INSERT INTO pair VALUES (1, 2, ''), (1, 2, NULL);
ALTER TABLE pair DROP COLUMN gone;
SELECT b IS NULL AS null, custodian.row_digest(p, decode(repeat('00', 32), 'hex'))
	= sha256(decode(repeat('00', 32), 'hex') || '\x0002' || '\x00000004' || '\x00000001' ||
		CASE WHEN b IS NULL THEN '\xffffffff'::bytea ELSE '\x00000000' END) AS as_specified
	FROM pair p ORDER BY 1;
SELECT custodian.row_digest(p, 'short') FROM pair p;

-- A forged row, a missing one and a changed one are named. (A superuser can still
-- put the access method aside; verify() sees what came of it.)
SELECT sum(problems) AS problems FROM custodian.verify();
INSERT INTO custodian.audit (system_identifier, timeline, xid, seq, entry, leaf)
	SELECT system_identifier, timeline, xid, 7, entry, leaf FROM custodian.audit
	ORDER BY xid, seq LIMIT 1;
SELECT check_name, problems FROM custodian.verify() WHERE problems > 0 ORDER BY 1;

-- Nobody but the owner reads or writes it.
CREATE ROLE regress_reader;
SET ROLE regress_reader;
SELECT count(*) FROM custodian.audit;
INSERT INTO custodian.audit_side DEFAULT VALUES;
SELECT * FROM custodian.verify();
RESET ROLE;
DROP ROLE regress_reader;
DROP EXTENSION custodian CASCADE;
DROP SCHEMA agency CASCADE;
