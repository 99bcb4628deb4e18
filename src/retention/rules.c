/*
 * rules.c
 *	  SQL functions on record classes, retention rules, contract terms and law
 *	  packs.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"
#include "retention/book.h"

PG_FUNCTION_INFO_V1(custodian_create_record_class);
PG_FUNCTION_INFO_V1(custodian_set_custody_basis);
PG_FUNCTION_INFO_V1(custodian_create_rule);
PG_FUNCTION_INFO_V1(custodian_set_rule_mode);
PG_FUNCTION_INFO_V1(custodian_load_law_pack);
PG_FUNCTION_INFO_V1(custodian_set_contract_term);

/* Place of the word in a list that ends with NULL; -1 where it is not in it. */
static int
word_index(const char *value, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], value) == 0)
			return i;
	return -1;
}

/* Error unless the word is one of a list that ends with NULL. */
static void
check_word(const char *argument, const char *value, const char *const *words)
{
	StringInfoData list;

	if (word_index(value, words) >= 0)
		return;
	initStringInfo(&list);
	for (int i = 0; words[i]; i++)
		appendStringInfo(&list, "%s%s", i ? ", " : "", words[i]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid %s \"%s\"", argument, value),
			 errhint("It is one of: %s.", list.data)));
}

static const char *const basis_words[] = {"entrusted", "appointed", "own", NULL};
static const char *const anchor_words[] = {"contract_end", "fiscal_year_end",
"row_date", "event", "permanent", NULL};
static const char *const disposition_words[] = {"keep", "restrict", "return",
"anonymize", "destroy", NULL};
static const char *const mode_words[] = {"draft", "governance", "compliance", NULL};
static const char *const guard_words[] = {"none", "delete", "update", NULL};

/*
 * check_period
 *		A period is years, months and days, not negative and finite.  A time
 *		of day would have no meaning for a date.
 */
static void
check_period(const char *argument, const Interval *period)
{
	if (period == NULL)
		return;
	if (period->time != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a whole number of days", argument),
				 errhint("Give years, months and days, or leave infinity to anchor \"permanent\".")));
	if (period->month < 0 || period->day < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is negative", argument)));
	if (period->month > 12 * 1000 || period->day > 366 * 1000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is longer than 1000 years", argument),
				 errhint("For records without an end use anchor \"permanent\".")));
}

/*
 * compare_periods
 *		Sign of a - b as calendar time: both are laid out from a day whose
 *		following months are of ordinary length, so that 1 year = 12 months and
 *		3 years > 1000 days.
 */
static int
compare_periods(const Interval *a, const Interval *b)
{
	double		da = a->month * (365.2425 / 12) + a->day;
	double		db = b->month * (365.2425 / 12) + b->day;

	return (da > db) - (da < db);
}

/* Does the record class exist? */
static bool
class_exists(const char *name)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		found;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	found = cust_sql_one("SELECT FROM custodian.record_class WHERE record_class = $1",
						 &args);
	SPI_finish();
	cust_leave(&me);
	return found;
}

/* The custody basis of a record class, or NULL. */
static char *
class_basis(const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	CustArgs	args = {0};
	char	   *basis = NULL;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	if (cust_sql_one("SELECT basis FROM custodian.record_class WHERE record_class = $1",
					 &args) && (basis = cust_str(0, 1)) != NULL)
		basis = MemoryContextStrdup(context, basis);
	SPI_finish();
	cust_leave(&me);
	return basis;
}

static void
need_class(const char *name)
{
	if (!class_exists(name))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("record class \"%s\" does not exist", name),
				 errhint("Make it with custodian.create_record_class(), or load a law pack that has it.")));
}

/*
 * create_record_class(record_class text, title text, basis text)
 */
