--
-- The arithmetic of retention dates.
--
-- A period counts from the day after its anchor; retain_until is the last day
-- on which a row must be kept, and from the next day it may go.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- One table with every kind of date, one client whose contract is long over.
CREATE TABLE doc (
	id int PRIMARY KEY,
	client text NOT NULL,
	dated date,
	at timestamptz,
	local timestamp,
	gone date
);
CREATE INDEX ON doc (client);
SELECT custodian.create_record_class('doc', basis => 'own') \gset
SELECT custodian.adopt('doc', client => 'client', dated_by => 'dated', event_at => 'gone', record_class => 'doc') \gset
SELECT custodian.open_contract('C', 'A') \gset
SELECT custodian.end_contract('C', ends_on => '2020-01-31') \gset

-- The dates of the rules for each row, on a day.
CREATE FUNCTION dates(as_of date DEFAULT NULL, OUT id int, OUT rule text, OUT version int,
	OUT anchor_date date, OUT retain_until date, OUT dispose_by date, OUT decides boolean,
	OUT action text, OUT blocked_by text)
RETURNS SETOF record LANGUAGE sql AS $$
	SELECT d.id, e.rule, e.version, e.anchor_date, e.retain_until, e.dispose_by, e.decides, e.action, e.blocked_by
	FROM doc AS d, custodian.explain('doc', d.id::text, $1) AS e ORDER BY d.id, e.rule
$$;
-- Each rule is a new version that takes the place of the one before at once.
-- It guards nothing, so that the rows can be cleared away again.
CREATE FUNCTION one_rule(anchor text, minimum interval, maximum interval DEFAULT NULL) RETURNS void
LANGUAGE sql AS $$
	SELECT custodian.create_rule('r', 'doc', 'own', anchor, minimum, 'law', maximum => maximum,
		disposition => CASE anchor WHEN 'permanent' THEN 'keep' ELSE 'destroy' END,
		guard => 'none', mode => 'governance', effective_from => '2000-01-01');
$$;

--
-- A voucher of 2024 under 30 years from the end of the accounting year: last
-- retained on 2054-12-31, destroyable from 2055-01-01 (会计档案管理办法 art. 14).
--
INSERT INTO doc (id, client, dated) VALUES (1, 'A', '2024-01-01'), (2, 'A', '2024-12-31'), (3, 'A', '2025-01-01');
SELECT one_rule('fiscal_year_end', '30 years') \gset
SELECT id, anchor_date, retain_until FROM dates();
SELECT action, rows, retain_from, retain_until, blocked_by FROM custodian.plan('A', as_of => '2054-12-31');
SELECT action, rows, retain_from, retain_until, blocked_by FROM custodian.plan('A', as_of => '2055-01-01');
SELECT action, rows FROM custodian.plan('A', as_of => '2056-01-01');
-- 0 days: the anchor's own day is the last.
SELECT one_rule('row_date', '0 days') \gset
SELECT id, retain_until FROM dates();
SELECT one_rule('row_date', '1 day') \gset
SELECT id, retain_until FROM dates();
DELETE FROM doc;

--
-- Months and years end on the day of the same number, and where the month has
-- none on its last day.  No way of counting gives an earlier day: 28 February
-- and a year is 28 February of a leap year's successor, and 29 February of a
-- leap year (民法典 art. 201, 202; likewise BGB §§ 187, 188).
--
INSERT INTO doc (id, client, dated) VALUES
	(1, 'A', '2024-02-28'), (2, 'A', '2024-02-29'), (3, 'A', '2023-02-28'),
	(4, 'A', '2024-01-30'), (5, 'A', '2024-01-31'), (6, 'A', '2023-12-31'), (7, 'A', '2024-10-30');
SELECT one_rule('row_date', '1 year') \gset
SELECT id, anchor_date, retain_until FROM dates();
SELECT one_rule('row_date', '4 years') \gset
SELECT id, retain_until FROM dates() WHERE id <= 3;
SELECT one_rule('row_date', '1 mon') \gset
SELECT id, anchor_date, retain_until FROM dates() WHERE id >= 4;
SELECT one_rule('row_date', '1 year 1 mon 1 day') \gset
SELECT id, retain_until FROM dates() WHERE id IN (2, 4);
-- No setting of the session bends a period or a date.
SET intervalstyle = 'sql_standard';
SET datestyle = 'SQL, DMY';
SELECT id, retain_until FROM dates() WHERE id IN (2, 4);
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
DELETE FROM doc;

