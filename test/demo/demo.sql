/*
 * test/demo/demo.sql
 *    The main job of custodian, played on the sample agency and explained.
 *
 * For psql, as superuser, in an empty UTF8 database; "make demo" makes one.
 * Figures in the text come from the database.  The last statement fails where
 * something did not happen as the text says.
 */

\set ON_ERROR_STOP on
\pset footer off
\pset null '-'
\pset border 1
\pset linestyle ascii
SET client_min_messages = warning;

\echo
\echo 'custodian: the database as the custodian of client records'
\echo '=========================================================='
\echo
\echo 'A bookkeeping agency keeps vouchers, tax returns, payroll and identity data of its clients.'
\echo 'A contract ends. From that day the agency must keep what the law tells it to keep, must let go'
\echo 'of what it may no longer have, and must be able to prove both, years later. This demo plays that'
\echo 'on a sample agency. All companies, persons and numbers in it are generated.'

\echo
\echo
\echo '1. The agency''s database'
\echo '------------------------'
\echo
\echo 'An ordinary application schema, which knows nothing of retention. Loading it takes some seconds ...'
\ir agency_schema.sql
\o /dev/null
\ir agency_data.sql
\ir demo_helpers.sql
\o

SELECT to_char(count(*), 'FM999,999') AS total_rows, count(DISTINCT client_id) AS total_clients,
    count(DISTINCT table_name) AS total_tables
FROM agency_row \gset
SELECT count(*) FILTER (WHERE is_open) AS open_clients, count(*) FILTER (WHERE NOT is_open) AS ended_clients
FROM (SELECT bool_or(status = 'active') AS is_open FROM agency.contract GROUP BY client_id) AS s \gset

\echo
\echo :total_clients clients, :total_rows rows in :total_tables tables. :open_clients clients have a running contract;
\echo the contracts of :ended_clients have ended over the years, and nobody has cleaned up after them.
\echo
CREATE TEMP TABLE tables_before AS
SELECT table_name, count(*) AS "rows" FROM agency_row GROUP BY table_name;
SELECT a.table_name AS "table", a."rows", b.table_name AS "table ", b."rows" AS "rows "
FROM (SELECT row_number() OVER (ORDER BY "rows" DESC) AS n, * FROM tables_before) AS a
JOIN (SELECT row_number() OVER (ORDER BY "rows" DESC) AS n, * FROM tables_before) AS b ON b.n = a.n + 9
ORDER BY a.n;

\echo One of the clients. Its contract says that the agency keeps its accounting archive:
\echo
\set client K-00002
SELECT k.id, k.name, c.id AS contract, c.starts_on, c.ends_on, c.status, c.keeps_archive
FROM agency.client AS k JOIN agency.contract AS c ON c.client_id = k.id
WHERE k.id = :'client';

\echo
\echo '2. Install custodian'
\echo '--------------------'
\echo
\echo 'The extension, the contract table that it has to follow, and the law: three statements.'
\echo
\o /dev/null
\set ECHO queries
CREATE EXTENSION custodian CASCADE;
SELECT custodian.track_contracts('agency.contract', contract => 'id', client => 'client_id',
    ends_on => 'ends_on', ended_when => 't.status = ''ended''');
SELECT custodian.load_law_pack('cn-accounting', mode => 'governance');
\set ECHO none
\o
SELECT count(*) AS contracts FROM custodian.contract \gset
SELECT count(*) AS cases FROM custodian.client_case \gset
SELECT count(*) AS rules, (SELECT count(*) FROM custodian.record_class) AS classes FROM custodian.rule \gset
\echo
\echo :contracts contracts were read. :cases clients have none that is still running: a case was opened for each.
\echo The law pack brought :classes record classes and :rules retention rules, each with its article. Some of them:
\echo
SELECT r.record_class, c.title, r.basis,
    CASE WHEN r.anchor = 'permanent' THEN 'for ever' ELSE r.minimum::text END AS keep,
    CASE WHEN r.anchor <> 'permanent' THEN r.anchor END AS "counted from", r.legal_basis
