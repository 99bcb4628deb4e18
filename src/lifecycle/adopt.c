/*
 * adopt.c
 *	  Taking tables into custody, changing how, and releasing them.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "anonymize/technique.h"
#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/guard.h"
#include "disposition/step.h"
#include "lifecycle/adopt.h"
#include "retention/book.h"
#include "retention/client.h"
#include "retention/compile.h"
#include "retention/expr.h"

PG_FUNCTION_INFO_V1(custodian_adopt);
PG_FUNCTION_INFO_V1(custodian_change_adoption);
PG_FUNCTION_INFO_V1(custodian_add_record_class);
PG_FUNCTION_INFO_V1(custodian_release);
PG_FUNCTION_INFO_V1(custodian_set_technique);

/* One column of a date or timestamp type, as an argument names it. */
static char *
date_column(Oid relid, const char *column, const char *argument)
{
	List	   *columns;
	Oid			type;

	if (column == NULL)
		return NULL;
	columns = cust_columns(relid, column, argument);
	type = getBaseType(cust_column_type(relid, linitial(columns)));
	if (list_length(columns) != 1 ||
		(type != DATEOID && type != TIMESTAMPOID && type != TIMESTAMPTZOID))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("argument \"%s\" must name one column of type date or timestamp",
						argument)));
	return linitial(columns);
}

/*
 * check_client_types
 *		The key must be able to hold what the contract tables hold.
 *
 * A key that is text here and a number there would fail in the middle of a
 * run, with an error that quotes it.
 */
static void
check_client_types(Oid relid, List *columns)
{
	CustIdentity me;
	uint64		n;
	Oid		   *sources;
	List	  **source_columns;
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	bool		isnull;

	cust_enter_custodian(&me);
	SPI_connect();
	n = cust_sql("SELECT relation, client_columns FROM custodian.contract_source "
				 "ORDER BY 1", NULL, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	sources = palloc(sizeof(Oid) * Max(n, 1));
	source_columns = palloc(sizeof(List *) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		sources[i] = cust_oid(i, 1);
		source_columns[i] = cust_names_of(cust_datum(i, 2, &isnull));
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);

	for (uint64 i = 0; i < n; i++)
	{
		ListCell   *a,
				   *b;
		bool		fits = list_length(columns) == list_length(source_columns[i]);

		if (!cust_relation_exists(sources[i]))
			continue;
		forboth(a, columns, b, source_columns[i])
		{
			Oid			ours = getBaseType(cust_column_type(relid, lfirst(a)));
			Oid			theirs = getBaseType(cust_column_type(sources[i], lfirst(b)));

			if (ours != theirs && TypeCategory(ours) != TypeCategory(theirs))
				fits = false;
		}
		if (!fits)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("the client's key of \"%s\" does not fit that of contract table %s",
							get_rel_name(relid), cust_relation_name(sources[i])),
					 errhint("Both must have as many columns, of the same types.")));
	}
}

/* Error for a table on which rewrite rules take over DELETE or UPDATE. */
static void
check_no_rewrite(Oid relid)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		found;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	found = cust_sql_one("SELECT FROM pg_rewrite WHERE ev_class = $1 "
						 "AND ev_type IN ('2', '4')", &args);
	SPI_finish();
	cust_leave(&me);
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("\"%s\" has a rewrite rule on UPDATE or DELETE", get_rel_name(relid)),
				 errhint("Use a trigger in its place: with a rule nobody can tell which rows go.")));
}

/*
 * choose_class
 *		Record class of the table: the one named, the rule's, or one of its own.
 *
 * A class of its own is new.  One that happens to bear the table's name has
 * somebody's basis and rules, which were not meant for these rows.
 */
static char *
choose_class(const CustBook *book, const CustNewAdoption *new, const char **rule)
{
	CustRule   *named = NULL;
	char	   *own = get_rel_name(new->relid);
	CustIdentity me;
	CustArgs	args = {0};
	bool		taken;

	*rule = NULL;
	if (new->rule)
	{
		named = cust_book_rule(book, new->rule);
		if (named == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("rule \"%s\" is not in force", new->rule),
					 errhint("Make it with custodian.create_rule(), or load a law pack that has it.")));
		if (new->record_class == NULL && named->record_class)
			return named->record_class;
		*rule = new->rule;
	}
	if (new->record_class)
		return new->record_class;
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, own);
	taken = cust_sql_one("SELECT FROM custodian.record_class WHERE record_class = $1 "
						 "AND (basis IS NOT NULL OR pack IS NOT NULL)", &args);
	SPI_finish();
	cust_leave(&me);
	if (taken)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("a record class \"%s\" exists already", own),
				 errhint("Name a record class for the table; record_class => '%s' where this one is meant.",
						 own)));
	return own;
}

