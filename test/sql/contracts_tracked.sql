--
-- The application's own contract table, followed by a trigger: setting the end
-- date is all that the application does.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

CREATE VIEW known AS
	SELECT k.source, k.contract_key, c.client_key, k.ends_on, c.open_contracts AS open,
		c.contract_end
	FROM custodian.contract AS k JOIN custodian.client AS c USING (client_no)
	ORDER BY k.contract_no;
CREATE VIEW cases AS
	SELECT case_no, client_key, k.contract_end, state
	FROM custodian.client_case AS k JOIN custodian.client AS c USING (client_no)
	ORDER BY case_no;

--
-- Rows that exist are taken in.
--
CREATE TABLE contract (no text PRIMARY KEY, client_id bigint NOT NULL, last_day date);
INSERT INTO contract VALUES ('C-1', 101, NULL), ('C-2', 102, '2020-12-31'), ('C-3', 102, '2019-12-31');
SELECT custodian.track_contracts('contract', contract => 'no', client => 'client_id', ends_on => 'last_day');
SELECT * FROM known;
SELECT * FROM cases;
SELECT * FROM custodian.contract_source;

-- INSERT and UPDATE are followed.
INSERT INTO contract VALUES ('C-4', 103, NULL);
UPDATE contract SET last_day = '2021-06-30' WHERE no = 'C-4';
SELECT * FROM known WHERE client_key = '103';
-- Back to NULL: reopened, and the case is cancelled.
UPDATE contract SET last_day = NULL WHERE no = 'C-4';
SELECT * FROM known WHERE client_key = '103';
SELECT * FROM cases WHERE client_key = '103';
-- Several in one statement.
INSERT INTO contract SELECT 'M-' || n, 200 + n % 2, date '2018-01-01' + n FROM generate_series(1, 4) AS n;
SELECT * FROM known WHERE contract_key LIKE 'M-%';
-- A contract goes to another client: both are judged anew.
UPDATE contract SET client_id = 201 WHERE no = 'M-4';
SELECT client_key, contract_end FROM custodian.client WHERE client_key IN ('200', '201') ORDER BY 1;
UPDATE contract SET client_id = 104 WHERE no = 'C-1';
SELECT client_key, open_contracts, contract_end FROM custodian.client WHERE client_key IN ('101', '104') ORDER BY 1;
-- A client that no contract is left of has no end, or its records would be
-- disposed of for a slip of the keyboard.
INSERT INTO contract VALUES ('C-5', 109, '2020-01-31');
SELECT * FROM cases WHERE client_key = '109';
UPDATE contract SET client_id = 108 WHERE no = 'C-5';
SELECT client_key, open_contracts, contract_end FROM custodian.client WHERE client_key IN ('108', '109') ORDER BY 1;
SELECT client_key, state FROM cases WHERE client_key IN ('108', '109');
-- The contract's key is renamed: it stays the same contract.
SELECT contract_no AS before FROM custodian.contract WHERE contract_key = 'C-2' \gset
UPDATE contract SET no = 'C-2/2020' WHERE no = 'C-2';
SELECT contract_no = :before AS same, contract_key FROM custodian.contract WHERE contract_no = :before;
-- ON CONFLICT and session_replication_role make no difference.
INSERT INTO contract VALUES ('C-4', 103, '2022-01-31') ON CONFLICT (no) DO UPDATE SET last_day = excluded.last_day;
SET session_replication_role = replica;
UPDATE contract SET last_day = '2022-02-28' WHERE no = 'C-4';
RESET session_replication_role;
SELECT ends_on FROM known WHERE contract_key = 'C-4';

-- A row that is deleted stays known as it was.  Were it forgotten, deleting
-- the row of an open contract would end the client's custody, and its records
-- with it.
DELETE FROM contract WHERE no IN ('C-1', 'C-4');
SELECT * FROM known WHERE contract_key IN ('C-1', 'C-4');

-- A key that is known already cannot be given to another contract; the message
-- does not repeat it.
UPDATE contract SET no = 'C-1' WHERE no = 'C-3';
\echo :SQLSTATE
SELECT no FROM contract WHERE no IN ('C-1', 'C-3');

-- Updates that do not touch the end write no event.
SELECT count(*) AS events FROM custodian.audit_event \gset
ALTER TABLE contract ADD note text;
UPDATE contract SET note = 'checked';
SELECT count(*) - :events AS new_events FROM custodian.audit_event;

-- A client's key must be there, and the message names no row.
ALTER TABLE contract ALTER client_id DROP NOT NULL;
INSERT INTO contract VALUES ('N-1', NULL, NULL);
\echo :SQLSTATE
UPDATE contract SET client_id = NULL WHERE no = 'C-3';
SELECT no, client_id FROM contract WHERE no IN ('C-3', 'N-1');

