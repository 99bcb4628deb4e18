/*
 * args.c
 *	  Arguments of SQL-callable functions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"

#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"

/* A text argument, or NULL. */
char *
cust_get_text(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

CUST_NORETURN static void missing(const char *name);

static void
missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("argument \"%s\" must not be null", name)));
}

/* A text argument that may be left out but not be empty. */
char *
cust_option_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	return PG_ARGISNULL(n) ? NULL : cust_need_text(fcinfo, n, name);
}

/* A text argument that must be there and must not be empty. */
char *
cust_need_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	char	   *value = cust_get_text(fcinfo, n);

	if (value == NULL)
		missing(name);
	if (value[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must not be empty", name)));
	return value;
}

/* A regclass or regrole argument that must be there. */
Oid
cust_need_oid(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		missing(name);
	return PG_GETARG_OID(n);
}

/*
 * cust_prevent_read_only
 *		Error on a standby and in a read-only transaction, before anything
 *		else is looked at.
 */
void
cust_prevent_read_only(const char *function)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s during recovery", function),
				 errhint("Call it on the primary server.")));
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot execute %s in a read-only transaction", function),
				 errhint("Begin a transaction that may write.")));
}

/* A period without time of day, as ISO 8601: P10Y, P1Y6M, P30D, P0D. */
char *
cust_period_text(const Interval *period)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, 'P');
	if (period->month / 12)
		appendStringInfo(&buf, "%dY", period->month / 12);
	if (period->month % 12)
		appendStringInfo(&buf, "%dM", period->month % 12);
	if (period->day || period->month == 0)
		appendStringInfo(&buf, "%dD", period->day);
	return buf.data;
}

/* A date in ISO 8601, whatever DateStyle says. */
char *
cust_date_text(int32 date)
{
	int			year,
				month,
				day;

	if (DATE_NOT_FINITE(date))
		return pstrdup(DATE_IS_NOEND(date) ? "infinity" : "-infinity");
	j2date(date + POSTGRES_EPOCH_JDATE, &year, &month, &day);
	return psprintf("%04d-%02d-%02d", year, month, day);
}
