--
-- Record classes, retention rules and their versions, contract terms.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;
CREATE VIEW rules AS
	SELECT rule, version, record_class, basis, anchor, minimum, maximum, disposition, mode, guard, effective_from, effective_to
	FROM custodian.rule ORDER BY rule, version;

--
-- Record classes.
--
SELECT custodian.create_record_class('voucher', title => '记账凭证', basis => 'appointed');
SELECT custodian.create_record_class('payroll');
SELECT * FROM custodian.record_class ORDER BY record_class;
SELECT custodian.create_record_class('voucher');
\echo :SQLSTATE
SELECT custodian.create_record_class('');
SELECT custodian.create_record_class(NULL);
\echo :SQLSTATE
SELECT custodian.create_record_class('x', basis => 'borrowed');
\echo :SQLSTATE
SELECT custodian.set_custody_basis('payroll', 'entrusted');
SELECT basis FROM custodian.record_class WHERE record_class = 'payroll';
-- NULL: undecided again, nothing is destroyed.
SELECT custodian.set_custody_basis('payroll', NULL);
SELECT basis FROM custodian.record_class WHERE record_class = 'payroll';
SELECT custodian.set_custody_basis('payroll', 'Entrusted');
SELECT custodian.set_custody_basis('no such class', 'own');
\echo :SQLSTATE
SELECT custodian.set_custody_basis(NULL, 'own');

--
-- Rules.  A new one is a draft: it reports, and nothing else.
--
SELECT custodian.create_rule('voucher 30', record_class => 'voucher', basis => 'appointed',
	anchor => 'fiscal_year_end', minimum => '30 years', legal_basis => '会计档案管理办法', article => '14',
	effective_from => '2016-01-01');
SELECT * FROM rules;
-- The same again is the same version, and no event.
SELECT count(*) AS events FROM custodian.audit_event \gset
SELECT custodian.create_rule('voucher 30', 'voucher', 'appointed', 'fiscal_year_end', '30 years', '会计档案管理办法', article => '14',
	effective_from => '2016-01-01');
SELECT count(*) - :events AS new_events FROM custodian.audit_event;
-- 360 months are 30 years.
SELECT custodian.create_rule('voucher 30', 'voucher', 'appointed', 'fiscal_year_end', '360 mons', '会计档案管理办法', article => '14');

-- Another definition is the next version; the one before ends on the day on
-- which it begins.
SELECT custodian.create_rule('voucher 30', 'voucher', 'appointed', 'fiscal_year_end', '35 years', '会计档案管理办法', article => '14',
	maximum => '40 years', effective_from => '2030-01-01');
SELECT * FROM rules;
-- Not before the present one.
SELECT custodian.create_rule('voucher 30', 'voucher', 'appointed', 'fiscal_year_end', '36 years', 'law', effective_from => '2029-12-31');
\echo :SQLSTATE
-- A rule without a class is one for every class of the basis.
SELECT custodian.create_rule('after return', NULL, 'entrusted', 'contract_end', '30 days', 'PIPL 21', maximum => '90 days', ends_on_return => true, effective_from => '2021-11-01');
-- Today by default.
SELECT custodian.create_rule('from today', 'voucher', 'own', 'row_date', '0 days', 'contract');
SELECT effective_from = custodian.today() AS today FROM rules WHERE rule = 'from today';
-- Each is an event, with all that it says.
SELECT detail - 'effective_from' AS detail FROM custodian.audit_event WHERE act = 'create_rule' ORDER BY xid, seq;

--
-- Rules that contradict themselves.
--
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '10 years', 'law', maximum => '9 years 364 days');
\echo :SQLSTATE
-- As much as a minimum is allowed.
SELECT custodian.create_rule('tight', 'voucher', 'own', 'row_date', '1 year', 'law', maximum => '12 months');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '-1 day', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 year -1 day', 'law');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', maximum => '-1 mon');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '36 hours', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', maximum => '1 day 00:00:01');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1001 years', 'law');
\echo :SQLSTATE
-- infinity is an interval from PostgreSQL 17 on only.
DO $$
BEGIN
	PERFORM custodian.create_rule('bad', 'voucher', 'own', 'row_date', 'infinity'::interval, 'law');
	RAISE 'an infinite period was taken';
