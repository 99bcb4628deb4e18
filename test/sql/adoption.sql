--
-- adopt(): taking a table into custody, and release(): giving it back.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- The application: clients, their vouchers with lines, and notes on a line.
CREATE TABLE client (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE voucher (
	id bigint PRIMARY KEY,
	client_id bigint NOT NULL REFERENCES client,
	dated date,
	scrapped timestamptz
);
CREATE INDEX ON voucher (client_id);
CREATE TABLE line (
	voucher_id bigint REFERENCES voucher,
	no int,
	PRIMARY KEY (voucher_id, no)
);
CREATE TABLE note (
	id bigint PRIMARY KEY,
	voucher_id bigint NOT NULL,
	line_no int NOT NULL,
	FOREIGN KEY (voucher_id, line_no) REFERENCES line (voucher_id, no)
);
CREATE INDEX ON note (voucher_id, line_no);

--
-- By the column with the client's key, and via foreign keys over several
-- tables.  A record class of the table's name is made; without a custody basis
-- nothing of it is ever disposed of, and a notice says so.
--
SELECT custodian.adopt('client', client => 'id');
SELECT custodian.create_record_class('voucher', title => '记账凭证', basis => 'appointed');
SELECT custodian.adopt('voucher', client => 'client_id', dated_by => 'dated',
	record_class => 'voucher', fiscal_year_start => '04-01');
SELECT custodian.adopt('line', via => 'voucher_id', record_class => 'voucher');
SELECT custodian.adopt('note', via => 'voucher_id, line_no', record_class => 'voucher');
SELECT * FROM custodian.adoption ORDER BY relation;
-- A class that somebody has decided about is not taken for the table's own just
-- because it has its name.
CREATE TABLE ledger (id int PRIMARY KEY, client_id bigint UNIQUE);
SELECT custodian.create_record_class('ledger', basis => 'own');
SELECT custodian.adopt('ledger', client => 'client_id');
\echo :SQLSTATE
-- Each table gets its guard, which session_replication_role does not switch off.
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
	WHERE tgname LIKE 'custodian%' ORDER BY 1, 2;
SELECT act, relation, detail FROM custodian.audit_event WHERE act = 'adopt' ORDER BY xid, seq;

-- A foreign key without an index is allowed, and pointed out: each plan and
-- each batch would read the whole table.
CREATE TABLE slow (id int PRIMARY KEY, voucher_id bigint REFERENCES voucher, client_id bigint);
SELECT custodian.adopt('slow', via => 'voucher_id', record_class => 'voucher');
CREATE TABLE slower (id int PRIMARY KEY, client_id bigint);
SELECT custodian.adopt('slower', client => 'client_id', record_class => 'voucher');

--
-- Not twice.
--
SELECT custodian.adopt('voucher', client => 'client_id');
\echo :SQLSTATE

--
-- Exactly one of client and via.
--
CREATE TABLE t (id int PRIMARY KEY, client_id bigint NOT NULL, voucher_id bigint REFERENCES voucher,
	"Odd, Name" bigint, doc json, at date, flag boolean, "When" timestamp);
CREATE INDEX ON t (client_id);
CREATE INDEX ON t (voucher_id);
SELECT custodian.adopt('t');
\echo :SQLSTATE
SELECT custodian.adopt('t', client => 'client_id', via => 'voucher_id');
SELECT custodian.adopt(NULL, client => 'id');
\echo :SQLSTATE

--
-- Relations that are no tables of records.
--
SELECT custodian.adopt('no_such_table', client => 'id');
\echo :SQLSTATE
SELECT custodian.adopt(0::regclass, client => 'id');
\echo :SQLSTATE
SELECT custodian.adopt(999999::regclass, client => 'id');
SELECT custodian.adopt('pg_class', client => 'oid');
\echo :SQLSTATE
SELECT custodian.adopt('information_schema.sql_features', client => 'feature_id');
SELECT custodian.adopt('custodian.client', client => 'client_no');
\echo :SQLSTATE
CREATE TEMP TABLE temporary (id int PRIMARY KEY);
SELECT custodian.adopt('temporary', client => 'id');
\echo :SQLSTATE
CREATE VIEW v AS SELECT * FROM t;
SELECT custodian.adopt('v', client => 'client_id');
\echo :SQLSTATE
CREATE MATERIALIZED VIEW mv AS SELECT id, client_id FROM t;
SELECT custodian.adopt('mv', client => 'client_id');
CREATE SEQUENCE seq;
SELECT custodian.adopt('seq', client => 'last_value');
SELECT custodian.adopt('t_pkey', client => 'id');
CREATE TYPE composite AS (id int);
SELECT custodian.adopt('composite', client => 'id');
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE far (id int) SERVER nowhere;
SELECT custodian.adopt('far', client => 'id');
\echo :SQLSTATE
DROP FOREIGN DATA WRAPPER nowhere CASCADE;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY);
SELECT custodian.adopt('unlogged', client => 'id', record_class => 'voucher');