--
-- A fiscal year that does not begin on 1 January, and ends after 29 February.
--
INSERT INTO doc (id, client, dated) VALUES (1, 'A', '2024-03-31'), (2, 'A', '2024-04-01'), (3, 'A', '2024-06-30'), (4, 'A', '2024-07-01'), (5, 'A', '2023-03-01');
SELECT one_rule('fiscal_year_end', '10 years') \gset
SELECT custodian.change_adoption('doc', fiscal_year_start => '04-01') \gset
SELECT id, anchor_date, retain_until FROM dates();
SELECT custodian.change_adoption('doc', fiscal_year_start => '07-01') \gset
SELECT id, anchor_date, retain_until FROM dates();
SELECT custodian.change_adoption('doc', fiscal_year_start => '03-01') \gset
SELECT id, anchor_date, retain_until FROM dates() WHERE id IN (1, 5);
SELECT custodian.change_adoption('doc', fiscal_year_start => '01-15') \gset
SELECT id, anchor_date FROM dates() WHERE id = 1;
-- The setting of the installation serves tables that have none of their own.
SELECT custodian.release('doc'), custodian.adopt('doc', client => 'client', dated_by => 'dated', event_at => 'gone', record_class => 'doc') \gset
SELECT custodian.configure('fiscal_year_start', '10-01') \gset
SELECT id, anchor_date FROM dates() WHERE id <= 2;
SELECT custodian.configure('fiscal_year_start', '01-01') \gset
DELETE FROM doc;

--
-- A moment belongs to the day in the installation's time zone: half past
-- eleven in the evening in Shanghai is still the old year, although half past
-- three in the afternoon UTC of that day is 1 January there a day later.
--
INSERT INTO doc (id, client, at, local) VALUES
	(1, 'A', '2024-12-31 23:30 Asia/Shanghai', '2024-12-31 23:30'),
	(2, 'A', '2024-12-31 16:30 UTC', '2025-01-01 00:30'),
	(3, 'A', '2024-12-31 15:59:59.999999 UTC', '2024-12-31 23:59:59.999999');
SELECT one_rule('fiscal_year_end', '10 years') \gset
SELECT custodian.change_adoption('doc', dated_by => 'at') \gset
SELECT id, anchor_date FROM dates();
SET TimeZone = 'America/Los_Angeles';
SELECT id, anchor_date FROM dates();
RESET TimeZone;
SELECT custodian.configure('time_zone', 'UTC') \gset
SELECT id, anchor_date FROM dates();
SELECT custodian.configure('time_zone', 'Asia/Shanghai') \gset
-- Local time is what it says.
SELECT custodian.change_adoption('doc', dated_by => 'local') \gset
SELECT id, anchor_date FROM dates();
DELETE FROM doc;

--
-- What has no date, or an infinite one, has not begun to count: it is kept.
--
INSERT INTO doc (id, client, dated, at) VALUES
	(1, 'A', NULL, NULL), (2, 'A', 'infinity', 'infinity'), (3, 'A', '-infinity', '-infinity'), (4, 'A', '1999-12-31', '1999-12-31');
SELECT custodian.change_adoption('doc', dated_by => 'dated') \gset
SELECT one_rule('row_date', '1 year') \gset
SELECT id, anchor_date, retain_until, action, blocked_by FROM dates();
SELECT action, rows, retain_from, retain_until, blocked_by FROM custodian.plan('A');
SELECT one_rule('fiscal_year_end', '1 year') \gset
SELECT id, anchor_date, retain_until, action FROM dates();
SELECT custodian.change_adoption('doc', dated_by => 'at') \gset
SELECT id, anchor_date, retain_until, action FROM dates();
SELECT custodian.change_adoption('doc', dated_by => 'dated') \gset
-- Years that few think of.
UPDATE doc SET dated = '0001-01-01 BC' WHERE id = 1;
UPDATE doc SET dated = '5874897-12-31' WHERE id = 2;
SELECT one_rule('row_date', '1 year') \gset
SELECT id, anchor_date, retain_until, action FROM dates() WHERE id = 1;
SELECT id, anchor_date, retain_until, action FROM dates() WHERE id = 2;
DELETE FROM doc;

