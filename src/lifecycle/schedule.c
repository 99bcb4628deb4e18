/*
 * schedule.c
 *	  The pg_cron job that calls custodian.run().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"

PG_FUNCTION_INFO_V1(custodian_schedule);
PG_FUNCTION_INFO_V1(custodian_unschedule);

#define JOB_NAME "custodian.run"

/* Error with a way out where pg_cron is not in this database. */
static void
need_pg_cron(void)
{
	if (!OidIsValid(get_extension_oid("pg_cron", true)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"pg_cron\" is not installed in this database"),
				 errhint("Install it with CREATE EXTENSION pg_cron in the database that cron.database_name names. Where that is another one, have it call cron.schedule_in_database(%s, '30 2 * * *', 'CALL custodian.run()', %s).",
						 quote_literal_cstr(psprintf(JOB_NAME " in %s",
													 get_database_name(MyDatabaseId))),
						 quote_literal_cstr(get_database_name(MyDatabaseId)))));
}

/* Statements run as the caller, whose job it is; only the path is pinned. */
static int
pin_search_path(void)
{
	int			level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

/*
 * schedule(cron text) returns bigint
 *		cron: five fields, minute to day of week, in pg_cron's time zone (GMT
 *		unless cron.timezone says otherwise).  Scheduling again changes the job.
 */
Datum
custodian_schedule(PG_FUNCTION_ARGS)
{
	char	   *cron = cust_need_text(fcinfo, 0, "cron");
	CustArgs	args = {0};
	int64		job;
	int			level;
	CustEvent  *event;

	cust_prevent_read_only("custodian.schedule()");
	need_pg_cron();
	level = pin_search_path();
	SPI_connect();
	cust_arg_text(&args, cron);
	cust_sql_one("SELECT cron.schedule('" JOB_NAME "', $1, 'CALL custodian.run()')", &args);
	job = cust_int8(0, 1, 0);
	SPI_finish();
	AtEOXact_GUC(false, level);
	event = cust_event("schedule");
	cust_event_name(event, "cron", cron);
	cust_event_int(event, "job", job);
	cust_event_write(event);
	PG_RETURN_INT64(job);
}

/*
 * unschedule() returns boolean
 */
Datum
custodian_unschedule(PG_FUNCTION_ARGS)
{
	bool		found;
	int			level;
	CustEvent  *event;

	cust_prevent_read_only("custodian.unschedule()");
	need_pg_cron();
	level = pin_search_path();
	SPI_connect();
	found = cust_sql("SELECT cron.unschedule(jobid) FROM cron.job "
					 "WHERE jobname = '" JOB_NAME "' AND username = current_user "
					 "AND database = current_database()", NULL, SPI_OK_SELECT) > 0;
	SPI_finish();
	AtEOXact_GUC(false, level);
	if (found)
	{
		event = cust_event("unschedule");
		cust_event_write(event);
	}
	PG_RETURN_BOOL(found);
}
