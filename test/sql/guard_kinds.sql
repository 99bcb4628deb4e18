--
-- The guard on tables that are reached over others, on partitions, on children
-- by inheritance, and what it does when the schema changes.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE TABLE head (id int PRIMARY KEY, client text NOT NULL, dated date);
CREATE INDEX ON head (client);
CREATE TABLE line (id int PRIMARY KEY, head_id int REFERENCES head ON DELETE CASCADE, dated date, n int);
CREATE INDEX ON line (head_id);
SELECT custodian.create_record_class('r', basis => 'own') \gset
SELECT custodian.create_rule('r', 'r', 'own', 'row_date', '10 years', 'law', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.adopt('head', client => 'client', dated_by => 'dated', record_class => 'r') \gset
SELECT custodian.adopt('line', via => 'head_id', dated_by => 'dated', record_class => 'r') \gset
INSERT INTO head VALUES (1, 'A', '2010-01-01'), (2, 'A', '2010-01-01'), (3, 'B', '2010-01-01');
INSERT INTO line VALUES (10, 1, '2090-01-01', 0), (11, 1, '2010-01-01', 0), (20, 2, '2010-01-01', 0), (99, NULL, '2090-01-01', 0);

--
-- Over a foreign key.
--
DELETE FROM line WHERE id = 10;
BEGIN;
DELETE FROM line WHERE id IN (11, 20);
-- A row that leads to no client is nobody's record.
DELETE FROM line WHERE id = 99;
ROLLBACK;
-- ON DELETE CASCADE from a parent that may go itself: the line under retention
-- may not.  When the guard looks, the parent is gone already and nobody can
-- tell whose row it was; so it fails closed, also for a line past retention.
DELETE FROM head WHERE id = 1;
\echo :SQLSTATE
DELETE FROM head WHERE id = 2;
\echo :SQLSTATE
BEGIN;
DELETE FROM line WHERE head_id = 2;
DELETE FROM head WHERE id = 2;
ROLLBACK;
SELECT count(*) FROM line;
-- To the line of another client's head: given away.
UPDATE line SET head_id = 3 WHERE id = 10;
\echo :SQLSTATE
-- Or with the head itself.
BEGIN;
UPDATE head SET client = 'B' WHERE id = 2;
ROLLBACK;
-- Not where a retained line would go along.
UPDATE head SET client = 'B' WHERE id = 1;
\echo :SQLSTATE

--
-- Partitions, also those that came later, also named themselves.
--
CREATE TABLE entry (id int, year int, client text NOT NULL, dated date, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE INDEX ON entry (client);
CREATE TABLE entry_1 PARTITION OF entry FOR VALUES IN (1);
SELECT custodian.adopt('entry', client => 'client', dated_by => 'dated', record_class => 'r') \gset
CREATE TABLE entry_2 PARTITION OF entry FOR VALUES IN (2);
CREATE TABLE entry_3 (dated date, client text NOT NULL, gone int, year int NOT NULL, id int NOT NULL);
ALTER TABLE entry_3 DROP gone;
ALTER TABLE entry ATTACH PARTITION entry_3 FOR VALUES IN (3);
INSERT INTO entry SELECT n, n, 'A', '2090-01-01' FROM generate_series(1, 3) AS n;
DELETE FROM entry WHERE year = 1;
DELETE FROM entry WHERE year = 2;
DELETE FROM entry WHERE year = 3;
DELETE FROM entry_3;
TRUNCATE entry;
TRUNCATE entry_1;
TRUNCATE entry_2;
TRUNCATE entry_3;
SELECT tableoid::regclass, count(*) FROM entry GROUP BY 1 ORDER BY 1;
-- A row that moves to another partition is deleted here and inserted there; that
-- is all that a trigger is told, so it is refused like a deletion.
UPDATE entry SET year = 2 WHERE id = 1;
SELECT tableoid::regclass, id FROM entry ORDER BY 2;
UPDATE entry SET year = 3, client = 'B' WHERE id = 1;
\echo :SQLSTATE

--
-- Inheritance.
--
CREATE TABLE paper (id int PRIMARY KEY, client text NOT NULL, dated date);
CREATE INDEX ON paper (client);
CREATE TABLE scan (pages int, PRIMARY KEY (id)) INHERITS (paper);
SELECT custodian.adopt('paper', client => 'client', dated_by => 'dated', record_class => 'r') \gset
CREATE TABLE late_scan (PRIMARY KEY (id)) INHERITS (paper);
CREATE TABLE attached (LIKE paper INCLUDING ALL);
ALTER TABLE attached INHERIT paper;
INSERT INTO paper VALUES (1, 'A', '2090-01-01');
INSERT INTO scan VALUES (2, 'A', '2090-01-01', 1), (3, 'A', '2010-01-01', 1);
INSERT INTO late_scan VALUES (4, 'A', '2090-01-01');
INSERT INTO attached VALUES (5, 'A', '2090-01-01');
DELETE FROM paper WHERE id = 2;
DELETE FROM scan WHERE id = 2;
DELETE FROM ONLY paper;
DELETE FROM late_scan;
\echo :SQLSTATE
DELETE FROM attached;
\echo :SQLSTATE
TRUNCATE paper;
TRUNCATE scan;
TRUNCATE late_scan;
TRUNCATE attached;
DELETE FROM scan WHERE id = 3;
SELECT tableoid::regclass, id FROM paper ORDER BY 2;

--
-- A hold needs no rule: a held row is not given away either.
--
CREATE TABLE loose (id int PRIMARY KEY, client text UNIQUE);
SELECT custodian.create_record_class('loose') \gset
SELECT custodian.adopt('loose', client => 'client', record_class => 'loose') \gset
INSERT INTO loose VALUES (1, 'A'), (2, 'Z');
SELECT custodian.open_contract('K', 'A'), custodian.hold('lawsuit', client => 'A') AS hold \gset
UPDATE loose SET client = 'B' WHERE id = 1;
\echo :SQLSTATE
UPDATE loose SET client = NULL WHERE id = 1;
DELETE FROM loose WHERE id = 1;
UPDATE loose SET id = 10 WHERE id = 1;
DELETE FROM loose WHERE id = 2;
SELECT custodian.release_hold(:hold, 'over') \gset
-- A hold on a table or a class covers rows of nobody as well, and no update
-- takes a row out of its class.
INSERT INTO loose VALUES (3, NULL);
SELECT custodian.hold('inquiry', relation => 'loose') AS hold \gset
DELETE FROM loose WHERE id = 3;
\echo :SQLSTATE
SELECT custodian.release_hold(:hold, 'over') \gset
SELECT custodian.add_record_class('loose', 'high', 'id >= 10') \gset
SELECT custodian.hold('inquiry', record_class => 'high') AS hold \gset
UPDATE loose SET id = 1 WHERE id = 10;
\echo :SQLSTATE
-- Nor does a change of the adoption.
SELECT custodian.add_record_class('loose', 'low', 'true');
\echo :SQLSTATE
SELECT custodian.change_adoption('loose', record_class => 'low');
\echo :SQLSTATE
SELECT custodian.release_hold(:hold, 'over') \gset
DELETE FROM loose;

--
-- What was compiled for a table is forgotten when something changes.
--
ALTER TABLE head ADD extra text DEFAULT 'x';
UPDATE head SET dated = '2090-01-01' WHERE id = 3;
DELETE FROM head WHERE id = 3;
ALTER TABLE head DROP extra;
DELETE FROM head WHERE id = 3;
-- A table on the way that is renamed, or swapped for another.
DELETE FROM line WHERE id = 10;
ALTER TABLE head RENAME TO header;
DELETE FROM line WHERE id = 10;
ALTER TABLE header RENAME TO head;
-- A rule that changes, a class that changes, in this session or another.
SELECT custodian.create_rule('r', 'r', 'own', 'row_date', '0 days', 'law', mode => 'governance', effective_from => '2000-01-01') \gset
INSERT INTO head VALUES (4, 'B', '2020-01-01');
BEGIN;
DELETE FROM head WHERE id = 4;
ROLLBACK;
SELECT custodian.create_rule('r', 'r', 'own', 'row_date', '1000 years', 'law', mode => 'governance', effective_from => '2000-01-01') \gset
DELETE FROM head WHERE id = 4;
SELECT custodian.create_rule('r', 'r', 'own', 'row_date', '0 days', 'law', mode => 'governance', effective_from => '2000-01-01') \gset
-- A change that is rolled back leaves nothing behind.
BEGIN;
SELECT custodian.create_rule('r', 'r', 'own', 'row_date', '1000 years', 'law', mode => 'governance', effective_from => '2000-01-01') \gset
SAVEPOINT s;
DELETE FROM head WHERE id = 4;
ROLLBACK TO s;
ROLLBACK;
BEGIN;
DELETE FROM head WHERE id = 4;
ROLLBACK;
-- A predicate decides row by row.
SELECT custodian.create_record_class('strict', basis => 'own') \gset
SELECT custodian.create_rule('strict', 'strict', 'own', 'permanent', NULL, 'law', disposition => 'keep', guard => 'update', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.add_record_class('line', 'strict', 'n > 0') \gset
UPDATE line SET n = 1 WHERE id = 20;
UPDATE line SET n = 0 WHERE id = 20;
\echo :SQLSTATE
DELETE FROM line WHERE id = 20;
DELETE FROM line WHERE id = 11;

-- After release() it is the application's table again.
SELECT custodian.release('line') \gset
DELETE FROM line;
SELECT custodian.release('head') \gset
TRUNCATE head, line;

-- Without the extension nothing of it stays in the way, in the same session too.
SET client_min_messages = warning;
DROP EXTENSION custodian CASCADE;
DELETE FROM entry;
DELETE FROM paper;
CREATE EXTENSION custodian;
SELECT custodian.adopt('entry', client => 'client', dated_by => 'dated', record_class => 'anew') \gset
DELETE FROM entry;
DROP SCHEMA agency CASCADE;