Datum
custodian_create_record_class(PG_FUNCTION_ARGS)
{
	char	   *name = cust_need_text(fcinfo, 0, "record_class");
	char	   *title = cust_get_text(fcinfo, 1);
	char	   *basis = cust_get_text(fcinfo, 2);
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.create_record_class()");
	cust_book_lock();
	if (basis)
		check_word("custody basis", basis, basis_words);
	if (class_exists(name))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("record class \"%s\" already exists", name),
				 errhint("Change its custody basis with custodian.set_custody_basis().")));
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	cust_arg_text(&args, title);
	cust_arg_text(&args, basis);
	cust_sql("INSERT INTO custodian.record_class (record_class, title, basis) "
			 "VALUES ($1, $2, $3)", &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("create_record_class");
	cust_event_name(event, "record_class", name);
	cust_event_name(event, "basis", basis);
	cust_event_write(event);
	cust_book_changed();
	PG_RETURN_VOID();
}

/*
 * check_not_in_compliance
 *		A class whose rules are in compliance mode cannot be taken out from
 *		under them.
 */
static void
check_not_in_compliance(const char *class, const char *was, const char *is)
{
	CustBook   *book = cust_book_open(cust_today());
	ListCell   *cell;

	if (was == NULL || (is && strcmp(was, is) == 0))
		return;
	foreach(cell, book->rules)
	{
		CustRule   *rule = lfirst(cell);

		if (strcmp(rule->mode, "compliance") == 0 && strcmp(rule->basis, was) == 0 &&
			(rule->record_class == NULL || strcmp(rule->record_class, class) == 0))
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RULE_CONFLICT),
					 errmsg("record class \"%s\" is under rule \"%s\" in compliance mode",
							class, rule->name),
					 errhint("Its custody basis cannot be changed any more.")));
	}
}

/*
 * set_custody_basis(record_class text, basis text)
 */
Datum
custodian_set_custody_basis(PG_FUNCTION_ARGS)
{
	char	   *name = cust_need_text(fcinfo, 0, "record_class");
	char	   *basis = cust_get_text(fcinfo, 1);
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.set_custody_basis()");
	cust_book_lock();
	if (basis)
		check_word("custody basis", basis, basis_words);
	need_class(name);
	check_not_in_compliance(name, class_basis(name), basis);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	cust_arg_text(&args, basis);
	cust_sql("UPDATE custodian.record_class SET basis = $2 WHERE record_class = $1",
			 &args, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("set_custody_basis");
	cust_event_name(event, "record_class", name);
	cust_event_name(event, "basis", basis);
	cust_event_write(event);
	cust_book_changed();
	PG_RETURN_VOID();
}

/* What a rule is made of, as create_rule() and load_law_pack() give it. */
typedef struct NewRule
{
	char	   *name;
	char	   *record_class;
	char	   *basis;
	char	   *anchor;
	Interval   *minimum;
	Interval   *maximum;
	char	   *disposition;
	char	   *legal_basis;
	char	   *article;
	bool		ends_on_return;
	char	   *guard;
	char	   *mode;
	DateADT		effective_from;
	char	   *pack;
} NewRule;

/*
 * check_rule
 *		Refuse a rule that contradicts itself.
 */
static void
check_rule(const NewRule *rule)
{
	check_word("custody basis", rule->basis, basis_words);
	check_word("anchor", rule->anchor, anchor_words);
	check_word("disposition", rule->disposition, disposition_words);
	check_word("guard", rule->guard, guard_words);
	check_word("mode", rule->mode, mode_words);
	check_period("minimum", rule->minimum);
	check_period("maximum", rule->maximum);
	if (strcmp(rule->anchor, "permanent") == 0)
	{
		if (rule->minimum || rule->maximum)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RULE_CONFLICT),
					 errmsg("rule \"%s\" is permanent and has a period", rule->name),
					 errhint("Leave minimum and maximum NULL, or name the event from which they count.")));
		if (strcmp(rule->disposition, "keep") != 0 &&
			strcmp(rule->disposition, "restrict") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RULE_CONFLICT),
					 errmsg("rule \"%s\" is permanent and would %s", rule->name,
							rule->disposition),
					 errhint("The disposition of permanent records is keep or restrict.")));
	}
	else if (rule->minimum == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("rule \"%s\" has no minimum", rule->name),
				 errhint("Give the period for which rows must be kept; '0 days' where there is none.")));
	if (rule->minimum && rule->maximum &&
		compare_periods(rule->minimum, rule->maximum) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RULE_CONFLICT),
				 errmsg("rule \"%s\" has a minimum above its maximum", rule->name),
				 errhint("A row cannot both have to be kept and not be allowed to.")));
	if (rule->record_class)
		need_class(rule->record_class);
}

