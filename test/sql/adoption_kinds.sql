--
-- Tables of every kind: partitioned, inherited, with keys of any type, with
-- any name; and the classes of rows within one table.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
SELECT custodian.create_record_class('records', basis => 'entrusted');

--
-- Partitioned tables are adopted at the top, with all partitions, also those
-- that come later.
--
CREATE TABLE entry (id bigint, client_id int NOT NULL, year int, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE INDEX ON entry (client_id);
CREATE TABLE entry_2023 PARTITION OF entry FOR VALUES IN (2023);
CREATE TABLE entry_old PARTITION OF entry DEFAULT PARTITION BY RANGE (year);
CREATE TABLE entry_1990 PARTITION OF entry_old FOR VALUES FROM (1990) TO (2000);
SELECT custodian.adopt('entry_1990', client => 'client_id');
\echo :SQLSTATE
SELECT custodian.adopt('entry', client => 'client_id', record_class => 'records');
CREATE TABLE entry_2024 PARTITION OF entry FOR VALUES IN (2024);
CREATE TABLE entry_2025 (LIKE entry INCLUDING ALL);
ALTER TABLE entry ATTACH PARTITION entry_2025 FOR VALUES IN (2025);
SELECT relid::regclass, t.tgname, t.tgenabled FROM pg_partition_tree('entry')
	LEFT JOIN pg_trigger AS t ON t.tgrelid = relid AND t.tgname = 'custodian_guard' ORDER BY 1;
-- A foreign key that a partition alone has, and one that leads to it.
CREATE TABLE entry_line (entry_id bigint, year int, no int, PRIMARY KEY (entry_id, year, no),
	FOREIGN KEY (entry_id, year) REFERENCES entry) PARTITION BY LIST (year);
CREATE TABLE entry_line_2024 PARTITION OF entry_line FOR VALUES IN (2024);
SELECT custodian.adopt('entry_line', via => 'entry_id, year', record_class => 'records');
SELECT custodian.release('entry');
SELECT custodian.release('entry_line'), custodian.release('entry');
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'custodian%' ORDER BY 1;
SELECT custodian.adopt('entry', client => 'client_id', record_class => 'records');

--
-- Inheritance: the parent stands for all of its children's rows.
--
CREATE TABLE file (id int PRIMARY KEY, client_id int NOT NULL);
CREATE INDEX ON file (client_id);
CREATE TABLE scan (pages int, PRIMARY KEY (id)) INHERITS (file);
CREATE TABLE colour_scan (PRIMARY KEY (id)) INHERITS (scan);
SELECT custodian.adopt('file', client => 'client_id', record_class => 'records');
SELECT custodian.adopt('scan', client => 'client_id', record_class => 'records');
\echo :SQLSTATE
SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE 'custodian%' AND tgrelid::regclass::text ~ 'file|scan' ORDER BY 1, 2;
SELECT custodian.release('file');
-- The other way round: a child that is adopted already.
SELECT custodian.adopt('colour_scan', client => 'client_id', record_class => 'records');
SELECT custodian.adopt('file', client => 'client_id', record_class => 'records');
\echo :SQLSTATE
SELECT custodian.release('colour_scan');

--
-- Keys: uuid, text, of several columns, of a domain, of an enum.
--
CREATE TABLE by_uuid (id int PRIMARY KEY, client uuid NOT NULL UNIQUE);
CREATE TABLE by_text (id int PRIMARY KEY, client varchar(18) NOT NULL UNIQUE);
CREATE TABLE by_two (region text, number int, PRIMARY KEY (region, number));
CREATE DOMAIN client_number AS bigint CHECK (VALUE > 0);
CREATE TABLE by_domain (id int PRIMARY KEY, client client_number NOT NULL UNIQUE);
CREATE TYPE house AS ENUM ('north', 'south');
CREATE TABLE by_enum (id int PRIMARY KEY, client house UNIQUE);
SELECT custodian.adopt('by_uuid', client => 'client', record_class => 'records');
SELECT custodian.adopt('by_text', client => 'client', record_class => 'records');
SELECT custodian.adopt('by_two', client => 'region, number', record_class => 'records');
SELECT custodian.adopt('by_two', client => 'number, number', record_class => 'records');
SELECT custodian.adopt('by_domain', client => 'client', record_class => 'records');
SELECT custodian.adopt('by_enum', client => 'client', record_class => 'records');

--
-- Names: as in the catalog, or quoted as in SQL.
--
CREATE SCHEMA "代理记账";
CREATE TABLE "代理记账"."记账 凭证" ("编号" int PRIMARY KEY, "客户""ID" int NOT NULL UNIQUE, "Voucher Date" date, "a,b" int REFERENCES "代理记账"."记账 凭证");
SELECT custodian.adopt('"代理记账"."记账 凭证"', client => '客户"ID', dated_by => 'Voucher Date', record_class => '记账凭证');
SELECT relation, client_columns, dated_by, record_class FROM custodian.adoption WHERE relation::text ~ '凭证';
SELECT custodian.release('"代理记账"."记账 凭证"');
SELECT custodian.adopt('"代理记账"."记账 凭证"', client => '"客户""ID", "a,b"', dated_by => '"Voucher Date"', record_class => '记账凭证');
SELECT client_columns FROM custodian.adoption WHERE relation::text ~ '凭证';
-- Unquoted names are folded, as everywhere in SQL.
CREATE TABLE folded (id int PRIMARY KEY, client int UNIQUE, "Client" int);
SELECT custodian.adopt('folded', client => 'CLIENT', record_class => 'records');
SELECT client_columns FROM custodian.adoption WHERE relation = 'folded'::regclass;

-- A table that is renamed or moved is still the same table.
ALTER TABLE folded RENAME TO renamed;
CREATE SCHEMA archive;
ALTER TABLE renamed SET SCHEMA archive;
SELECT relation FROM custodian.adoption WHERE relation::text ~ 'renamed';
-- A column that is renamed is not found any more; the message says what to do.
ALTER TABLE by_text RENAME client TO customer;
DELETE FROM by_text;
INSERT INTO by_text VALUES (1, 'A');
DELETE FROM by_text;
\echo :SQLSTATE
SELECT * FROM custodian.plan_due();
ALTER TABLE by_text RENAME customer TO client;
DELETE FROM by_text;

--
-- add_record_class(): rows of one table under different classes.  The first
-- predicate that holds takes the row; the table's own class takes the rest.
--
CREATE TABLE document (id int PRIMARY KEY, client_id int NOT NULL, kind text, pages int, at date);
CREATE INDEX ON document (client_id);
SELECT custodian.adopt('document', client => 'client_id', record_class => 'records');
SELECT custodian.add_record_class('document', 'report', predicate => $$kind = 'report'$$);
SELECT custodian.add_record_class('document', 'thick', $$pages > 100 OR t.kind IN ('book', 'ledger')$$);
-- Each is stored as the server reads it: nothing left that a search_path or a
-- later parenthesis could change.
SELECT position, record_class, predicate FROM custodian.adoption WHERE relation = 'document'::regclass ORDER BY 1;
SELECT act, detail FROM custodian.audit_event WHERE act = 'add_record_class' ORDER BY xid, seq;

-- No condition, or more than one.
SELECT custodian.add_record_class('document', 'x', '');
SELECT custodian.add_record_class('document', 'x', NULL);
SELECT custodian.add_record_class('document', 'x', 'kind');
\echo :SQLSTATE
SELECT custodian.add_record_class('document', 'x', 'pages + 1');
SELECT custodian.add_record_class('document', 'x', 'true; DROP TABLE document');
\echo :SQLSTATE
SELECT custodian.add_record_class('document', 'x', 'true) OR (true');
SELECT custodian.add_record_class('document', 'x', 'true) FROM document; --');
SELECT custodian.add_record_class('document', 'x', 'true, false');
SELECT custodian.add_record_class('document', 'x', 'true AS x');
SELECT custodian.add_record_class('document', 'x', 'true FROM pg_class');
SELECT custodian.add_record_class('document', 'x', 'true WHERE true');
SELECT custodian.add_record_class('document', 'x', 'true UNION SELECT false');
SELECT custodian.add_record_class('document', 'x', '*');
-- Comments and quotes do not come loose.
SELECT custodian.add_record_class('document', 'commented', $$kind = 'it''s) --' -- or else$$);
SELECT predicate FROM custodian.adoption WHERE record_class = 'commented';
-- What a row alone does not decide.
SELECT custodian.add_record_class('document', 'x', 'EXISTS (SELECT FROM document)');
\echo :SQLSTATE
SELECT custodian.add_record_class('document', 'x', 'id = (SELECT 1)');
SELECT custodian.add_record_class('document', 'x', 'count(*) > 1');
SELECT custodian.add_record_class('document', 'x', 'row_number() OVER () = 1');
SELECT custodian.add_record_class('document', 'x', 'generate_series(1, 2) = 1');
SELECT custodian.add_record_class('document', 'x', 'random() < 0.5');
\echo :SQLSTATE
CREATE FUNCTION moody(text) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT true';
SELECT custodian.add_record_class('document', 'x', 'moody(kind)');
-- The row as a whole, or where it is stored, are nothing to go by.
CREATE FUNCTION is_odd(document) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1.id % 2 = 1';
SELECT custodian.add_record_class('document', 'x', 'is_odd(t)');
\echo :SQLSTATE
SELECT custodian.add_record_class('document', 'x', 't IS NOT NULL');
SELECT custodian.add_record_class('document', 'x', 't.tableoid = 1');
\echo :SQLSTATE
-- What depends on the session's settings.
SELECT custodian.add_record_class('document', 'x', 'at > now()');
\echo :SQLSTATE
SELECT custodian.add_record_class('document', 'x', 'at::text = kind');
SELECT custodian.add_record_class('document', 'x', 'nix = 1');
\echo :SQLSTATE
SELECT custodian.add_record_class('document', 'x', 'entry.id = 1');
SELECT custodian.add_record_class('document', 'x', '$1 = 1');
SELECT custodian.add_record_class('document', 'x', 'kind = 1');
-- Tables, classes, rules.
SELECT custodian.add_record_class('entry_2024', 'x', 'true');
\echo :SQLSTATE
SELECT custodian.add_record_class('pg_class', 'x', 'true');
SELECT custodian.add_record_class('document', '', 'true');
SELECT custodian.add_record_class('document', 'x', 'true', rule => 'nix');
\echo :SQLSTATE
SELECT count(*) FROM custodian.adoption WHERE record_class = 'x';

-- A predicate's own functions are found without the caller's search_path.
CREATE FUNCTION is_book(text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$SELECT $1 = 'book'$$;
SELECT custodian.add_record_class('document', 'book', 'is_book(kind)');
SELECT predicate FROM custodian.adoption WHERE record_class = 'book';

SET client_min_messages = warning;
DROP SCHEMA agency, "代理记账", archive CASCADE;