--
-- Columns.
--
SELECT custodian.adopt('t', client => 'nix');
\echo :SQLSTATE
SELECT custodian.adopt('t', client => '');
SELECT custodian.adopt('t', client => 'id, nix');
SELECT custodian.adopt('t', client => 'id; DROP TABLE t');
SELECT custodian.adopt('t', client => 'ctid');
\echo :SQLSTATE
SELECT custodian.adopt('t', client => 'tableoid');
-- A type that cannot be compared.
SELECT custodian.adopt('t', client => 'doc');
\echo :SQLSTATE
-- Dates are of a date type, one each.
SELECT custodian.adopt('t', client => 'client_id', dated_by => 'flag');
\echo :SQLSTATE
SELECT custodian.adopt('t', client => 'client_id', dated_by => 'at, flag');
SELECT custodian.adopt('t', client => 'client_id', dated_by => 'nix');
SELECT custodian.adopt('t', client => 'client_id', event_at => 'doc');
SELECT custodian.adopt('t', client => 'client_id', fiscal_year_start => '02-30');
SELECT custodian.adopt('t', client => 'client_id', rule => 'no such rule');
\echo :SQLSTATE
SELECT custodian.adopt('t', client => 'client_id', record_class => '');

--
-- Via: the path must lead to a client.
--
-- No foreign key on the column.
SELECT custodian.adopt('t', via => 'client_id');
\echo :SQLSTATE
-- A foreign key to a table that is not adopted.
CREATE TABLE unrelated (id int PRIMARY KEY);
CREATE TABLE u_child (id int PRIMARY KEY REFERENCES unrelated);
SELECT custodian.adopt('u_child', via => 'id');
\echo :SQLSTATE
-- To itself.
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree);
SELECT custodian.adopt('tree', via => 'parent');
\echo :SQLSTATE
-- Part of a key of several columns.
CREATE TABLE note2 (id int PRIMARY KEY, voucher_id bigint, line_no int,
	FOREIGN KEY (voucher_id, line_no) REFERENCES line (voucher_id, no));
SELECT custodian.adopt('note2', via => 'voucher_id');
-- In any order, the whole of it.
CREATE INDEX ON note2 (voucher_id, line_no);
SELECT custodian.adopt('note2', via => 'line_no, voucher_id', record_class => 'voucher');

--
-- Without a primary key no row can be told from another.  A unique index on
-- columns that are NOT NULL does as well.
--
CREATE TABLE no_key (client_id bigint NOT NULL, n int);
SELECT custodian.adopt('no_key', client => 'client_id');
\echo :SQLSTATE
CREATE UNIQUE INDEX ON no_key (client_id, n);
SELECT custodian.adopt('no_key', client => 'client_id');
ALTER TABLE no_key ALTER n SET NOT NULL;
SELECT custodian.adopt('no_key', client => 'client_id', record_class => 'voucher');

--
-- Rewrite rules would make it impossible to tell which rows go.
--
CREATE TABLE ruled (id int PRIMARY KEY, client_id bigint);
CREATE RULE keep AS ON DELETE TO ruled DO INSTEAD NOTHING;
SELECT custodian.adopt('ruled', client => 'client_id');
\echo :SQLSTATE

