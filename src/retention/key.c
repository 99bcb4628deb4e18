/*
 * key.c
 *	  Keys of clients: one text, one value.
 *
 * A client is known by the text of its key, its rows are looked up by value.
 * Both must mean the same client: were 1 and 01 two clients, the end of one
 * would take the other's rows.  So only a text that is exactly what the type
 * writes for its value finds rows; any other finds none, and they are kept.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "core/compat.h"
#include "core/spi.h"
#include "retention/facts.h"

/* Are values of the type equal exactly when their texts are? */
bool
cust_text_is_value(Oid type, Oid collation)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case UUIDOID:
		case DATEOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
			return get_collation_isdeterministic(collation);
		default:
			return false;
	}
}

/* A number as int8out writes it, between the bounds? */
static bool
is_integer(const char *key, int64 least, int64 most)
{
	char	   *end;
	int64		value;
	char		again[32];

	if (strlen(key) >= sizeof(again))
		return false;
	errno = 0;
	value = strtoll(key, &end, 10);
	if (errno != 0 || *end != '\0' || value < least || value > most)
		return false;
	snprintf(again, sizeof(again), INT64_FORMAT, value);
	return strcmp(again, key) == 0;
}

/* A UUID as uuid_out writes it? */
static bool
is_uuid(const char *key)
{
	if (strlen(key) != 36)
		return false;
	for (int i = 0; i < 36; i++)
	{
		bool		dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? key[i] != '-' : strchr("0123456789abcdef", key[i]) == NULL)
			return false;
	}
	return true;
}

/*
 * Ask the type itself, in a subtransaction: its input function may refuse the
 * text with an error that quotes it.  As the table's owner: a domain's CHECK
 * runs functions of its maker.
 */
static bool
survives_type(Oid type, const char *key, Oid owner_role)
{
	CustIdentity me;
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool result = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		Oid			input,
					output,
					io_param;
		bool		is_varlena;
		Datum		value;

		cust_enter_owner(&me, owner_role);
		getTypeInputInfo(type, &input, &io_param);
		getTypeOutputInfo(type, &output, &is_varlena);
		value = OidInputFunctionCall(input, pstrdup(key), io_param, -1);
		result = strcmp(OidOutputFunctionCall(output, value), key) == 0;
		cust_leave(&me);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		result = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return result;
}

/*
 * cust_text_fits
 *		Is the text exactly what the type writes for some value?
 */
bool
cust_text_fits(Oid type, const char *key, Oid owner_role)
{
	int			len = strlen(key);

	switch (type)
	{
		case INT2OID:
			return is_integer(key, PG_INT16_MIN, PG_INT16_MAX);
		case INT4OID:
			return is_integer(key, PG_INT32_MIN, PG_INT32_MAX);
		case INT8OID:
			return is_integer(key, PG_INT64_MIN, PG_INT64_MAX);
		case UUIDOID:
			return is_uuid(key);
		case TEXTOID:
		case VARCHAROID:
			return true;
		case BPCHAROID:
			return len == 0 || key[len - 1] != ' ';
		default:
			return survives_type(type, key, owner_role);
	}
}

/*
 * cust_key_fits
 *		Can this client have rows in the part's table?
 */
bool
cust_key_fits(const CustPart *part, const char *key)
{
	const CustPath *path = part->path;
	Oid			owner = part->adoption->owner;
	int			n;
	Datum	   *parts;
	bool	   *nulls;
	int			count;

	if (path == NULL)
		return true;			/* the table is blocked as a whole */
	n = list_length(path->key_types);
	if (n == 1)
		return cust_text_fits(getBaseType(linitial_oid(path->key_types)), key, owner);
	if (!survives_type(TEXTARRAYOID, key, owner))
		return false;
	deconstruct_array(DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, pstrdup(key),
															  TEXTOID, -1)),
					  TEXTOID, -1, false, TYPALIGN_INT, &parts, &nulls, &count);
	if (count != n)
		return false;
	for (int i = 0; i < n; i++)
		if (nulls[i] || !cust_text_fits(getBaseType(list_nth_oid(path->key_types, i)),
								   TextDatumGetCString(parts[i]), owner))
			return false;
	return true;
}