/*
 * Make the class where it is new; it has no basis then, and nothing goes.
 * True where it was made.
 */
static bool
ensure_class(const char *class)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		made;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, class);
	made = cust_sql("INSERT INTO custodian.record_class (record_class) VALUES ($1) "
					"ON CONFLICT DO NOTHING", &args, SPI_OK_INSERT) > 0;
	SPI_finish();
	cust_leave(&me);
	return made;
}

static void
tell_of_class(const char *class)
{
	ereport(NOTICE,
			(errmsg("record class \"%s\" was made without a custody basis", class),
			 errhint("Nothing of it is disposed of until custodian.set_custody_basis() and a rule say how.")));
}

/*
 * refuse_if_bound
 *		Error where a hold or a rule in compliance mode covers the table: its
 *		rows must not get out from under it by being looked at otherwise.
 */
static void
refuse_if_bound(const CustBook *book, const CustAdoption *adoption, const char *what)
{
	CustRule   *rule = cust_compliance_rule(book, adoption);

	if (cust_table_hold(adoption->relid) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_HELD),
				 errmsg("cannot %s %s: a legal hold covers rows of it", what,
						adoption->relname),
				 errhint("The table custodian.hold shows the holds that stand.")));
	if (rule)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RETAINED),
				 errmsg("cannot %s %s: rule \"%s\" is in compliance mode", what,
						adoption->relname, rule->name),
				 errhint("A rule in compliance mode binds everybody until its periods are over.")));
}

/* Write the rows of a new adoption. */
static void
insert_adoption(const CustNewAdoption *new, const char *class, const char *rule)
{
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	class_args = {0};

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, new->relid);
	cust_arg(&args, NAMEARRAYOID, new->client ? cust_name_array(new->client) : (Datum) 0,
			 new->client == NIL);
	cust_arg(&args, NAMEARRAYOID, new->via ? cust_name_array(new->via) : (Datum) 0,
			 new->via == NIL);
	cust_arg_text(&args, new->dated_by);
	cust_arg_text(&args, new->event_at);
	cust_arg_text(&args, new->fiscal_year_start);
	cust_sql("INSERT INTO custodian.adopted (relation, client_columns, via_columns, "
			 "dated_by, event_at, fiscal_year_start) VALUES ($1, $2, $3, $4, $5, $6)",
			 &args, SPI_OK_INSERT);
	cust_arg_oid(&class_args, new->relid);
	cust_arg_text(&class_args, class);
	cust_arg_text(&class_args, rule);
	cust_sql("INSERT INTO custodian.adopted_class (relation, position, record_class, rule) "
			 "VALUES ($1, 0, $2, $3)", &class_args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
}

/* Say what will make disposition slow, or stop it, while it is easy to mend. */
static void
warn(const CustBook *book, Oid relid)
{
	CustStep	step = {0};
	ListCell   *cell;

	step.adoption = cust_book_need(book, relid);
	step.path = cust_need_path(book, step.adoption);
	foreach(cell, cust_unindexed(&step))
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("no index on %s", (char *) lfirst(cell)),
				 errhint("Planning and disposition read the whole table; create an index on these columns.")));
}

/*
 * cust_adopt
 *		Take a table into custody.
 *
 * Everything that could make a later run fail is checked here, where somebody
 * is there to read the message.
 */