FROM (VALUES (1, 'cn.order79.voucher.appointed'), (2, 'cn.civil558.voucher.entrusted'), (3, 'cn.order79.annual_report.appointed'),
    (4, 'cn.order79.bank_statement.appointed'), (5, 'cn.pipl21.identity.entrusted'), (6, 'cn.civil188.client_master.own')) AS p (n, rule)
JOIN custodian.rule AS q ON q.rule = p.rule
JOIN custodian.record_class AS c ON c.record_class = q.record_class
CROSS JOIN LATERAL (
    SELECT q.record_class, q.basis, q.minimum, q.anchor,
        CASE WHEN q.rule LIKE 'cn.order79.%' THEN '会计档案管理办法'
            WHEN q.rule LIKE 'cn.pipl21.%' THEN '个人信息保护法' ELSE '民法典' END AS legal_basis
) AS r
ORDER BY p.n;
\echo 'The basis is why the agency has the record:'
\echo '  entrusted   the client''s, only worked with: returned or deleted after the contract'
\echo '  appointed   the client''s, and the contract makes the agency its keeper: the legal period runs here'
\echo '  own         the agency''s own record, with a period of its own'

\echo
\echo
\echo '3. Adopt the tables'
\echo '-------------------'
\echo
\echo 'custodian walks the foreign keys from the client table and proposes what to adopt:'
\echo
SELECT p.depth, p.relation AS "table", p.client AS "client column", p.via AS "or via its column", p.parent AS "to table"
FROM custodian.adopt_tree('agency.client', preview => true) AS p
ORDER BY p.depth, p.relation::text COLLATE "C";
\echo 'What a table holds is for people to say, and which way to the client they want. Some of the statements;'
\echo 'test/demo/demo.sql has them all:'
\echo
\o /dev/null
\set ECHO queries
SELECT custodian.adopt('agency.client', client => 'id', record_class => 'client.master');
SELECT custodian.adopt('agency.voucher', client => 'client_id', dated_by => 'voucher_date',
    record_class => 'accounting.voucher');
SELECT custodian.adopt('agency.voucher_line', via => 'voucher_id, voucher_date', dated_by => 'voucher_date',
    record_class => 'accounting.voucher');
SELECT custodian.adopt('agency.report', client => 'client_id', dated_by => 'period_end',
    record_class => 'accounting.interim_report');
SELECT custodian.add_record_class('agency.report', 'accounting.annual_report', 't.kind = ''annual''');
SELECT custodian.adopt('agency."移交清册"', client => '"客户编号"', dated_by => '"移交日期"',
    record_class => 'accounting.handover_list');
\set ECHO none
SELECT custodian.adopt('agency.contract', client => 'client_id', record_class => 'agency.contract');
SELECT custodian.adopt('agency.contact', client => 'client_id', record_class => 'personal.contact');
SELECT custodian.adopt('agency.employee', client => 'client_id', record_class => 'personal.identity');
SELECT custodian.adopt('agency.payroll', via => 'employee_id', dated_by => 'pay_month',
    record_class => 'personal.payroll');
SELECT custodian.adopt('agency.account', client => 'client_id', record_class => 'accounting.other_ledger');
SELECT custodian.adopt('agency.fixed_asset', client => 'client_id', dated_by => 'acquired_on',
    event_at => 'scrapped_on', record_class => 'accounting.fixed_asset_card');
SELECT custodian.adopt('agency.invoice', client => 'client_id', dated_by => 'issued_on',
    record_class => 'accounting.source_voucher');
SELECT custodian.adopt('agency.tax_return', client => 'client_id', dated_by => 'period_end',
    record_class => 'accounting.tax_return');
SELECT custodian.adopt('agency.bank_statement', client => 'client_id', dated_by => 'period_end',
    record_class => 'accounting.bank_statement');
SELECT custodian.adopt('agency.bank_reconciliation', via => 'statement_id', dated_by => 'prepared_on',
    record_class => 'accounting.bank_reconciliation');
SELECT custodian.adopt('agency.document', client => 'client_id', dated_by => 'stored_at',
    record_class => 'accounting.source_voucher');
SELECT custodian.add_record_class('agency.document', 'personal.identity', 't.title LIKE ''%身份证%''');
SELECT custodian.adopt('agency.message_log', client => 'client_id', dated_by => 'sent_at',
    record_class => 'personal.message_log');