--
-- Anchors: the contract's end, an event, permanent.
--
INSERT INTO doc (id, client, dated, gone) VALUES (1, 'A', '2010-05-05', '2019-02-28'), (2, 'A', '2010-05-05', NULL);
SELECT one_rule('contract_end', '30 days', '90 days') \gset
SELECT id, anchor_date, retain_until, dispose_by FROM dates();
-- An asset is scrapped five years before its card may go; until it is, the card stays.
SELECT one_rule('event', '5 years') \gset
SELECT id, anchor_date, retain_until, action, blocked_by FROM dates('2024-02-28');
SELECT id, anchor_date, retain_until, action, blocked_by FROM dates('2024-03-01');
SELECT one_rule('permanent', NULL) \gset
SELECT id, anchor_date, retain_until, action, blocked_by FROM dates('9999-01-01');
-- A table without a column for the anchor: nothing is known, everything kept,
-- and the plan says what to do.
SELECT custodian.release('doc'), custodian.adopt('doc', client => 'client', record_class => 'doc') \gset
SELECT one_rule('event', '5 years') \gset
SELECT action, rows, retain_until, blocked_by FROM custodian.plan('A');
SELECT one_rule('row_date', '5 years') \gset
SELECT action, rows, retain_until, blocked_by FROM custodian.plan('A');
SELECT custodian.change_adoption('doc', dated_by => 'dated', event_at => 'gone') \gset
DELETE FROM doc;

--
-- While a contract is open nothing is due, however old.
--
INSERT INTO doc (id, client, dated) VALUES (1, 'A', '2001-01-01');
SELECT one_rule('row_date', '1 year') \gset
SELECT action, blocked_by FROM custodian.plan('A', as_of => '2020-01-30');
-- The last day of the contract belongs to it.
SELECT action, blocked_by FROM custodian.plan('A', as_of => '2020-01-31');
SELECT action, blocked_by FROM custodian.plan('A', as_of => '2020-02-01');
DELETE FROM doc;

--
-- Several rules: the latest end wins, and the earliest maximum.
--
CREATE FUNCTION rule(rule text, class text, anchor text, minimum interval, maximum interval DEFAULT NULL,
	disposition text DEFAULT 'destroy', effective_from date DEFAULT '2000-01-01') RETURNS void
LANGUAGE sql AS $$
	SELECT custodian.create_rule(rule, class, 'own', anchor, minimum, 'law', maximum => maximum,
		disposition => disposition, guard => 'none', mode => 'governance', effective_from => effective_from);
$$;
INSERT INTO doc (id, client, dated) VALUES (1, 'A', '2010-06-30'), (2, 'A', '2019-06-30');
SELECT custodian.create_record_class('several', basis => 'own') \gset
SELECT custodian.change_adoption('doc', record_class => 'several') \gset
SELECT rule('year', 'several', 'fiscal_year_end', '10 years') \gset
SELECT rule('contract', 'several', 'contract_end', '3 years', maximum => '15 years', disposition => 'anonymize') \gset
SELECT id, rule, retain_until, dispose_by, decides, action, blocked_by FROM dates('2024-01-01');
-- The rule whose end is the latest says what is done.
SELECT action, rows, retain_from, retain_until, dispose_by, rule, blocked_by FROM custodian.plan('A', as_of => '2024-01-01');
-- A minimum above the maximum of another rule: keep, and say so.
SELECT rule('short', 'several', 'row_date', '0 days', maximum => '5 years') \gset
SELECT id, rule, retain_until, dispose_by, decides, action, blocked_by FROM dates('2040-01-01');
SELECT action, rows, retain_from, retain_until, dispose_by, rule, blocked_by FROM custodian.plan('A', as_of => '2040-01-01');
-- As long as the minimum is not over, that is what keeps the row.
SELECT action, rows, rule, blocked_by FROM custodian.plan('A', as_of => '2022-01-01');
-- A rule named at the adoption applies beside those of the class; one for a
-- whole basis does too.
SELECT custodian.create_record_class('plain', basis => 'own') \gset
SELECT custodian.change_adoption('doc', record_class => 'plain', rule => 'contract') \gset
SELECT custodian.create_rule('all own', NULL, 'own', 'row_date', '6 mons', 'law', mode => 'governance', guard => 'none', effective_from => '2000-01-01') \gset
SELECT id, rule, retain_until, dispose_by, decides, action FROM dates('2024-01-01');

