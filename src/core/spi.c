/*
 * spi.c
 *	  Who we are while we run SQL, and short forms for running it.
 *
 * custodian's SQL-callable functions are SECURITY INVOKER: the caller's own
 * identity stays visible for ownership checks.  Where a function has to write
 * custodian's tables it becomes the extension's owner for that statement
 * only, and where it touches a user's table it becomes that table's owner in
 * a security-restricted operation (the models are ri_triggers.c and amcheck).
 * Both pin search_path, so that no name resolves outside pg_catalog, and the
 * settings that decide how values look as text.
 *
 * Should an error leave a function between enter and leave, transaction or
 * subtransaction abort puts identity and settings back.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"

/*
 * cust_extension_owner
 *		Owner of the installed extension.
 *
 * Read from pg_extension each time: ownership cannot be changed by ALTER, but
 * the extension may be dropped and created again by somebody else within the
 * life of this backend, and the index lookup is cheap.
 */
Oid
cust_extension_owner(void)
{
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			owner = InvalidOid;

	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("custodian"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);

	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"custodian\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION custodian CASCADE.")));
	return owner;
}

/* The schema "custodian"; an error where it is missing. */
Oid
cust_schema_oid(void)
{
	return get_namespace_oid("custodian", false);
}

/*
 * What a session could bend our statements with: where names resolve, and how
 * values look as text (keys are compared and stored as text).
 */
static const struct
{
	const char *name;
	const char *value;
}			pinned[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"DateStyle", "ISO, YMD"},
	{"IntervalStyle", "postgres"},
	{"TimeZone", "UTC"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
};

/* Shared by both ways in: note the identity, take another, pin the settings. */
static void
enter(CustIdentity *saved, Oid userid, int add_context)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	SetUserIdAndSecContext(userid, saved->sec_context | add_context);
	saved->guc_level = NewGUCNestLevel();
	for (int i = 0; i < lengthof(pinned); i++)
		(void) set_config_option(pinned[i].name, pinned[i].value,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
								 true, 0, false);
}

/*
 * cust_enter_custodian
 *		Become the extension's owner, for statements on custodian's own tables.
 *
 * Only SQL written in custodian's own sources, with values passed as
 * parameters, may run between this and cust_leave().
 */
void
cust_enter_custodian(CustIdentity *saved)
{
	enter(saved, cust_extension_owner(), SECURITY_LOCAL_USERID_CHANGE);
}

/*
 * cust_enter_owner
 *		Become the owner of a user's table, in a security-restricted operation.
 *
 * SECURITY_NOFORCE_RLS: a custodian that did not see all rows would leave
 * some behind; the owner's own FORCE ROW LEVEL SECURITY must not hide them
 * (as for referential-integrity checks).  For policies that bind the owner
 * otherwise, row_security = off turns silent filtering into an error.
 */
void
cust_enter_owner(CustIdentity *saved, Oid owner)
{
	enter(saved, owner,
		  SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	(void) set_config_option("row_security", "off",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/* Become again who we were before the matching enter. */
void
cust_leave(const CustIdentity *saved)
{
	AtEOXact_GUC(false, saved->guc_level);
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

/* Append one argument. */
void
cust_arg(CustArgs *args, Oid type, Datum value, bool isnull)
{
	Assert(args->n < CUST_MAX_ARGS);
	args->types[args->n] = type;
	args->values[args->n] = isnull ? (Datum) 0 : value;
	args->nulls[args->n] = isnull ? 'n' : ' ';
	args->n++;
}

/* Append a text argument; a NULL pointer is SQL NULL. */
void
cust_arg_text(CustArgs *args, const char *value)
{
	cust_arg(args, TEXTOID, value ? CStringGetTextDatum(value) : (Datum) 0,
			 value == NULL);
}

/* Append a bigint argument. */
void
cust_arg_int8(CustArgs *args, int64 value)
{
	cust_arg(args, INT8OID, Int64GetDatum(value), false);
}

/* Append an oid argument. */
void
cust_arg_oid(CustArgs *args, Oid value)
{
	cust_arg(args, OIDOID, ObjectIdGetDatum(value), false);
}

/* Append a date argument. */
void
cust_arg_date(CustArgs *args, int32 value, bool isnull)
{
	cust_arg(args, DATEOID, DateADTGetDatum(value), isnull);
}

/*
 * cust_sql_limit
 *		Run one statement; the caller is connected to SPI.
 *
 * sql: the statement, with $n parameters.  args: may be NULL.  expected: the
 * SPI_OK_ code.  limit: 0 for no limit.  Returns the number of rows.
 */
uint64
cust_sql_limit(const char *sql, CustArgs *args, int expected, bool read_only,
			   long limit)
{
	int			rc;

	if (args)
		rc = SPI_execute_with_args(sql, args->n, args->types, args->values,
								   args->nulls, read_only, limit);
	else
		rc = SPI_execute(sql, read_only, limit);
	if (rc != expected)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(rc));
	return SPI_processed;
}

/* The same, read-write and without a limit. */
uint64
cust_sql(const char *sql, CustArgs *args, int expected)
{
	return cust_sql_limit(sql, args, expected, false, 0);
}

/*
 * cust_sql_latest
 *		Run a SELECT that sees what is committed by now, also in a transaction
 *		whose own snapshot is older (REPEATABLE READ): whether a hold stands or a
 *		contract is open is not a question of what the caller saw before.
 */
uint64
cust_sql_latest(const char *sql, CustArgs *args)
{
	uint64		n;

	PushActiveSnapshot(GetLatestSnapshot());
	n = cust_sql_limit(sql, args, SPI_OK_SELECT, true, 0);
	PopActiveSnapshot();
	return n;
}

/* Run a SELECT of at most one row; true where there is one. */
bool
cust_sql_one(const char *sql, CustArgs *args)
{
	return cust_sql_limit(sql, args, SPI_OK_SELECT, false, 1) == 1;
}

/* Field as text by its output function, or NULL. col counts from 1. */
char *
cust_str(uint64 row, int col)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);
}

/* Field as a datum; it lives as long as the tuple table. */
Datum
cust_datum(uint64 row, int col, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col,
						 isnull);
}

/* bigint field. */
int64
cust_int8(uint64 row, int col, int64 if_null)
{
	bool		isnull;
	Datum		d = cust_datum(row, col, &isnull);

	return isnull ? if_null : DatumGetInt64(d);
}

/* oid (or regclass, regrole) field; NULL is InvalidOid. */
Oid
cust_oid(uint64 row, int col)
{
	bool		isnull;
	Datum		d = cust_datum(row, col, &isnull);

	return isnull ? InvalidOid : DatumGetObjectId(d);
}

/* boolean field; NULL is false. */
bool
cust_bool(uint64 row, int col)
{
	bool		isnull;
	Datum		d = cust_datum(row, col, &isnull);

	return isnull ? false : DatumGetBool(d);
}
