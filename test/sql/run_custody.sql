--
-- What a run does by custody basis: entrusted records go when they were
-- returned, or after a time of grace; appointed records wait out the statutory
-- period, restricted; own records follow rules of their own.  Holds and open
-- contracts come before everything.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE TABLE record (id int PRIMARY KEY, client text NOT NULL, dated date, class text NOT NULL);
CREATE INDEX ON record (client);
SELECT custodian.create_record_class('rest') \gset
SELECT custodian.create_record_class('identity', basis => 'entrusted') \gset
SELECT custodian.create_record_class('voucher', basis => 'appointed') \gset
SELECT custodian.create_record_class('invoice', basis => 'own') \gset
SELECT custodian.create_record_class('returned', basis => 'entrusted') \gset
SELECT custodian.adopt('record', client => 'client', dated_by => 'dated', record_class => 'rest') \gset
SELECT custodian.add_record_class('record', c, format('class = %L', c)) FROM unnest('{identity,voucher,invoice,returned}'::text[]) AS c \g /dev/null
SELECT custodian.create_rule('grace', 'identity', 'entrusted', 'contract_end', '30 days', 'PIPL art. 21', maximum => '90 days', ends_on_return => true, mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.create_rule('statute', 'voucher', 'appointed', 'fiscal_year_end', '30 years', 'order 79', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.create_rule('tax', 'invoice', 'own', 'row_date', '10 years', 'tax law', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.create_rule('return', 'returned', 'entrusted', 'contract_end', '0 days', 'contract', disposition => 'return', mode => 'governance', effective_from => '2000-01-01') \gset

CREATE FUNCTION fill(client text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO record
		SELECT (SELECT COALESCE(max(id), 0) FROM record) + row_number() OVER (), $1, d, c
		FROM unnest('{identity,voucher,invoice,returned,other}'::text[]) AS c, unnest('{1990-06-30,2024-06-30}'::date[]) AS d;
$$;
CREATE VIEW left_over AS SELECT client, class, count(*), min(dated), max(dated) FROM record GROUP BY 1, 2 ORDER BY 1, 2;
CREATE VIEW restrictions AS
	SELECT client_key, relation, record_class, since = custodian.today() AS today
	FROM custodian.restriction JOIN custodian.client USING (client_no) ORDER BY 1, 3;

--
-- The contract ended a week ago.
--
SELECT fill('A'), custodian.open_contract('A', 'A'), custodian.end_contract('A', custodian.today() - 7) \gset
SELECT record_class, basis, action, rows, rule, blocked_by FROM custodian.plan('A');
CALL custodian.run();
-- The voucher of 1990 and the old invoice were due; nothing else.
SELECT * FROM left_over;
-- The younger voucher stays and is marked: no longer to be processed.
SELECT * FROM restrictions;
SELECT relation, detail - 'run' AS detail FROM custodian.audit_event WHERE act = 'restrict';
-- A mark is set once.
CALL custodian.run();

-- The entrusted records were returned today: they are due tomorrow, for today
-- is the last day on which they had to be kept.
SELECT custodian.confirm_return('A', 'list 1') \gset
SELECT record_class, action, rows, retain_until = custodian.today() AS until_today, blocked_by FROM custodian.plan('A') WHERE basis = 'entrusted';
SELECT record_class, action, rows, blocked_by FROM custodian.plan('A', as_of => custodian.today() + 1) WHERE basis = 'entrusted';
-- Returned the day before yesterday.
SELECT custodian.confirm_return('A', 'list 2', returned_on => custodian.today() - 2) \gset
CALL custodian.run();
SELECT * FROM left_over;

--
-- Grace: after 30 days entrusted records go without a return, but not those
-- that a rule wants returned.
--
SELECT fill('B'), custodian.open_contract('B', 'B'), custodian.end_contract('B', custodian.today() - 30) \gset
SELECT record_class, action, blocked_by FROM custodian.plan('B') WHERE basis = 'entrusted';
SELECT custodian.end_contract('B', custodian.today() - 31) \gset
SELECT record_class, action, blocked_by FROM custodian.plan('B') WHERE basis = 'entrusted';
CALL custodian.run(client => 'B');
SELECT * FROM left_over WHERE client = 'B';

--
-- A contract makes a class the agency's archive: the rules of that basis apply
-- in place of the others.
--
SELECT fill('C'), custodian.open_contract('C', 'C') \gset
SELECT custodian.create_rule('archive', 'identity', 'appointed', 'contract_end', '3 years', 'contract', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.set_contract_term('C', 'identity', basis => 'appointed') \gset
SELECT custodian.end_contract('C', custodian.today() - 400) \gset
SELECT record_class, basis, action, rows, rule FROM custodian.plan('C') WHERE record_class = 'identity';
CALL custodian.run(client => 'C');
SELECT * FROM left_over WHERE client = 'C' AND class = 'identity';
SELECT * FROM restrictions WHERE client_key = 'C';

--
-- A client who comes back: the marks are lifted, the case reopened, and what is
-- left of the records stays.
--
SELECT custodian.reopen_contract('C') \gset
SELECT * FROM restrictions WHERE client_key = 'C';
SELECT state FROM custodian.client_case JOIN custodian.client USING (client_no) WHERE client_key = 'C';
SELECT count(*) AS before FROM record WHERE client = 'C' \gset
CALL custodian.run();
SELECT count(*) - :before AS changed FROM record WHERE client = 'C';
SELECT DISTINCT action, blocked_by FROM custodian.plan('C');
-- Leaving again, restricted again.
SELECT custodian.end_contract('C', custodian.today() - 1) \gset
CALL custodian.run(client => 'C');
SELECT * FROM restrictions WHERE client_key = 'C';
-- An end that is put off into the future lifts the marks as well.
SELECT custodian.end_contract('C', custodian.today() + 1) \gset
SELECT * FROM restrictions WHERE client_key = 'C';

--
-- A hold keeps everything it covers, also from being restricted.
--
SELECT fill('D'), custodian.open_contract('D', 'D'), custodian.end_contract('D', '2015-12-31') \gset
SELECT custodian.hold('lawsuit', client => 'D') AS hold \gset
CALL custodian.run();
SELECT * FROM left_over WHERE client = 'D';
SELECT * FROM restrictions WHERE client_key = 'D';
SELECT custodian.release_hold(:hold, 'settled') \gset
SELECT custodian.hold('audit', client => 'D', record_class => 'invoice') AS hold \gset
CALL custodian.run();
SELECT * FROM left_over WHERE client = 'D';
SELECT custodian.release_hold(:hold, 'over') \gset
CALL custodian.run(client => 'D');
SELECT * FROM left_over WHERE client = 'D';

--
-- Dispositions: keep and restrict end in nothing being destroyed.
--
SELECT custodian.create_record_class('kept', basis => 'own'), custodian.create_record_class('shut', basis => 'own') \gset
SELECT custodian.create_rule('keep', 'kept', 'own', 'contract_end', '0 days', 'law', disposition => 'keep', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.create_rule('shut', 'shut', 'own', 'contract_end', '0 days', 'law', disposition => 'restrict', mode => 'governance', effective_from => '2000-01-01') \gset
SELECT custodian.add_record_class('record', c, format('class = %L', c)) FROM unnest('{kept,shut}'::text[]) AS c \g /dev/null
INSERT INTO record VALUES (1000, 'E', '2000-01-01', 'kept'), (1001, 'E', '2000-01-01', 'shut');
SELECT custodian.open_contract('E', 'E'), custodian.end_contract('E', '2015-12-31') \gset
SELECT record_class, action, rows, blocked_by FROM custodian.plan('E');
CALL custodian.run(client => 'E');
SELECT * FROM left_over WHERE client = 'E';
SELECT * FROM restrictions WHERE client_key = 'E';
-- plan_due() has only what changes rows.
SELECT count(*) FROM custodian.plan_due() WHERE client_no = (SELECT client_no FROM custodian.client WHERE client_key = 'E');

--
-- Under a draft a run does nothing, not even a mark.
--
SELECT custodian.create_record_class('drafted', basis => 'appointed') \gset
SELECT custodian.create_rule('draft', 'drafted', 'appointed', 'contract_end', '0 days', 'law', effective_from => '2000-01-01') \gset
SELECT custodian.add_record_class('record', 'drafted', $$class = 'drafted'$$) \gset
INSERT INTO record VALUES (2000, 'F', '2000-01-01', 'drafted');
SELECT custodian.open_contract('F', 'F'), custodian.end_contract('F', '2015-12-31') \gset
CALL custodian.run(client => 'F');
SELECT * FROM left_over WHERE client = 'F';
SELECT * FROM restrictions WHERE client_key = 'F';

-- Rows without any contract are nobody's to take.
INSERT INTO record VALUES (3000, 'stranger', '1980-01-01', 'invoice');
CALL custodian.run();
SELECT * FROM left_over WHERE client = 'stranger';

SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
