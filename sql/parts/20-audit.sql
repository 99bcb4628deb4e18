/*
 * The audit: what custodian did, in rows that nobody can change.
 *
 * Rows are written by C code only.  doc/audit.md specifies their bytes, so
 * that anybody can check them without this extension.
 */
CREATE FUNCTION custodian.immutable_am_handler(internal)
RETURNS table_am_handler
AS 'MODULE_PATHNAME', 'custodian_immutable_am_handler'
LANGUAGE C VOLATILE STRICT;
REVOKE ALL ON FUNCTION custodian.immutable_am_handler(internal) FROM PUBLIC;
COMMENT ON FUNCTION custodian.immutable_am_handler(internal) IS
	'handler of access method custodian_immutable';

CREATE ACCESS METHOD custodian_immutable TYPE TABLE
	HANDLER custodian.immutable_am_handler;
COMMENT ON ACCESS METHOD custodian_immutable IS
	'heap that refuses UPDATE, DELETE and TRUNCATE, whoever asks';

CREATE FUNCTION custodian.refuse_rewrite()
RETURNS event_trigger
AS 'MODULE_PATHNAME', 'custodian_refuse_rewrite'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.refuse_rewrite() FROM PUBLIC;
COMMENT ON FUNCTION custodian.refuse_rewrite() IS
	'event trigger function: refuses ALTER TABLE commands that rewrite an insert-only table';

CREATE EVENT TRIGGER custodian_refuse_rewrite ON table_rewrite
	EXECUTE FUNCTION custodian.refuse_rewrite();
ALTER EVENT TRIGGER custodian_refuse_rewrite ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER custodian_refuse_rewrite IS
	'refuses ALTER TABLE commands that rewrite an insert-only table';

/*
 * The key is that of the writing transaction, so writers never wait for each
 * other.  Incarnation (system_identifier, timeline) keeps apart what a restore
 * or a point-in-time recovery would number alike.
 */
CREATE TABLE custodian.audit
(
	system_identifier bigint NOT NULL,
	timeline int NOT NULL,
	xid xid8 NOT NULL,
	seq int NOT NULL,
	entry bytea NOT NULL,
	leaf bytea NOT NULL,
	manifest bytea,
	PRIMARY KEY (system_identifier, timeline, xid, seq)
) USING custodian_immutable;
REVOKE ALL ON custodian.audit FROM PUBLIC;
/* Digests do not compress, and verify() reads long manifests in slices. */
ALTER TABLE custodian.audit ALTER COLUMN manifest SET STORAGE EXTERNAL;
COMMENT ON TABLE custodian.audit IS
	'one row for each act of custody; insert-only, written by custodian itself';
COMMENT ON COLUMN custodian.audit.system_identifier IS
	'database cluster in which the act happened';
COMMENT ON COLUMN custodian.audit.timeline IS
	'timeline of that cluster at the time';
COMMENT ON COLUMN custodian.audit.xid IS
	'top-level transaction of the act';
COMMENT ON COLUMN custodian.audit.seq IS
	'number of the event within its transaction, from 0 without gaps';
COMMENT ON COLUMN custodian.audit.entry IS
	'the event: one line of canonical JSON in UTF-8, byte for byte as hashed';
COMMENT ON COLUMN custodian.audit.leaf IS
	'SHA-256 over a zero byte and entry (RFC 6962 leaf)';
COMMENT ON COLUMN custodian.audit.manifest IS
	'salted SHA-256 digests, 32 bytes each, of the rows that the act took away; of an anonymization, of the rows as it left them';

CREATE TABLE custodian.audit_side
(
	system_identifier bigint NOT NULL,
	timeline int NOT NULL,
	xid xid8 NOT NULL,
	seq int NOT NULL,
	field text NOT NULL,
	salt bytea NOT NULL,
	value bytea,
	client_no bigint,
	PRIMARY KEY (system_identifier, timeline, xid, seq, field)
) USING heap;
REVOKE ALL ON custodian.audit_side FROM PUBLIC;
COMMENT ON TABLE custodian.audit_side IS
	'what opens the commitments of custodian.audit; rows may be erased, the proofs still hold';
COMMENT ON COLUMN custodian.audit_side.system_identifier IS
	'database cluster of the event';
COMMENT ON COLUMN custodian.audit_side.timeline IS 'timeline of the event';
COMMENT ON COLUMN custodian.audit_side.xid IS
	'top-level transaction of the event';
COMMENT ON COLUMN custodian.audit_side.seq IS
	'number of the event within its transaction';
COMMENT ON COLUMN custodian.audit_side.field IS
	'which commitment of the event, without "_commitment"; manifest_salt for the salt of its manifest';
COMMENT ON COLUMN custodian.audit_side.salt IS
	'random bytes hashed before the value';
COMMENT ON COLUMN custodian.audit_side.value IS
	'the value committed to, in UTF-8; NULL for manifest_salt';
COMMENT ON COLUMN custodian.audit_side.client_no IS
	'client of the event, NULL where it has none; erasing a client goes by it';

COMMENT ON INDEX custodian.audit_pkey IS 'key of an event';
COMMENT ON INDEX custodian.audit_side_pkey IS
	'key of an event and the name of its commitment';
