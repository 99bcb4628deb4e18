--
-- Anonymization: null, constant, keyed digest.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE TABLE person (
	id int PRIMARY KEY,
	client text NOT NULL,
	dated date NOT NULL DEFAULT '2010-01-01',
	name text NOT NULL,
	id_number varchar(20) UNIQUE,
	phone varchar(15),
	short varchar(16),
	handle uuid,
	born date,
	salary numeric(12, 2) NOT NULL,
	code char(64),
	notes text,
	initial text GENERATED ALWAYS AS (left(name, 1)) STORED
);
CREATE INDEX ON person (client);
CREATE TABLE message (id int PRIMARY KEY, client text NOT NULL, dated date NOT NULL DEFAULT '2010-01-01', sender text, body text, at timestamp DEFAULT '2010-01-01 10:00');
CREATE INDEX ON message (client);
SELECT custodian.create_record_class('personal', basis => 'own') \gset
SELECT custodian.create_rule('forget', 'personal', 'own', 'row_date', '5 years', 'PIPL art. 47', disposition => 'anonymize', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.adopt('person', client => 'client', dated_by => 'dated', record_class => 'personal') \gset
SELECT custodian.adopt('message', client => 'client', dated_by => 'dated', record_class => 'personal') \gset

--
-- set_technique(): what a column would refuse is refused before a row is
-- touched.
--
SELECT custodian.set_technique('person', 'born', 'shuffle');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'nix', 'null');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'ctid', 'null');
SELECT custodian.set_technique('person', 'name', 'null');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'initial', 'null');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'id', 'constant', '1');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'client', 'keyed_digest');
-- A constant in a unique column would collide with itself.
SELECT custodian.set_technique('person', 'id_number', 'constant', 'x');
\echo :SQLSTATE
-- A digest needs a column that can hold it, and still tell values apart.
SELECT custodian.set_technique('person', 'born', 'keyed_digest');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'salary', 'keyed_digest');
SELECT custodian.set_technique('person', 'phone', 'keyed_digest');
\echo :SQLSTATE
-- A constant must be one of the column's type.
SELECT custodian.set_technique('person', 'born', 'constant', 'yesteryear');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'salary', 'constant', '1e20');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'short', 'constant', 'longer than sixteen');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'born', 'constant');
\echo :SQLSTATE
SELECT custodian.set_technique('person', 'born', 'null', '1900-01-01');
SELECT custodian.set_technique('person', NULL, 'null');
SELECT custodian.set_technique('pg_class', 'relname', 'null');
\echo :SQLSTATE
-- A column that says when, or by which class, a row is to be kept: changing it
-- would move the row out of its rule.
SELECT custodian.set_technique('person', 'dated', 'constant', '2000-01-01');
\echo :SQLSTATE
SELECT custodian.add_record_class('message', 'memo', $$body LIKE 'memo%'$$) \gset
SELECT custodian.set_technique('message', 'body', 'null');
\echo :SQLSTATE
SELECT custodian.release('message'), custodian.adopt('message', client => 'client', dated_by => 'dated', record_class => 'personal') \gset
SELECT count(*) FROM custodian.technique;

