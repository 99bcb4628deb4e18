--
-- plan(), plan_due(), explain(), plan_digest(): what would be done, and why not.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- Vouchers with lines and notes; the client table itself is a record, too.
CREATE TABLE client (id int PRIMARY KEY, name text);
CREATE TABLE voucher (id int PRIMARY KEY, client_id int NOT NULL REFERENCES client, dated date);
CREATE INDEX ON voucher (client_id);
CREATE TABLE line (id int PRIMARY KEY, voucher_id int NOT NULL REFERENCES voucher, dated date);
CREATE INDEX ON line (voucher_id);
CREATE TABLE note (id int PRIMARY KEY, line_id int REFERENCES line, dated date);
CREATE INDEX ON note (line_id);
SELECT custodian.create_record_class(c, basis => 'own') FROM unnest('{client,voucher,line,note}'::text[]) AS c \g /dev/null
SELECT custodian.adopt('client', client => 'id', record_class => 'client') \gset
SELECT custodian.adopt('voucher', client => 'client_id', dated_by => 'dated', record_class => 'voucher') \gset
SELECT custodian.adopt('line', via => 'voucher_id', dated_by => 'dated', record_class => 'line') \gset
SELECT custodian.adopt('note', via => 'line_id', dated_by => 'dated', record_class => 'note') \gset
SELECT custodian.open_contract('K' || n, n::text), custodian.end_contract('K' || n, '2020-01-31') FROM generate_series(1, 3) AS n \g /dev/null
SELECT custodian.open_contract('K4', '4') \gset

-- A rule for a class that guards nothing, so that rows can be changed here.
CREATE FUNCTION rule(class text, minimum interval, mode text DEFAULT 'governance', disposition text DEFAULT 'destroy', basis text DEFAULT 'own') RETURNS void
LANGUAGE sql AS $$
	SELECT custodian.create_rule(class || '.' || basis, class, basis, CASE class WHEN 'client' THEN 'contract_end' ELSE 'row_date' END,
		minimum, 'law', article => 'art. 1', disposition => disposition, guard => 'none', mode => mode, effective_from => '2000-01-01')
$$;
CREATE VIEW plan AS SELECT relation, action, rows, retain_until, rule, blocked_by FROM custodian.plan('1');

--
-- Without any rule nothing is done, and the plan says which one is missing.
--
INSERT INTO client VALUES (1, 'one'), (2, 'two'), (4, 'four');
INSERT INTO voucher VALUES (10, 1, '2010-01-01'), (20, 2, '2010-01-01');
INSERT INTO line VALUES (100, 10, '2010-01-01'), (101, 10, '2010-01-01'), (200, 20, '2010-01-01');
INSERT INTO note VALUES (1000, 100, '2010-01-01'), (1001, NULL, '2010-01-01');
SELECT * FROM plan;
-- A draft only reports.
SELECT rule(c, '1 year', mode => 'draft') FROM unnest('{client,voucher,line,note}'::text[]) AS c \g /dev/null
SELECT * FROM plan;
-- In force, everything goes: children first.  A row that leads to no client
-- belongs to nobody and is not in any plan.
SELECT custodian.set_rule_mode(c || '.own', 'governance') FROM unnest('{client,voucher,line,note}'::text[]) AS c \g /dev/null
SELECT * FROM custodian.plan('1');
-- A class without basis.
SELECT custodian.set_custody_basis('line', NULL) \gset
SELECT * FROM plan;
SELECT custodian.set_custody_basis('line', 'appointed') \gset
SELECT * FROM plan;
SELECT custodian.set_custody_basis('line', 'own') \gset

