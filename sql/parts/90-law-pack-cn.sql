/*
 * Law pack cn-accounting: records of a bookkeeping agency in the People's
 * Republic of China.
 *
 * Every rule is named cn.LAW.RECORDS.BASIS, where LAW is one of
 *	order79	会计档案管理办法, order 79 of 2015, in force 2016-01-01
 *	tax29	税收征收管理法实施细则, art. 29, in force 2002-10-15
 *	wage6	工资支付暂行规定, art. 6, in force 1995-01-01
 *	civil558	民法典, art. 558 and 927, in force 2021-01-01
 *	civil188	民法典, art. 188, in force 2021-01-01
 *	pipl21, pipl56	个人信息保护法, in force 2021-11-01
 * doc/law-pack-cn-accounting.md says how these were read, and which periods
 * are a choice and not law.
 */
INSERT INTO custodian.law_pack_class (pack, record_class, title, basis)
VALUES
	/* rows 1 to 16 of the enterprise annex of order 79 */
	('cn-accounting', 'accounting.source_voucher', '原始凭证', 'entrusted'),
	('cn-accounting', 'accounting.voucher', '记账凭证', 'entrusted'),
	('cn-accounting', 'accounting.general_ledger', '总账', 'entrusted'),
	('cn-accounting', 'accounting.subsidiary_ledger', '明细账', 'entrusted'),
	('cn-accounting', 'accounting.journal', '日记账', 'entrusted'),
	('cn-accounting', 'accounting.fixed_asset_card', '固定资产卡片', 'entrusted'),
	('cn-accounting', 'accounting.other_ledger', '其他辅助性账簿', 'entrusted'),
	('cn-accounting', 'accounting.interim_report', '月度、季度、半年度财务会计报告', 'entrusted'),
	('cn-accounting', 'accounting.annual_report', '年度财务会计报告', 'entrusted'),
	('cn-accounting', 'accounting.bank_reconciliation', '银行存款余额调节表', 'entrusted'),
	('cn-accounting', 'accounting.bank_statement', '银行对账单', 'entrusted'),
	('cn-accounting', 'accounting.tax_return', '纳税申报表', 'entrusted'),
	('cn-accounting', 'accounting.handover_list', '会计档案移交清册', 'own'),
	('cn-accounting', 'accounting.custody_list', '会计档案保管清册', 'own'),
	('cn-accounting', 'accounting.destruction_list', '会计档案销毁清册', 'own'),
	('cn-accounting', 'accounting.appraisal', '会计档案鉴定意见书', 'own'),
	/* what art. 29 names beside them */
	('cn-accounting', 'tax.invoice', '发票（未作为原始凭证归档的）', 'entrusted'),
	('cn-accounting', 'tax.payment_certificate', '完税凭证（未作为原始凭证归档的）', 'entrusted'),
	('cn-accounting', 'tax.record', '出口凭证以及其他有关涉税资料', 'entrusted'),
	/* personal data; contacts and messages are the agency's own dealings */
	('cn-accounting', 'personal.contact', '联系人信息', 'own'),
	('cn-accounting', 'personal.identity', '身份信息', 'entrusted'),
	('cn-accounting', 'personal.payroll', '工资支付记录', 'entrusted'),
	('cn-accounting', 'personal.message_log', '沟通记录', 'own'),
	('cn-accounting', 'privacy.impact_assessment', '个人信息保护影响评估报告和处理情况记录', 'own'),
	('cn-accounting', 'privacy.incident_notice', '个人信息安全事件通知', 'own'),
	/* the agency's own records */
	('cn-accounting', 'client.master', '客户主档', 'own'),
	('cn-accounting', 'agency.contract', '代理记账委托合同', 'own'),
	('cn-accounting', 'agency.invoice', '本机构开具的发票', 'own'),
	('cn-accounting', 'agency.handover', '本机构的资料交接记录', 'own');

/*
 * Order 79, enterprise annex: minimum periods, from the day after the end of
 * the accounting year (art. 14).  They run with the agency where it keeps the
 * client's archive, and for its own archive.
 */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.order79.%s.%s', r.records, b.basis),
	pg_catalog.format('accounting.%s', r.records), b.basis, r.anchor,
	r.minimum, NULL, false, r.disposition, r.guard,
	'会计档案管理办法（2015年财政部、国家档案局令第79号）',
	pg_catalog.format('会计档案管理办法 附表一 第%s行；第十四条', r.annex_row),
	date '2016-01-01'