static void
interval_arg(CustArgs *args, Interval *value)
{
	cust_arg(args, INTERVALOID, IntervalPGetDatum(value), value == NULL);
}

/* The stricter of two modes, as a constant. */
static char *
stricter_mode(const char *a, const char *b)
{
	int			place = Max(word_index(a, mode_words), word_index(b, mode_words));

	return unconstify(char *, mode_words[Max(place, 0)]);
}

/*
 * check_not_weaker
 *		A rule in compliance mode binds everybody: a new version may keep longer
 *		and guard more, and that is all.  The present version is row 0 of the
 *		tuple table, with the columns that store_rule() asks for.
 */
static void
check_not_weaker(const NewRule *rule)
{
	bool		permanent;
	bool		was_permanent;
	Datum		minimum = cust_datum(0, 3, &was_permanent);
	const char *was_class = cust_str(0, 7);
	bool		weaker = false;

	permanent = rule->minimum == NULL;
	if (was_permanent && !permanent)
		weaker = true;
	if (!was_permanent && !permanent &&
		compare_periods(rule->minimum, DatumGetIntervalP(minimum)) < 0)
		weaker = true;
	if (!permanent && strcmp(rule->anchor, cust_str(0, 5)) != 0)
		weaker = true;
	if (strcmp(rule->basis, cust_str(0, 6)) != 0)
		weaker = true;
	if (rule->record_class && (was_class == NULL ||
							   strcmp(rule->record_class, was_class) != 0))
		weaker = true;
	if (word_index(rule->guard, guard_words) < word_index(cust_str(0, 8), guard_words))
		weaker = true;
	if (rule->ends_on_return && !cust_bool(0, 9))
		weaker = true;
	if (!permanent && strcmp(rule->disposition, cust_str(0, 10)) != 0)
		weaker = true;
	if (weaker)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RULE_CONFLICT),
				 errmsg("rule \"%s\" is in compliance mode and cannot be weakened",
						rule->name),
				 errhint("Its minimum can only grow and its guard only become stricter; basis, record class, anchor and disposition stay.")));
}

/*
 * store_rule
 *		Make a rule, or its next version where the definition differs.
 *
 * The version before ends on the day on which the new one begins.  The mode
 * only tightens: where the present version's is stricter, it stays.  In
 * compliance mode the minimum only grows.  Returns the new version, or 0
 * where nothing differs.
 */
