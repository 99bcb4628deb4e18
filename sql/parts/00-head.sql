/*
 * custodian: the database as custodian of client records.
 *
 * Built from sql/parts by make; edit there.  Objects live in schema
 * custodian, which this script creates: the control file names pg_catalog as
 * the extension's schema so that no search_path of the installing session
 * takes part in name resolution.
 *
 * Which types may name objects in a configuration table: regclass and name,
 * which pg_dump writes as names; never oid, never regprocedure, whose values
 * do not survive dump and restore.
 *
 * No foreign keys between them: pg_restore --jobs loads the data of extension
 * tables in any order.  The C functions, the only writers, keep them in order.
 */
\echo Use "CREATE EXTENSION custodian CASCADE" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

CREATE SCHEMA custodian;
COMMENT ON SCHEMA custodian IS
	'custodian of client records: retention, holds, disposition, audit';

/*
 * Anybody may resolve names in the schema; every object in it is revoked from
 * PUBLIC but for pure functions of their arguments.  A table owner needs the
 * names when custodian acts as that owner.
 */
GRANT USAGE ON SCHEMA custodian TO PUBLIC;