FROM (VALUES
		(1, 'source_voucher', 'fiscal_year_end', interval '30 years', 'destroy', 'delete'),
		(2, 'voucher', 'fiscal_year_end', interval '30 years', 'destroy', 'delete'),
		(3, 'general_ledger', 'fiscal_year_end', interval '30 years', 'destroy', 'delete'),
		(4, 'subsidiary_ledger', 'fiscal_year_end', interval '30 years', 'destroy', 'delete'),
		(5, 'journal', 'fiscal_year_end', interval '30 years', 'destroy', 'delete'),
		/* five years after the asset is scrapped and cleared */
		(6, 'fixed_asset_card', 'event', interval '5 years', 'destroy', 'delete'),
		(7, 'other_ledger', 'fiscal_year_end', interval '30 years', 'destroy', 'delete'),
		(8, 'interim_report', 'fiscal_year_end', interval '10 years', 'destroy', 'delete'),
		(9, 'annual_report', 'permanent', NULL, 'keep', 'delete'),
		(10, 'bank_reconciliation', 'fiscal_year_end', interval '10 years', 'destroy', 'delete'),
		(11, 'bank_statement', 'fiscal_year_end', interval '10 years', 'destroy', 'delete'),
		(12, 'tax_return', 'fiscal_year_end', interval '10 years', 'destroy', 'delete'),
		/* lists and opinions are signed: nobody corrects them afterwards */
		(13, 'handover_list', 'fiscal_year_end', interval '30 years', 'destroy', 'update'),
		(14, 'custody_list', 'permanent', NULL, 'keep', 'update'),
		(15, 'destruction_list', 'permanent', NULL, 'keep', 'update'),
		(16, 'appraisal', 'permanent', NULL, 'keep', 'update')
	) AS r (annex_row, records, anchor, minimum, disposition, guard)
	CROSS JOIN (VALUES ('appointed'), ('own')) AS b (basis);

/*
 * Records under other names that are of a kind with a row of the annex: pay
 * sheets and the agency's copies of its invoices are source vouchers.
 */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.order79.%s.%s', r.records, r.basis),
	r.record_class, r.basis, 'fiscal_year_end', interval '30 years', NULL, false,
	'destroy', 'delete', '会计档案管理办法（2015年财政部、国家档案局令第79号）',
	pg_catalog.format('会计档案管理办法 附表一 第%s行；第十四条', r.annex_row),
	date '2016-01-01'
FROM (VALUES
		(1, 'payroll', 'personal.payroll', 'appointed'),
		(1, 'agency_invoice', 'agency.invoice', 'own'),
		(13, 'agency_handover', 'agency.handover', 'own')
	) AS r (annex_row, records, record_class, basis);

/*
 * Tax: account books, vouchers, statements, tax payment certificates,
 * invoices, export documents and other tax records, ten years.  The article
 * names no first day; the end of the year is the latest that it can mean.
 */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.tax29.%s.%s', r.records, b.basis),
	r.record_class, b.basis, 'fiscal_year_end', interval '10 years', NULL, false,
	'destroy', 'delete', '中华人民共和国税收征收管理法实施细则（国务院令第362号）',
	'税收征收管理法实施细则 第二十九条', date '2002-10-15'
FROM (VALUES
		('source_voucher', 'accounting.source_voucher'),
		('voucher', 'accounting.voucher'),
		('general_ledger', 'accounting.general_ledger'),
		('subsidiary_ledger', 'accounting.subsidiary_ledger'),
		('journal', 'accounting.journal'),
		('other_ledger', 'accounting.other_ledger'),
		('interim_report', 'accounting.interim_report'),
		('annual_report', 'accounting.annual_report'),
		('tax_return', 'accounting.tax_return'),
		('invoice', 'tax.invoice'),
		('payment_certificate', 'tax.payment_certificate'),
		('record', 'tax.record')
	) AS r (records, record_class)
	CROSS JOIN (VALUES ('appointed'), ('own')) AS b (basis);