void
cust_adopt(const CustNewAdoption *new)
{
	CustBook   *book = cust_book_open(cust_today());
	const char *rule;
	char	   *class;
	bool		made;
	CustEvent  *event;
	ListCell   *cell;

	cust_check_table(new->relid, true);
	if (cust_book_adoption(book, new->relid))
		ereport(ERROR,
				(errcode(ERRCODE_CUST_ALREADY_ADOPTED),
				 errmsg("relation %s is adopted already", cust_relation_name(new->relid)),
				 errhint("Change it with custodian.change_adoption(), or release it first.")));
	if (OidIsValid(cust_adopted_relation(new->relid)))
		ereport(ERROR,
				(errcode(ERRCODE_CUST_ALREADY_ADOPTED),
				 errmsg("relation %s inherits from %s, which is adopted",
						cust_relation_name(new->relid),
						cust_relation_name(cust_adopted_relation(new->relid))),
				 errhint("Its rows are looked after there.")));
	foreach(cell, find_all_inheritors(new->relid, AccessShareLock, NULL))
		if (cust_book_adoption(book, lfirst_oid(cell)))
			ereport(ERROR,
					(errcode(ERRCODE_CUST_ALREADY_ADOPTED),
					 errmsg("relation %s, which inherits from it, is adopted",
							cust_relation_name(lfirst_oid(cell))),
					 errhint("Release that one first.")));
	if (cust_row_key(new->relid) == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation %s has no primary key", cust_relation_name(new->relid)),
				 errhint("Give it a primary key, or a unique index on columns that are NOT NULL.")));
	check_no_rewrite(new->relid);
	foreach(cell, new->client)
		cust_check_comparable(new->relid, lfirst(cell));
	if (new->client)
		check_client_types(new->relid, new->client);
	if (new->fiscal_year_start)
		cust_setting_check("fiscal_year_start", new->fiscal_year_start);

	class = choose_class(book, new, &rule);
	made = ensure_class(class);
	insert_adoption(new, class, rule);
	cust_book_changed();

	/* the path must lead somewhere; this raises what is wrong with it */
	book = cust_book_open(cust_today());
	(void) cust_need_path(book, cust_book_need(book, new->relid));
	cust_guard_install(new->relid);
	if (made)
		tell_of_class(class);
	warn(book, new->relid);

	event = cust_event("adopt");
	cust_event_relation(event, new->relid);
	cust_event_name(event, "client", new->client ?
					cust_column_list(new->client, NULL) : NULL);
	cust_event_name(event, "via", new->via ? cust_column_list(new->via, NULL) : NULL);
	cust_event_name(event, "dated_by", new->dated_by);
	cust_event_name(event, "event_at", new->event_at);
	cust_event_name(event, "record_class", class);
	cust_event_name(event, "rule", rule);
	cust_event_name(event, "fiscal_year_start", new->fiscal_year_start);
	cust_event_write(event);
}

/*
 * adopt(relation, client, via, dated_by, event_at, record_class, rule,
 *		 fiscal_year_start)
 */
Datum
custodian_adopt(PG_FUNCTION_ARGS)
{
	CustNewAdoption new = {0};
	char	   *client = cust_option_text(fcinfo, 1, "client");
	char	   *via = cust_option_text(fcinfo, 2, "via");

	cust_prevent_read_only("custodian.adopt()");
	cust_book_lock();
	new.relid = cust_need_oid(fcinfo, 0, "relation");
	cust_check_table(new.relid, true);
	if ((client == NULL) == (via == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("give either \"client\" or \"via\""),
				 errhint("client: the column(s) with the client's key; via: the column(s) of a foreign key that leads to an adopted table.")));
	if (client)
		new.client = cust_columns(new.relid, client, "client");
	if (via)
		new.via = cust_columns(new.relid, via, "via");
	new.dated_by = date_column(new.relid, cust_option_text(fcinfo, 3, "dated_by"), "dated_by");
	new.event_at = date_column(new.relid, cust_option_text(fcinfo, 4, "event_at"), "event_at");
	new.record_class = cust_option_text(fcinfo, 5, "record_class");
	new.rule = cust_option_text(fcinfo, 6, "rule");
	new.fiscal_year_start = cust_option_text(fcinfo, 7, "fiscal_year_start");
	cust_adopt(&new);
	PG_RETURN_VOID();
}

/*
 * only_mends
 *		Is the change one that a bound table may have: a new name for a date
 *		column that is gone, or nothing but the guard put right?
 */
static bool
only_mends(const CustAdoption *adoption, const CustNewAdoption *new)
{
	if (new->record_class || new->rule || new->fiscal_year_start)
		return false;
	if (new->dated_by && (adoption->dated_by == NULL ||
						  get_attnum(adoption->relid, adoption->dated_by) != InvalidAttrNumber))
		return false;
	if (new->event_at && (adoption->event_at == NULL ||
						  get_attnum(adoption->relid, adoption->event_at) != InvalidAttrNumber))
		return false;
	return true;
}

/*
 * change_adoption(relation, dated_by, event_at, record_class, rule,
 *				   fiscal_year_start)
 */