CREATE INDEX audit_side_client_no_idx ON custodian.audit_side (client_no)
	WHERE client_no IS NOT NULL;
COMMENT ON INDEX custodian.audit_side_client_no_idx IS
	'finds the side rows of a client that is being erased';

SELECT pg_extension_config_dump('custodian.audit', '');
SELECT pg_extension_config_dump('custodian.audit_side', '');

/* A pure function of its argument, and a view's functions run as its reader. */
CREATE FUNCTION custodian.audit_entry_json(entry bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'custodian_audit_entry_json'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
REVOKE ALL ON FUNCTION custodian.audit_entry_json(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION custodian.audit_entry_json(bytea) TO PUBLIC;
COMMENT ON FUNCTION custodian.audit_entry_json(bytea) IS
	'an audit entry as jsonb, NULL where the bytes are not of the specified form';

/*
 * OFFSET 0 keeps the entry from being decoded once for every column.  ONLY:
 * rows of a table that inherits from custodian.audit are not events.
 */
CREATE VIEW custodian.audit_event AS
SELECT
	e.system_identifier,
	e.timeline,
	e.xid,
	e.seq,
	(e.entry ->> 'at')::timestamp with time zone AS at,
	e.entry ->> 'act' AS act,
	e.entry ->> 'session_user' AS session_user_name,
	e.entry ->> 'current_user' AS current_user_name,
	e.entry ->> 'relation' AS relation,
	(e.entry ->> 'client')::bigint AS client_no,
	(e.entry ->> 'rows')::bigint AS rows,
	e.entry -> 'detail' AS detail,
	e.entry ->> 'login_user' AS login_user_name,
	e.entry ->> 'database' AS database_name
FROM
	(
		SELECT
			a.system_identifier,
			a.timeline,
			a.xid,
			a.seq,
			custodian.audit_entry_json(a.entry) AS entry
		FROM ONLY custodian.audit AS a
		OFFSET 0
	) AS e;
REVOKE ALL ON custodian.audit_event FROM PUBLIC;
COMMENT ON VIEW custodian.audit_event IS
	'the audit, decoded; columns of an entry that is damaged are NULL';
COMMENT ON COLUMN custodian.audit_event.system_identifier IS
	'database cluster in which the act happened';
COMMENT ON COLUMN custodian.audit_event.timeline IS
	'timeline of that cluster at the time';
COMMENT ON COLUMN custodian.audit_event.xid IS
	'top-level transaction of the act';
COMMENT ON COLUMN custodian.audit_event.seq IS
	'number of the event within its transaction, from 0 without gaps';
COMMENT ON COLUMN custodian.audit_event.at IS 'when the event was written';
COMMENT ON COLUMN custodian.audit_event.act IS 'what was done';
COMMENT ON COLUMN custodian.audit_event.session_user_name IS
	'session_user at the time';
COMMENT ON COLUMN custodian.audit_event.current_user_name IS
	'role in force at the time, as SET ROLE sets it, outside of any function';
COMMENT ON COLUMN custodian.audit_event.relation IS
	'quoted qualified name of the table at the time, NULL where the act has none';
COMMENT ON COLUMN custodian.audit_event.client_no IS
	'client, NULL where the act has none';
COMMENT ON COLUMN custodian.audit_event.rows IS
	'number of rows in the manifest, NULL where there is none';
COMMENT ON COLUMN custodian.audit_event.detail IS
	'fields of this kind of act';
COMMENT ON COLUMN custodian.audit_event.login_user_name IS
	'role that logged in, where SET SESSION AUTHORIZATION hides it; else NULL';
COMMENT ON COLUMN custodian.audit_event.database_name IS
	'database in which the act happened';

CREATE FUNCTION custodian.verify
(
	OUT check_name text,
	OUT subject text,
	OUT events bigint,
	OUT problems bigint,
	OUT detail text
)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'custodian_verify'
LANGUAGE C VOLATILE;
REVOKE ALL ON FUNCTION custodian.verify() FROM PUBLIC;
COMMENT ON FUNCTION custodian.verify() IS
	'check the audit against itself: one row for each kind of check, well where problems is 0';

CREATE FUNCTION custodian.row_digest(row_value record, salt bytea)
RETURNS bytea
AS 'MODULE_PATHNAME', 'custodian_row_digest'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
REVOKE ALL ON FUNCTION custodian.row_digest(record, bytea) FROM PUBLIC;
COMMENT ON FUNCTION custodian.row_digest(record, bytea) IS
	'salted SHA-256 of a row, as manifests hold it';

CREATE FUNCTION custodian.manifest_contains
(
	system_identifier bigint,
	timeline int,
	xid xid8,
	seq int,
	digest bytea
)
RETURNS boolean
AS 'MODULE_PATHNAME', 'custodian_manifest_contains'
LANGUAGE C STABLE STRICT;
REVOKE ALL ON FUNCTION custodian.manifest_contains(bigint, int, xid8, int, bytea) FROM PUBLIC;
COMMENT ON FUNCTION custodian.manifest_contains(bigint, int, xid8, int, bytea) IS
	'whether a row of this digest is in the event''s manifest; NULL without manifest';