static int
store_rule(NewRule *rule)
{
	CustIdentity me;
	CustArgs	name = {0};
	CustArgs	args = {0};
	int			version = 1;
	uint64		n;
	bool		isnull;
	CustEvent  *event;

	check_rule(rule);
	cust_enter_custodian(&me);
	SPI_connect();
	/* one writer at a time, so that versions have no gap and no twin */
	cust_sql("LOCK TABLE custodian.rule IN SHARE ROW EXCLUSIVE MODE", NULL,
			 SPI_OK_UTILITY);
	cust_arg_text(&name, rule->name);
	cust_arg_text(&args, rule->name);
	n = cust_sql("SELECT version, mode, minimum, effective_from, anchor, basis, "
				 "record_class, guard, ends_on_return, disposition "
				 "FROM custodian.rule WHERE rule = $1 ORDER BY version DESC",
				 &name, SPI_OK_SELECT);
	if (n > 0)
	{
		version = atoi(cust_str(0, 1)) + 1;
		for (uint64 i = 0; i < n; i++)
			rule->mode = stricter_mode(rule->mode, cust_str(i, 2));
		if (strcmp(cust_str(0, 2), "compliance") == 0)
			check_not_weaker(rule);
		if (rule->effective_from < DatumGetDateADT(cust_datum(0, 4, &isnull)))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a new version of rule \"%s\" cannot begin before the present one",
							rule->name),
					 errhint("Give a later effective_from.")));
	}
	cust_arg(&args, INT4OID, Int32GetDatum(version), false);
	cust_arg_text(&args, rule->record_class);
	cust_arg_text(&args, rule->basis);
	cust_arg_text(&args, rule->anchor);
	interval_arg(&args, rule->minimum);
	interval_arg(&args, rule->maximum);
	cust_arg(&args, BOOLOID, BoolGetDatum(rule->ends_on_return), false);
	cust_arg_text(&args, rule->disposition);
	cust_arg_text(&args, rule->mode);
	cust_arg_text(&args, rule->guard);
	cust_arg_text(&args, rule->legal_basis);
	cust_arg_text(&args, rule->article);
	cust_arg_date(&args, rule->effective_from, false);
	cust_arg_text(&args, rule->pack);
	if (cust_sql("INSERT INTO custodian.rule (rule, version, record_class, basis, "
				 "anchor, minimum, maximum, ends_on_return, disposition, mode, guard, "
				 "legal_basis, article, effective_from, pack) "
				 "SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 "
				 "WHERE NOT EXISTS (SELECT FROM custodian.rule "
				 "WHERE rule = $1 AND version = $2 - 1 "
				 "AND (record_class, basis, anchor, minimum, maximum, ends_on_return, "
				 "disposition, mode, guard, legal_basis, article) "
				 "IS NOT DISTINCT FROM ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13))",
				 &args, SPI_OK_INSERT) == 0)
		version = 0;
	else
	{
		CustArgs	previous = {0};

		cust_arg_text(&previous, rule->name);
		cust_arg_date(&previous, rule->effective_from, false);
		cust_arg(&previous, INT4OID, Int32GetDatum(version), false);
		cust_sql("UPDATE custodian.rule SET effective_to = $2 "
				 "WHERE rule = $1 AND version < $3 AND effective_to IS NULL",
				 &previous, SPI_OK_UPDATE);
	}
	SPI_finish();
	cust_leave(&me);
	if (version > 0)
	{
		event = cust_event("create_rule");
		cust_event_name(event, "rule", rule->name);
		cust_event_int(event, "version", version);
		cust_event_name(event, "record_class", rule->record_class);
		cust_event_name(event, "basis", rule->basis);
		cust_event_name(event, "anchor", rule->anchor);
		if (rule->minimum)
			cust_event_name(event, "minimum", cust_period_text(rule->minimum));
		if (rule->maximum)
			cust_event_name(event, "maximum", cust_period_text(rule->maximum));
		cust_event_bool(event, "ends_on_return", rule->ends_on_return);
		cust_event_name(event, "disposition", rule->disposition);
		cust_event_name(event, "mode", rule->mode);
		cust_event_name(event, "guard", rule->guard);
		cust_event_name(event, "legal_basis", rule->legal_basis);
		cust_event_name(event, "article", rule->article);
		cust_event_date(event, "effective_from", rule->effective_from);
		cust_event_name(event, "pack", rule->pack);
		cust_event_write(event);
		cust_book_changed();
	}
	return version;
}

/*
 * create_rule(rule, record_class, basis, anchor, minimum, legal_basis,
 *			   maximum, disposition, article, ends_on_return, guard, mode,
 *			   effective_from) returns integer
 *
 * Returns the version that is in force afterwards.
 */
