/*
 * explain.c
 *	  Every rule that applies to one row, and which of them decides.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/plan.h"
#include "disposition/step.h"

PG_FUNCTION_INFO_V1(custodian_explain);

/* What is found out about the row. */
typedef struct Found
{
	char	   *client_key;
	int			position;
} Found;

/* Error unless each part of the key is a value of its column. */
static void
check_key(const CustStep *step, ArrayType *key)
{
	Datum	   *parts;
	bool	   *nulls;
	int			n;

	deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT, &parts, &nulls, &n);
	for (int i = 0; i < list_length(step->row_key); i++)
	{
		const char *column = list_nth(step->row_key, i);
		Oid			type = getBaseType(cust_column_type(step->adoption->relid, column));

		/* the message does not repeat the key: it may be an identity number */
		if (i >= n || n != list_length(step->row_key) || nulls[i] ||
			!cust_text_fits(type, TextDatumGetCString(parts[i]), step->adoption->owner))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the key does not fit (%s) of %s",
							cust_column_list(step->row_key, NULL), step->adoption->relname),
					 errhint("Write it as the columns' types do; several columns as an array, {a,b}.")));
	}
}

/* The row's key as it is given: plain text, or an array for several columns. */
static ArrayType *
parse_key(const CustStep *step, const char *text_key)
{
	Datum		one = CStringGetTextDatum(text_key);
	ArrayType  *key;

	if (list_length(step->row_key) == 1)
		key = construct_array(&one, 1, TEXTOID, -1, false, TYPALIGN_INT);
	else if (!cust_text_fits(TEXTARRAYOID, text_key, step->adoption->owner))
		key = construct_array(&one, 1, TEXTOID, -1, false, TYPALIGN_INT);
	else
		key = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN, pstrdup(text_key),
													  TEXTOID, -1));
	check_key(step, key);
	return key;
}

/* Condition that t is the row with the key in this parameter. */
static char *
key_sql(const CustStep *step, const char *param)
{
	return cust_has_key_sql(step, param);
}

/* Client and class of the row; an error where there is no such row. */
static Found
find_row(const CustStep *step, ArrayType *key)
{
	Found		found = {0};
	StringInfoData sql;
	ListCell   *cell;
	CustIdentity me;
	CustArgs	args = {0};
	MemoryContext context = CurrentMemoryContext;
	bool		isnull;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, CASE", cust_client_key_sql(step->path->keys));
	foreach(cell, step->adoption->classes)
	{
		CustClass  *class = lfirst(cell);

		appendStringInfo(&sql, " WHEN %s THEN %d",
						 class->predicate ? class->predicate : "true", class->position);
	}
	appendStringInfo(&sql, " END FROM %s AS t", step->adoption->relname);
	for (int i = 0; i < list_length(step->path->tables); i++)
		appendStringInfo(&sql, " CROSS JOIN %s", (char *) list_nth(step->path->tables, i));
	appendStringInfo(&sql, " WHERE %s", key_sql(step, "$1"));
	foreach(cell, step->path->conditions)
		appendStringInfo(&sql, " AND %s", (char *) lfirst(cell));

	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	cust_arg(&args, TEXTARRAYOID, PointerGetDatum(key), false);
	if (!cust_sql_one(sql.data, &args))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("%s has no such row, or the row has no client",
						step->adoption->relname)));
	found.client_key = cust_str(0, 1);
	if (found.client_key)
		found.client_key = MemoryContextStrdup(context, found.client_key);
	found.position = DatumGetInt32(cust_datum(0, 2, &isnull));
	SPI_finish();
	cust_leave(&me);
	if (found.client_key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("the row belongs to no client")));
	return found;
}

/* The part of the row among those of its client, or NULL. */
static CustPart *
part_at(List *parts, const CustStep *step, int position)
{
	ListCell   *cell;

	foreach(cell, parts)
	{
		CustPart   *part = lfirst(cell);

		if (part->adoption == step->adoption && part->class->position == position)
			return part;
	}
	return NULL;
}