--
-- A parent stays while a child stays, over any number of levels, and the plan
-- says who refers to it.
--
UPDATE note SET dated = '2090-01-01' WHERE id = 1000;
SELECT * FROM plan;
-- The other line, without a note, may go.
SELECT id, action, blocked_by FROM line, custodian.explain('line', id::text) WHERE voucher_id = 10 ORDER BY id;
UPDATE note SET dated = '2010-01-01' WHERE id = 1000;
-- The same where the child is kept for another reason.
SELECT rule('note', '1 year', disposition => 'keep') \gset
SELECT * FROM plan;
SELECT rule('note', '1 year') \gset
-- So does a child that is another client's, who is not leaving.
CREATE TABLE copy (id int PRIMARY KEY, client_id int NOT NULL, voucher_id int REFERENCES voucher, dated date);
CREATE INDEX ON copy (client_id);
CREATE INDEX ON copy (voucher_id);
SELECT custodian.adopt('copy', client => 'client_id', dated_by => 'dated', record_class => 'voucher') \gset
INSERT INTO copy VALUES (5000, 4, 10, '2010-01-01');
SELECT * FROM plan;
SELECT relation, action, rows, blocked_by FROM custodian.plan('4');
SELECT custodian.release('copy') \gset
DROP TABLE copy;
-- With the techniques to do so, a parent that cannot go is anonymized in place.
UPDATE note SET dated = '2090-01-01' WHERE id = 1000;
SELECT custodian.set_technique('client', 'name', 'null') \gset
SELECT * FROM plan;
SELECT custodian.set_technique('client', 'name', NULL) \gset