Datum
custodian_create_rule(PG_FUNCTION_ARGS)
{
	NewRule		rule = {0};
	int			version;
	CustIdentity me;
	CustArgs	args = {0};

	cust_prevent_read_only("custodian.create_rule()");
	cust_book_lock();
	rule.name = cust_need_text(fcinfo, 0, "rule");
	rule.record_class = cust_get_text(fcinfo, 1);
	rule.basis = cust_need_text(fcinfo, 2, "basis");
	rule.anchor = cust_need_text(fcinfo, 3, "anchor");
	rule.minimum = PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
	rule.legal_basis = cust_need_text(fcinfo, 5, "legal_basis");
	rule.maximum = PG_ARGISNULL(6) ? NULL : PG_GETARG_INTERVAL_P(6);
	rule.disposition = cust_need_text(fcinfo, 7, "disposition");
	rule.article = cust_get_text(fcinfo, 8);
	rule.ends_on_return = !PG_ARGISNULL(9) && PG_GETARG_BOOL(9);
	rule.guard = cust_need_text(fcinfo, 10, "guard");
	rule.mode = cust_need_text(fcinfo, 11, "mode");
	rule.effective_from = PG_ARGISNULL(12) ? cust_today() : PG_GETARG_DATEADT(12);
	if (DATE_NOT_FINITE(rule.effective_from))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("effective_from is infinite")));
	version = store_rule(&rule);
	if (version > 0)
		PG_RETURN_INT32(version);

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, rule.name);
	cust_sql_one("SELECT max(version) FROM custodian.rule WHERE rule = $1", &args);
	version = atoi(cust_str(0, 1));
	SPI_finish();
	cust_leave(&me);
	PG_RETURN_INT32(version);
}

/*
 * set_rule_mode(rule text, mode text)
 *		Tighten the mode: draft, governance, compliance, never back.
 */
Datum
custodian_set_rule_mode(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *mode = text_to_cstring(PG_GETARG_TEXT_PP(1));
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	key = {0};
	uint64		n;
	CustEvent  *event;

	cust_prevent_read_only("custodian.set_rule_mode()");
	cust_book_lock();
	check_word("mode", mode, mode_words);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&key, name);
	cust_arg_date(&key, cust_today(), false);
	n = cust_sql("SELECT mode FROM custodian.rule WHERE rule = $1 "
				 "AND (effective_to IS NULL OR effective_to > $2) FOR UPDATE",
				 &key, SPI_OK_SELECT);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("rule \"%s\" does not exist", name),
				 errhint("The table custodian.rule lists the rules.")));
	for (uint64 i = 0; i < n; i++)
		if (word_index(mode, mode_words) < word_index(cust_str(i, 1), mode_words))
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RULE_CONFLICT),
					 errmsg("rule \"%s\" is in mode %s; a mode only tightens", name,
							cust_str(i, 1)),
					 errhint("The order is draft, governance, compliance.")));
	/* versions in force now and later */
	args = key;
	cust_arg_text(&args, mode);
	cust_sql("UPDATE custodian.rule SET mode = $3 WHERE rule = $1 "
			 "AND (effective_to IS NULL OR effective_to > $2)", &args, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("set_rule_mode");
	cust_event_name(event, "rule", name);
	cust_event_name(event, "mode", mode);
	cust_event_write(event);
	cust_book_changed();
	PG_RETURN_VOID();
}

/* Record classes of a pack: new ones come with it, those there stay. */
static void
load_classes(const char *pack)
{
	CustIdentity me;
	CustArgs	args = {0};

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, pack);
	cust_sql("INSERT INTO custodian.record_class (record_class, title, basis, pack) "
			 "SELECT record_class, title, basis, pack FROM custodian.law_pack_class "
			 "WHERE pack = $1 ORDER BY record_class ON CONFLICT DO NOTHING",
			 &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
}

/* Is the present version of the rule one that the site made itself? */
static bool
is_own_version(const char *rule)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		own;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, rule);
	own = cust_sql_one("SELECT pack IS NULL FROM custodian.rule WHERE rule = $1 "
					   "ORDER BY version DESC LIMIT 1", &args) && cust_bool(0, 1);
	SPI_finish();
	cust_leave(&me);
	return own;
}