/* Put one rule's line; values of the row come from the current tuple table. */
static void
put_rule(ReturnSetInfo *rsinfo, const CustPart *part, const CustRule *rule, int n,
		 const CustPlanLine *line, const char *why)
{
	Datum		values[15];
	bool		nulls[15];

	memset(nulls, true, sizeof(nulls));
#define PUT_TEXT(i, s) \
	do { if ((s) != NULL) { values[i] = CStringGetTextDatum(s); nulls[i] = false; } } while (0)
	PUT_TEXT(0, part->class->record_class);
	PUT_TEXT(1, part->basis);
	if (rule)
	{
		bool		isnull;
		int			deciding = DatumGetInt32(cust_datum(0, 1, &isnull));

		PUT_TEXT(2, rule->name);
		values[3] = Int32GetDatum(rule->version);
		nulls[3] = false;
		PUT_TEXT(4, rule->mode);
		PUT_TEXT(5, rule->anchor);
		values[6] = cust_datum(0, 3 * n + 2, &nulls[6]);
		values[7] = IntervalPGetDatum(rule->minimum);
		nulls[7] = rule->minimum == NULL;
		values[8] = cust_datum(0, 3 * n + 3, &nulls[8]);
		values[9] = cust_datum(0, 3 * n + 4, &nulls[9]);
		values[10] = BoolGetDatum(!isnull && deciding == n + 1);
		nulls[10] = false;
		PUT_TEXT(13, rule->legal_basis);
		PUT_TEXT(14, rule->article);
	}
	PUT_TEXT(11, line ? line->action : "keep");
	PUT_TEXT(12, why);
#undef PUT_TEXT
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * explain(relation regclass, key text, as_of date) returns setof record
 *		key: the row's primary key as text, {a,b} where it has several columns.
 *
 * One line a rule; where no rule applies, one line that says so.  action and
 * blocked_by are the same in each: what the plan says of the row.
 */
Datum
custodian_explain(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = cust_need_oid(fcinfo, 0, "relation");
	char	   *key_text = cust_need_text(fcinfo, 1, "key");
	DateADT		day = cust_day_argument(fcinfo, 2);
	CustBook   *book = cust_book_open(day);
	List	   *steps;
	CustStep   *step;
	ArrayType  *key;
	Found		found;
	CustScope	scope = {0};
	List	   *parts;
	CustPart   *part;
	CustPlanLine *line;
	StringInfoData sql;
	char	   *where;
	ListCell   *cell;
	CustIdentity me;
	CustArgs	args = {0};

	(void) cust_book_need(book, relid);
	cust_init_srf(fcinfo);
	steps = cust_steps(book);
	step = cust_step_of(steps, relid);
	if (step->path == NULL || step->row_key == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of %s cannot be told apart or assigned to a client",
						step->adoption->relname),
				 errdetail("%s.", step->blocked)));
	key = parse_key(step, key_text);
	found = find_row(step, key);
	scope.client_key = found.client_key;
	parts = cust_parts(book, &scope);
	part = part_at(parts, step, found.position);
	if (part == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_UNKNOWN_CLIENT),
				 errmsg("no contract of the row's client is known"),
				 errhint("Without a contract the row is kept. Contracts become known by custodian.track_contracts() or custodian.open_contract().")));
	line = cust_plan_row(book, steps, parts, part, key);

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s", cust_deciding_sql(book, part));
	foreach(cell, part->rules)
	{
		CustRule   *rule = lfirst(cell);
		char	   *dispose = cust_rule_dispose_sql(book, part, rule);

		appendStringInfo(&sql, ", (%s)::pg_catalog.date, %s, %s",
						 cust_anchor_sql(book, step->adoption, rule),
						 cust_rule_retain_sql(book, part, rule),
						 dispose ? dispose : "NULL::pg_catalog.date");
	}
	where = psprintf("%s AND %s", cust_belongs_sql(step, part), key_sql(step, "$11"));
	appendStringInfo(&sql, " FROM %s AS t, %s WHERE %s", step->adoption->relname,
					 cust_from_sql(step, psprintf("%s %s", sql.data, where)), where);
	cust_facts_args(&args, book, list_make1(part));
	cust_arg(&args, TEXTARRAYOID, PointerGetDatum(key), false);
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	if (cust_sql_limit(sql.data, &args, SPI_OK_SELECT, true, 1) == 1)
	{
		if (part->rules == NIL)
			put_rule(rsinfo, part, NULL, 0, line, line ? line->blocked_by : NULL);
		foreach(cell, part->rules)
			put_rule(rsinfo, part, lfirst(cell), foreach_current_index(cell), line,
					 line ? line->blocked_by : NULL);
	}
	SPI_finish();
	cust_leave(&me);
	return (Datum) 0;
}