-- The named rule applies whatever the basis that it was made for.
SELECT custodian.create_rule('archive', NULL, 'appointed', 'row_date', '50 years', 'law', mode => 'governance', guard => 'none', effective_from => '2000-01-01') \gset
SELECT custodian.change_adoption('doc', rule => 'archive') \gset
SELECT id, rule, retain_until, decides, action FROM dates('2024-01-01');

--
-- A return lets a minimum end; it does not make an anchor known.
--
SELECT custodian.create_record_class('returned', basis => 'entrusted') \gset
SELECT custodian.release('doc'), custodian.adopt('doc', client => 'client', dated_by => 'dated', record_class => 'returned') \gset
SELECT custodian.create_rule('return', 'returned', 'entrusted', 'row_date', '30 years', 'law', ends_on_return => true, mode => 'governance', guard => 'none', effective_from => '2000-01-01') \gset
INSERT INTO doc (id, client, dated) VALUES (3, 'A', NULL);
SELECT id, retain_until, action, blocked_by FROM dates('2024-01-01');
SELECT custodian.confirm_return('A', 'list', returned_on => '2020-03-15') \gset
SELECT id, retain_until, action, blocked_by FROM dates('2024-01-01');
DELETE FROM doc WHERE id = 3;

--
-- Contract terms: a longer minimum, a shorter maximum.
--
SELECT custodian.create_record_class('terms', basis => 'own') \gset
SELECT custodian.release('doc'), custodian.adopt('doc', client => 'client', dated_by => 'dated', record_class => 'terms') \gset
SELECT rule('terms', 'terms', 'row_date', '1 year', maximum => '20 years') \gset
SELECT custodian.set_contract_term('C', 'terms', minimum => '2 years', maximum => '10 years') \gset
SELECT id, retain_until, dispose_by FROM dates() WHERE rule = 'terms';
-- Of several contracts the strictest counts: the longest minimum, the shortest
-- maximum.
SELECT custodian.open_contract('C2', 'A'), custodian.end_contract('C2', '2019-12-31') \gset
SELECT custodian.set_contract_term('C2', 'terms', minimum => '3 years', maximum => '12 years') \gset
SELECT id, retain_until, dispose_by FROM dates() WHERE rule = 'terms';
-- The basis is that of the contract that ended last, the class's own where it
-- says nothing.
SELECT custodian.set_contract_term('C2', 'terms', basis => 'entrusted') \gset
SELECT DISTINCT basis FROM custodian.plan('A');
SELECT custodian.set_contract_term('C', 'terms', basis => 'appointed') \gset
SELECT DISTINCT basis FROM custodian.plan('A');

--
-- Versions: on each day the one in force on it.
--
SELECT custodian.create_record_class('versions', basis => 'own') \gset
SELECT custodian.change_adoption('doc', record_class => 'versions') \gset
SELECT rule('law', 'versions', 'row_date', '10 years', effective_from => '2016-01-01') \gset
SELECT rule('law', 'versions', 'row_date', '12 years', effective_from => '2021-07-01') \gset
SELECT id, version, retain_until, action FROM dates('2021-06-30') WHERE rule = 'law';
SELECT id, version, retain_until, action FROM dates('2021-07-01') WHERE rule = 'law';
-- A rule of the future does not count before its day.
SELECT rule('stricter', 'versions', 'permanent', NULL, disposition => 'keep', effective_from => '2080-01-01') \gset
SELECT id, rule, retain_until, action, blocked_by FROM dates('2079-12-31') WHERE id = 1;
SELECT id, rule, retain_until, action, blocked_by FROM dates('2080-01-01') WHERE id = 1;

-- A day that is none.
SELECT * FROM custodian.plan('A', as_of => 'infinity');
\echo :SQLSTATE
SELECT * FROM custodian.plan_due(as_of => '-infinity');
SELECT custodian.plan_digest('A', as_of => 'infinity');
SELECT * FROM custodian.explain('doc', '1', as_of => 'infinity');

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
