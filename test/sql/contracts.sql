--
-- Contracts that the application makes known by calling functions, and what
-- follows from them: clients, cases, confirmed returns.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- What is known, in one view for this test.
CREATE VIEW known AS
	SELECT c.client_key, c.open_contracts AS open, c.contract_end,
		c.returned_on, k.contract_key, k.starts_on, k.ends_on
	FROM custodian.client AS c LEFT JOIN custodian.contract AS k USING (client_no)
	ORDER BY c.client_no, k.contract_no;
CREATE VIEW cases AS
	SELECT case_no, client_key, k.contract_end, state, ended_at IS NOT NULL AS ended
	FROM custodian.client_case AS k JOIN custodian.client AS c USING (client_no)
	ORDER BY case_no;
CREATE VIEW events AS
	SELECT act, detail FROM custodian.audit_event
	ORDER BY xid, seq;

--
-- A contract makes its client known.  The number returned is what stands for
-- the contract in the audit.
--
SELECT custodian.open_contract('C-1', '客户甲');
SELECT custodian.open_contract(contract => 'C-2', client => '客户甲', starts_on => '2020-01-01');
SELECT * FROM known;

-- A client is active while any contract is open; no case yet.
SELECT custodian.end_contract('C-1', ends_on => '2021-06-30');
SELECT * FROM known;
SELECT * FROM cases;

-- The last one ends: the client's end is that of the contract that ended last,
-- whichever call came last, and a case opens.
SELECT custodian.end_contract('C-2', ends_on => '2021-03-31');
SELECT * FROM known;
SELECT * FROM cases;

-- The end may be corrected; the case goes on.
SELECT custodian.end_contract('C-1', ends_on => '2021-07-31');
SELECT * FROM cases;
-- Saying the same again changes nothing and is no event.
SELECT count(*) AS events_before FROM events \gset
SELECT custodian.end_contract('C-1', ends_on => '2021-07-31');
SELECT count(*) - :events_before AS new_events FROM events;

-- Reopened before anything was done: the case is cancelled.
SELECT custodian.reopen_contract('C-2');
SELECT * FROM known;
SELECT * FROM cases;

-- It ends again: a new case.
SELECT custodian.end_contract('C-2', ends_on => '2022-12-31');
SELECT * FROM cases;

-- So does a new contract with a former client cancel the case.
SELECT custodian.open_contract('C-3', '客户甲', '2023-01-01') > 0 AS opened;
SELECT * FROM cases;
SELECT custodian.end_contract('C-3', ends_on => '2023-12-31');

-- Every act is in the audit, by number: no name of a client, no contract key.
SELECT act, detail - 'contract' AS detail FROM events;
SELECT count(*) AS entries_with_names FROM custodian.audit
	WHERE convert_from(entry, 'UTF8') ~ '客户|C-[123]';

--
-- Dates.  The last day is part of the contract; without a date it is today.
--
SELECT custodian.open_contract('D-1', 'dates', starts_on => '2024-02-29') > 0 AS opened;
SELECT custodian.end_contract('D-1');
SELECT contract_end = custodian.today() AS ends_today FROM custodian.client WHERE client_key = 'dates';

-- An end in the future is known, but the client's time has not come: a run
-- leaves the client alone until the day after.
SELECT custodian.end_contract('D-1', ends_on => custodian.today() + 30);
SELECT contract_end = custodian.today() + 30 AS in_future, open_contracts
	FROM custodian.client WHERE client_key = 'dates';
CALL custodian.run(client => 'dates');
SELECT clients FROM custodian.run_log;

-- The first day may be the last one, no day before it may be.
SELECT custodian.end_contract('D-1', ends_on => '2024-02-29');
SELECT custodian.end_contract('D-1', ends_on => '2024-02-28');
\echo :SQLSTATE
SELECT custodian.end_contract('D-1', ends_on => 'infinity');
\echo :SQLSTATE
SELECT custodian.end_contract('D-1', ends_on => '-infinity');
SELECT custodian.open_contract('D-2', 'dates', starts_on => 'infinity');
-- Nothing of that was stored.
SELECT * FROM known WHERE client_key = 'dates';