/* The shipped rules of a pack, in the current context. */
static List *
pack_rules(const char *pack)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *rules = NIL;
	CustIdentity me;
	CustArgs	args = {0};
	uint64		n;
	MemoryContext old;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, pack);
	n = cust_sql("SELECT rule, record_class, basis, anchor, minimum, maximum, "
				 "ends_on_return, disposition, guard, legal_basis, article, "
				 "effective_from FROM custodian.law_pack_rule WHERE pack = $1 "
				 "ORDER BY rule", &args, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		NewRule    *rule = palloc0(sizeof(NewRule));
		bool		isnull;
		Datum		value;

		rule->pack = pstrdup(pack);
		rule->name = cust_str(i, 1);
		rule->record_class = cust_str(i, 2);
		rule->basis = cust_str(i, 3);
		rule->anchor = cust_str(i, 4);
		value = cust_datum(i, 5, &isnull);
		if (!isnull)
		{
			rule->minimum = palloc(sizeof(Interval));
			*rule->minimum = *DatumGetIntervalP(value);
		}
		value = cust_datum(i, 6, &isnull);
		if (!isnull)
		{
			rule->maximum = palloc(sizeof(Interval));
			*rule->maximum = *DatumGetIntervalP(value);
		}
		rule->ends_on_return = cust_bool(i, 7);
		rule->disposition = cust_str(i, 8);
		rule->guard = cust_str(i, 9);
		rule->legal_basis = cust_str(i, 10);
		rule->article = cust_str(i, 11);
		rule->effective_from = DatumGetDateADT(cust_datum(i, 12, &isnull));
		rules = lappend(rules, rule);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return rules;
}

/*
 * load_law_pack(pack text, mode text) returns integer
 *		Copy a shipped pack; loading it again brings what changed in it.
 */
Datum
custodian_load_law_pack(PG_FUNCTION_ARGS)
{
	char	   *pack = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *mode = text_to_cstring(PG_GETARG_TEXT_PP(1));
	List	   *rules;
	ListCell   *cell;
	int			changed = 0;
	CustEvent  *event;

	cust_prevent_read_only("custodian.load_law_pack()");
	cust_book_lock();
	check_word("mode", mode, mode_words);
	rules = pack_rules(pack);
	if (rules == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("law pack \"%s\" does not exist", pack),
				 errhint("SELECT DISTINCT pack FROM custodian.law_pack_rule shows the shipped ones.")));
	load_classes(pack);
	event = cust_event("load_law_pack");
	cust_event_name(event, "pack", pack);
	cust_event_name(event, "mode", mode);
	cust_event_write(event);
	foreach(cell, rules)
	{
		NewRule    *rule = lfirst(cell);

		rule->mode = mode;
		if (is_own_version(rule->name))
		{
			ereport(NOTICE,
					(errmsg("rule \"%s\" has a version of this site and stays as it is",
							rule->name)));
			continue;
		}
		if (store_rule(rule) > 0)
			changed++;
	}
	PG_RETURN_INT32(changed);
}

/*
 * check_stricter
 *		A contract may ask for a longer minimum and a shorter maximum than the
 *		rules of the class do under its basis, not for the opposite.
 */
