/* The same tables in custody: everything of an ended client goes after 30 days. */
SET client_min_messages = warning;
CREATE EXTENSION custodian CASCADE;
SELECT custodian.create_record_class('records', basis => 'entrusted');
SELECT custodian.create_rule('records', 'records', 'entrusted', 'contract_end', '30 days',
	'benchmark', mode => 'governance', ends_on_return => true);
SELECT custodian.track_contracts('contract', 'id', 'client_id', 'ends_on');
SELECT custodian.adopt('voucher', client => 'client_id', record_class => 'records');
SELECT custodian.adopt('voucher_line', via => 'voucher_id', record_class => 'records');
SELECT custodian.adopt('invoice', client => 'client_id', record_class => 'records');
SELECT custodian.adopt('invoice_item', via => 'invoice_id', record_class => 'records');
SELECT custodian.adopt('message', client => 'client_id', record_class => 'records');
SELECT custodian.adopt('document', client => 'client_id', record_class => 'records');
VACUUM ANALYZE;
