--
-- Settings of the installation, the day against which dates are judged, and
-- arguments that are checked alike everywhere.
--
-- Every test has a fresh installation to itself: numbers of clients, holds and
-- runs count from 1, and nothing is left of the test before.
--
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS custodian CASCADE;
CREATE EXTENSION custodian CASCADE;
RESET client_min_messages;
SET datestyle = 'ISO, YMD';

--
-- Settings have defaults that suit the first law pack.  The table holds only
-- what was set, so that a restored dump does not meet rows of ours.
--
SELECT * FROM custodian.setting;
SELECT custodian.current_setting('time_zone') AS time_zone,
	custodian.current_setting('fiscal_year_start') AS fiscal_year_start,
	custodian.current_setting('paused') AS paused;

-- A change is a row, and an event in the audit.
SELECT custodian.configure('fiscal_year_start', '04-01');
SELECT custodian.configure(setting => 'time_zone', value => 'Europe/Berlin');
SELECT * FROM custodian.setting ORDER BY name;
SELECT custodian.current_setting('fiscal_year_start');
SELECT act, detail FROM custodian.audit_event
	WHERE act = 'configure' ORDER BY xid, seq;

-- pause() and resume() are configure('paused', ...).
SELECT custodian.pause();
SELECT custodian.current_setting('paused');
SELECT custodian.resume();
SELECT custodian.current_setting('paused');
SELECT act, detail FROM custodian.audit_event
	WHERE detail ->> 'setting' = 'paused' ORDER BY xid, seq;

-- A change takes part in the transaction that makes it.
BEGIN;
SELECT custodian.configure('fiscal_year_start', '07-01');
ROLLBACK;
SELECT custodian.current_setting('fiscal_year_start');

--
-- Bad settings.  The value is not repeated: nobody knows what was typed.
--
SELECT custodian.configure('timezone', 'UTC');
\echo :SQLSTATE
SELECT custodian.current_setting('timezone');
SELECT custodian.configure('time_zone', 'Middle-earth/Shire');
\echo :SQLSTATE
SELECT custodian.configure('time_zone', '');
SELECT custodian.configure('paused', 'maybe');
-- 29 February would not exist in every year.
SELECT custodian.configure('fiscal_year_start', '02-29');
SELECT custodian.configure('fiscal_year_start', '13-01');
SELECT custodian.configure('fiscal_year_start', '04-31');
-- Nor would the days from 29 on be in every month that a year can begin in.
SELECT custodian.configure('fiscal_year_start', '12-31');
SELECT custodian.configure('fiscal_year_start', '4-1');
SELECT custodian.configure('fiscal_year_start', '04-01 or so');
SELECT custodian.configure('fiscal_year_start', '+4- 1');
SELECT custodian.configure('fiscal_year_start', '02-28');

-- NULL and empty arguments.
SELECT custodian.configure(NULL, 'UTC');
\echo :SQLSTATE
SELECT custodian.configure('time_zone', NULL);
SELECT custodian.configure('', 'on');
SELECT custodian.current_setting(NULL) IS NULL AS "null";

-- Nothing of all that was stored.
SELECT * FROM custodian.setting ORDER BY name;

--
-- today() is the day in the installation's time zone; a session's own TimeZone
-- must not shift a retention date.
--
SELECT custodian.configure('time_zone', 'Asia/Shanghai');
SELECT custodian.today() = (now() AT TIME ZONE 'Asia/Shanghai')::date AS shanghai;
SET TimeZone = 'Pacific/Kiritimati';
SELECT custodian.today() = (now() AT TIME ZONE 'Asia/Shanghai')::date AS shanghai;
SET TimeZone = 'Pacific/Pago_Pago';
SELECT custodian.today() = (now() AT TIME ZONE 'Asia/Shanghai')::date AS shanghai;

-- Two zones that are 25 hours apart are never on the same day.
SELECT custodian.configure('time_zone', 'Pacific/Kiritimati');
SELECT custodian.today() AS east \gset
SELECT custodian.configure('time_zone', 'Pacific/Pago_Pago');
SELECT date :'east' - custodian.today() IN (1, 2) AS "a day or two between";
RESET TimeZone;
SELECT custodian.configure('time_zone', 'Asia/Shanghai');