SELECT custodian.adopt('agency.agency_invoice', client => 'client_id', dated_by => 'billed_on',
    record_class => 'agency.invoice');
\o
\echo
\echo 'Every table now has its record class. Two have a second one for some of their rows: annual reports,'
\echo 'and copies of identity cards among the documents.'
\echo
SELECT a.relation AS "table", a.record_class, a.title, a.basis
FROM custodian.adoption AS a
ORDER BY a.basis DESC, a.record_class COLLATE "C", a.relation::text COLLATE "C";
\echo 'Where a contract says that the agency keeps the archive, custodian has to know it, class by class:'
\echo
\set ECHO queries
SELECT count(DISTINCT c.id) AS contracts,
    count(custodian.set_contract_term(c.id, k.record_class, basis => 'appointed')) AS terms
FROM agency.contract AS c
CROSS JOIN custodian.record_class AS k
WHERE c.keeps_archive AND k.basis = 'entrusted'
    AND (k.record_class LIKE ANY ('{accounting.%, tax.%}') OR k.record_class = 'personal.payroll');
\set ECHO none
\echo 'Rows may have to stay only because others refer to them: an employee, while pay sheets are kept.'
\echo 'Then what is no longer needed in them is overwritten. The name of an employee stays, since a pay'
\echo 'sheet has to say who was paid. The name of the legal representative becomes a digest under a secret key,'
\echo 'which is destroyed when the client is done.'
\echo
\o /dev/null
\set ECHO queries
SELECT custodian.set_technique('agency.employee', c, 'null')
FROM unnest('{resident_id, birth_date, mobile, bank_card, address}'::name[]) AS c;
SELECT custodian.set_technique('agency.client', c, 'null')
FROM unnest('{legal_rep_resident_id, registered_phone}'::name[]) AS c;
SELECT custodian.set_technique('agency.client', 'legal_rep', 'keyed_digest');
\set ECHO none
\o

\echo
\echo
\echo '4. A contract ends'
\echo '------------------'
\echo
\echo 'The application sets the end of the contract, as it always did. That is all it ever has to do.'
\echo
\set ECHO queries
UPDATE agency.contract SET ends_on = current_date - 100, status = 'ended' WHERE client_id = :'client';
\set ECHO none
\echo
\echo 'custodian noticed and opened a case:'
\echo
SELECT k.case_no AS "case", c.client_no AS "client no.", c.client_key AS client, k.contract_end AS "contract end",
    k.state, custodian.today() AS today
FROM custodian.client_case AS k JOIN custodian.client AS c USING (client_no)
WHERE c.client_key = :'client';
\echo 'The plan for this client, from custodian.plan(): what happens to its rows, and until when they are kept.'
\echo '(restrict: kept and marked, no longer to be processed. destroy, anonymize: due, the next run does it.)'
\echo
CREATE TEMP TABLE plan AS SELECT * FROM custodian.plan(:'client');
SELECT replace(relation::text, 'agency.', '') AS "table", record_class, basis, action, "rows",
    CASE WHEN retain_until = 'infinity' THEN 'no end' WHEN retain_from < retain_until
        THEN retain_from || ' .. ' || retain_until ELSE retain_until::text END AS "kept until"
FROM plan ORDER BY step, retain_until;
\echo 'Why rows stay. What has no date stays too: custodian does not guess.'
\echo
SELECT blocked_by AS reason, sum("rows") AS "rows", count(*) AS lines
FROM plan WHERE blocked_by IS NOT NULL GROUP BY blocked_by ORDER BY sum("rows") DESC;
\echo 'One voucher, explained. Two laws apply to it, and the one that ends last decides:'
\echo
SELECT id AS voucher_id, voucher_date, ARRAY[id::text, voucher_date::text]::text AS voucher_key,
    make_date(extract(year FROM voucher_date)::integer + 30, 12, 31) AS voucher_until
