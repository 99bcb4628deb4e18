--
-- A run meets the application's own triggers, row security, partitions and
-- inheritance.  What fails is reported and left; everything else is done.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE FUNCTION own(class text, guard text DEFAULT 'delete') RETURNS void LANGUAGE sql AS $$
	SELECT custodian.create_record_class(class, basis => 'own');
	SELECT custodian.create_rule(class, class, 'own', 'row_date', '5 years', 'law', guard => guard, mode => 'governance', effective_from => '2000-01-01');
$$;
SELECT custodian.open_contract('K' || n, n::text), custodian.end_contract('K' || n, '2015-12-31') FROM generate_series(1, 3) AS n \g /dev/null
CREATE VIEW last_run AS
	SELECT state, rows_destroyed AS destroyed, problems, last_problem FROM custodian.run_log ORDER BY run_no DESC LIMIT 1;

--
-- A trigger of the application that fails.  The message of its error, which
-- may quote a row, goes nowhere; the code and the table do.
--
CREATE TABLE a_first (id int PRIMARY KEY, client int NOT NULL, at date DEFAULT '2010-01-01');
CREATE INDEX ON a_first (client);
CREATE TABLE b_fails (LIKE a_first INCLUDING ALL, name text DEFAULT '张伟');
CREATE TABLE c_last (LIKE a_first INCLUDING ALL);
SELECT own(c), custodian.adopt(c::regclass, client => 'client', dated_by => 'at', record_class => c) FROM unnest('{a_first,b_fails,c_last}'::text[]) AS c \g /dev/null
INSERT INTO a_first SELECT n, n FROM generate_series(1, 3) AS n;
INSERT INTO b_fails SELECT n, n FROM generate_series(1, 3) AS n;
INSERT INTO c_last SELECT n, n FROM generate_series(1, 3) AS n;
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'cannot delete the record of %', OLD.name USING ERRCODE = 'ZZ001';
END $$;
CREATE TRIGGER no BEFORE DELETE ON b_fails FOR EACH ROW EXECUTE FUNCTION no();
CALL custodian.run();
SELECT * FROM last_run;
SELECT (SELECT count(*) FROM a_first) AS a, (SELECT count(*) FROM b_fails) AS b, (SELECT count(*) FROM c_last) AS c;
SELECT relation, detail - 'run' AS detail FROM custodian.audit_event WHERE act = 'problem';
SELECT count(*) AS names FROM custodian.audit WHERE convert_from(entry, 'UTF8') ~ '张伟|cannot delete';
SELECT state FROM custodian.run_progress ORDER BY run_no DESC LIMIT 1;
-- Mended, the next run does the rest.
DROP TRIGGER no ON b_fails;
CALL custodian.run();
SELECT * FROM last_run;
SELECT count(*) FROM b_fails;

-- A constraint of the application is named, its values are not.
CREATE FUNCTION breaks() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO agency.log VALUES (OLD.name); RETURN OLD; END $$;
CREATE TABLE log (name text CONSTRAINT no_names CHECK (name = ''));
CREATE TRIGGER breaks BEFORE DELETE ON b_fails FOR EACH ROW EXECUTE FUNCTION breaks();
INSERT INTO b_fails VALUES (1, 1);
CALL custodian.run();
SELECT * FROM last_run;
DROP TRIGGER breaks ON b_fails;
CALL custodian.run();

-- Triggers run as the table's owner under a search_path that nobody can bend:
-- what they name without a schema they do not find.
CREATE FUNCTION unqualified() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO log VALUES (''); RETURN OLD; END $$;
CREATE TRIGGER unqualified BEFORE DELETE ON b_fails FOR EACH ROW EXECUTE FUNCTION unqualified();
INSERT INTO b_fails VALUES (1, 1);
CALL custodian.run();
SELECT * FROM last_run;
ALTER FUNCTION unqualified() SET search_path = agency;
CALL custodian.run();
SELECT * FROM last_run;
DROP TRIGGER unqualified ON b_fails;