Datum
custodian_change_adoption(PG_FUNCTION_ARGS)
{
	CustNewAdoption new = {0};
	CustBook   *book;
	CustAdoption *adoption;
	const char *rule = NULL;
	char	   *class = NULL;
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	class_args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.change_adoption()");
	cust_book_lock();
	new.relid = cust_need_oid(fcinfo, 0, "relation");
	book = cust_book_open(cust_today());
	adoption = cust_book_need(book, new.relid);
	cust_check_owner(new.relid);
	new.dated_by = date_column(new.relid, cust_option_text(fcinfo, 1, "dated_by"), "dated_by");
	new.event_at = date_column(new.relid, cust_option_text(fcinfo, 2, "event_at"), "event_at");
	new.record_class = cust_option_text(fcinfo, 3, "record_class");
	new.rule = cust_option_text(fcinfo, 4, "rule");
	new.fiscal_year_start = cust_option_text(fcinfo, 5, "fiscal_year_start");
	if (new.fiscal_year_start)
		cust_setting_check("fiscal_year_start", new.fiscal_year_start);
	if (!only_mends(adoption, &new))
		refuse_if_bound(book, adoption, "change the adoption of");
	if (new.record_class == NULL && new.rule)
		new.record_class = ((CustClass *) llast(adoption->classes))->record_class;
	if (new.record_class)
	{
		class = choose_class(book, &new, &rule);
		if (ensure_class(class))
			tell_of_class(class);
	}

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, new.relid);
	cust_arg_text(&args, new.dated_by);
	cust_arg_text(&args, new.event_at);
	cust_arg_text(&args, new.fiscal_year_start);
	cust_sql("UPDATE custodian.adopted SET dated_by = COALESCE($2, dated_by), "
			 "event_at = COALESCE($3, event_at), "
			 "fiscal_year_start = COALESCE($4, fiscal_year_start) WHERE relation = $1",
			 &args, SPI_OK_UPDATE);
	cust_arg_oid(&class_args, new.relid);
	cust_arg_text(&class_args, class);
	cust_arg_text(&class_args, rule);
	cust_sql("UPDATE custodian.adopted_class SET record_class = COALESCE($2, record_class), "
			 "rule = COALESCE($3, rule) WHERE relation = $1 AND position = 0",
			 &class_args, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
	cust_book_changed();
	cust_guard_install(new.relid);

	event = cust_event("change_adoption");
	cust_event_relation(event, new.relid);
	cust_event_name(event, "dated_by", new.dated_by);
	cust_event_name(event, "event_at", new.event_at);
	cust_event_name(event, "record_class", class);
	cust_event_name(event, "rule", rule);
	cust_event_name(event, "fiscal_year_start", new.fiscal_year_start);
	cust_event_write(event);
	PG_RETURN_VOID();
}

/*
 * add_record_class(relation, record_class, predicate, rule)
 */
Datum
custodian_add_record_class(PG_FUNCTION_ARGS)
{
	Oid			relid;
	char	   *class,
			   *predicate,
			   *rule;
	CustBook   *book;
	CustAdoption *adoption;
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.add_record_class()");
	cust_book_lock();
	relid = cust_need_oid(fcinfo, 0, "relation");
	class = cust_need_text(fcinfo, 1, "record_class");
	predicate = cust_need_text(fcinfo, 2, "predicate");
	rule = cust_option_text(fcinfo, 3, "rule");
	book = cust_book_open(cust_today());
	adoption = cust_book_need(book, relid);
	cust_check_owner(relid);
	refuse_if_bound(book, adoption, "change the record classes of");
	if (rule && cust_book_rule(book, rule) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("rule \"%s\" is not in force", rule),
				 errhint("Make it with custodian.create_rule(), or load a law pack that has it.")));
	predicate = cust_row_condition(relid, predicate, "predicate");
	if (ensure_class(class))
		tell_of_class(class);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_arg_text(&args, class);
	cust_arg_text(&args, predicate);
	cust_arg_text(&args, rule);
	cust_sql("INSERT INTO custodian.adopted_class (relation, position, record_class, "
			 "predicate, rule) SELECT $1, max(position) + 1, $2, $3, $4 "
			 "FROM custodian.adopted_class WHERE relation = $1", &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
	cust_book_changed();
	event = cust_event("add_record_class");
	cust_event_relation(event, relid);
	cust_event_name(event, "record_class", class);
	cust_event_commit(event, "predicate", predicate);
	cust_event_name(event, "rule", rule);
	cust_event_write(event);
	PG_RETURN_VOID();
}

/* An adopted table that is reached over this one, or NULL. */
static CustAdoption *
dependent(const CustBook *book, Oid relid)
{
	ListCell   *cell;

	foreach(cell, book->adoptions)
	{
		CustAdoption *other = lfirst(cell);
		CustForeignKey *fk;

		if (other->via_columns == NIL || other->relid == relid)
			continue;
		fk = cust_foreign_key_on(other->relid, other->via_columns);
		if (fk && fk->parent == relid)
			return other;
	}
	return NULL;
}

/*
 * release(relation regclass)
 *		Take a table out of custody; its rows stay as they are.
 *
 * Errors: a hold covers the table, or a rule in compliance mode does; another
 * adopted table reaches its client over it.
 */