-- Nothing of a refused adoption is left: no row, no class, no trigger.
SELECT relation FROM custodian.adopted WHERE relation IN ('t'::regclass, 'ruled'::regclass, 'tree'::regclass);
SELECT record_class FROM custodian.record_class ORDER BY 1;
SELECT tgrelid::regclass FROM pg_trigger WHERE tgrelid IN ('t'::regclass, 'tree'::regclass) AND tgname LIKE 'custodian%';

--
-- The key must be able to hold what the contract table holds.
--
CREATE TABLE contract (id int PRIMARY KEY, client bigint NOT NULL, ends date);
SELECT custodian.track_contracts('contract', 'id', 'client', 'ends');
CREATE TABLE texts (id int PRIMARY KEY, client text NOT NULL, client4 int);
SELECT custodian.adopt('texts', client => 'client');
\echo :SQLSTATE
SELECT custodian.adopt('texts', client => 'client4, id');
-- Integers of another width are fine.
CREATE INDEX ON texts (client4);
SELECT custodian.adopt('texts', client => 'client4', record_class => 'voucher');

--
-- change_adoption(): NULL leaves as it is.
--
SELECT custodian.change_adoption('voucher', event_at => 'scrapped');
SELECT dated_by, event_at, fiscal_year_start, record_class FROM custodian.adoption WHERE relation = 'voucher'::regclass;
SELECT custodian.change_adoption('voucher', fiscal_year_start => '07-01', record_class => 'ledger');
SELECT dated_by, event_at, fiscal_year_start, record_class FROM custodian.adoption WHERE relation = 'voucher'::regclass;
SELECT custodian.change_adoption('t', dated_by => 'at');
\echo :SQLSTATE
SELECT custodian.change_adoption('voucher', dated_by => 'nix');
SELECT custodian.change_adoption('voucher', rule => 'nix');
SELECT custodian.change_adoption('voucher', fiscal_year_start => '00-00');
SELECT custodian.change_adoption('voucher', record_class => '');
SELECT custodian.change_adoption(NULL);
SELECT act, relation, detail FROM custodian.audit_event WHERE act = 'change_adoption' ORDER BY xid, seq;

--
-- release(): children first, for they reach their client over the parent.
--
SELECT custodian.release('voucher');
\echo :SQLSTATE
SELECT custodian.release('t');
\echo :SQLSTATE
SELECT custodian.release(NULL);
SELECT custodian.release('note'), custodian.release('note2'), custodian.release('line'), custodian.release('slow');
SELECT tgrelid::regclass, tgname FROM pg_trigger
	WHERE tgrelid IN ('note'::regclass, 'line'::regclass) AND tgname LIKE 'custodian%';
-- A hold has to be lifted first.
SELECT custodian.hold('dispute', relation => 'voucher');
SELECT custodian.release('voucher');
\echo :SQLSTATE
SELECT custodian.release_hold(1, 'settled');
-- A rule in compliance mode keeps the table for good.
SELECT custodian.create_rule('firm', 'ledger', 'own', 'permanent', NULL, 'a law', disposition => 'keep', mode => 'compliance');
SELECT custodian.release('voucher');
\echo :SQLSTATE
-- Nor are its rows slipped into another class.
SELECT custodian.change_adoption('voucher', record_class => 'anything');
\echo :SQLSTATE
SELECT custodian.add_record_class('voucher', 'anything', 'true');
\echo :SQLSTATE
SELECT custodian.change_adoption('voucher', dated_by => 'scrapped');
\echo :SQLSTATE
SELECT custodian.release('client');
SELECT act, relation FROM custodian.audit_event WHERE act = 'release' ORDER BY xid, seq;
-- A table that was dropped can be taken out by its number.
SELECT 'slower'::regclass::oid AS dropped \gset
DROP TABLE slower;
SELECT count(*) FROM custodian.adopted WHERE relation = :dropped;
SELECT custodian.release(:dropped::regclass);
SELECT count(*) FROM custodian.adopted WHERE relation = :dropped;

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
