/*
 * test/demo/agency_check.sql
 *    Proves the sample data: counts, check digits, balances, dates, digest.
 *
 * A psql script.  Run it after agency_data.sql:
 *
 *    psql -X -d demo -f agency_check.sql
 *
 * It prints the rows and a digest of every table, then one line "ok ..." per
 * check.  The first check that does not hold raises an error whose text names
 * it, and psql -f ends with status 3.  (A script that includes this one with
 * \i has to set ON_ERROR_STOP itself to get that status.)
 *
 * Optional variables:
 *    clients, scale, seed  as given to agency_data.sql, if not the defaults
 *    reload    1 (default): load schema and data once more with the same
 *              variables, beside the first, and compare the digests; it all
 *              happens in a transaction that is rolled back.  0: do not.
 *
 * The check digits are verified by the congruences of the standards, not by
 * the weight tables that the generator uses; published examples come first.
 */

\encoding UTF8
\set ON_ERROR_STOP on
\if :{?reload}
\else
    \set reload 1
\endif

\set QUIET on

/* ------------------------------------------------------------- functions */

/* "ok" when nothing is bad; otherwise a cast that fails and shows the text. */
CREATE FUNCTION pg_temp.verify(what text, bad bigint) RETURNS text
LANGUAGE sql AS $$
    SELECT CASE WHEN bad = 0 THEN 'ok    ' || what
        ELSE ('check failed: ' || what || ': ' || coalesce(bad::text, 'null'))::integer::text END
$$;

/* GB 11643: the 18 values, weighted 2^(18 - i), are 1 mod 11. */
CREATE FUNCTION pg_temp.is_resident_id(id text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT id ~ '^[1-9][0-9]{16}[0-9X]$'
        AND to_char(to_date(substr(id, 7, 8), 'YYYYMMDD'), 'YYYYMMDD') = substr(id, 7, 8)
        AND sum((strpos('0123456789X', substr(id, i, 1)) - 1) * (1 << (18 - i))) % 11 = 1
    FROM generate_series(1, 18) AS i
$$;

/*
 * GB 32100: the first 17 values, weighted 3^(i - 1), and the check value are
 * 0 mod 31.  GB 11714 for places 9 to 17: the first 8, weighted 2^(9 - i), and
 * the check value are 0 mod 11; letters count from A = 10, the check X is 10.
 */
CREATE FUNCTION pg_temp.is_uscc(code text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT code ~ '^9[1-3][0-9]{6}[0-9A-HJ-NPQRTUWXY]{8}[0-9X][0-9A-HJ-NPQRTUWXY]$'
        AND sum((strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(code, i, 1)) - 1)
            * CASE WHEN i = 18 THEN 1 ELSE power(3::numeric, i - 1) END) % 31 = 0
        AND sum(CASE WHEN i BETWEEN 9 AND 16
            THEN (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(code, i, 1)) - 1) * (1 << (17 - i))
            WHEN i = 17 THEN strpos('0123456789X', substr(code, i, 1)) - 1
            ELSE 0 END) % 11 = 0
    FROM generate_series(1, 18) AS i
$$;