/* The agency's invoices by year; its contracts from the end of the last one. */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.tax29.%s.own', r.records),
	r.record_class, 'own', r.anchor, interval '10 years', NULL, false,
	'destroy', 'delete', '中华人民共和国税收征收管理法实施细则（国务院令第362号）',
	'税收征收管理法实施细则 第二十九条', date '2002-10-15'
FROM (VALUES
		('agency_invoice', 'agency.invoice', 'fiscal_year_end'),
		('agency_contract', 'agency.contract', 'contract_end')
	) AS r (records, record_class, anchor);

/*
 * The client's archive in the agency's hands without an appointment to keep
 * it: given back at the end of the contract.  30 and 90 days are a choice.
 */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.civil558.%s.entrusted', r.records),
	r.record_class, 'entrusted', 'contract_end', interval '30 days',
	interval '90 days', true, 'destroy', 'delete', '中华人民共和国民法典',
	'民法典 第五百五十八条、第九百二十七条', date '2021-01-01'
FROM (VALUES
		('source_voucher', 'accounting.source_voucher'),
		('voucher', 'accounting.voucher'),
		('general_ledger', 'accounting.general_ledger'),
		('subsidiary_ledger', 'accounting.subsidiary_ledger'),
		('journal', 'accounting.journal'),
		('fixed_asset_card', 'accounting.fixed_asset_card'),
		('other_ledger', 'accounting.other_ledger'),
		('interim_report', 'accounting.interim_report'),
		('annual_report', 'accounting.annual_report'),
		('bank_reconciliation', 'accounting.bank_reconciliation'),
		('bank_statement', 'accounting.bank_statement'),
		('tax_return', 'accounting.tax_return'),
		('handover_list', 'accounting.handover_list'),
		('custody_list', 'accounting.custody_list'),
		('destruction_list', 'accounting.destruction_list'),
		('appraisal', 'accounting.appraisal'),
		('invoice', 'tax.invoice'),
		('payment_certificate', 'tax.payment_certificate'),
		('record', 'tax.record')
	) AS r (records, record_class);

/*
 * Personal data processed for the client: returned or deleted at the end of
 * the contract, and not kept (PIPL art. 21).  The guard stays out of the way
 * of whoever deletes earlier.
 */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.pipl21.%s.entrusted', r.records),
	pg_catalog.format('personal.%s', r.records), 'entrusted', 'contract_end',
	interval '30 days', interval '90 days', true, 'destroy', 'none',
	'中华人民共和国个人信息保护法', '个人信息保护法 第二十一条', date '2021-11-01'
FROM (VALUES ('contact'), ('identity'), ('payroll'), ('message_log')) AS r (records);

/* Pay records that the agency keeps for the employer. */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
VALUES
	('cn-accounting', 'cn.wage6.payroll.appointed', 'personal.payroll', 'appointed',
	 'row_date', interval '2 years', NULL, false, 'destroy', 'delete',
	 '工资支付暂行规定（劳部发〔1994〕489号）', '工资支付暂行规定 第六条',
	 date '1995-01-01');

/*
 * The agency's own dealings with the client: as long as a claim out of the
 * contract may be brought, then no longer.  A purpose, not a duty to keep.
 */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
SELECT 'cn-accounting', pg_catalog.format('cn.civil188.%s.own', r.records),
	r.record_class, 'own', 'contract_end', interval '3 years', NULL, false,
	'destroy', r.guard, '中华人民共和国民法典；中华人民共和国个人信息保护法',
	'民法典 第一百八十八条；个人信息保护法 第十九条、第四十七条', date '2021-11-01'
FROM (VALUES
		('contact', 'personal.contact', 'none'),
		('message_log', 'personal.message_log', 'none'),
		('client_master', 'client.master', 'delete')
	) AS r (records, record_class, guard);

/* Impact assessments and the records of processing that go with them. */
INSERT INTO custodian.law_pack_rule (pack, rule, record_class, basis, anchor,
	minimum, maximum, ends_on_return, disposition, guard, legal_basis, article,
	effective_from)
VALUES
	('cn-accounting', 'cn.pipl56.impact_assessment.own', 'privacy.impact_assessment',
	 'own', 'row_date', interval '3 years', NULL, false, 'destroy', 'delete',
	 '中华人民共和国个人信息保护法', '个人信息保护法 第五十六条', date '2021-11-01');