static void
check_stricter(const char *class, const char *basis, const Interval *minimum,
			   const Interval *maximum)
{
	CustBook   *book = cust_book_open(cust_today());
	ListCell   *cell;

	if (basis == NULL)
		basis = class_basis(class);

	foreach(cell, book->rules)
	{
		CustRule   *rule = lfirst(cell);

		if (basis == NULL || strcmp(rule->basis, basis) != 0 ||
			(rule->record_class && strcmp(rule->record_class, class) != 0))
			continue;
		if (minimum && rule->minimum && !rule->ends_on_return &&
			compare_periods(minimum, rule->minimum) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_WEAKER_TERM),
					 errmsg("the minimum is shorter than that of rule \"%s\"", rule->name),
					 errhint("A contract can lengthen a minimum, not shorten it.")));
		if (maximum && rule->maximum && compare_periods(maximum, rule->maximum) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_WEAKER_TERM),
					 errmsg("the maximum is longer than that of rule \"%s\"", rule->name),
					 errhint("A contract can shorten a maximum, not lengthen it.")));
		if (maximum && rule->minimum && !rule->ends_on_return &&
			compare_periods(maximum, rule->minimum) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RULE_CONFLICT),
					 errmsg("the maximum is shorter than the minimum of rule \"%s\"", rule->name),
					 errhint("The law asks for longer; a contract cannot undercut it.")));
	}
}

/*
 * set_contract_term(contract, record_class, basis, minimum, maximum, source)
 */
Datum
custodian_set_contract_term(PG_FUNCTION_ARGS)
{
	char	   *contract = cust_need_text(fcinfo, 0, "contract");
	char	   *class = cust_need_text(fcinfo, 1, "record_class");
	char	   *basis = cust_get_text(fcinfo, 2);
	Interval   *minimum = PG_ARGISNULL(3) ? NULL : PG_GETARG_INTERVAL_P(3);
	Interval   *maximum = PG_ARGISNULL(4) ? NULL : PG_GETARG_INTERVAL_P(4);
	Oid			source = PG_ARGISNULL(5) ? InvalidOid : PG_GETARG_OID(5);
	CustIdentity me;
	CustArgs	find = {0};
	CustArgs	args = {0};
	uint64		n;
	int64		contract_no,
				client_no;
	CustEvent  *event;

	cust_prevent_read_only("custodian.set_contract_term()");
	cust_book_lock();
	if (basis)
		check_word("custody basis", basis, basis_words);
	check_period("minimum", minimum);
	check_period("maximum", maximum);
	if (minimum && maximum && compare_periods(minimum, maximum) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RULE_CONFLICT),
				 errmsg("the minimum is above the maximum")));
	need_class(class);
	check_stricter(class, basis, minimum, maximum);
	if (basis)
		check_not_in_compliance(class, class_basis(class), basis);

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&find, contract);
	cust_arg(&find, REGCLASSOID, ObjectIdGetDatum(source), PG_ARGISNULL(5));
	n = cust_sql_limit("SELECT contract_no, client_no FROM custodian.contract "
					   "WHERE contract_key = $1 AND ($2 IS NULL OR source = $2)",
					   &find, SPI_OK_SELECT, false, 2);
	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_UNKNOWN_CONTRACT),
				 n == 0 ? errmsg("the contract is not known") :
				 errmsg("several contract tables have a contract with this key"),
				 n == 0 ? errhint("Contracts become known by custodian.track_contracts() or custodian.open_contract().") :
				 errhint("Name the contract table with argument \"source\".")));
	contract_no = cust_int8(0, 1, 0);
	client_no = cust_int8(0, 2, 0);
	cust_arg_int8(&args, contract_no);
	cust_arg_text(&args, class);
	cust_arg_text(&args, basis);
	interval_arg(&args, minimum);
	interval_arg(&args, maximum);
	cust_sql("INSERT INTO custodian.contract_term VALUES ($1, $2, $3, $4, $5) "
			 "ON CONFLICT (contract_no, record_class) DO UPDATE SET "
			 "basis = excluded.basis, minimum = excluded.minimum, "
			 "maximum = excluded.maximum", &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);

	event = cust_event("set_contract_term");
	cust_event_client(event, client_no);
	cust_event_int(event, "contract", contract_no);
	cust_event_name(event, "record_class", class);
	cust_event_name(event, "basis", basis);
	if (minimum)
		cust_event_name(event, "minimum", cust_period_text(minimum));
	if (maximum)
		cust_event_name(event, "maximum", cust_period_text(maximum));
	cust_event_write(event);
	cust_book_changed();
	PG_RETURN_VOID();
}
