/*
 * test/demo/demo_helpers.sql
 *    Temporary objects with which demo.sql counts rows, without custodian.
 */

CREATE TEMP VIEW agency_row AS
SELECT 'client' AS table_name, id AS client_id FROM agency.client
UNION ALL SELECT 'contract', client_id FROM agency.contract
UNION ALL SELECT 'contact', client_id FROM agency.contact
UNION ALL SELECT 'employee', client_id FROM agency.employee
UNION ALL SELECT 'payroll', e.client_id FROM agency.payroll AS p JOIN agency.employee AS e ON e.id = p.employee_id
UNION ALL SELECT 'account', client_id FROM agency.account
UNION ALL SELECT 'voucher', client_id FROM agency.voucher
UNION ALL SELECT 'voucher_line', a.client_id FROM agency.voucher_line AS l JOIN agency.account AS a ON a.id = l.account_id
UNION ALL SELECT 'fixed_asset', client_id FROM agency.fixed_asset
UNION ALL SELECT 'invoice', client_id FROM agency.invoice
UNION ALL SELECT 'tax_return', client_id FROM agency.tax_return
UNION ALL SELECT 'bank_statement', client_id FROM agency.bank_statement
UNION ALL SELECT 'bank_reconciliation', s.client_id
    FROM agency.bank_reconciliation AS r JOIN agency.bank_statement AS s ON s.id = r.statement_id
UNION ALL SELECT 'report', client_id FROM agency.report
UNION ALL SELECT 'document', client_id FROM agency.document
UNION ALL SELECT 'message_log', client_id FROM agency.message_log
UNION ALL SELECT 'agency_invoice', client_id FROM agency.agency_invoice
UNION ALL SELECT '移交清册', "客户编号" FROM agency."移交清册";

/*
 * What the contracts say about who keeps a client's archive.  Clients whose
 * contracts say different things are left out of the checks at the end.
 */
CREATE TEMP VIEW custody AS
SELECT client_id,
    CASE WHEN bool_or(status = 'active') THEN 'contract running'
        WHEN bool_and(keeps_archive) THEN 'appointed'
        WHEN bool_or(keeps_archive) THEN 'changed'
        WHEN max(ends_on) >= current_date - 31 THEN 'entrusted, ended lately'
        ELSE 'entrusted' END AS custody
FROM agency.contract
GROUP BY client_id;

/* 'not refused' is what the checks at the end complain about. */
CREATE TEMP TABLE refusal (no integer GENERATED ALWAYS AS IDENTITY, statement text, sqlstate text);
