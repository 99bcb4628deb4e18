/*
 * Plan, guard, run.
 */
CREATE TABLE custodian.technique
(
	relation regclass NOT NULL,
	column_name name NOT NULL,
	technique text NOT NULL CHECK (technique IN ('null', 'constant', 'keyed_digest')),
	value text,
	PRIMARY KEY (relation, column_name),
	CHECK ((technique = 'constant') = (value IS NOT NULL))
);
REVOKE ALL ON custodian.technique FROM PUBLIC;
COMMENT ON TABLE custodian.technique IS 'what anonymization does to which column';
COMMENT ON COLUMN custodian.technique.relation IS 'the adopted table';
COMMENT ON COLUMN custodian.technique.column_name IS 'its column';
COMMENT ON COLUMN custodian.technique.technique IS 'null, constant or keyed_digest';
COMMENT ON COLUMN custodian.technique.value IS 'the constant, as text';
SELECT pg_extension_config_dump('custodian.technique', '');

CREATE TABLE custodian.anonymized
(
	relation regclass NOT NULL,
	row_key text NOT NULL,
	client_no bigint NOT NULL,
	PRIMARY KEY (relation, row_key)
);
REVOKE ALL ON custodian.anonymized FROM PUBLIC;
COMMENT ON TABLE custodian.anonymized IS
	'rows that were anonymized: the marker by which a run knows that they are done';
COMMENT ON COLUMN custodian.anonymized.relation IS 'the adopted table';
COMMENT ON COLUMN custodian.anonymized.row_key IS 'primary key of the row, as the text of a text[]';
COMMENT ON COLUMN custodian.anonymized.client_no IS 'the client it belonged to';
CREATE INDEX anonymized_client_no ON custodian.anonymized (client_no);
SELECT pg_extension_config_dump('custodian.anonymized', '');

/*
 * Not dumped: a key that survives in a backup makes every digest
 * recomputable.
 */
CREATE TABLE custodian.client_secret
(
	client_no bigint PRIMARY KEY,
	secret bytea NOT NULL
);
REVOKE ALL ON custodian.client_secret FROM PUBLIC;
COMMENT ON TABLE custodian.client_secret IS
	'keys of keyed digests while a client''s rows are being anonymized; destroyed when that is done';
COMMENT ON COLUMN custodian.client_secret.client_no IS 'the client';
COMMENT ON COLUMN custodian.client_secret.secret IS '32 random bytes';

CREATE TABLE custodian.restriction
(
	client_no bigint NOT NULL,
	relation regclass NOT NULL,
	record_class text NOT NULL,
	since date NOT NULL,
	PRIMARY KEY (client_no, relation, record_class)
);
REVOKE ALL ON custodian.restriction FROM PUBLIC;
COMMENT ON TABLE custodian.restriction IS
	'marks: these rows of the client are kept, but are no longer to be processed';
COMMENT ON COLUMN custodian.restriction.client_no IS 'the client';
COMMENT ON COLUMN custodian.restriction.relation IS 'the adopted table';
COMMENT ON COLUMN custodian.restriction.record_class IS 'the record class';
COMMENT ON COLUMN custodian.restriction.since IS 'day on which the mark was set';
SELECT pg_extension_config_dump('custodian.restriction', '');

CREATE TABLE custodian.run_log
(
	run_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	run_by name NOT NULL DEFAULT session_user,
	pid integer NOT NULL DEFAULT pg_backend_pid(),
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	finished_at timestamptz,
	state text NOT NULL DEFAULT 'running',
	clients bigint NOT NULL DEFAULT 0,
	clients_done bigint NOT NULL DEFAULT 0,
	relation regclass NOT NULL DEFAULT '-',
	batches bigint NOT NULL DEFAULT 0,
	rows_destroyed bigint NOT NULL DEFAULT 0,
	rows_anonymized bigint NOT NULL DEFAULT 0,
	restrictions bigint NOT NULL DEFAULT 0,
	problems integer NOT NULL DEFAULT 0,
	last_problem text
);
REVOKE ALL ON custodian.run_log FROM PUBLIC;
COMMENT ON TABLE custodian.run_log IS 'runs: how far they are, what they did, how they ended';
COMMENT ON COLUMN custodian.run_log.run_no IS 'number of the run';
COMMENT ON COLUMN custodian.run_log.run_by IS 'role that called run()';
COMMENT ON COLUMN custodian.run_log.pid IS 'its server process';
COMMENT ON COLUMN custodian.run_log.started_at IS 'begin';
COMMENT ON COLUMN custodian.run_log.updated_at IS 'last committed batch';
COMMENT ON COLUMN custodian.run_log.finished_at IS 'end; NULL while it runs, or where it was cut off';
COMMENT ON COLUMN custodian.run_log.state IS
	'running, finished, paused, budget (rows or time used up), shut out (a hold or a rule was being changed), problems (some steps failed, see last_problem)';