FROM agency.voucher WHERE client_id = :'client' AND voucher_date >= '2024-01-01' ORDER BY id LIMIT 1 \gset
\set ECHO queries
SELECT anchor_date, minimum, retain_until, decides, action, article
FROM custodian.explain('agency.voucher', :'voucher_key');
\set ECHO none
SELECT count(*) FILTER (WHERE decides AND retain_until = :'voucher_until') = 1 AS explained
FROM custodian.explain('agency.voucher', :'voucher_key') \gset

\echo
\echo '5. The guard'
\echo '------------'
\echo
\echo 'What must be kept is not deleted by mistake, nor by an impatient superuser, who is at work here:'
\echo
\set VERBOSITY default
\set ON_ERROR_STOP off
\set ECHO queries
DELETE FROM agency.voucher_line WHERE voucher_id = :voucher_id;
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('DELETE of a voucher''s lines', :'SQLSTATE');
\echo
\set ECHO queries
TRUNCATE agency.voucher CASCADE;
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('TRUNCATE of the vouchers', :'SQLSTATE');
\echo
\echo 'Nor are signed handover lists corrected afterwards:'
\echo
\set ECHO queries
UPDATE agency."移交清册" SET "册数" = "册数" + 1
WHERE "清册编号" = (SELECT min("清册编号") FROM agency."移交清册");
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('UPDATE of a handover list', :'SQLSTATE');
\set ON_ERROR_STOP on
\echo
\echo 'A dispute with a former client: nothing of it may go until the hold is released, not even by hand.'
\echo
\set held K-00116
CREATE TEMP TABLE rows_before AS
SELECT client_id, table_name, count(*) AS "rows" FROM agency_row GROUP BY client_id, table_name;
\set ECHO queries
SELECT custodian.hold('dispute 14', client => :'held', reason => 'unsettled fees') AS hold_no;
\set ECHO none
\set ON_ERROR_STOP off
\set ECHO queries
DELETE FROM agency.message_log WHERE client_id = :'held';
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('DELETE of a held client''s messages', :'SQLSTATE');
\set ON_ERROR_STOP on

\echo
\echo
\echo '6. The run'
\echo '----------'
\echo
\echo 'In production, pg_cron calls custodian.run() every night: SELECT custodian.schedule(''30 2 * * *'').'
\echo 'First a dry run, which says what a run would do now and does nothing:'
\echo
SELECT id AS kept_id FROM agency.invoice WHERE client_id = 'K-00016' ORDER BY id LIMIT 1 \gset
CREATE TEMP TABLE own_copy AS SELECT * FROM agency.invoice WHERE id = :kept_id;
SELECT client_key AS anonymous FROM custodian.client WHERE client_key = 'K-00023' \gset
CREATE TEMP TABLE person_before AS
SELECT e.id, e.resident_id, e.mobile, e.bank_card FROM agency.employee AS e WHERE e.client_id = :'client';
CREATE TEMP TABLE master_before AS
SELECT id, legal_rep, legal_rep_resident_id, registered_phone FROM agency.client WHERE id = :'anonymous';
SET client_min_messages = notice;
\set ECHO queries
CALL custodian.run(dry_run => true);
\set ECHO none
\echo
\echo 'Now in earnest. Children go before parents, in batches that are committed one by one; a run that is'
\echo 'stopped or crashes is taken up by the next one.'
\echo
\set ECHO queries
CALL custodian.run();
\set ECHO none
SET client_min_messages = warning;
\echo
SELECT run_no AS run, state, round(extract(epoch FROM finished_at - started_at), 1) AS seconds, clients, batches,
    rows_destroyed, rows_anonymized, restrictions, problems
FROM custodian.run_progress ORDER BY run_no DESC LIMIT 1;
\echo What it did to the tables:
\echo
SELECT b.table_name AS "table", b."rows" AS before, coalesce(a."rows", 0) AS after, b."rows" - coalesce(a."rows", 0) AS gone
FROM tables_before AS b
LEFT JOIN (SELECT table_name, count(*) AS "rows" FROM agency_row GROUP BY table_name) AS a USING (table_name)
ORDER BY b."rows" DESC;
CREATE TEMP VIEW outcome AS
SELECT CASE WHEN b.client_id = 'K-00116' THEN 'held' ELSE c.custody END AS custody, b.client_id, b.table_name, b."rows" AS before,
    coalesce(a."rows", 0) AS after