--
-- Bad input.
--
SELECT custodian.open_contract('C-1', 'somebody else');
\echo :SQLSTATE
SELECT custodian.open_contract(NULL, 'A');
\echo :SQLSTATE
SELECT custodian.open_contract('C-9', NULL);
SELECT custodian.open_contract('', 'A');
SELECT custodian.open_contract('C-9', '');
SELECT custodian.end_contract(NULL);
SELECT custodian.end_contract('no such contract');
\echo :SQLSTATE
SELECT custodian.reopen_contract('no such contract');
\echo :SQLSTATE
SELECT custodian.reopen_contract(NULL);
SELECT custodian.open_contract('C-4', '客户乙') > 0 AS opened;
SELECT custodian.reopen_contract('C-4');
\echo :SQLSTATE
-- No client was made by a refused call.
SELECT client_key FROM custodian.client ORDER BY client_no;

-- What happens in a transaction that is rolled back has not happened.
BEGIN;
SELECT custodian.end_contract('C-4', '2022-06-30');
SELECT * FROM cases WHERE client_key = '客户乙';
ROLLBACK;
SELECT * FROM known WHERE client_key = '客户乙';

--
-- confirm_return(): the client has the entrusted records back.
--
-- While a contract is open, records keep coming in: too early.
SELECT custodian.confirm_return('客户乙', evidence => '移交清册 2022-17');
\echo :SQLSTATE
SELECT custodian.end_contract('C-4', ends_on => '2022-06-30');
-- Too early as well: before the last day.
SELECT custodian.confirm_return('客户乙', '移交清册 2022-17', returned_on => '2022-06-29');
-- In the future.
SELECT custodian.confirm_return('客户乙', '移交清册 2022-17', returned_on => custodian.today() + 1);
\echo :SQLSTATE
SELECT custodian.confirm_return('客户乙', '移交清册 2022-17', returned_on => 'infinity');
SELECT custodian.confirm_return('客户乙', '移交清册 2022-17', returned_on => '-infinity');
-- Without evidence, or of nobody.
SELECT custodian.confirm_return('客户乙', NULL);
SELECT custodian.confirm_return('客户乙', '');
SELECT custodian.confirm_return('nobody', 'list');
\echo :SQLSTATE
SELECT custodian.confirm_return(NULL, 'list');
-- An end in the future is no end yet.
SELECT custodian.open_contract('C-5', 'leaving') > 0 AS opened;
SELECT custodian.end_contract('C-5', custodian.today() + 1);
SELECT custodian.confirm_return('leaving', 'list');
SELECT count(*) FROM custodian.return_confirmation;

-- On the last day it may be.
SELECT custodian.confirm_return('客户乙', '移交清册 2022-17', returned_on => '2022-06-30');
SELECT client_key, r.returned_on, evidence, confirmed_by = session_user AS by_me
	FROM custodian.return_confirmation AS r JOIN custodian.client USING (client_no);
-- Today by default; both confirmations are kept, the last one counts.
SELECT custodian.confirm_return('客户乙', '移交清册 2022-18');
SELECT returned_on = custodian.today() AS returned_today FROM custodian.client
	WHERE client_key = '客户乙';
SELECT evidence FROM custodian.return_confirmation ORDER BY confirmed_at;
-- The audit commits to the evidence without saying it.
SELECT custodian.audit_entry_json(entry) ? 'evidence_commitment' AS committed,
		convert_from(entry, 'UTF8') ~ '2022-1[78]' AS said
	FROM custodian.audit WHERE convert_from(entry, 'UTF8') ~ '"act":"confirm_return"';

-- New records come with a reopened contract: what was returned before says
-- nothing about them.
SELECT custodian.reopen_contract('C-4');
SELECT returned_on FROM custodian.client WHERE client_key = '客户乙';
SELECT custodian.end_contract('C-4', ends_on => '2023-06-30');
SELECT returned_on FROM custodian.client WHERE client_key = '客户乙';
-- So does an end that is moved to a day after the return.
SELECT custodian.confirm_return('客户乙', '移交清册 2023-1', returned_on => '2023-07-01');
SELECT custodian.end_contract('C-4', ends_on => '2023-12-31');
SELECT contract_end, returned_on FROM custodian.client WHERE client_key = '客户乙';

SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