/* Luhn over the whole number; '0246813579' holds the digit sums of the doubles. */
CREATE FUNCTION pg_temp.is_luhn(card text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT card ~ '^[0-9]+$'
        AND sum(CASE WHEN (length(card) - i) % 2 = 0 THEN substr(card, i, 1)::integer
            ELSE substr('0246813579', 1 + substr(card, i, 1)::integer, 1)::integer END) % 10 = 0
    FROM generate_series(1, length(card)) AS i
$$;

/*
 * Rows and digest of every table: the sum of 64 bits of each row's MD5, so the
 * order of rows does not matter.  The settings fix the text form of a row.
 */
CREATE FUNCTION pg_temp.digest() RETURNS TABLE (tab text, n bigint, digest text)
LANGUAGE sql
SET TimeZone = 'UTC' SET DateStyle = 'ISO, YMD' SET bytea_output = 'hex'
AS $$
    SELECT s.tab, count(h), md5(count(h)::text || ':' || coalesce(sum(('x' || left(h, 16))::bit(64)::bigint::numeric), 0)::text)
    FROM (
        SELECT 'client' AS tab, md5(t::text) AS h FROM agency.client AS t
        UNION ALL SELECT 'contract', md5(t::text) FROM agency.contract AS t
        UNION ALL SELECT 'contact', md5(t::text) FROM agency.contact AS t
        UNION ALL SELECT 'employee', md5(t::text) FROM agency.employee AS t
        UNION ALL SELECT 'payroll', md5(t::text) FROM agency.payroll AS t
        UNION ALL SELECT 'account', md5(t::text) FROM agency.account AS t
        UNION ALL SELECT 'voucher', md5(t::text) FROM agency.voucher AS t
        UNION ALL SELECT 'voucher_line', md5(t::text) FROM agency.voucher_line AS t
        UNION ALL SELECT 'fixed_asset', md5(t::text) FROM agency.fixed_asset AS t
        UNION ALL SELECT 'invoice', md5(t::text) FROM agency.invoice AS t
        UNION ALL SELECT 'tax_return', md5(t::text) FROM agency.tax_return AS t
        UNION ALL SELECT 'bank_statement', md5(t::text) FROM agency.bank_statement AS t
        UNION ALL SELECT 'bank_reconciliation', md5(t::text) FROM agency.bank_reconciliation AS t
        UNION ALL SELECT 'report', md5(t::text) FROM agency.report AS t
        UNION ALL SELECT 'document', md5(t::text) FROM agency.document AS t
        UNION ALL SELECT 'message_log', md5(t::text) FROM agency.message_log AS t
        UNION ALL SELECT 'agency_invoice', md5(t::text) FROM agency.agency_invoice AS t
        UNION ALL SELECT '移交清册', md5(t::text) FROM agency."移交清册" AS t
    ) AS s
    GROUP BY s.tab
$$;

/* ------------------------------------------------------ counts and digest */

CREATE TEMPORARY TABLE first_load AS
SELECT * FROM pg_temp.digest();

SELECT tab AS "table", n AS rows, digest
FROM first_load
UNION ALL
SELECT 'total', sum(n), md5(string_agg(digest, '' ORDER BY tab COLLATE "C"))
FROM first_load
ORDER BY rows, "table";

\pset tuples_only on
\pset format unaligned

/* ------------------------------------------------------------ check digits */

SELECT pg_temp.verify('published examples pass, altered ones do not', count(*) FILTER (WHERE NOT good))
FROM (VALUES
    /* the examples printed in GB 11643-1999 and GB 32100-2015 */
    (pg_temp.is_resident_id('11010519491231002X')),
    (pg_temp.is_resident_id('440524188001010014')),
    (NOT pg_temp.is_resident_id('110105194912310029')),
    (pg_temp.is_uscc('91350100M000100Y43')),
    (NOT pg_temp.is_uscc('91350100M000100Y34')),
    /* the usual example of the Luhn formula (ISO/IEC 7812-1 annex B) */
    (pg_temp.is_luhn('79927398713')),
    (NOT pg_temp.is_luhn('79927398731'))
) AS v (good);

SELECT pg_temp.verify('unified social credit codes of clients', count(*))
FROM agency.client WHERE pg_temp.is_uscc(uscc) IS NOT TRUE;

SELECT pg_temp.verify('unified social credit codes on invoices', count(*))
FROM (SELECT DISTINCT party_uscc FROM agency.invoice WHERE party_uscc IS NOT NULL) AS s
WHERE pg_temp.is_uscc(party_uscc) IS NOT TRUE;

SELECT pg_temp.verify('resident ids of legal representatives', count(*))
FROM agency.client WHERE pg_temp.is_resident_id(legal_rep_resident_id) IS NOT TRUE;

SELECT pg_temp.verify('resident ids of employees, and birth dates equal to theirs', count(*))
FROM agency.employee
WHERE pg_temp.is_resident_id(resident_id) IS NOT TRUE
    OR to_char(birth_date, 'YYYYMMDD') IS DISTINCT FROM substr(resident_id, 7, 8);

SELECT pg_temp.verify('bank cards: 16 or 19 digits, a Chinese issuer, the check digit', count(*))
FROM agency.employee
WHERE (bank_card ~ '^62([0-9]{14}|[0-9]{17})$' AND pg_temp.is_luhn(bank_card)) IS NOT TRUE;

SELECT pg_temp.verify('resident ids in messages', count(*))
FROM agency.message_log
WHERE body ~ '身份证号' AND pg_temp.is_resident_id(substring(body FROM '身份证号([0-9]{17}[0-9X])')) IS NOT TRUE;

SELECT pg_temp.verify('mobile numbers', count(*))
FROM (SELECT mobile FROM agency.employee UNION ALL SELECT mobile FROM agency.contact) AS s
WHERE mobile !~ '^1(3[0-9]|5[0-35-9]|66|7[35-8]|8[0-35-9]|9[1389])[0-9]{8}$';

/* ------------------------------------------------------------------- books */

SELECT pg_temp.verify('every voucher has two lines or more and balances', count(*))
FROM (
    SELECT v.id
    FROM agency.voucher AS v
    LEFT JOIN agency.voucher_line AS l ON l.voucher_id = v.id AND l.voucher_date = v.voucher_date
    GROUP BY v.id
    HAVING count(l.id) < 2 OR sum(l.debit) <> sum(l.credit)
) AS s;

SELECT pg_temp.verify('every line has an amount on one side', count(*))
FROM agency.voucher_line WHERE debit < 0 OR credit < 0 OR (debit > 0) = (credit > 0);

SELECT pg_temp.verify('lines use accounts of the voucher''s client', count(*))
FROM agency.voucher_line AS l
JOIN agency.voucher AS v ON v.id = l.voucher_id AND v.voucher_date = l.voucher_date
JOIN agency.account AS a ON a.id = l.account_id
WHERE a.client_id <> v.client_id;

SELECT pg_temp.verify('voucher numbers run from 1 in each period, in date order', count(*))
FROM (
    SELECT number, row_number() OVER (PARTITION BY client_id, period ORDER BY voucher_date, number) AS expected,
        period = to_char(voucher_date, 'YYYY-MM') AS right_period
    FROM agency.voucher
) AS s
WHERE number <> expected OR NOT right_period;

SELECT pg_temp.verify('an account extends the code of its parent, same client', count(*))
FROM agency.account AS a
LEFT JOIN agency.account AS p ON p.id = a.parent_id
WHERE CASE WHEN length(a.code) = 4 THEN a.parent_id IS NOT NULL
    ELSE p.id IS NULL OR p.client_id <> a.client_id OR p.code <> left(a.code, 4) END;

SELECT pg_temp.verify('a bank statement opens with the balance before', count(*))
FROM (
    SELECT opening_balance, period_start,
        lag(closing_balance) OVER w AS closing_before, lag(period_end) OVER w AS end_before
    FROM agency.bank_statement
    WINDOW w AS (PARTITION BY client_id ORDER BY period_start)
) AS s
WHERE end_before = period_start - 1 AND closing_before <> opening_balance;

/* --------------------------------------------------------- contracts, dates */

SELECT pg_temp.verify('contracts have the shape of the client''s number', count(*))
FROM (
    SELECT substr(k.id, 3)::bigint AS number, k.deregistered_on,
        string_agg(c.status, ' ' ORDER BY c.starts_on) AS found,
        max(c.ends_on) AS ends_on
    FROM agency.client AS k
    LEFT JOIN agency.contract AS c ON c.client_id = k.id
    GROUP BY k.id
) AS s
WHERE found IS DISTINCT FROM CASE WHEN number % 20 IN (3, 9, 16) THEN 'ended'
        WHEN number % 40 = 27 THEN 'ended ended'
        WHEN number % 20 = 14 THEN 'ended active'
        ELSE 'active' END
    OR (number % 20 = 9) <> (deregistered_on IS NOT NULL)
    OR deregistered_on <= ends_on;

SELECT pg_temp.verify('contracts end from 2012 to 2025 and do not overlap', count(*))
FROM (
    SELECT ends_on, starts_on, status, lag(ends_on) OVER (PARTITION BY client_id ORDER BY starts_on) AS end_before
    FROM agency.contract
) AS s
WHERE (status = 'ended') <> (ends_on IS NOT NULL)
    OR ends_on NOT BETWEEN date '2012-01-01' AND date '2025-12-31'
    OR starts_on <= end_before;

SELECT pg_temp.verify('rows of ' || s.tab || ' are dated within a contract', count(*) FILTER (WHERE c.id IS NULL))
FROM (
    SELECT 'voucher' AS tab, client_id, voucher_date AS on_date FROM agency.voucher
    UNION ALL SELECT 'payroll', e.client_id, p.paid_on FROM agency.payroll AS p JOIN agency.employee AS e ON e.id = p.employee_id
    UNION ALL SELECT 'invoice', client_id, issued_on FROM agency.invoice
    UNION ALL SELECT 'tax_return', client_id, declared_on FROM agency.tax_return
    UNION ALL SELECT 'bank_statement', client_id, period_end FROM agency.bank_statement
    UNION ALL SELECT 'report', client_id, prepared_on FROM agency.report
    UNION ALL SELECT 'fixed_asset', client_id, acquired_on FROM agency.fixed_asset
    UNION ALL SELECT 'document', client_id, (stored_at AT TIME ZONE 'Asia/Shanghai')::date FROM agency.document
    UNION ALL SELECT 'message_log', client_id, (sent_at AT TIME ZONE 'Asia/Shanghai')::date FROM agency.message_log
    UNION ALL SELECT 'agency_invoice', client_id, billed_on FROM agency.agency_invoice
) AS s
LEFT JOIN agency.contract AS c ON c.client_id = s.client_id
    AND s.on_date >= c.starts_on AND s.on_date <= coalesce(c.ends_on, date '2025-12-31')
GROUP BY s.tab
ORDER BY s.tab;

SELECT pg_temp.verify('dates lie from 2010-01-01 to 2025-12-31',
    count(*) FILTER (WHERE first_date < date '2010-01-01' OR last_date > date '2025-12-31'))
FROM (
    SELECT min(signed_on) AS first_date, max(greatest(starts_on, ends_on)) AS last_date FROM agency.contract
    UNION ALL SELECT date '2010-01-01', max(deregistered_on) FROM agency.client
    UNION ALL SELECT min(hired_on), max(greatest(hired_on, left_on)) FROM agency.employee
    UNION ALL SELECT min(pay_month), max(paid_on) FROM agency.payroll
    UNION ALL SELECT min(acquired_on), max(greatest(acquired_on, scrapped_on)) FROM agency.fixed_asset
    UNION ALL SELECT min(period_start), max(declared_on) FROM agency.tax_return
    UNION ALL SELECT min(period_start), max(prepared_on) FROM agency.report
    UNION ALL SELECT min(billed_on), max(greatest(billed_on, paid_on)) FROM agency.agency_invoice
    UNION ALL SELECT min("移交日期"), max("移交日期") FROM agency."移交清册"
) AS s;

/* ------------------------------------------------------------------ schema */

SELECT pg_temp.verify('every foreign key of schema agency has an index', count(*))
FROM pg_constraint AS f
WHERE f.contype = 'f' AND f.connamespace = 'agency'::regnamespace
    AND NOT EXISTS (
        SELECT
        FROM pg_index AS i
        WHERE i.indrelid = f.conrelid AND i.indisvalid AND i.indpred IS NULL
            AND (i.indkey::smallint[])[0 : array_length(f.conkey, 1) - 1] @> f.conkey
    );

SELECT pg_temp.verify('every client column of schema agency has an index', count(*))
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'agency'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname IN ('client_id', '客户编号')
    AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum);

SELECT pg_temp.verify('every foreign key is validated', count(*))
FROM pg_constraint
WHERE connamespace = 'agency'::regnamespace AND NOT convalidated;

SELECT pg_temp.verify('the generator left nothing behind', count(*))
FROM pg_namespace WHERE nspname = 'agency_gen';

/* ------------------------------------------------------------- second load */

\if :reload
BEGIN;
ALTER SCHEMA agency RENAME TO agency_first_load;
\ir agency_schema.sql
\ir agency_data.sql
SELECT pg_temp.verify('a second load with the same variables has the same digest', count(*))
FROM first_load AS a
FULL JOIN pg_temp.digest() AS b USING (tab)
WHERE a.digest IS DISTINCT FROM b.digest;
ROLLBACK;
\endif

\pset format aligned
\pset tuples_only off
DROP TABLE first_load;
DROP FUNCTION pg_temp.digest();
DROP FUNCTION pg_temp.is_luhn(text);
DROP FUNCTION pg_temp.is_uscc(text);
DROP FUNCTION pg_temp.is_resident_id(text);
DROP FUNCTION pg_temp.verify(text, bigint);
\set QUIET off