FROM rows_before AS b
JOIN custody AS c USING (client_id)
LEFT JOIN (SELECT client_id, table_name, count(*) AS "rows" FROM agency_row GROUP BY client_id, table_name) AS a
    USING (client_id, table_name);
\echo 'And to the clients, by what their contracts say. Of the client under hold everything stayed; of those'
\echo 'whose archive the agency keeps (appointed), what is past its period went, and no voucher; of the others'
\echo '(entrusted), all but the agency''s own records of them.'
\echo '("changed": a client whose contracts said one thing first and the other later.)'
\echo
SELECT custody AS "contract says", count(DISTINCT client_id) AS clients, sum(before) AS "rows before", sum(after) AS "rows after",
    sum(before) FILTER (WHERE table_name = 'voucher') AS "vouchers before",
    sum(after) FILTER (WHERE table_name = 'voucher') AS "vouchers after"
FROM outcome GROUP BY custody ORDER BY custody;
\echo 'Rows that are kept for the legal period only are marked as restricted: stored, no longer processed.'
\echo
SELECT count(DISTINCT client_no) AS "restricted clients", count(DISTINCT relation) AS tables, count(*) AS marks FROM custodian.restriction;
\echo 'An employee of' :client', whose pay sheets are kept, and the legal representative of' :anonymous', gone for years,'
\echo 'while the agency''s invoices to it are kept. (Generated persons.)'
\echo
SELECT 'before' AS employee, id, resident_id, mobile, bank_card FROM person_before
UNION ALL SELECT 'after', e.id, e.resident_id, e.mobile, e.bank_card FROM agency.employee AS e WHERE e.client_id = :'client'
ORDER BY id, employee DESC;
SELECT 'before' AS client, id, legal_rep, legal_rep_resident_id AS resident_id, registered_phone AS phone FROM master_before
UNION ALL SELECT 'after', id, left(legal_rep, 16) || '...', legal_rep_resident_id, registered_phone
    FROM agency.client WHERE id = :'anonymous'
ORDER BY client DESC;

\set returned K-00012
\echo 'Client' :returned 'leaves now: its contract ended ten days ago, and does not make the agency the keeper of'
\echo 'the archive. There is a time of grace in which it fetches its records, and a run takes nothing:'
\echo
SET client_min_messages = notice;
\set ECHO queries
UPDATE agency.contract SET ends_on = current_date - 10, status = 'ended' WHERE client_id = :'returned';
CALL custodian.run(client => :'returned');
\set ECHO none
\echo
\echo 'Then it signs for having its records back, and they may go. (An agency that wants to wait for this'
\echo 'signature, however long it takes, adds one rule: see doc/law-pack-cn-accounting.md.)'
\echo
CREATE TEMP TABLE returned_before AS SELECT custody, table_name, after AS "rows" FROM outcome WHERE client_id = :'returned';
\o /dev/null
\set ECHO queries
SELECT custodian.confirm_return(:'returned', 'signed handover list no. 12', returned_on => current_date - 1);
\o
CALL custodian.run(client => :'returned');
\set ECHO none
SET client_min_messages = warning;
SELECT sum(b."rows") AS returned_rows, sum(coalesce(a."rows", 0)) AS returned_left,
    coalesce(sum(a."rows") FILTER (WHERE table_name IN ('voucher', 'voucher_line', 'invoice', 'tax_return', 'report', 'employee', 'payroll',
        'account', 'bank_statement', 'bank_reconciliation')), 0) AS returned_books,
    string_agg(table_name || ' ' || a."rows", ', ' ORDER BY table_name) FILTER (WHERE a."rows" > 0) AS returned_stays
FROM returned_before AS b
LEFT JOIN (SELECT table_name, count(*) AS "rows" FROM agency_row WHERE client_id = :'returned' GROUP BY table_name) AS a
    USING (table_name) \gset
\echo
\echo 'Of' :returned_rows 'rows' :returned_left 'are left, the agency''s own:' :returned_stays