-- As long as nobody has said how, nothing is done, and the plan says so.
SELECT custodian.open_contract('A', 'A'), custodian.end_contract('A', '2015-12-31') \gset
INSERT INTO person (id, client, name, id_number, phone, short, handle, born, salary, code, notes) VALUES
	(1, 'A', '张伟', '11010519491231002X', '13800138000', '张伟', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', '1949-12-31', 8500.50, 'c', 'likes tea'),
	(2, 'A', '王芳', '440524188001010014', NULL, '王芳', '6ba7b811-9dad-11d1-80b4-00c04fd430c8', NULL, 9000, 'c', NULL),
	(3, 'A', '张伟', NULL, NULL, '', NULL, '1980-02-29', 0, NULL, '');
INSERT INTO message VALUES (1, 'A', DEFAULT, '张伟', 'hello'), (2, 'A', DEFAULT, '王芳', 'hi'), (3, 'A', '2090-01-01', '张伟', 'retained');
SELECT relation, action, rows, blocked_by FROM custodian.plan('A');
CALL custodian.run();
SELECT name FROM person ORDER BY id;

--
-- What was allowed.
--
SELECT custodian.set_technique('person', 'name', 'keyed_digest') \gset
SELECT custodian.set_technique('person', 'id_number', 'keyed_digest') \gset
SELECT custodian.set_technique('person', 'phone', 'null') \gset
SELECT custodian.set_technique('person', 'short', 'keyed_digest') \gset
SELECT custodian.set_technique('person', 'handle', 'keyed_digest') \gset
SELECT custodian.set_technique('person', 'born', 'constant', '1900-01-01') \gset
SELECT custodian.set_technique('person', 'salary', 'constant', '0') \gset
SELECT custodian.set_technique('person', 'code', 'keyed_digest') \gset
SELECT custodian.set_technique('person', 'notes', 'constant', $$O'Neill; \ %$$) \gset
SELECT custodian.set_technique('message', 'sender', 'keyed_digest') \gset
SELECT custodian.set_technique('message', 'body', 'null') \gset
-- Changed, and taken back.
SELECT custodian.set_technique('person', 'notes', 'null') \gset
SELECT custodian.set_technique('person', 'code', NULL) \gset
SELECT * FROM custodian.technique ORDER BY relation::text, column_name;
SELECT act, relation, detail FROM custodian.audit_event WHERE act = 'set_technique' ORDER BY xid, seq LIMIT 3;

CREATE TABLE before AS SELECT * FROM person;
SELECT relation, action, rows, blocked_by FROM custodian.plan('A');
CALL custodian.run();
-- Clear text is gone; what was NULL stays NULL where a digest was asked for.
SELECT p.id, p.name = b.name AS name, p.id_number = b.id_number AS id_number, p.phone, p.short = b.short AS short,
		p.handle = b.handle AS handle, p.born, p.salary, p.code = b.code AS code, p.notes, p.initial = b.initial AS initial
	FROM person AS p JOIN before AS b USING (id) ORDER BY id;
SELECT id, length(name) AS name, length(id_number) AS id_number, length(short) AS short, name ~ '^[0-9a-f]*$' AS hex FROM person ORDER BY id;
-- Equal values of one client are equal digests, over all tables of one run; a
-- shorter column has the beginning of it.
SELECT a.name = b.name AS same_name, left(a.name, 16) = a.short AS same_in_short FROM person AS a, person AS b WHERE a.id = 1 AND b.id = 3;
SELECT m.id, p.id AS person FROM message AS m JOIN person AS p ON p.name = m.sender ORDER BY 1, 2;
-- The retained message was not touched.
SELECT id, sender, body FROM message WHERE id = 3;

-- The key is destroyed: nobody can compute a digest to compare with.
SELECT count(*) FROM custodian.client_secret;
-- The rows are marked; the plan keeps them from now on, and says why.
SELECT relation, row_key FROM custodian.anonymized ORDER BY relation::text, row_key;
SELECT relation, action, rows, blocked_by FROM custodian.plan('A');
SELECT count(*) FROM custodian.plan_due();
-- Again: nothing changes.
CREATE TABLE after AS SELECT * FROM person;
CALL custodian.run();
SELECT count(*) AS changed FROM (SELECT * FROM person EXCEPT SELECT * FROM after) AS c;
SELECT relation, rows, detail - 'run' - 'clients' - 'client_rows' AS detail FROM custodian.audit_event WHERE act = 'anonymize' ORDER BY xid, seq;

-- Another client's digests have another key: the same name is another digest.
SELECT custodian.open_contract('B', 'B'), custodian.end_contract('B', '2015-12-31') \gset
INSERT INTO person (id, client, name, salary) VALUES (10, 'B', '张伟', 1);
CALL custodian.run(client => 'B');
SELECT count(DISTINCT name) FROM person WHERE id IN (1, 10);
-- So has the same client's in a later run.
INSERT INTO person (id, client, name, salary) VALUES (11, 'A', '张伟', 1);
CALL custodian.run(batch_rows => 1);
SELECT count(DISTINCT name) FROM person WHERE id IN (1, 11);
-- Two clients in one run do not share one either.
SELECT custodian.open_contract('C', 'C'), custodian.end_contract('C', '2015-12-31') \gset
INSERT INTO person (id, client, name, salary) SELECT 20 + n, (ARRAY['B', 'C'])[1 + n % 2], '李娜', 1 FROM generate_series(1, 6) AS n;
CALL custodian.run(batch_rows => 2);
SELECT client, count(*), count(DISTINCT name) FROM person WHERE id > 20 GROUP BY 1 ORDER BY 1;
SELECT count(DISTINCT name) FROM person WHERE id > 20;
SELECT count(*) FROM custodian.client_secret;

-- A technique that is given later reaches rows that were worked on before.
SELECT custodian.set_technique('message', 'at', 'null') \gset
SELECT relation, action, rows, blocked_by FROM custodian.plan('A') WHERE relation = 'message'::regclass;
CALL custodian.run();
SELECT id, at IS NULL AS gone FROM message ORDER BY id;
-- A client who came back brings new names.
SELECT custodian.reopen_contract('A') \gset
UPDATE person SET name = '陈静', notes = 'back again' WHERE id = 1;
SELECT custodian.end_contract('A', '2016-12-31') \gset
CALL custodian.run();
SELECT name = '陈静' AS clear, notes FROM person WHERE id = 1;
-- A key that is used again is another row.
DELETE FROM message WHERE id = 1;
INSERT INTO message (id, client, sender) VALUES (1, 'A', '何强');
CALL custodian.run();
SELECT sender = '何强' AS clear FROM message WHERE id = 1;

-- Small batches and a budget come to the same end.
INSERT INTO person (id, client, name, salary) SELECT 100 + n, 'C', '赵敏', 1 FROM generate_series(1, 7) AS n;
CALL custodian.run(batch_rows => 2, max_rows => 3);
SELECT count(*) AS clear FROM person WHERE name = '赵敏';
CALL custodian.run(batch_rows => 2);
SELECT count(*) AS clear FROM person WHERE name = '赵敏';

--
-- An application's trigger that puts the clear text back makes the rows fail:
-- they must not count as anonymized.
--
CREATE FUNCTION put_back() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := OLD.name; RETURN NEW; END $$;
CREATE TRIGGER put_back BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION put_back();
INSERT INTO person (id, client, name, salary) VALUES (200, 'A', '孙丽', 1);
CALL custodian.run();
SELECT count(*) AS clear FROM person WHERE name = '孙丽';
SELECT count(*) AS marked FROM custodian.anonymized WHERE row_key = '{200}';
SELECT state, last_problem FROM custodian.run_log ORDER BY run_no DESC LIMIT 1;
DROP TRIGGER put_back ON person;
-- One that swallows the update likewise.
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER swallow BEFORE UPDATE ON person FOR EACH ROW EXECUTE FUNCTION swallow();
CALL custodian.run();
SELECT count(*) AS marked FROM custodian.anonymized WHERE row_key = '{200}';
DROP TRIGGER swallow ON person;
CALL custodian.run();
SELECT count(*) AS clear FROM person WHERE name = '孙丽';

--
-- A row that ought to be destroyed but for retained rows that refer to it is
-- anonymized in place.
--
CREATE TABLE customer (id text PRIMARY KEY, name text, city text);
CREATE TABLE bill (id int PRIMARY KEY, customer text NOT NULL REFERENCES customer, dated date);
CREATE INDEX ON bill (customer);
SELECT custodian.create_record_class('master', basis => 'own'), custodian.create_record_class('bills', basis => 'own') \gset
SELECT custodian.create_rule('master', 'master', 'own', 'contract_end', '1 year', 'PIPL', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.create_rule('bills', 'bills', 'own', 'row_date', '10 years', 'tax', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.adopt('customer', client => 'id', record_class => 'master') \gset
SELECT custodian.adopt('bill', client => 'customer', dated_by => 'dated', record_class => 'bills') \gset
SELECT custodian.set_technique('customer', 'name', 'null'), custodian.set_technique('customer', 'city', 'constant', '-') \gset
INSERT INTO customer VALUES ('A', 'Anna', 'Beijing'), ('B', 'Bert', 'Tianjin');
INSERT INTO bill VALUES (1, 'A', '2090-01-01'), (2, 'B', '2010-01-01');
SELECT relation, action, rows, blocked_by FROM custodian.plan('A') WHERE relation IN ('customer'::regclass, 'bill'::regclass);
CALL custodian.run();
SELECT * FROM customer ORDER BY id;
SELECT * FROM bill ORDER BY id;
SELECT relation, action, rows, blocked_by FROM custodian.plan('A') WHERE relation IN ('customer'::regclass, 'bill'::regclass);
CALL custodian.run();

-- Once the bill may go, the customer goes too; no mark stays behind that has
-- its key.
SELECT custodian.create_rule('bills', 'bills', 'own', 'contract_end', '0 days', 'new law', mode => 'governance', effective_from => '2000-01-01') \gset
CALL custodian.run();
SELECT count(*) FROM customer;
SELECT count(*) FROM custodian.anonymized WHERE relation = 'customer'::regclass;

-- Keys of type char(n).
CREATE TABLE padded (id char(18) PRIMARY KEY, client text NOT NULL, dated date DEFAULT '2010-01-01', name char(10), flag bit(4) DEFAULT '1010');
CREATE INDEX ON padded (client);
SELECT custodian.adopt('padded', client => 'client', dated_by => 'dated', record_class => 'personal') \gset
SELECT custodian.set_technique('padded', 'name', 'constant', 'nobody'), custodian.set_technique('padded', 'flag', 'constant', '0110') \gset
INSERT INTO padded VALUES ('11010519491231002X', 'B', DEFAULT, '张伟'), ('short', 'B', DEFAULT, '李娜');
CALL custodian.run(client => 'B');
SELECT id, name, flag FROM padded ORDER BY id;

-- A hold keeps the clear text, too.
INSERT INTO person (id, client, name, salary) VALUES (300, 'A', '周杰', 1);
SELECT custodian.hold('lawsuit', client => 'A') AS hold \gset
CALL custodian.run();
SELECT name FROM person WHERE id = 300;

SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SELECT count(*) AS names FROM custodian.audit WHERE convert_from(entry, 'UTF8') ~ '张伟|孙丽|Anna|110105';
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