-- Infinite ends are no ends.
INSERT INTO contract VALUES ('I-1', 105, 'infinity'), ('I-2', 106, '-infinity');
SELECT * FROM known WHERE contract_key LIKE 'I-%';

--
-- The table is watched once, and can be left alone again.
--
SELECT custodian.track_contracts('contract', 'no', 'client_id', 'last_day');
\echo :SQLSTATE
SELECT custodian.untrack_contracts('contract');
UPDATE contract SET last_day = '2025-01-31' WHERE no = 'C-3';
SELECT ends_on AS as_it_was FROM known WHERE contract_key = 'C-3';
SELECT custodian.untrack_contracts('contract');
\echo :SQLSTATE
-- Followed again, what changed meanwhile is taken in.
SELECT custodian.track_contracts('contract', 'no', 'client_id', 'last_day');
SELECT ends_on FROM known WHERE contract_key = 'C-3';

--
-- A tracked contract is ended by its table, not by function: two sources of
-- truth would contradict each other.
--
SELECT custodian.end_contract('C-3', '2026-01-31');
SELECT custodian.reopen_contract('C-3');
-- The same key may well be that of another contract of the other kind.
SELECT custodian.open_contract('C-3', '999') > 0 AS opened;
SELECT contract_key, client_key FROM known WHERE contract_key = 'C-3';

--
-- ended_when: a date alone may be only planned.
--
CREATE TABLE lease (id bigint PRIMARY KEY, client text NOT NULL, until date, state text NOT NULL);
INSERT INTO lease VALUES (1, 'P', '2020-06-30', 'active'), (2, 'Q', '2020-06-30', 'ended');
SELECT custodian.track_contracts('lease', 'id', 'client', 'until', ended_when => $$state = 'ended'$$);
SELECT * FROM known WHERE source = 'lease'::regclass;
UPDATE lease SET state = 'ended' WHERE id = 1;
SELECT * FROM known WHERE source = 'lease'::regclass;
-- Stored as the server reads it, so that no search_path can bend it.
SELECT ended_when FROM custodian.contract_source WHERE relation = 'lease'::regclass;
-- A condition that is NULL is not fulfilled.
ALTER TABLE lease ALTER state DROP NOT NULL;
INSERT INTO lease VALUES (3, 'R', '2020-06-30', NULL);
SELECT * FROM known WHERE client_key = 'R';

--
-- A moment is a day in the installation's time zone: the same one for every
-- session.  2020-06-30 17:00 UTC is 1 July in Shanghai.
--
CREATE TABLE moments (id int PRIMARY KEY, client int NOT NULL, at timestamptz, local timestamp);
INSERT INTO moments VALUES (1, 1, '2020-06-30 17:00+00', '2020-06-30 23:59:59.999999');
SELECT custodian.track_contracts('moments', 'id', 'client', 'at');
SELECT ends_on FROM known WHERE source = 'moments'::regclass;
SET TimeZone = 'America/New_York';
UPDATE moments SET at = '2020-07-30 15:59:59+00';
SELECT ends_on FROM known WHERE source = 'moments'::regclass;
RESET TimeZone;
SELECT custodian.untrack_contracts('moments');
SELECT custodian.track_contracts('moments', 'id', 'client', 'local');
SELECT ends_on FROM known WHERE source = 'moments'::regclass;

--
-- Keys of any type, of several columns, and any name.
--
CREATE TABLE by_uuid (id uuid PRIMARY KEY, client uuid NOT NULL, ends date);
INSERT INTO by_uuid VALUES ('00000000-0000-0000-0000-00000000000A', '00000000-0000-0000-0000-0000000000FF', '2020-01-31');
SELECT custodian.track_contracts('by_uuid', 'id', 'client', 'ends');
CREATE TABLE composite (id int PRIMARY KEY, region text NOT NULL, number int, ends date);
INSERT INTO composite VALUES (1, 'east, "old"', 7, '2020-01-31'), (2, 'west', 7, NULL);
SELECT custodian.track_contracts('composite', 'id', 'region, number', 'ends');
INSERT INTO composite VALUES (3, 'west', NULL, NULL);
CREATE TABLE "代理 Contract" ("合同号" varchar(20) PRIMARY KEY, "Client Id" text NOT NULL, "End""Date" date);
INSERT INTO "代理 Contract" VALUES ('合-1', '北京某某有限公司', '2020-01-31');
SELECT custodian.track_contracts('"代理 Contract"', '合同号', 'Client Id', 'End"Date');
UPDATE "代理 Contract" SET "End""Date" = '2020-02-29';
SELECT source, contract_key, client_key, ends_on FROM known
	WHERE source IN ('by_uuid'::regclass, 'composite'::regclass, '"代理 Contract"'::regclass);