\echo
\echo
\echo '7. The client comes back'
\echo '------------------------'
\echo
\echo 'A contract ends, and two days later the client thinks better of it:'
\echo
\set reopened K-00032
\set ECHO queries
UPDATE agency.contract SET ends_on = current_date - 2, status = 'ended' WHERE client_id = :'reopened';
UPDATE agency.contract SET ends_on = NULL, status = 'active' WHERE client_id = :'reopened';
\set ECHO none
\echo
\echo 'Nothing had been done, so the case is cancelled and everything is as it was:'
\echo
SELECT k.case_no AS "case", c.client_key AS client, k.contract_end AS "contract end", k.state, c.open_contracts AS "open contracts",
    (SELECT count(*) FROM agency_row WHERE client_id = :'reopened') AS "rows"
FROM custodian.client_case AS k JOIN custodian.client AS c USING (client_no)
WHERE c.client_key = :'reopened';

\echo
\echo '8. The audit'
\echo '------------'
\echo
\echo 'Every act is an event in an insert-only table. Events name clients by number and hold no clear data of'
\echo 'anybody. So far:'
\echo
SELECT act, count(*) AS events, sum("rows") AS "rows taken or changed"
FROM custodian.audit_event GROUP BY act ORDER BY count(*) DESC, act;
\echo 'Before the run, a copy of one invoice was kept aside, as the client has one in its binder. Which event'
\echo 'took the original? Each row has a salted digest in the manifest of its event:'
\echo
CREATE TEMP VIEW proof AS
SELECT e.*, custodian.row_digest(r, s.salt) AS digest
FROM own_copy AS r
CROSS JOIN custodian.audit_event AS e
JOIN custodian.audit_side AS s
    ON (s.system_identifier, s.timeline, s.xid, s.seq) = (e.system_identifier, e.timeline, e.xid, e.seq) AND s.field = 'manifest_salt'
WHERE e.act = 'destroy'
    AND custodian.manifest_contains(e.system_identifier, e.timeline, e.xid, e.seq, custodian.row_digest(r, s.salt));
SELECT r.id AS invoice, left(p.digest::text, 18) || '...' AS "digest of the copy", p.xid AS transaction, p.seq, p.relation AS "table", p."rows",
    p.session_user_name AS "done by"
FROM own_copy AS r CROSS JOIN proof AS p;
\echo 'That event in full, long lists cut short:'
\echo
\pset format unaligned
\pset tuples_only on
SELECT '  ' || regexp_replace(regexp_replace(convert_from(a.entry, 'UTF8'), '\[((\d+,){4})[\d,]+\]', '[\1...]', 'g'),
    '(,"(manifest|manifest_salt|at|database|relation|detail|clients)":)', E'\n   \\1', 'g')
FROM custodian.audit AS a JOIN proof AS p USING (system_identifier, timeline, xid, seq);
\pset tuples_only off
\pset format aligned
\echo
\echo 'The storage of the audit table itself refuses to change or lose a row, and a superuser meets that too:'
\echo
\set ON_ERROR_STOP off
\set ECHO queries
UPDATE custodian.audit SET entry = '';
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('UPDATE of the audit', :'SQLSTATE');
\set ECHO queries
DELETE FROM custodian.audit;
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('DELETE of the audit', :'SQLSTATE');
\set ECHO queries
TRUNCATE custodian.audit;
\set ECHO none
INSERT INTO refusal (statement, sqlstate) VALUES ('TRUNCATE of the audit', :'SQLSTATE');
\set ON_ERROR_STOP on
\echo
\echo 'And custodian checks all of it, from the bytes up:'
\echo
\set ECHO queries
SELECT check_name, events, problems, detail FROM custodian.verify();
\set ECHO none

\echo 'The reckoning. The two figures of a line are counted in different places and must be equal.'
\echo
CREATE TEMP TABLE reckoning AS
SELECT 1 AS no, 'rows that the audit says were destroyed / rows gone from the tables' AS claim,
    (SELECT sum("rows") FROM custodian.audit_event WHERE act = 'destroy') AS a,
    (SELECT sum("rows") FROM tables_before) - (SELECT count(*) FROM agency_row) AS b