COMMENT ON COLUMN custodian.run_log.clients IS 'clients whose contracts ended, found at the begin';
COMMENT ON COLUMN custodian.run_log.clients_done IS 'of them, gone through so far';
COMMENT ON COLUMN custodian.run_log.relation IS 'table of the last batch';
COMMENT ON COLUMN custodian.run_log.batches IS 'committed batches';
COMMENT ON COLUMN custodian.run_log.rows_destroyed IS 'rows destroyed';
COMMENT ON COLUMN custodian.run_log.rows_anonymized IS 'rows anonymized';
COMMENT ON COLUMN custodian.run_log.restrictions IS 'restriction marks set';
COMMENT ON COLUMN custodian.run_log.problems IS 'steps that failed and were left for the next run';
COMMENT ON COLUMN custodian.run_log.last_problem IS 'SQLSTATE, table and constraint of the last of them; never a value';
SELECT pg_extension_config_dump('custodian.run_log', '');
SELECT pg_extension_config_dump('custodian.run_log_run_no_seq', '');

CREATE FUNCTION custodian.guard_row()
RETURNS trigger
AS 'MODULE_PATHNAME', 'custodian_guard_row'
LANGUAGE C;
REVOKE ALL ON FUNCTION custodian.guard_row() FROM PUBLIC;
COMMENT ON FUNCTION custodian.guard_row() IS
	'trigger that adopt() puts on a table: refuses to let go of a row under retention or hold';

CREATE FUNCTION custodian.guard_truncate()
RETURNS trigger
AS 'MODULE_PATHNAME', 'custodian_guard_truncate'
LANGUAGE C;
REVOKE ALL ON FUNCTION custodian.guard_truncate() FROM PUBLIC;
COMMENT ON FUNCTION custodian.guard_truncate() IS
	'trigger that adopt() puts on a table: refuses TRUNCATE while a rule or a hold protects rows of it';

CREATE FUNCTION custodian.keep_guarded()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'custodian_keep_guarded'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.keep_guarded() FROM PUBLIC;
COMMENT ON FUNCTION custodian.keep_guarded() IS
	'event trigger function: puts the guard on new partitions and children of adopted tables';

CREATE EVENT TRIGGER custodian_keep_guarded ON ddl_command_end
	WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
	EXECUTE FUNCTION custodian.keep_guarded();
ALTER EVENT TRIGGER custodian_keep_guarded ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER custodian_keep_guarded IS
	'puts the guard on new partitions and children of adopted tables';

CREATE FUNCTION custodian.keyed_digest(value text, secret bytea)
RETURNS text
AS 'MODULE_PATHNAME', 'custodian_keyed_digest'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION custodian.keyed_digest(text, bytea) IS
	'HMAC-SHA-256 (RFC 2104) of the value under the secret, in hexadecimal';

CREATE FUNCTION custodian.set_technique(relation regclass, column_name name,
	technique text, value text DEFAULT NULL)
RETURNS void
AS 'MODULE_PATHNAME', 'custodian_set_technique'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.set_technique(regclass, name, text, text) FROM PUBLIC;
COMMENT ON FUNCTION custodian.set_technique(regclass, name, text, text) IS
	'say what anonymization does to a column: null, constant, keyed_digest; NULL takes it back';

CREATE FUNCTION custodian.plan(client text, as_of date DEFAULT NULL,
	OUT step integer, OUT client_no bigint, OUT relation regclass,
	OUT record_class text, OUT basis text, OUT action text, OUT "rows" bigint,
	OUT retain_from date, OUT retain_until date, OUT dispose_by date,
	OUT rule text, OUT article text, OUT blocked_by text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'custodian_plan'
LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION custodian.plan(text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.plan(text, date) IS
	'what would be done with every row of the client, why, and what blocks it; retain_from to retain_until is the range of last retained days';

CREATE FUNCTION custodian.plan_due(as_of date DEFAULT NULL,
	OUT step integer, OUT client_no bigint, OUT relation regclass,
	OUT record_class text, OUT basis text, OUT action text, OUT "rows" bigint,
	OUT retain_from date, OUT retain_until date, OUT dispose_by date,
	OUT rule text, OUT article text, OUT blocked_by text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'custodian_plan_due'
LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION custodian.plan_due(date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.plan_due(date) IS
	'what the next run would do, over all clients whose contracts ended';

CREATE FUNCTION custodian.plan_digest(client text, as_of date DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'custodian_plan_digest'
LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION custodian.plan_digest(text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.plan_digest(text, date) IS
	'SHA-256 of the client''s plan, to be approved and handed to run()';

CREATE FUNCTION custodian.explain(relation regclass, key text,
	as_of date DEFAULT NULL,
	OUT record_class text, OUT basis text, OUT rule text, OUT version integer,
	OUT mode text, OUT anchor text, OUT anchor_date date, OUT minimum interval,
	OUT retain_until date, OUT dispose_by date, OUT decides boolean,
	OUT action text, OUT blocked_by text, OUT legal_basis text, OUT article text)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'custodian_explain'
LANGUAGE C STABLE;
REVOKE ALL ON FUNCTION custodian.explain(regclass, text, date) FROM PUBLIC;
COMMENT ON FUNCTION custodian.explain(regclass, text, date) IS
	'every rule that applies to one row, given by its primary key as text, and which of them decides';