-- A deferred trigger fails when the batch is already done: the batch is undone
-- and reported like any other, and the run goes on.
CREATE CONSTRAINT TRIGGER late AFTER DELETE ON b_fails DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION no();
INSERT INTO b_fails VALUES (1, 1);
INSERT INTO c_last VALUES (1, 1);
CALL custodian.run();
SELECT * FROM last_run;
SELECT (SELECT count(*) FROM b_fails) AS b, (SELECT count(*) FROM c_last) AS c;
DROP TRIGGER late ON b_fails;
CALL custodian.run();

--
-- A trigger that returns NULL keeps the row: it is not counted as destroyed,
-- and the run ends all the same.
--
CREATE FUNCTION keep_it() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER keep_it BEFORE DELETE ON b_fails FOR EACH ROW WHEN (OLD.id % 2 = 0) EXECUTE FUNCTION keep_it();
INSERT INTO b_fails SELECT n, 1 FROM generate_series(1, 6) AS n;
CALL custodian.run(batch_rows => 2);
SELECT * FROM last_run;
SELECT id FROM b_fails ORDER BY id;
SELECT sum(rows) FROM custodian.audit_event WHERE act = 'destroy' AND relation = 'agency.b_fails';
DROP TRIGGER keep_it ON b_fails;
CALL custodian.run();

--
-- A trigger that, in passing, deletes rows which are still retained: the guard
-- knows the run's own statement from what triggers do.
--
CREATE FUNCTION tidy_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM agency.b_fails WHERE client = OLD.client AND id > OLD.id; RETURN OLD; END $$;
CREATE TRIGGER tidy_up BEFORE DELETE ON b_fails FOR EACH ROW EXECUTE FUNCTION tidy_up();
INSERT INTO b_fails VALUES (1, 1, '2010-01-01'), (2, 1, '2090-01-01');
CALL custodian.run();
SELECT * FROM last_run;
SELECT id FROM b_fails ORDER BY id;
DROP TRIGGER tidy_up ON b_fails;
CREATE TRIGGER tidy_up AFTER DELETE ON b_fails FOR EACH ROW EXECUTE FUNCTION tidy_up();
CALL custodian.run();
SELECT * FROM last_run;
SELECT id FROM b_fails ORDER BY id;
DROP TRIGGER tidy_up ON b_fails;
CREATE FUNCTION tidy_all() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM agency.b_fails; RETURN NULL; END $$;
CREATE TRIGGER tidy_all AFTER DELETE ON b_fails FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION tidy_all();
CALL custodian.run();
SELECT * FROM last_run;
SELECT id FROM b_fails ORDER BY id;
DROP TRIGGER tidy_all ON b_fails;
-- An update of a retained row to somebody else's, likewise.
CREATE FUNCTION give_away() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE agency.b_fails SET client = 99 WHERE id <> OLD.id; RETURN OLD; END $$;
CREATE TRIGGER give_away BEFORE DELETE ON b_fails FOR EACH ROW EXECUTE FUNCTION give_away();
CALL custodian.run();
SELECT * FROM last_run;
SELECT id, client FROM b_fails ORDER BY id;
DROP TRIGGER give_away ON b_fails;
CALL custodian.run();
SELECT id, client FROM b_fails ORDER BY id;

--
-- A client whose key the tables' columns cannot hold has no rows there: that
-- does not keep the others from being gone through.
--
SELECT custodian.open_contract('odd', 'not a number'), custodian.end_contract('odd', '2015-12-31') \gset
SELECT count(*) FROM custodian.plan('not a number');
INSERT INTO a_first VALUES (1, 1);
SELECT rows FROM custodian.plan_due();
CALL custodian.run();
SELECT count(*) FROM a_first;
-- Nor is 07 the client 7, though both are the same number: the end of one must
-- not take the rows of the other.
SELECT custodian.open_contract('seven', '7') \gset
SELECT custodian.open_contract('slip', '07'), custodian.end_contract('slip', '2015-12-31') \gset
INSERT INTO a_first VALUES (7, 7);
SELECT count(*) FROM custodian.plan('07');
CALL custodian.run();
SELECT count(*) FROM a_first;
SELECT custodian.end_contract('seven', '2015-12-31') \gset
CALL custodian.run();
SELECT count(*) FROM a_first;

