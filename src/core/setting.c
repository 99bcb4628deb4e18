/*
 * setting.c
 *	  Settings of the installation, and the day on which we are.
 *
 * A setting is a row of custodian.setting.  Its SQL functions, which audit a
 * change, are in retention/configure.c: core knows nothing of the audit.
 */
#include "postgres.h"

#include "access/xact.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"

typedef struct Setting
{
	const char *name;
	const char *initial;
	bool		(*valid) (const char *value);
	const char *hint;
} Setting;

/* A zone that the server knows, and not one that this session alone does. */
static bool
valid_time_zone(const char *value)
{
	pg_tz	   *tz = pg_tzset(value);

	return tz != NULL && pg_tz_acceptable(tz);
}

/* MM-DD, up to the 28th: a day that every month of every year has. */
static bool
valid_fiscal_year_start(const char *value)
{
	int			month,
				day;

	return strlen(value) == 5 && value[2] == '-' &&
		strspn(value, "0123456789") == 2 &&
		strspn(value + 3, "0123456789") == 2 &&
		sscanf(value, "%2d-%2d", &month, &day) == 2 &&
		month >= 1 && month <= 12 && day >= 1 && day <= 28;
}

static bool
valid_switch(const char *value)
{
	return strcmp(value, "on") == 0 || strcmp(value, "off") == 0;
}

static const Setting settings[] = {
	{"time_zone", "Asia/Shanghai", valid_time_zone,
	"Give the name of a time zone, such as Asia/Shanghai."},
	/* Accounting Law of the PRC, art. 11: the calendar year */
	{"fiscal_year_start", "01-01", valid_fiscal_year_start,
	"Give month and day as MM-DD, a day from 01 to 28."},
	{"paused", "off", valid_switch, "Give on or off."},
};

static const Setting *
find(const char *name)
{
	for (int i = 0; i < lengthof(settings); i++)
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("unknown custodian setting \"%s\"", name),
			 errhint("The settings are time_zone, fiscal_year_start and paused.")));
}

/* Value in force, in the current context.  Error where there is no such one. */
char *
cust_setting(const char *name)
{
	const Setting *setting = find(name);
	MemoryContext caller = CurrentMemoryContext;
	CustIdentity me;
	CustArgs	args = {0};
	char	   *value = NULL;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	if (cust_sql_one("SELECT value FROM custodian.setting WHERE name = $1", &args))
		value = MemoryContextStrdup(caller, cust_str(0, 1));
	SPI_finish();
	cust_leave(&me);
	return value ? value : pstrdup(setting->initial);
}

/* Error unless the value is one that the setting can have. */
void
cust_setting_check(const char *name, const char *value)
{
	const Setting *setting = find(name);

	if (value == NULL || !setting->valid(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for custodian setting \"%s\"", name),
				 errhint("%s", setting->hint)));
}

/* Store a value after a look at it. */
void
cust_setting_store(const char *name, const char *value)
{
	CustIdentity me;
	CustArgs	args = {0};

	cust_setting_check(name, value);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	cust_arg_text(&args, value);
	cust_sql("INSERT INTO custodian.setting VALUES ($1, $2) "
			 "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
			 &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
}

/* Is disposition switched off for the time being? */
bool
cust_paused(void)
{
	return strcmp(cust_setting("paused"), "on") == 0;
}

/* Time zone in which a moment becomes a day. */
char *
cust_time_zone(void)
{
	return cust_setting("time_zone");
}

/*
 * cust_today
 *		The day on which the current transaction began, in the installation's
 *		time zone: the session's TimeZone must not shift a retention date.
 */
DateADT
cust_today(void)
{
	pg_tz	   *zone = pg_tzset(cust_time_zone());
	struct pg_tm tm;
	fsec_t		fsec;
	int			offset;

	if (zone == NULL ||
		timestamp2tm(GetCurrentTransactionStartTimestamp(), &offset, &tm,
					 &fsec, NULL, zone) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("could not tell the day in the installation's time zone"),
				 errhint("Set it with custodian.configure('time_zone', ...).")));
	return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE;
}