Datum
custodian_release(PG_FUNCTION_ARGS)
{
	Oid			relid;
	CustBook   *book;
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;
	CustAdoption *adoption,
			   *other;
	bool		exists;

	cust_prevent_read_only("custodian.release()");
	cust_book_lock();
	relid = cust_need_oid(fcinfo, 0, "relation");
	exists = cust_relation_exists(relid);
	if (exists)
	{
		book = cust_book_open(cust_today());
		adoption = cust_book_need(book, relid);
		cust_check_owner(relid);
		refuse_if_bound(book, adoption, "release");
		other = dependent(book, relid);
		if (other)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot release %s: %s reaches its client over it",
							cust_relation_name(relid), other->relname),
					 errhint("Release %s first.", other->relname)));
		cust_guard_remove(relid);
	}
	else if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("only a superuser may release a relation that was dropped")));

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_sql("DELETE FROM custodian.technique WHERE relation = $1", &args, SPI_OK_DELETE);
	cust_sql("DELETE FROM custodian.adopted_class WHERE relation = $1", &args, SPI_OK_DELETE);
	cust_sql("DELETE FROM custodian.adopted WHERE relation = $1", &args, SPI_OK_DELETE);
	SPI_finish();
	cust_leave(&me);
	cust_book_changed();
	event = cust_event("release");
	if (exists)
		cust_event_relation(event, relid);
	cust_event_write(event);
	PG_RETURN_VOID();
}

/* Do the row's class and dates depend on the column? */
static bool
governs(const CustAdoption *adoption, const char *column)
{
	AttrNumber	attnum = get_attnum(adoption->relid, column);
	ListCell   *cell;

	if ((adoption->dated_by && strcmp(adoption->dated_by, column) == 0) ||
		(adoption->event_at && strcmp(adoption->event_at, column) == 0))
		return true;
	foreach(cell, adoption->classes)
	{
		CustClass  *class = lfirst(cell);

		if (class->predicate && attnum > 0 &&
			bms_is_member(attnum, cust_condition_columns(adoption->relid, class->predicate)))
			return true;
	}
	return false;
}

/*
 * set_technique(relation, column_name, technique, value)
 */
Datum
custodian_set_technique(PG_FUNCTION_ARGS)
{
	Oid			relid;
	char	   *column,
			   *technique,
			   *value;
	CustBook   *book;
	CustAdoption *adoption;
	ListCell   *cell;
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.set_technique()");
	cust_book_lock();
	relid = cust_need_oid(fcinfo, 0, "relation");
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "column_name")));
	column = pstrdup(NameStr(*PG_GETARG_NAME(1)));
	technique = cust_option_text(fcinfo, 2, "technique");
	value = cust_get_text(fcinfo, 3);
	book = cust_book_open(cust_today());
	adoption = cust_book_need(book, relid);
	cust_check_owner(relid);

	if (technique)
	{
		if (strcmp(technique, "null") != 0 && strcmp(technique, "constant") != 0 &&
			strcmp(technique, "keyed_digest") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown technique \"%s\"", technique),
					 errhint("It is one of: null, constant, keyed_digest.")));
		if ((strcmp(technique, "constant") == 0) != (value != NULL))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("technique %s takes %s value", technique, value ? "no" : "a")));
		foreach(cell, list_concat_copy(cust_row_key(relid),
									   list_concat_copy(adoption->client_columns,
														adoption->via_columns)))
			if (strcmp(lfirst(cell), column) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
						 errmsg("column \"%s\" is a key", column),
						 errhint("The row could not be told from others, or from another client's, any more.")));
		if (governs(adoption, column))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("retention goes by column \"%s\"", column),
					 errhint("The row's class and dates would change with it.")));
		cust_technique_check(relid, column, technique, value);
	}
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_arg_text(&args, column);
	cust_arg_text(&args, technique);
	cust_arg_text(&args, value);
	cust_sql("DELETE FROM custodian.technique WHERE relation = $1 AND column_name = $2",
			 &args, SPI_OK_DELETE);
	/* what was done before was done otherwise: it is to be done again */
	cust_sql("DELETE FROM custodian.anonymized WHERE relation = $1",
			 &(CustArgs) {.n = 1,.types = {OIDOID},.values = {ObjectIdGetDatum(relid)},
			 .nulls = {' '}}, SPI_OK_DELETE);
	if (technique)
		cust_sql("INSERT INTO custodian.technique VALUES ($1, $2, $3, $4)", &args,
				 SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
	cust_book_changed();
	event = cust_event("set_technique");
	cust_event_relation(event, relid);
	cust_event_name(event, "column", column);
	cust_event_name(event, "technique", technique);
	cust_event_write(event);
	PG_RETURN_VOID();
}
