/*
 * configure.c
 *	  SQL functions on settings of the installation.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "retention/book.h"

PG_FUNCTION_INFO_V1(custodian_configure);
PG_FUNCTION_INFO_V1(custodian_current_setting);
PG_FUNCTION_INFO_V1(custodian_today);
PG_FUNCTION_INFO_V1(custodian_pause);
PG_FUNCTION_INFO_V1(custodian_resume);

/*
 * check_setting_free
 *		Error where the setting decides dates of rules in compliance mode.
 */
static void
check_setting_free(const char *name)
{
	CustBook   *book;
	ListCell   *cell;

	if (strcmp(name, "fiscal_year_start") != 0 && strcmp(name, "time_zone") != 0)
		return;
	book = cust_book_open(cust_today());
	foreach(cell, book->rules)
	{
		CustRule   *rule = lfirst(cell);

		if (strcmp(rule->mode, "compliance") == 0 &&
			(strcmp(name, "time_zone") == 0 ||
			 strcmp(rule->anchor, "fiscal_year_end") == 0))
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RULE_CONFLICT),
					 errmsg("cannot change setting \"%s\": rule \"%s\" is in compliance mode",
							name, rule->name),
					 errhint("Its dates would move.")));
	}
}

/* Store a setting and say so in the audit. */
static void
configure(const char *function, const char *name, const char *value)
{
	CustEvent  *event;

	cust_prevent_read_only(function);
	cust_book_lock();
	check_setting_free(name);
	cust_setting_store(name, value);
	event = cust_event("configure");
	cust_event_name(event, "setting", name);
	cust_event_name(event, "value", value);
	cust_event_write(event);
	cust_book_changed();
}

/*
 * configure(setting text, value text)
 *		Change a setting of the installation.
 */
Datum
custodian_configure(PG_FUNCTION_ARGS)
{
	configure("custodian.configure()", cust_need_text(fcinfo, 0, "setting"),
			  cust_need_text(fcinfo, 1, "value"));
	PG_RETURN_VOID();
}

/* current_setting(setting text): the value in force. */
Datum
custodian_current_setting(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(cust_setting(text_to_cstring(PG_GETARG_TEXT_PP(0)))));
}

/* today(): the day against which dates are judged. */
Datum
custodian_today(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATEADT(cust_today());
}

/* pause(): let no batch begin. */
Datum
custodian_pause(PG_FUNCTION_ARGS)
{
	configure("custodian.pause()", "paused", "on");
	PG_RETURN_VOID();
}

/* resume(): take pause() back. */
Datum
custodian_resume(PG_FUNCTION_ARGS)
{
	configure("custodian.resume()", "paused", "off");
	PG_RETURN_VOID();
}