-- Upper and lower case of a uuid are one value, but only one is its text.
CREATE TABLE by_uuid (id int PRIMARY KEY, client uuid UNIQUE);
SELECT own('by_uuid'), custodian.adopt('by_uuid', client => 'client', record_class => 'by_uuid') \gset
SELECT custodian.create_rule('by_uuid', 'by_uuid', 'own', 'contract_end', '0 days', 'law', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.open_contract('lower', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11') \gset
SELECT custodian.open_contract('upper', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'), custodian.end_contract('upper', '2015-12-31') \gset
INSERT INTO by_uuid VALUES (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
CALL custodian.run();
SELECT count(*) FROM by_uuid;

--
-- A client's key of several columns, with whatever characters.
--
CREATE TABLE branch (region text, number int, at date NOT NULL, PRIMARY KEY (region, number));
CREATE TABLE desk (id uuid PRIMARY KEY, number int, region text, at date NOT NULL, FOREIGN KEY (region, number) REFERENCES branch);
CREATE INDEX ON desk (region, number);
SELECT own('branch'), custodian.adopt('branch', client => 'region, number', dated_by => 'at', record_class => 'branch') \gset
SELECT custodian.adopt('desk', via => 'region, number', dated_by => 'at', record_class => 'branch') \gset
INSERT INTO branch VALUES ('a, "b" \c', 1, '2010-01-01'), ('a', 1, '2010-01-01'), ('东', 1, '2010-01-01');
INSERT INTO desk SELECT format('00000000-0000-0000-0000-00000000000%s', row_number() OVER (ORDER BY region))::uuid, number, region, at FROM branch;
SELECT custodian.open_contract('b' || row_number() OVER (), ARRAY[region, number::text]::text), custodian.end_contract('b' || row_number() OVER (), '2015-12-31')
	FROM branch WHERE region <> 'a' \g /dev/null
CALL custodian.run();
SELECT region, number FROM branch;
SELECT region, number FROM desk;

--
-- Row security hides rows from whom it should, not from their custodian: not
-- even where it is forced on the owner.
--
CREATE ROLE regress_custodian_owner;
GRANT ALL ON SCHEMA agency TO regress_custodian_owner;
CREATE TABLE secured (LIKE a_first INCLUDING ALL);
SELECT own('secured'), custodian.adopt('secured', client => 'client', dated_by => 'at', record_class => 'secured') \gset
ALTER TABLE secured OWNER TO regress_custodian_owner;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE secured FORCE ROW LEVEL SECURITY;
INSERT INTO secured SELECT n, n FROM generate_series(1, 3) AS n;
SET ROLE regress_custodian_owner;
SELECT count(*) AS seen_by_the_owner FROM secured;
RESET ROLE;
SELECT client_key, action, rows FROM custodian.plan_due() JOIN custodian.client USING (client_no) WHERE relation = 'secured'::regclass ORDER BY 1;
CALL custodian.run();
SELECT count(*) FROM secured;
-- A table that is dropped leaves nothing to do.
DROP TABLE secured;
CALL custodian.run();

--
-- Partitions.
--
CREATE TABLE entry (id bigint, client int NOT NULL, at timestamptz NOT NULL, note text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX ON entry (client);
CREATE TABLE entry_2009 PARTITION OF entry FOR VALUES FROM ('2009-01-01') TO ('2010-01-01');
-- This partition has its columns in another order, and once had another one.
CREATE TABLE entry_2010 (note text, gone int, at timestamptz NOT NULL, id bigint NOT NULL, client int NOT NULL);
ALTER TABLE entry_2010 DROP gone;
ALTER TABLE entry ATTACH PARTITION entry_2010 FOR VALUES FROM ('2010-01-01') TO ('2011-01-01');
CREATE TABLE entry_rest PARTITION OF entry DEFAULT;
SELECT own('entry'), custodian.adopt('entry', client => 'client', dated_by => 'at', record_class => 'entry') \gset
INSERT INTO entry SELECT n, 1 + n % 3, '2009-12-31 12:00+08'::timestamptz + n * interval '100 days' FROM generate_series(0, 8) AS n;
INSERT INTO entry VALUES (100, 1, '2090-01-01 00:00+08');
SELECT tableoid::regclass, count(*) FROM entry GROUP BY 1 ORDER BY 1;
CALL custodian.run(batch_rows => 2);
SELECT tableoid::regclass, count(*) FROM entry GROUP BY 1 ORDER BY 1;
SELECT relation, sum(rows) FROM custodian.audit_event WHERE act = 'destroy' AND relation LIKE '%entry%' GROUP BY 1;

--
-- Inheritance: rows of the children are the parent's.
--
CREATE TABLE paper (LIKE a_first INCLUDING ALL);
CREATE TABLE scan (pages int, PRIMARY KEY (id)) INHERITS (paper);
SELECT own('paper'), custodian.adopt('paper', client => 'client', dated_by => 'at', record_class => 'paper') \gset
INSERT INTO paper VALUES (1, 1, '2010-01-01'), (2, 2, '2090-01-01');
INSERT INTO scan VALUES (3, 1, '2010-01-01'), (4, 2, '2090-01-01');
CALL custodian.run();
SELECT tableoid::regclass, id FROM paper ORDER BY 2;
SELECT relation, sum(rows) FROM custodian.audit_event WHERE act = 'destroy' AND relation ~ 'paper|scan' GROUP BY 1;

--
-- A foreign key to a single partition, or to a child by inheritance, holds the
-- row as well as one to the table at the top.
--
INSERT INTO entry VALUES (1, 1, '2009-06-01', 'held by a note'), (2, 1, '2010-06-01', 'free');
INSERT INTO scan VALUES (5, 1, '2010-01-01');
CREATE TABLE entry_note (id int PRIMARY KEY, entry bigint, at timestamptz, FOREIGN KEY (entry, at) REFERENCES entry_2009 ON DELETE CASCADE);
CREATE TABLE scan_note (id int PRIMARY KEY, scan int REFERENCES scan ON DELETE CASCADE);
INSERT INTO entry_note SELECT 1, id, at FROM entry_2009;
INSERT INTO scan_note VALUES (1, 5);
SELECT relation, action, rows, blocked_by FROM custodian.plan('1') WHERE relation IN ('entry'::regclass, 'paper'::regclass) AND action <> 'keep'
	OR blocked_by ~ 'note';
CALL custodian.run();
SELECT (SELECT count(*) FROM entry_note) AS entry_notes, (SELECT count(*) FROM scan_note) AS scan_notes;
DROP TABLE entry_note, scan_note;
CALL custodian.run();
SELECT (SELECT count(*) FROM entry WHERE id <= 2) AS entries, (SELECT count(*) FROM scan WHERE id = 5) AS scans;

--
-- Deferred foreign keys, also from tables that come later in the order.
--
CREATE TABLE d_parent (LIKE a_first INCLUDING ALL);
CREATE TABLE d_child (id int PRIMARY KEY, parent int REFERENCES d_parent DEFERRABLE INITIALLY DEFERRED, at date DEFAULT '2010-01-01');
CREATE INDEX ON d_child (parent);
SELECT own('d_parent'), custodian.adopt('d_parent', client => 'client', dated_by => 'at', record_class => 'd_parent') \gset
SELECT custodian.adopt('d_child', via => 'parent', dated_by => 'at', record_class => 'd_parent') \gset
INSERT INTO d_parent VALUES (1, 1), (2, 2);
INSERT INTO d_child VALUES (1, 1);
CALL custodian.run();
SELECT * FROM last_run;
SELECT (SELECT count(*) FROM d_parent) AS parents, (SELECT count(*) FROM d_child) AS children;

--
-- Rows of one table that refer to each other: what the plan says, the run does.
--
CREATE TABLE chain (LIKE a_first INCLUDING ALL, before int REFERENCES chain);
CREATE INDEX ON chain (before);
SELECT own('chain'), custodian.adopt('chain', client => 'client', dated_by => 'at', record_class => 'chain') \gset
-- A chain whose last link is retained, one that is due, and a circle.
INSERT INTO chain SELECT n, 1, CASE n WHEN 140 THEN date '2090-01-01' ELSE '2010-01-01' END, nullif(n - 1, 99) FROM generate_series(100, 140) AS n;
INSERT INTO chain SELECT n, 1, '2010-01-01', nullif(n - 1, 199) FROM generate_series(200, 240) AS n;
INSERT INTO chain SELECT n, 1, '2010-01-01', nullif(n - 1, 299) FROM generate_series(300, 302) AS n;
UPDATE chain SET before = 302 WHERE id = 300;
SELECT action, rows, blocked_by FROM custodian.plan('1') WHERE relation = 'chain'::regclass;
CALL custodian.run(batch_rows => 7);
SELECT id / 100 AS hundred, count(*) FROM chain GROUP BY 1 ORDER BY 1;
SELECT action, rows, blocked_by FROM custodian.plan('1') WHERE relation = 'chain'::regclass;

--
-- Keys of type char(n), whose casts cut silently where one is not careful.
--
CREATE TABLE padded (id char(18) PRIMARY KEY, client char(6) NOT NULL, name text, at date DEFAULT '2010-01-01');
CREATE INDEX ON padded (client);
SELECT own('padded'), custodian.adopt('padded', client => 'client', dated_by => 'at', record_class => 'padded') \gset
SELECT custodian.open_contract('padded', 'AB1'), custodian.end_contract('padded', '2015-12-31') \gset
INSERT INTO padded VALUES ('11010519491231002X', 'AB1', 'x'), ('short', 'AB1', 'y'), ('other', 'AB12', 'z');
SELECT rule, action FROM custodian.explain('padded', 'short');
SELECT relation, action, rows FROM custodian.plan('AB1');
CALL custodian.run();
SELECT id, client FROM padded;

--
-- A table with every kind of column.
--
CREATE TYPE pair AS (a int, b text);
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE TABLE motley (id uuid PRIMARY KEY, client int NOT NULL, at date DEFAULT '2010-01-01', j jsonb, jj json, b bytea, a text[], r int4range,
	p point, big text, gone int, gen int GENERATED ALWAYS AS (client * 2) STORED, c pair, m mood, n numeric, i interval);
CREATE INDEX ON motley (client);
ALTER TABLE motley DROP gone;
SELECT own('motley'), custodian.adopt('motley', client => 'client', dated_by => 'at', record_class => 'motley') \gset
INSERT INTO motley VALUES ('00000000-0000-0000-0000-000000000001', 1, DEFAULT, '{"a": [1, null]}', '{"a":  1}', '\x00ff', '{a,NULL}', '[1,5)',
		'(1,2)', repeat('长文', 5000), DEFAULT, '(1,x)', 'sad', 1.500, '1 mon 2 days');
INSERT INTO motley (id, client) VALUES ('00000000-0000-0000-0000-000000000002', 1);
CALL custodian.run();
SELECT count(*) FROM motley;
SELECT relation, rows FROM custodian.audit_event WHERE act = 'destroy' AND relation ~ 'motley';

-- Whatever happened: the audit is whole.
SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SELECT sum(rows) = (SELECT sum(rows_destroyed) FROM custodian.run_log) AS same FROM custodian.audit_event WHERE act = 'destroy';
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
DROP ROLE regress_custodian_owner;
