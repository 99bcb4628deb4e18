/*
 * Settings of the installation.  They decide what is destroyed when, so they
 * are rows that are audited, dumped and restored, not GUCs that a session
 * could change for itself.
 */
CREATE TABLE custodian.setting
(
	name text PRIMARY KEY,
	value text NOT NULL
);
REVOKE ALL ON custodian.setting FROM PUBLIC;
COMMENT ON TABLE custodian.setting IS
	'settings of this installation; change them with custodian.configure()';
COMMENT ON COLUMN custodian.setting.name IS 'name of the setting';
COMMENT ON COLUMN custodian.setting.value IS 'value in force';

/*
 * The table holds only what was set, the defaults stand in core/setting.c: a
 * restored dump must not meet rows that CREATE EXTENSION has put there.
 */
SELECT pg_extension_config_dump('custodian.setting', '');

CREATE FUNCTION custodian.configure(setting text, value text)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_configure'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.configure(text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.configure(text, text) IS
	'change a setting of this installation (time_zone, fiscal_year_start, paused); audited';

CREATE FUNCTION custodian.current_setting(setting text)
RETURNS text
AS 'MODULE_PATHNAME', 'custodian_current_setting'
LANGUAGE C STABLE STRICT;
REVOKE ALL ON FUNCTION custodian.current_setting(text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.current_setting(text) IS
	'value of a setting of this installation, its default where none was set';

CREATE FUNCTION custodian.today()
RETURNS date
AS 'MODULE_PATHNAME', 'custodian_today'
LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION custodian.today() FROM PUBLIC;
COMMENT ON FUNCTION custodian.today() IS
	'today in the time zone of the installation, the day against which dates are judged';

CREATE FUNCTION custodian.pause()
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_pause'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.pause() FROM PUBLIC;
COMMENT ON FUNCTION custodian.pause() IS
	'stop every run before its next batch, and let none begin';

CREATE FUNCTION custodian.resume()
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_resume'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.resume() FROM PUBLIC;
COMMENT ON FUNCTION custodian.resume() IS
	'let runs work again after custodian.pause()';