UNION ALL
SELECT 2, 'tables where the two agree / tables', count(*) FILTER (WHERE b."rows" - coalesce(a."rows", 0) = coalesce(e."rows", 0)), count(*)
FROM tables_before AS b
LEFT JOIN (SELECT table_name, count(*) AS "rows" FROM agency_row GROUP BY table_name) AS a USING (table_name)
LEFT JOIN (
    SELECT trim('"' FROM substr(relation, 8)) AS table_name, sum("rows") AS "rows"
    FROM custodian.audit_event WHERE act = 'destroy' GROUP BY relation
) AS e USING (table_name)
UNION ALL
SELECT 3, 'rows destroyed that the runs report / rows gone from the tables', (SELECT sum(rows_destroyed) FROM custodian.run_log),
    (SELECT sum("rows") FROM tables_before) - (SELECT count(*) FROM agency_row)
UNION ALL
SELECT 4, 'rows of clients with a running contract: before / now', sum(before), sum(after) FROM outcome WHERE custody = 'contract running'
UNION ALL
SELECT 5, 'rows of the client under hold: before / now', sum(before), sum(after) FROM outcome WHERE custody = 'held'
UNION ALL
SELECT 6, 'vouchers, lines, invoices of archives the agency keeps: before / now', sum(before), sum(after)
FROM outcome WHERE custody = 'appointed' AND table_name IN ('voucher', 'voucher_line', 'invoice')
UNION ALL
SELECT 7, 'vouchers, lines, invoices, pay sheets to be returned, left over / 0', sum(after), 0
FROM outcome WHERE custody = 'entrusted' AND table_name IN ('voucher', 'voucher_line', 'invoice', 'payroll')
UNION ALL
SELECT 8, 'books of the client that took its records back, left over / 0', :returned_books, 0
UNION ALL
SELECT 9, 'attempts refused by the guard (RC001, RC002) or the audit (RC009) / attempts',
    count(*) FILTER (WHERE sqlstate = CASE WHEN statement LIKE '%held%' THEN 'RC002' WHEN statement LIKE '%audit' THEN 'RC009' ELSE 'RC001' END),
    count(*)
FROM refusal
UNION ALL
SELECT 10, 'events whose manifest holds the kept invoice / 1', (SELECT count(*) FROM proof), 1
UNION ALL
SELECT 11, 'personal values left in the rows shown as anonymized / 0',
    (SELECT count(e.resident_id) + count(e.birth_date) + count(e.mobile) + count(e.bank_card) + count(e.address)
        FROM agency.employee AS e WHERE e.client_id = :'client')
    + (SELECT count(n.legal_rep_resident_id) + count(n.registered_phone) + count(*) FILTER (WHERE n.legal_rep = m.legal_rep)
        FROM agency.client AS n JOIN master_before AS m USING (id)), 0
UNION ALL
SELECT 12, 'secret keys of digests left / 0', (SELECT count(*) FROM custodian.client_secret), 0
UNION ALL
SELECT 13, 'rules that keep the voucher until the end of its 30th year, deciding / 1', :'explained'::boolean::integer, 1
UNION ALL
SELECT 14, 'cancelled cases of the client that came back / 1', count(*), 1
FROM custodian.client_case AS k JOIN custodian.client AS c USING (client_no)
WHERE c.client_key = :'reopened' AND k.state = 'cancelled'
UNION ALL
SELECT 15, 'problems of the runs / 0', (SELECT sum(problems) FROM custodian.run_log), 0
UNION ALL
SELECT 16, 'problems that verify() finds / 0', (SELECT sum(problems) FROM custodian.verify()), 0;
SELECT no, claim, a AS "one", b AS "other", CASE WHEN a = b THEN 'yes' ELSE 'NO' END AS equal FROM reckoning ORDER BY no;
SELECT bool_and(coalesce(a = b, false)) AND count(*) = 16 AS holds FROM reckoning \gset
\if :holds
\echo 'All lines hold. What this version does not do yet (bytes in data files and backups, a second person''s'
\echo 'approval, an owner who drops the guard''s triggers) is listed in doc/concepts.md and doc/audit.md.'
\echo
\else
\echo 'THE DEMO FAILED: a line does not hold.'
\endif
SELECT 1 / CASE WHEN :'holds'::boolean THEN 1 ELSE 0 END AS checked \gset
