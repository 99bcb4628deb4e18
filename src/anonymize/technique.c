/*
 * technique.c
 *	  What anonymization does to a column: null, constant, keyed digest.
 *
 * A keyed digest is HMAC-SHA-256 under a key that exists only while a
 * client's rows are being worked on: equal values of one client stay equal,
 * and once the key is destroyed nobody can compute a digest to compare with.
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "anonymize/technique.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/spi.h"

/* 32 bytes in hexadecimal, and the least of them that still tells values apart. */
#define DIGEST_CHARS 64
#define DIGEST_CHARS_LEAST 16

PG_FUNCTION_INFO_V1(custodian_keyed_digest);

/*
 * keyed_digest(value text, secret bytea) returns text
 *		HMAC-SHA-256 (RFC 2104, FIPS 198-1) of the value, 64 hexadecimal digits.
 */
Datum
custodian_keyed_digest(PG_FUNCTION_ARGS)
{
	text	   *value = PG_GETARG_TEXT_PP(0);
	bytea	   *secret = PG_GETARG_BYTEA_PP(1);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int len = 0;
	char		hex[DIGEST_CHARS];

	if (VARSIZE_ANY_EXHDR(secret) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", "secret")));
	if (HMAC(EVP_sha256(), VARDATA_ANY(secret), (int) VARSIZE_ANY_EXHDR(secret),
			 (unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
			 digest, &len) == NULL || len * 2 != DIGEST_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				 errmsg("could not compute HMAC-SHA-256")));
	hex_encode((char *) digest, len, hex);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(hex, DIGEST_CHARS));
}

/* Characters that a text column can take. */
static int
column_width(Oid relid, AttrNumber attnum)
{
	int32		typmod;
	Oid			type;
	Oid			collation;

	get_atttypetypmodcoll(relid, attnum, &type, &typmod, &collation);
	type = getBaseTypeAndTypmod(type, &typmod);
	return (type == VARCHAROID || type == BPCHAROID) && typmod >= (int32) VARHDRSZ ?
		typmod - (int32) VARHDRSZ : DIGEST_CHARS;
}

/*
 * cust_technique_check
 *		Refuse a technique that the column would refuse, before a row is touched.
 */
void
cust_technique_check(Oid relid, const char *column, const char *technique,
					 const char *value)
{
	AttrNumber	attnum = get_attnum(relid, column);
	HeapTuple	tuple = SearchSysCacheAttName(relid, column);
	Form_pg_attribute att;
	Oid			type;
	char		category;
	bool		preferred;
	bool		notnull,
				generated;

	if (!HeapTupleIsValid(tuple) || attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", column,
						get_rel_name(relid))));
	att = (Form_pg_attribute) GETSTRUCT(tuple);
	type = getBaseType(att->atttypid);
	notnull = att->attnotnull;
	generated = att->attgenerated != '\0';
	ReleaseSysCache(tuple);

	if (generated)
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" is generated", column),
				 errhint("Give a technique to the columns that it is generated from.")));
	if (strcmp(technique, "null") == 0 && notnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" is NOT NULL", column),
				 errhint("Use technique constant, or keyed_digest for a text or uuid column.")));
	if (strcmp(technique, "constant") == 0 && cust_in_unique(relid, column))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("column \"%s\" is part of a unique index", column),
				 errhint("Use technique null, or keyed_digest for a text or uuid column.")));
	if (strcmp(technique, "constant") == 0)
	{
		Oid			input,
					io_param;
		int32		typmod;
		Oid			column_type,
					collation;
		CustIdentity me;

		get_atttypetypmodcoll(relid, attnum, &column_type, &typmod, &collation);
		getTypeInputInfo(column_type, &input, &io_param);
		/* a domain's CHECK runs functions of its maker */
		cust_enter_owner(&me, cust_relation_owner(relid));
		(void) OidInputFunctionCall(input, pstrdup(value), io_param, typmod);
		cust_leave(&me);
	}
	if (strcmp(technique, "keyed_digest") == 0)
	{
		get_type_category_preferred(type, &category, &preferred);
		if (type != UUIDOID && category != TYPCATEGORY_STRING)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" cannot take a keyed digest", column),
					 errhint("A keyed digest fits text and uuid columns; use technique null or constant.")));
		if (type != UUIDOID && column_width(relid, attnum) < DIGEST_CHARS_LEAST)
			ereport(ERROR,
					(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
					 errmsg("column \"%s\" is too short for a keyed digest", column),
					 errhint("It needs %d characters; use technique null or constant.",
							 DIGEST_CHARS_LEAST)));
	}
}

/*
 * cust_technique_sql
 *		"column = expression" for UPDATE ... SET, over the aliases t and f.
 */
char *
cust_technique_sql(Oid relid, const char *column, const char *technique,
				   const char *value)
{
	const char *name = quote_identifier(column);
	Oid			type = cust_column_type(relid, column);
	char	   *digest;
	int			width;

	if (strcmp(technique, "null") == 0)
		return psprintf("%s = NULL", name);
	if (strcmp(technique, "constant") == 0)
		return psprintf("%s = %s::%s", name, quote_literal_cstr(value),
						cust_type_name(type));
	digest = psprintf("custodian.keyed_digest((t.%s)::pg_catalog.text, f.secret)", name);
	if (getBaseType(type) == UUIDOID)
		return psprintf("%s = (pg_catalog.substr(%s, 1, 32))::%s", name, digest,
						cust_type_name(type));
	width = column_width(relid, get_attnum(relid, column));
	if (width < DIGEST_CHARS)
		digest = psprintf("pg_catalog.substr(%s, 1, %d)", digest, width);
	return psprintf("%s = (%s)::%s", name, digest, cust_type_name(type));
}

/* The column's type with its modifier: numeric(12,2). */
static char *
column_type_name(Oid relid, const char *column)
{
	Oid			type,
				collation;
	int32		typmod;

	get_atttypetypmodcoll(relid, get_attnum(relid, column), &type, &typmod, &collation);
	return format_type_extended(type, typmod,
								FORMAT_TYPE_FORCE_QUALIFY | FORMAT_TYPE_TYPEMOD_GIVEN);
}

/*
 * cust_technique_done_sql
 *		Condition that the column of t looks as the technique leaves it.
 *
 * NULL stays NULL under every technique.  A digest is told by its form.
 */
char *
cust_technique_done_sql(Oid relid, const char *column, const char *technique,
						const char *value)
{
	const char *name = quote_identifier(column);

	if (strcmp(technique, "null") == 0)
		return psprintf("t.%s IS NULL", name);
	if (strcmp(technique, "constant") == 0)
		return psprintf("(t.%s)::pg_catalog.text IS NOT DISTINCT FROM "
						"((%s::%s)::pg_catalog.text)", name, quote_literal_cstr(value),
						column_type_name(relid, column));
	return psprintf("t.%s IS NULL OR "
					"(t.%s)::pg_catalog.text OPERATOR(pg_catalog.~) '^[0-9a-f-]{%d,} *$'",
					name, name, DIGEST_CHARS_LEAST);
}