-- However a session writes dates and moments, a key is always the same text.
CREATE TABLE by_date (id timestamptz PRIMARY KEY, client date NOT NULL, ends date);
SELECT custodian.track_contracts('by_date', 'id', 'client', 'ends');
SET datestyle = 'SQL, DMY';
SET TimeZone = 'America/New_York';
INSERT INTO by_date VALUES ('2020-01-02 03:04:05.6 UTC', '2020-01-02', '2020-01-31');
SET datestyle = 'ISO, YMD';
SET TimeZone = 'Asia/Tokyo';
UPDATE by_date SET ends = '2020-02-29';
RESET TimeZone;
SELECT contract_key, client_key, ends_on FROM known WHERE source = 'by_date'::regclass;

-- A partitioned table is followed with all its partitions, also later ones.
CREATE TABLE parted (id int, year int, client text NOT NULL, ends date, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE parted_2020 PARTITION OF parted FOR VALUES IN (2020);
SELECT custodian.track_contracts('parted', 'id', 'client', 'ends');
CREATE TABLE cars (id int, client text NOT NULL, ends date) PARTITION BY RANGE (id);
CREATE UNIQUE INDEX ON cars (id);
CREATE TABLE cars_1 PARTITION OF cars FOR VALUES FROM (1) TO (10);
SELECT custodian.track_contracts('cars', 'id', 'client', 'ends');
CREATE TABLE cars_2 PARTITION OF cars FOR VALUES FROM (10) TO (20);
INSERT INTO cars VALUES (1, 'car 1', '2020-03-31'), (11, 'car 11', '2020-04-30');
-- A row whose key changes on its way to another partition is deleted here and
-- inserted there: nobody can tell that it was one contract, so both are known.
UPDATE cars SET id = 12 WHERE id = 1;
SELECT source, contract_key, client_key, ends_on FROM known WHERE client_key LIKE 'car %';
SELECT custodian.track_contracts('cars_1', 'id', 'client', 'ends');

--
-- Bad input is refused before anything is stored.
--
CREATE TABLE plain (id int PRIMARY KEY, other int, client int, ends date, state text, doc json);
SELECT custodian.track_contracts(NULL, 'id', 'client', 'ends');
SELECT custodian.track_contracts('plain', NULL, 'client', 'ends');
SELECT custodian.track_contracts('plain', 'id', NULL, 'ends');
SELECT custodian.track_contracts('plain', 'id', 'client', NULL);
SELECT custodian.track_contracts('no_such_table', 'id', 'client', 'ends');
SELECT custodian.track_contracts('plain', 'nix', 'client', 'ends');
\echo :SQLSTATE
SELECT custodian.track_contracts('plain', 'id', 'nix', 'ends');
SELECT custodian.track_contracts('plain', 'id', 'client', 'nix');
-- The contract's key must be unique, by an index on just that column.
SELECT custodian.track_contracts('plain', 'other', 'client', 'ends');
\echo :SQLSTATE
SELECT custodian.track_contracts('plain', 'id, other', 'client', 'ends');
-- The end must be a date.
SELECT custodian.track_contracts('plain', 'id', 'client', 'state');
\echo :SQLSTATE
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends, state');
SELECT custodian.track_contracts('plain', 'id', 'client, client', 'ends');
SELECT custodian.track_contracts('plain', 'id', 'client,,ends', 'ends');
SELECT custodian.track_contracts('plain', 'ctid', 'client', 'ends');
-- A key of a type that cannot be compared.
SELECT custodian.track_contracts('plain', 'id', 'doc', 'ends');
-- Conditions that are none.
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends', ended_when => 'nix = 1');
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends', ended_when => 'state');
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends', ended_when => 'random() < 0.5');
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends', ended_when => 'EXISTS (SELECT 1)');
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends', ended_when => 'true; DROP TABLE plain');
SELECT custodian.track_contracts('plain', 'id', 'client', 'ends', ended_when => 'true) OR (true');
-- Relations that hold no contracts.
CREATE VIEW no_table AS SELECT * FROM plain;
SELECT custodian.track_contracts('no_table', 'id', 'client', 'ends');
SELECT custodian.track_contracts('pg_class', 'oid', 'relname', 'relname');
CREATE TEMP TABLE fleeting (id int PRIMARY KEY, client int, ends date);
SELECT custodian.track_contracts('fleeting', 'id', 'client', 'ends');
SELECT custodian.untrack_contracts('plain');
SELECT count(*) FROM custodian.contract_source WHERE relation = 'plain'::regclass;
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'plain'::regclass;

SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