-- today() does not move within a transaction: what is due when it begins is
-- due until its end.
BEGIN;
SELECT custodian.today() AS first_day \gset
SELECT custodian.today() = date :'first_day' AS same;
COMMIT;

--
-- A read-only transaction can look at everything and change nothing.
--
BEGIN READ ONLY;
SELECT custodian.current_setting('time_zone');
SELECT custodian.configure('time_zone', 'UTC');
\echo :SQLSTATE
ROLLBACK;
BEGIN READ ONLY;
SELECT custodian.open_contract('C-1', 'A');
ROLLBACK;
BEGIN READ ONLY;
SELECT custodian.hold('matter', 'A');
ROLLBACK;
BEGIN READ ONLY;
SELECT custodian.create_rule('r', NULL, 'own', 'row_date', '1 day', 'law');
ROLLBACK;
BEGIN READ ONLY;
SELECT custodian.adopt('pg_class', client => 'oid');
ROLLBACK;
BEGIN READ ONLY;
CALL custodian.run();
ROLLBACK;
SET default_transaction_read_only = on;
CALL custodian.run();
\echo :SQLSTATE
RESET default_transaction_read_only;

--
-- keyed_digest() is HMAC-SHA-256: RFC 4231, test case 2, and what pgcrypto says.
--
SELECT custodian.keyed_digest('what do ya want for nothing?', 'Jefe');
SELECT custodian.keyed_digest('张伟', '\x00ff') =
	encode(public.hmac('张伟'::bytea, '\x00ff', 'sha256'), 'hex') AS like_pgcrypto;
SELECT custodian.keyed_digest('x', '');
SELECT custodian.keyed_digest(NULL, 'Jefe') IS NULL AS "null";

--
-- Without pg_cron there is nothing to schedule with, and the hint says how to
-- go about it.
--
DO $$
DECLARE
	hint text;
BEGIN
	PERFORM custodian.schedule();
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RAISE NOTICE '%: %', SQLSTATE, SQLERRM;
	RAISE NOTICE 'hint: %', replace(hint, current_database(), '(this database)');
END $$;
\set VERBOSITY terse
SELECT custodian.unschedule();
\set VERBOSITY default

--
-- Triggers of custodian's cannot be put to other uses.
--
CREATE TABLE elsewhere (id int PRIMARY KEY);
CREATE TRIGGER wrong BEFORE DELETE ON elsewhere FOR EACH ROW EXECUTE FUNCTION custodian.guard_row();
INSERT INTO elsewhere VALUES (1);
DELETE FROM elsewhere;
\echo :SQLSTATE
DROP TRIGGER wrong ON elsewhere;
CREATE TRIGGER wrong AFTER DELETE ON elsewhere FOR EACH ROW EXECUTE FUNCTION custodian.guard_row();
DELETE FROM elsewhere;
\echo :SQLSTATE
DROP TRIGGER wrong ON elsewhere;
CREATE TRIGGER wrong AFTER TRUNCATE ON elsewhere FOR EACH STATEMENT EXECUTE FUNCTION custodian.guard_truncate();
TRUNCATE elsewhere;
DROP TRIGGER wrong ON elsewhere;
CREATE TRIGGER wrong AFTER INSERT ON elsewhere FOR EACH STATEMENT EXECUTE FUNCTION custodian.track_contract_change();
INSERT INTO elsewhere VALUES (2);
DROP TRIGGER wrong ON elsewhere;
CREATE TRIGGER wrong AFTER INSERT ON elsewhere FOR EACH ROW EXECUTE FUNCTION custodian.track_contract_change();
INSERT INTO elsewhere VALUES (2);
DROP TABLE elsewhere;
SELECT custodian.guard_row();

-- Each act is one event, and the audit agrees with itself.
SELECT check_name, problems FROM custodian.verify() WHERE problems <> 0;
