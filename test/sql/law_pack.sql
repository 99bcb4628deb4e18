--
-- The law pack cn-accounting: 会计档案管理办法 (order 79 of 2015), enterprise
-- annex, and what stands beside it.  Values of the repealed table of 1998
-- (15, 25, 3, 5 years) would be wrong.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE SCHEMA agency;
SET search_path = agency, public;

-- The shipped rows are data that a site may read before it loads them.
SELECT count(*) > 0 AS shipped FROM custodian.law_pack_rule WHERE pack = 'cn-accounting';
SELECT count(*) FROM custodian.rule;
SELECT custodian.load_law_pack('cn-accounting') = count(*) AS all_loaded
	FROM custodian.law_pack_rule WHERE pack = 'cn-accounting';

-- They come as drafts: a lawyer reviews them before they are locked.
SELECT DISTINCT mode, version, pack FROM custodian.rule;

-- Loading it again changes nothing.
SELECT custodian.load_law_pack('cn-accounting');
SELECT max(version) FROM custodian.rule;

--
-- The annex: minimum periods, counted from the day after the accounting year
-- (art. 14), where the agency keeps the archive.
--
SELECT c.title, r.anchor, r.minimum, r.disposition
	FROM custodian.rule AS r JOIN custodian.record_class AS c USING (record_class)
	WHERE r.basis = 'appointed' AND r.legal_basis LIKE '会计档案管理办法%'
		AND r.record_class LIKE 'accounting.%'
	ORDER BY (regexp_match(r.article, '第(\d+)行'))[1]::int;
-- The same for the agency's own archive.
SELECT record_class, anchor, minimum FROM custodian.rule
	WHERE basis = 'appointed' AND rule LIKE 'cn.order79.%' AND record_class LIKE 'accounting.%'
EXCEPT
SELECT record_class, anchor, minimum FROM custodian.rule
	WHERE basis = 'own' AND rule LIKE 'cn.order79.%';
-- All sixteen rows, no maximum (they are minima), each with law and article.
SELECT count(DISTINCT record_class) AS rows_of_the_annex, count(maximum) AS maxima, bool_and(article LIKE '%附表一%第十四条%') AS articles
	FROM custodian.rule WHERE rule LIKE 'cn.order79.%' AND record_class LIKE 'accounting.%';
SELECT DISTINCT effective_from FROM custodian.rule WHERE rule LIKE 'cn.order79.%';

-- Permanent records are never destroyed, under any basis that keeps them.
SELECT rule FROM custodian.rule WHERE anchor = 'permanent' AND (disposition <> 'keep' OR basis = 'entrusted');

-- Tax: ten years (税收征管法实施细则 art. 29).
SELECT DISTINCT anchor, minimum, disposition FROM custodian.rule WHERE rule LIKE 'cn.tax29.%' ORDER BY 1;

-- The statutory periods bind the unit whose archive it is.  What the agency
-- holds only by order of the client ends with the contract: by return or after
-- a time of grace, and there is a day by which it must be gone.
SELECT DISTINCT anchor, ends_on_return, maximum IS NOT NULL AS has_maximum FROM custodian.rule WHERE basis = 'entrusted';
SELECT record_class FROM custodian.record_class AS c WHERE basis = 'entrusted'
	AND NOT EXISTS (SELECT FROM custodian.rule AS r WHERE r.record_class = c.record_class AND r.basis = 'entrusted');

-- Every class has a basis, every rule a class, a law and an article.
SELECT count(*) FROM custodian.record_class WHERE basis IS NULL OR title IS NULL;
SELECT count(*) FROM custodian.rule WHERE record_class IS NULL OR legal_basis = '' OR article IS NULL;

-- A row that is under several rules: no maximum lies before a minimum.
SELECT a.rule, b.rule FROM custodian.rule AS a JOIN custodian.rule AS b
	ON a.record_class = b.record_class AND a.basis = b.basis AND a.anchor = b.anchor
	AND a.maximum < b.minimum;

--
-- Loading with a mode tightens what is there already.
--
SELECT custodian.load_law_pack('cn-accounting', mode => 'governance') > 0 AS tightened;
SELECT DISTINCT mode FROM custodian.rule WHERE effective_to IS NULL;
-- And does not loosen it.
SELECT custodian.load_law_pack('cn-accounting');
SELECT DISTINCT mode FROM custodian.rule WHERE effective_to IS NULL;

-- A class that the site decided otherwise about stays so.
SELECT custodian.set_custody_basis('accounting.voucher', 'appointed');
SELECT custodian.load_law_pack('cn-accounting');
SELECT basis FROM custodian.record_class WHERE record_class = 'accounting.voucher';

-- A rule that the site made stricter stays as it is, and the rest is loaded.
SELECT custodian.create_rule('cn.order79.voucher.appointed', 'accounting.voucher', 'appointed', 'fiscal_year_end', '35 years',
	'会计档案管理办法', article => '本机构内部规定', disposition => 'destroy', effective_from => '2020-01-01');
SELECT custodian.load_law_pack('cn-accounting');
SELECT version, minimum, effective_to IS NULL AS present FROM custodian.rule WHERE rule = 'cn.order79.voucher.appointed' ORDER BY version;

--
-- Bad input.
--
SELECT custodian.load_law_pack('cn-acounting');
\echo :SQLSTATE
SELECT custodian.load_law_pack('cn-accounting', 'strict');
SELECT custodian.load_law_pack(NULL) IS NULL AS "null";

SET client_min_messages = warning;
DROP SCHEMA agency CASCADE;