EXCEPTION WHEN invalid_parameter_value OR invalid_datetime_format THEN
	RAISE NOTICE 'refused';
END
$$;
SELECT custodian.create_rule('bad', 'voucher', 'own', 'permanent', '10 years', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('bad', 'voucher', 'own', 'permanent', NULL, 'law', maximum => '10 years');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'permanent', NULL, 'law', disposition => 'destroy');
SELECT custodian.create_rule('forever', 'voucher', 'own', 'permanent', NULL, 'law', disposition => 'keep');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', NULL, 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('bad', 'no such class', 'own', 'row_date', '1 day', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', effective_from => 'infinity');

-- Words that are none: the hint lists those that are.
SELECT custodian.create_rule('bad', 'voucher', 'lent', 'row_date', '1 day', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('bad', 'voucher', 'own', 'birthday', '1 day', 'law');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', disposition => 'delete');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', guard => 'insert');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', mode => 'lax');
-- What a rule must have.
SELECT custodian.create_rule(NULL, 'voucher', 'own', 'row_date', '1 day', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('', 'voucher', 'own', 'row_date', '1 day', 'law');
SELECT custodian.create_rule('bad', 'voucher', NULL, 'row_date', '1 day', 'law');
SELECT custodian.create_rule('bad', 'voucher', 'own', NULL, '1 day', 'law');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', NULL);
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', '');
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', disposition => NULL);
SELECT custodian.create_rule('bad', 'voucher', 'own', 'row_date', '1 day', 'law', mode => NULL);
SELECT count(*) AS bad FROM custodian.rule WHERE rule IN ('bad', '');

--
-- Modes only tighten.
--
SELECT custodian.set_rule_mode('tight', 'governance');
SELECT custodian.set_rule_mode('tight', 'draft');
\echo :SQLSTATE
SELECT custodian.set_rule_mode('tight', 'compliance');
SELECT custodian.set_rule_mode('tight', 'governance');
SELECT custodian.set_rule_mode('tight', 'strict');
SELECT custodian.set_rule_mode('no such rule', 'governance');
\echo :SQLSTATE
-- The version in force today is tightened, and those to come.
SELECT custodian.set_rule_mode('voucher 30', 'governance');
SELECT version, mode FROM rules WHERE rule = 'voucher 30';
-- A new version is not laxer than the one before.
SELECT custodian.create_rule('voucher 30', 'voucher', 'appointed', 'fiscal_year_end', '36 years', '会计档案管理办法', article => '14', effective_from => '2031-01-01', mode => 'draft');
SELECT version, mode FROM rules WHERE rule = 'voucher 30';

--
-- In compliance mode a rule only grows.
--
SELECT custodian.create_rule('tight', 'voucher', 'own', 'row_date', '11 months', 'law');
\echo :SQLSTATE
SELECT custodian.create_rule('tight', 'voucher', 'own', 'contract_end', '1 year', 'law');
SELECT custodian.create_rule('tight', 'voucher', 'appointed', 'row_date', '1 year', 'law');
SELECT custodian.create_rule('tight', 'payroll', 'own', 'row_date', '1 year', 'law');
SELECT custodian.create_rule('tight', 'voucher', 'own', 'row_date', '1 year', 'law', guard => 'none');
SELECT custodian.create_rule('tight', 'voucher', 'own', 'row_date', '1 year', 'law', ends_on_return => true);
-- Longer, stricter, without a maximum: yes.
SELECT custodian.create_rule('tight', 'voucher', 'own', 'row_date', '2 years', 'law', guard => 'update');
SELECT custodian.create_rule('tight', 'voucher', 'own', 'permanent', NULL, 'law', disposition => 'keep', guard => 'update');
SELECT custodian.create_rule('tight', 'voucher', 'own', 'row_date', '100 years', 'law', guard => 'update');
SELECT version, record_class, basis, anchor, minimum, maximum, disposition, mode, guard FROM rules WHERE rule = 'tight';

-- The audit says which mode each version has.
SELECT detail ->> 'rule' AS rule, detail ->> 'version' AS version, detail ->> 'mode' AS mode
	FROM custodian.audit_event WHERE act = 'create_rule' AND detail ->> 'rule' IN ('voucher 30', 'tight') ORDER BY xid, seq;

-- Nor is a class taken out from under it by another custody basis, its own or
-- that of a contract.
SELECT custodian.create_record_class('locked', basis => 'own');
SELECT custodian.create_rule('locked', 'locked', 'own', 'row_date', '1 year', 'law', mode => 'compliance', effective_from => '2000-01-01');
SELECT custodian.set_custody_basis('locked', 'entrusted');
\echo :SQLSTATE
SELECT custodian.set_custody_basis('locked', NULL);
SELECT custodian.set_custody_basis('locked', 'own');
SELECT custodian.open_contract('C-0', 'A') > 0 AS opened;
SELECT custodian.set_contract_term('C-0', 'locked', basis => 'entrusted');
\echo :SQLSTATE
SELECT custodian.set_contract_term('C-0', 'locked', minimum => '2 years');

--
-- Contract terms: a contract may be stricter than the rules, never laxer.
--
SELECT custodian.create_record_class('ledger', basis => 'appointed');
SELECT custodian.create_rule('ledger 10', 'ledger', 'appointed', 'fiscal_year_end', '10 years', 'law', maximum => '20 years');
SELECT custodian.open_contract('C-1', 'A') > 0 AS opened;
SELECT custodian.set_contract_term('C-1', 'ledger', minimum => '15 years');
SELECT custodian.set_contract_term('C-1', 'ledger', minimum => '15 years', maximum => '18 years', basis => 'appointed');
SELECT record_class, basis, minimum, maximum FROM custodian.contract_term WHERE record_class = 'ledger';
SELECT custodian.set_contract_term('C-1', 'ledger', minimum => '9 years');
\echo :SQLSTATE
SELECT custodian.set_contract_term('C-1', 'ledger', maximum => '21 years');
\echo :SQLSTATE
SELECT custodian.set_contract_term('C-1', 'ledger', maximum => '9 years');
\echo :SQLSTATE
SELECT custodian.set_contract_term('C-1', 'ledger', minimum => '12 years', maximum => '11 years');
\echo :SQLSTATE
SELECT custodian.set_contract_term('C-1', 'ledger', minimum => '-1 years');
SELECT custodian.set_contract_term('C-1', 'ledger', minimum => '1 hour');
SELECT custodian.set_contract_term('C-1', 'ledger', basis => 'lent');
SELECT custodian.set_contract_term('C-1', 'no such class', basis => 'own');
\echo :SQLSTATE
SELECT custodian.set_contract_term('no such contract', 'ledger', basis => 'own');
\echo :SQLSTATE
SELECT custodian.set_contract_term(NULL, 'ledger', basis => 'own');
SELECT custodian.set_contract_term('C-1', NULL, basis => 'own');
SELECT record_class, basis, minimum, maximum FROM custodian.contract_term WHERE record_class = 'ledger';
-- One key in two contract tables: say which.
CREATE TABLE contract (no text PRIMARY KEY, client text NOT NULL, ends date);
INSERT INTO contract VALUES ('C-1', 'B', NULL);
SELECT custodian.track_contracts('contract', 'no', 'client', 'ends');
SELECT custodian.set_contract_term('C-1', 'ledger', basis => 'own');
\echo :SQLSTATE
SELECT custodian.set_contract_term('C-1', 'ledger', basis => 'own', source => 'contract');
SELECT contract_key, source, basis FROM custodian.contract_term JOIN custodian.contract USING (contract_no) WHERE record_class = 'ledger' ORDER BY 2, 1;
SELECT act, detail - 'contract' AS detail FROM custodian.audit_event WHERE act = 'set_contract_term' ORDER BY xid, seq;

SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