--
-- ON DELETE CASCADE makes no difference: a retained child is not swept away
-- with its parent.  Nor does ON DELETE SET NULL where the key is the child's way
-- to its client: it would belong to nobody afterwards.
--
ALTER TABLE note DROP CONSTRAINT note_line_id_fkey, ADD FOREIGN KEY (line_id) REFERENCES line ON DELETE CASCADE;
SELECT * FROM plan;
ALTER TABLE note DROP CONSTRAINT note_line_id_fkey, ADD FOREIGN KEY (line_id) REFERENCES line ON DELETE SET NULL;
SELECT * FROM plan;
ALTER TABLE note DROP CONSTRAINT note_line_id_fkey, ADD FOREIGN KEY (line_id) REFERENCES line ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;
SELECT * FROM plan;
-- Any other key with ON DELETE SET NULL lets the parent go and the child stay,
-- unless the child's rows are protected from UPDATE.
ALTER TABLE voucher ADD main_note int REFERENCES note ON DELETE SET NULL;
CREATE INDEX ON voucher (main_note);
UPDATE note SET dated = '2010-01-01';
UPDATE voucher SET main_note = 1000, dated = '2090-01-01' WHERE id = 10;
SELECT * FROM plan;
SELECT custodian.create_rule('voucher.own', 'voucher', 'own', 'row_date', '1 year', 'law', guard => 'update', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT * FROM plan;
SELECT rule('voucher', '1 year') \gset
UPDATE voucher SET dated = '2010-01-01';
ALTER TABLE voucher DROP main_note;
UPDATE note SET dated = '2010-01-01';

--
-- A foreign key of a table that is not adopted: nobody has said what its rows
-- are, so nothing is destroyed that they could refer to.
--
CREATE TABLE stamp (id int PRIMARY KEY, line_id int REFERENCES line);
SELECT * FROM plan;
DROP TABLE stamp;

--
-- Rows that refer to rows of the same table.
--
ALTER TABLE line ADD reverses int REFERENCES line;
CREATE INDEX ON line (reverses);
UPDATE line SET reverses = 100 WHERE id = 101;
SELECT * FROM plan;
UPDATE line SET dated = '2090-01-01' WHERE id = 101;
SELECT * FROM plan;
-- A row that refers to itself does not keep itself.
UPDATE line SET dated = '2010-01-01', reverses = id WHERE id = 101;
SELECT * FROM plan;
UPDATE line SET reverses = NULL;
-- Two rows that refer to each other: neither can be the first to go.
UPDATE line SET reverses = CASE id WHEN 100 THEN 101 ELSE 100 END WHERE id IN (100, 101);
SELECT * FROM plan;
UPDATE line SET reverses = NULL;
-- A long chain is kept up to its first row by the last.
INSERT INTO line SELECT n, 10, '2010-01-01', nullif(n - 1, 149) FROM generate_series(150, 159) AS n;
SELECT action, rows, blocked_by FROM plan WHERE relation = 'line'::regclass;
UPDATE line SET dated = '2090-01-01' WHERE id = 159;
SELECT action, rows, blocked_by FROM plan WHERE relation = 'line'::regclass;
DELETE FROM line WHERE id >= 150 AND voucher_id = 10;
ALTER TABLE line DROP reverses;

--
-- Tables that refer to each other have no order.
--
ALTER TABLE voucher ADD first_line int REFERENCES line;
CREATE INDEX ON voucher (first_line);
SELECT * FROM plan;
-- Where one of the two keys lets go by itself there is an order.
ALTER TABLE voucher DROP first_line, ADD first_line int REFERENCES line ON DELETE SET NULL;
CREATE INDEX ON voucher (first_line);
SELECT * FROM plan;
ALTER TABLE voucher DROP first_line;

--
-- Keys of several columns.
--
CREATE TABLE page (voucher_id int REFERENCES voucher, no int, dated date, PRIMARY KEY (voucher_id, no));
CREATE TABLE stain (voucher_id int, page_no int, id int PRIMARY KEY, dated date, FOREIGN KEY (voucher_id, page_no) REFERENCES page);
CREATE INDEX ON stain (voucher_id, page_no);
SELECT custodian.create_record_class(c, basis => 'own') FROM unnest('{page,stain}'::text[]) AS c \g /dev/null
SELECT rule(c, '1 year') FROM unnest('{page,stain}'::text[]) AS c \g /dev/null
SELECT custodian.adopt('page', via => 'voucher_id', dated_by => 'dated', record_class => 'page') \gset
SELECT custodian.adopt('stain', via => 'voucher_id, page_no', dated_by => 'dated', record_class => 'stain') \gset
INSERT INTO page VALUES (10, 1, '2010-01-01'), (10, 2, '2010-01-01');
INSERT INTO stain VALUES (10, 2, 1, '2090-01-01'), (10, NULL, 2, '2010-01-01');
SELECT * FROM plan;
SELECT rule, retain_until, action, blocked_by FROM custodian.explain('page', '{10,1}');
SELECT rule, retain_until, action, blocked_by FROM custodian.explain('page', '{10,2}');
SELECT * FROM custodian.explain('page', '10');
\echo :SQLSTATE
SELECT * FROM custodian.explain('page', '{10}');
SELECT * FROM custodian.explain('page', '{10,1,2}');
SELECT * FROM custodian.explain('page', '{10');
SELECT * FROM custodian.explain('page', '{10,x}');
\echo :SQLSTATE
SELECT custodian.release('stain'), custodian.release('page') \gset
DROP TABLE stain, page;

--
-- Holds: on a client, a table, a record class, or what they have in common.
--
SELECT custodian.hold('lawsuit 7', client => '1') AS hold \gset
SELECT * FROM plan;
SELECT relation, action, rows, blocked_by FROM custodian.plan('2');
SELECT custodian.release_hold(:hold, 'settled') \gset
SELECT custodian.hold('tax audit', relation => 'line') AS hold \gset
SELECT * FROM plan;
SELECT custodian.release_hold(:hold, 'over') \gset
SELECT custodian.hold('inquiry', record_class => 'note') AS hold \gset
SELECT relation, action, blocked_by FROM plan;
SELECT custodian.release_hold(:hold, 'over') \gset
SELECT custodian.hold('inquiry', client => '2', relation => 'line', record_class => 'line') AS hold \gset
SELECT relation, action, blocked_by FROM plan;
SELECT custodian.hold('other matter', client => '1', relation => 'note') AS hold2 \gset
SELECT relation, action, blocked_by FROM plan;
-- Several holds: each has to be released.
SELECT custodian.hold('third matter', client => '1') AS hold3 \gset
SELECT custodian.release_hold(:hold2, 'over') \gset
SELECT DISTINCT action, blocked_by FROM plan;
SELECT custodian.release_hold(:hold3, 'over') \gset
SELECT custodian.release_hold(:hold, 'over') \gset
SELECT matter, reason, release_reason, placed_by = session_user AS by_me, released_by = session_user AS released_by_me
	FROM custodian.hold ORDER BY hold_no LIMIT 2;
SELECT act, client_no IS NOT NULL AS client, relation, detail - 'hold' AS detail FROM custodian.audit_event WHERE act LIKE '%hold' ORDER BY xid, seq LIMIT 4;
-- Holds that name nothing, or nothing known.
SELECT custodian.hold('matter');
\echo :SQLSTATE
SELECT custodian.hold('', client => '1');
SELECT custodian.hold(NULL, client => '1');
SELECT custodian.hold('matter', client => '77');
\echo :SQLSTATE
SELECT custodian.hold('matter', relation => 'pg_class');
\echo :SQLSTATE
SELECT custodian.hold('matter', record_class => 'nix');
\echo :SQLSTATE
SELECT custodian.release_hold(:hold, 'again');
\echo :SQLSTATE
SELECT custodian.release_hold(NULL, 'over');
SELECT custodian.release_hold(:hold, '');

--
-- plan_due(): what the next run would do, over all clients whose contracts are
-- over: the lines that act, and nothing that is only kept.
--
SELECT relation, client_key, action, rows FROM custodian.plan_due() JOIN custodian.client USING (client_no) ORDER BY step, client_key;
SELECT count(*) FROM custodian.plan_due(as_of => '2020-01-31');
SELECT count(*) FROM custodian.plan_due(as_of => '2020-02-01');
-- It says the same of a client as plan() does.
SELECT relation, action, rows FROM custodian.plan_due() WHERE client_no = 1
EXCEPT SELECT relation, action, rows FROM custodian.plan('1');

--
-- explain(): every rule for one row.
--
SELECT * FROM custodian.explain('voucher', '10');
-- Under no rule: one line that says so.
SELECT custodian.set_custody_basis('voucher', 'entrusted') \gset
SELECT record_class, basis, rule, decides, action, blocked_by FROM custodian.explain('voucher', '10');
SELECT custodian.set_custody_basis('voucher', 'own') \gset
-- Of a client whose contract is open, and of one who has none.
SELECT rule, action, blocked_by FROM custodian.explain('client', '4');
INSERT INTO client VALUES (9, 'nine');
SELECT * FROM custodian.explain('client', '9');
\echo :SQLSTATE
-- The row must be there, and the message does not say what was looked for.
SELECT * FROM custodian.explain('voucher', '4711');
\echo :SQLSTATE
SELECT * FROM custodian.explain('voucher', 'ten');
\echo :SQLSTATE
SELECT * FROM custodian.explain('voucher', NULL);
SELECT * FROM custodian.explain(NULL, '10');
SELECT * FROM custodian.explain('pg_class', '10');
\echo :SQLSTATE
-- A row that leads to no client.
UPDATE note SET line_id = NULL WHERE id = 1001;
SELECT * FROM custodian.explain('note', '1001');
\echo :SQLSTATE

--
-- plan_digest(): changes when, and only when, the plan does.
--
SELECT custodian.plan_digest('1') AS digest \gset
SELECT custodian.plan_digest('1') = :'digest' AS same, length(:'digest') AS length;
INSERT INTO line VALUES (102, 10, '2010-01-01');
SELECT custodian.plan_digest('1') = :'digest' AS same;
DELETE FROM line WHERE id = 102;
SELECT custodian.plan_digest('1') = :'digest' AS same;
-- One row for another of the same kind is the same plan.
UPDATE line SET id = 103 WHERE id = 101;
SELECT custodian.plan_digest('1') = :'digest' AS same;
SELECT custodian.hold('lawsuit', client => '1') AS hold \gset
SELECT custodian.plan_digest('1') = :'digest' AS same;
SELECT custodian.release_hold(:hold, 'over') \gset
SET search_path = agency, pg_catalog;
SET datestyle = 'SQL, DMY';
SET TimeZone = 'America/New_York';
SELECT custodian.plan_digest('1') = :'digest' AS same;
SET datestyle = 'ISO, YMD';
SET search_path = agency, public;
RESET TimeZone;

-- Unknown clients.
SELECT * FROM custodian.plan('77');
\echo :SQLSTATE
SELECT * FROM custodian.plan(NULL);
SELECT * FROM custodian.plan('');
SELECT custodian.plan_digest('77');
-- A client without rows: an empty plan.
SELECT * FROM custodian.plan('3');
-- A plan changes nothing: it may be asked for in a read-only transaction.
BEGIN READ ONLY;
SELECT count(*) FROM custodian.plan('1');
SELECT count(*) FROM custodian.plan_due();
SELECT custodian.plan_digest('1') = :'digest' AS same;
COMMIT;

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
