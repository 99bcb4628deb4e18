/*
 * plan.c
 *	  What would be done, and why.
 *
 * A plan asks every adopted table once for each part: the conditions are the
 * execution's, only that the rows are counted by what keeps them.  Where a row
 * would go but for rows that refer to it, the plan has to know which of those
 * go before: it fetches their keys, children first, as the execution does the
 * rows, and asks whether any other row refers.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "audit/sha256.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/plan.h"
#include "retention/client.h"

PG_FUNCTION_INFO_V1(custodian_plan);
PG_FUNCTION_INFO_V1(custodian_plan_due);
PG_FUNCTION_INFO_V1(custodian_plan_digest);

/* Clients that plan_due() takes at a time: the keys of their rows fit in memory. */
#define PLAN_GROUP 100

/* What becomes of a row; the codes that the plan's statement gives. */
typedef enum Fate
{
	FATE_HELD = 1,
	FATE_ACTIVE,
	FATE_BLOCKED,				/* by something that is the same for all rows */
	FATE_RETAINED,
	FATE_ENDLESS,				/* permanent, or the anchor is not known */
	FATE_CONFLICT,
	FATE_DESTROY,
	FATE_ANONYMIZE,
	FATE_RESTRICT,
	FATE_RETURN,
	FATE_KEEP,
	FATE_REFERENCED				/* + index of the foreign key */
} Fate;

/* Keys of the rows of one table that would go. */
typedef struct Going
{
	Oid			relid;
	ArrayType  *keys;			/* text[] of key arrays as text */
	int			count;
} Going;

/* What one plan is made of. */
typedef struct Planning
{
	const CustBook *book;
	List	   *steps;
	List	   *parts;
	CustArgs	facts;			/* parameters 1 to 10 */
	List	   *going;			/* of Going, those that were asked for */
} Planning;

/* First parameter after the facts: the going rows of each inbound key. */
#define GOING_PARAM 11

static Going *going_rows(Planning *planning, Oid relid);

/*
 * stays_sql
 *		Some row that refers to t by this key is not among those that go.
 */
static char *
stays_sql(const Planning *planning, const CustStep *parent, const CustForeignKey *fk,
		  int param)
{
	CustStep   *child = cust_step_of(planning->steps, fk->adopted);

	/* NOT EXISTS, not <> ALL: the planner takes that for next to no rows */
	return psprintf("EXISTS (SELECT FROM %s AS c WHERE %s AND NOT EXISTS "
					"(SELECT FROM unnest($%d) AS g(key) WHERE g.key = (%s)::pg_catalog.text))",
					cust_relation_name(fk->child), cust_references_sql(fk, parent), param,
					child->row_key ? cust_row_key_sql(child->row_key, "c") :
					"NULL::pg_catalog.text[]");
}

/* The facts, then the keys that go of the child of each inbound key. */
static CustArgs
step_args(Planning *planning, const CustStep *step)
{
	CustArgs	args = planning->facts;
	ListCell   *cell;

	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);
		Going	   *going = going_rows(planning, fk->adopted);

		cust_arg(&args, TEXTARRAYOID, PointerGetDatum(going->keys), false);
	}
	return args;
}

/* Run a query that gives keys as text, as the table's owner; add to a list. */
static List *
fetch_keys(const CustStep *step, const char *sql, CustArgs *args, List *keys)
{
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	uint64		n;
	MemoryContext old;

	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	n = cust_sql_limit(sql, args, SPI_OK_SELECT, true, 0);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
		keys = lappend(keys, cstring_to_text(cust_str(i, 1)));
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return keys;
}

static void
set_keys(Going *going, List *keys)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(list_length(keys), 1));
	ListCell   *cell;

	foreach(cell, keys)
		datums[foreach_current_index(cell)] = PointerGetDatum(lfirst(cell));
	going->count = list_length(keys);
	going->keys = construct_array(datums, going->count, TEXTOID, -1, false, TYPALIGN_INT);
	pfree(datums);
}

/*
 * drop_referenced
 *		Of a table that refers to itself, only rows go to which no row that
 *		stays refers; what stays by that keeps others in turn.
 */
static void
drop_referenced(Planning *planning, const CustStep *step, Going *going,
				const CustForeignKey *fk)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT (%s)::pg_catalog.text FROM unnest($1) AS k(key), "
					 "%s AS t WHERE %s AND NOT %s",
					 cust_row_key_sql(step->row_key, "t"), step->adoption->relname,
					 cust_has_key_sql(step, "(k.key)::pg_catalog.text[]"),
					 stays_sql(planning, step, fk, 1));
	for (;;)
	{
		int			before = going->count;
		CustArgs	args = {0};

		CHECK_FOR_INTERRUPTS();
		cust_arg(&args, TEXTARRAYOID, PointerGetDatum(going->keys), false);
		set_keys(going, fetch_keys(step, sql.data, &args, NIL));
		if (going->count == before)
			break;
	}
}

/*
 * going_rows
 *		Keys of the rows of a table that would go, found when first asked for.
 */
static Going *
going_rows(Planning *planning, Oid relid)
{
	Going	   *going;
	CustStep   *step = cust_step_of(planning->steps, relid);
	CustArgs	args;
	List	   *keys = NIL;
	ListCell   *cell;

	foreach(cell, planning->going)
	{
		going = lfirst(cell);
		if (going->relid == relid)
			return going;
	}
	going = palloc0(sizeof(Going));
	going->relid = relid;
	set_keys(going, NIL);
	/* entered before its children are asked: a circle finds nothing that goes */
	planning->going = lappend(planning->going, going);
	if (step == NULL || step->blocked)
		return going;

	args = step_args(planning, step);
	foreach(cell, planning->parts)
	{
		CustPart   *part = lfirst(cell);
		StringInfoData sql;
		char	   *due;
		ListCell   *inner;

		if (part->adoption != step->adoption || cust_part_block(step, part))
			continue;
		due = cust_due_sql(planning->book, step, part, "destroy");
		initStringInfo(&sql);
		appendStringInfo(&sql, "SELECT (%s)::pg_catalog.text FROM %s AS t, %s WHERE %s",
						 cust_row_key_sql(step->row_key, "t"), step->adoption->relname,
						 cust_from_sql(step, due), due);
		foreach(inner, step->inbound)
			if (((CustForeignKey *) lfirst(inner))->adopted != relid)
				appendStringInfo(&sql, " AND NOT %s",
								 stays_sql(planning, step, lfirst(inner),
										   GOING_PARAM + foreach_current_index(inner)));
		keys = fetch_keys(step, sql.data, &args, keys);
	}
	set_keys(going, keys);
	foreach(cell, step->inbound)
		if (((CustForeignKey *) lfirst(cell))->adopted == relid)
			drop_referenced(planning, step, going, lfirst(cell));
	return going;
}

/*
 * cust_going_keys
 *		Keys (texts of text[]) of the rows of one part that can go together: due,
 *		and no row that stays refers to any of them.
 */
ArrayType *
cust_going_keys(const CustBook *book, List *steps, CustPart *part)
{
	Planning	planning = {.book = book,.steps = steps,.parts = list_make1(part)};

	cust_facts_args(&planning.facts, book, planning.parts);
	return going_rows(&planning, part->adoption->relid)->keys;
}

/* The statement that counts a part's rows (those that pass a filter) by fate. */
static char *
part_sql(const Planning *planning, const CustStep *step, const CustPart *part,
		 const char *filter)
{
	const CustBook *book = planning->book;
	StringInfoData buf;
	ListCell   *cell;
	char	   *block = cust_part_block(step, part);
	char	   *retain = cust_retain_sql(book, part);
	char	   *where;

	initStringInfo(&buf);
	appendStringInfo(&buf,
					 "SELECT s.client_no, s.fate, s.rule_no, pg_catalog.count(*), "
					 "pg_catalog.min(s.retain_until), pg_catalog.max(s.retain_until), "
					 "pg_catalog.min(s.dispose_by) FROM (SELECT f.client_no, "
					 "%s AS retain_until, %s AS dispose_by, %s AS rule_no, "
					 "CASE WHEN f.held THEN %d WHEN (%s) IS NOT TRUE THEN %d",
					 retain, cust_dispose_sql(book, part), cust_deciding_sql(book, part),
					 FATE_HELD, cust_ended_sql(), FATE_ACTIVE);
	if (part->rules != NIL)
		appendStringInfo(&buf,
						 " WHEN (%s) = 'infinity' THEN %d WHEN (%s) IS NOT TRUE THEN %d",
						 retain, FATE_ENDLESS, cust_past_sql(book, part), FATE_RETAINED);
	if (block)
		appendStringInfo(&buf, " ELSE %d", FATE_BLOCKED);
	else
	{
		appendStringInfo(&buf,
						 " WHEN (%s) IS NOT TRUE THEN %d WHEN %s THEN %d WHEN %s THEN %d "
						 "WHEN %s THEN %d WHEN (%s) IS NOT TRUE THEN %d",
						 cust_consistent_sql(book, part), FATE_CONFLICT,
						 cust_disposition_sql(book, part, "anonymize"), FATE_ANONYMIZE,
						 cust_disposition_sql(book, part, "restrict"), FATE_RESTRICT,
						 cust_disposition_sql(book, part, "return"), FATE_RETURN,
						 cust_disposition_sql(book, part, "destroy"), FATE_KEEP);
		foreach(cell, step->inbound)
			appendStringInfo(&buf, " WHEN %s THEN %d",
							 stays_sql(planning, step, lfirst(cell),
									   GOING_PARAM + foreach_current_index(cell)),
							 FATE_REFERENCED + foreach_current_index(cell));
		appendStringInfo(&buf, " ELSE %d", FATE_DESTROY);
	}
	where = psprintf("%s AND %s", cust_belongs_sql(step, part), filter);
	appendStringInfo(&buf, " END AS fate FROM %s AS t, %s WHERE %s) AS s "
					 "GROUP BY s.client_no, s.fate, s.rule_no "
					 "ORDER BY s.client_no, s.fate, s.rule_no",
					 step->adoption->relname,
					 cust_from_sql(step, psprintf("%s %s", buf.data, where)), where);
	return buf.data;
}

/* Why a rule keeps rows without an end. */
static char *
endless_reason(const CustStep *step, const CustRule *rule)
{
	if (strcmp(rule->anchor, "permanent") == 0)
		return pstrdup("permanent");
	if (strcmp(rule->anchor, "event") == 0 && step->adoption->event_at == NULL)
		return pstrdup("no event column: custodian.change_adoption(event_at => ...)");
	if (strcmp(rule->anchor, "event") == 0)
		return pstrdup("the event has not come yet");
	if (step->adoption->dated_by == NULL)
		return pstrdup("no date column: custodian.change_adoption(dated_by => ...)");
	return pstrdup("the row has no date");
}

/*
 * describe
 *		Action and what blocks it, for a line with this fate.
 *
 * Rows that are kept for a client whose contracts are over, in appointed
 * custody, are restricted: stored and secured, not processed (PIPL art. 47).
 */
static void
describe(const CustStep *step, CustPlanLine *line, int fate)
{
	bool		appointed = line->part->basis &&
		strcmp(line->part->basis, "appointed") == 0;

	line->action = "keep";
	switch (fate)
	{
		case FATE_HELD:
			line->blocked_by = pstrdup("legal hold");
			break;
		case FATE_ACTIVE:
			line->blocked_by = pstrdup("a contract is open");
			break;
		case FATE_BLOCKED:
			line->blocked_by = cust_part_block(step, line->part);
			break;
		case FATE_RETAINED:
			line->action = appointed ? "restrict" : "keep";
			line->blocked_by = pstrdup("retention");
			break;
		case FATE_ENDLESS:
			line->action = appointed ? "restrict" : "keep";
			line->blocked_by = line->rule ? endless_reason(step, line->rule) : NULL;
			break;
		case FATE_CONFLICT:
			line->blocked_by = pstrdup("rules in conflict: a minimum above a maximum");
			break;
		case FATE_DESTROY:
			line->action = "destroy";
			break;
		case FATE_ANONYMIZE:
			line->action = "anonymize";
			if (step->adoption->techniques == NIL)
				line->blocked_by = pstrdup("no technique: custodian.set_technique()");
			break;
		case FATE_RESTRICT:
			line->action = "restrict";
			break;
		case FATE_RETURN:
			line->action = "return";
			line->blocked_by = pstrdup("the return is not confirmed: custodian.confirm_return()");
			break;
		case FATE_KEEP:
			break;
		default:
			{
				CustForeignKey *fk = list_nth(step->inbound, fate - FATE_REFERENCED);

				line->action = step->adoption->techniques ? "anonymize" : "keep";
				line->blocked_by = psprintf("rows of %s that stay refer to it",
											cust_relation_name(fk->child));
			}
			break;
	}
}

/* Rows of a client in a table that are marked as anonymized. */
static int64
anonymized_rows(Oid relid, int64 client_no)
{
	CustIdentity me;
	CustArgs	args = {0};
	int64		rows;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_arg_int8(&args, client_no);
	cust_sql_one("SELECT count(*) FROM custodian.anonymized "
				 "WHERE relation = $1 AND client_no = $2", &args);
	rows = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	return rows;
}

/*
 * mark_done
 *		Take rows that are anonymized already out of the lines that would do it.
 */
static List *
mark_done(List *lines)
{
	List	   *result = NIL;
	ListCell   *cell;
	Oid			relid = InvalidOid;
	int64		client_no = 0;
	int64		done = 0;

	foreach(cell, lines)
	{
		CustPlanLine *line = lfirst(cell);

		result = lappend(result, line);
		if (strcmp(line->action, "anonymize") != 0)
			continue;
		if (relid != line->part->adoption->relid || client_no != line->client_no)
		{
			relid = line->part->adoption->relid;
			client_no = line->client_no;
			done = anonymized_rows(relid, client_no);
		}
		if (done > 0)
		{
			CustPlanLine *kept = palloc(sizeof(CustPlanLine));
			int64		rows = Min(done, line->rows);

			*kept = *line;
			kept->action = "keep";
			kept->rows = rows;
			kept->blocked_by = pstrdup("anonymized");
			done -= rows;
			line->rows -= rows;
			if (line->rows == 0)
				result = list_delete_last(result);
			result = lappend(result, kept);
		}
	}
	return result;
}

/*
 * One line for a part whose rows cannot be assigned to clients: nobody can
 * count them, but the plan must say that they are there.
 */
static CustPlanLine *
cut_off_line(const CustStep *step, const CustPart *part)
{
	CustPlanLine *line = palloc0(sizeof(CustPlanLine));

	line->step = step->no;
	line->part = part;
	line->client_no = part->facts ?
		((CustFact *) linitial(part->facts))->client_no : 0;
	line->action = "keep";
	line->rows = -1;
	line->blocked_by = step->blocked;
	return line;
}

/* Lines of one part, added to a list in the current context. */
static List *
plan_part(Planning *planning, List *lines, const CustStep *step,
		  const CustPart *part, ArrayType *key)
{
	CustArgs	args;
	const char *filter = "true";
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	uint64		n;
	MemoryContext old;

	if (step->path == NULL)
		return lappend(lines, cut_off_line(step, part));
	/* nothing goes of a blocked part: what refers to it does not matter */
	args = cust_part_block(step, part) ? planning->facts : step_args(planning, step);
	if (key)
	{
		cust_arg(&args, TEXTARRAYOID, PointerGetDatum(key), false);
		filter = cust_has_key_sql(step, psprintf("$%d", args.n));
	}
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	n = cust_sql_limit(part_sql(planning, step, part, filter), &args,
					   SPI_OK_SELECT, true, 0);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		CustPlanLine *line = palloc0(sizeof(CustPlanLine));
		bool		isnull;
		int			rule_no;

		line->step = step->no;
		line->part = part;
		line->client_no = cust_int8(i, 1, 0);
		rule_no = DatumGetInt32(cust_datum(i, 3, &isnull));
		if (!isnull)
			line->rule = list_nth(part->rules, rule_no - 1);
		line->rows = cust_int8(i, 4, 0);
		line->retain_from = DatumGetDateADT(cust_datum(i, 5, &isnull));
		line->retain_until = DatumGetDateADT(cust_datum(i, 6, &isnull));
		line->has_retain = !isnull;
		line->dispose_by = DatumGetDateADT(cust_datum(i, 7, &isnull));
		line->has_dispose = !isnull;
		describe(step, line, DatumGetInt32(cust_datum(i, 2, &isnull)));
		lines = lappend(lines, line);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return lines;
}

/*
 * cust_plan_lines
 *		The plan for the clients whose facts the parts hold.
 *
 * Returns a list of CustPlanLine in the order of execution.
 */
List *
cust_plan_lines(const CustBook *book, List *steps, List *parts)
{
	Planning	planning = {.book = book,.steps = steps,.parts = parts};
	List	   *lines = NIL;
	ListCell   *s,
			   *p;

	cust_facts_args(&planning.facts, book, parts);
	foreach(s, steps)
	{
		CustStep   *step = lfirst(s);

		foreach(p, parts)
		{
			CHECK_FOR_INTERRUPTS();
			if (((CustPart *) lfirst(p))->adoption == step->adoption)
				lines = plan_part(&planning, lines, step, lfirst(p), NULL);
		}
	}
	return mark_done(lines);
}

/*
 * cust_plan_row
 *		The plan's line for one row, given by its key; NULL where the row is
 *		not in the part.
 */
CustPlanLine *
cust_plan_row(const CustBook *book, List *steps, List *parts,
			  const CustPart *part, ArrayType *key)
{
	Planning	planning = {.book = book,.steps = steps,.parts = parts};
	List	   *lines;

	cust_facts_args(&planning.facts, book, parts);
	lines = plan_part(&planning, NIL, cust_step_of(steps, part->adoption->relid), part, key);
	return lines == NIL ? NULL : linitial(lines);
}

/* One line as a row of the function's result. */
static void
put_line(ReturnSetInfo *rsinfo, const CustPlanLine *line)
{
	Datum		values[13];
	bool		nulls[13] = {0};
	const CustPart *part = line->part;

	values[0] = Int32GetDatum(line->step);
	values[1] = Int64GetDatum(line->client_no);
	values[2] = ObjectIdGetDatum(part->adoption->relid);
	values[3] = CStringGetTextDatum(part->class->record_class);
	nulls[4] = part->basis == NULL;
	values[4] = nulls[4] ? (Datum) 0 : CStringGetTextDatum(part->basis);
	values[5] = CStringGetTextDatum(line->action);
	nulls[6] = line->rows < 0;
	values[6] = Int64GetDatum(line->rows);
	nulls[7] = nulls[8] = !line->has_retain;
	values[7] = DateADTGetDatum(line->retain_from);
	values[8] = DateADTGetDatum(line->retain_until);
	nulls[9] = !line->has_dispose;
	values[9] = DateADTGetDatum(line->dispose_by);
	nulls[10] = line->rule == NULL;
	values[10] = nulls[10] ? (Datum) 0 : CStringGetTextDatum(line->rule->name);
	nulls[11] = line->rule == NULL || line->rule->article == NULL;
	values[11] = nulls[11] ? (Datum) 0 : CStringGetTextDatum(line->rule->article);
	nulls[12] = line->blocked_by == NULL;
	values[12] = nulls[12] ? (Datum) 0 : CStringGetTextDatum(line->blocked_by);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* Warn of keys without an index: they make a plan read whole tables. */
static void
warn_unindexed(List *steps)
{
	List	   *seen = NIL;
	ListCell   *s,
			   *u,
			   *k;

	foreach(s, steps)
		foreach(u, cust_unindexed(lfirst(s)))
	{
		bool		known = false;

		foreach(k, seen)
			if (strcmp(lfirst(k), lfirst(u)) == 0)
				known = true;
		if (known)
			continue;
		seen = lappend(seen, lfirst(u));
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("no index on %s", (char *) lfirst(u)),
				 errhint("Planning and disposition read the whole table; create an index on these columns.")));
	}
}

/* The day of a plan: argument as_of, or today. */
DateADT
cust_day_argument(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		return cust_today();
	if (DATE_NOT_FINITE(PG_GETARG_DATEADT(argument)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is infinite", "as_of")));
	return PG_GETARG_DATEADT(argument);
}

/*
 * plan(client text, as_of date) returns setof record
 *		Every row of one client: what would be done with it on that day.
 */
Datum
custodian_plan(PG_FUNCTION_ARGS)
{
	char	   *client = cust_need_text(fcinfo, 0, "client");
	CustBook   *book = cust_book_open(cust_day_argument(fcinfo, 1));
	CustScope	scope = {.client_key = client};
	List	   *steps;
	ListCell   *cell;

	cust_init_srf(fcinfo);
	cust_find_client(client, false);
	steps = cust_steps(book);
	warn_unindexed(steps);
	foreach(cell, cust_plan_lines(book, steps, cust_parts(book, &scope)))
		put_line((ReturnSetInfo *) fcinfo->resultinfo, lfirst(cell));
	return (Datum) 0;
}

/* Numbers of the clients whose contracts are over, after one, up to so many. */
static ArrayType *
ended_clients(DateADT day, int64 after, int count, int64 *last)
{
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	CustArgs	args = {0};
	uint64		n;
	Datum	   *numbers;
	ArrayType  *result;
	MemoryContext old;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_date(&args, day, false);
	cust_arg_int8(&args, after);
	cust_arg_int8(&args, count);
	n = cust_sql("SELECT client_no FROM custodian.client WHERE contract_end < $1 "
				 "AND client_no > $2 ORDER BY client_no LIMIT $3", &args, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	numbers = palloc(sizeof(Datum) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		*last = cust_int8(i, 1, 0);
		numbers[i] = Int64GetDatum(*last);
	}
	result = construct_array(numbers, (int) n, INT8OID, 8, FLOAT8PASSBYVAL,
							 TYPALIGN_DOUBLE);
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return result;
}

/*
 * plan_due(as_of date) returns setof record
 *		What the next run would do: the lines that act and are not blocked.
 *
 * Clients are taken in groups, so that memory does not grow with them.
 */
Datum
custodian_plan_due(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CustBook   *book = cust_book_open(cust_day_argument(fcinfo, 0));
	List	   *steps;
	int64		last = 0;
	MemoryContext group = AllocSetContextCreate(CurrentMemoryContext,
												"custodian plan group",
												ALLOCSET_DEFAULT_SIZES);

	cust_init_srf(fcinfo);
	steps = cust_steps(book);
	warn_unindexed(steps);
	for (;;)
	{
		MemoryContext old = MemoryContextSwitchTo(group);
		CustScope	scope = {0};
		int			n;
		ListCell   *cell;

		scope.client_nos = ended_clients(book->today, last, PLAN_GROUP, &last);
		n = ARR_NDIM(scope.client_nos) == 0 ? 0 : ARR_DIMS(scope.client_nos)[0];
		if (n > 0)
			foreach(cell, cust_plan_lines(book, steps, cust_parts(book, &scope)))
		{
			CustPlanLine *line = lfirst(cell);
			bool		acts = strcmp(line->action, "destroy") == 0 ||
				strcmp(line->action, "anonymize") == 0;

			if (acts && (line->blocked_by == NULL ||
						 line->part->adoption->techniques != NIL))
				put_line(rsinfo, line);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(group);
		if (n == 0)
			break;
	}
	return (Datum) 0;
}

/*
 * cust_plan_digest
 *		SHA-256, in hexadecimal, of a client's plan: one line of text for each
 *		of its lines, fields separated by tabs.
 */
char *
cust_plan_digest(const char *client_key, DateADT day)
{
	CustBook   *book = cust_book_open(day);
	CustScope	scope = {.client_key = client_key};
	StringInfoData lines;
	ListCell   *cell;
	uint8		digest[CUST_SHA256_LEN];
	char	   *hex;

	cust_find_client(client_key, false);
	initStringInfo(&lines);
	foreach(cell, cust_plan_lines(book, cust_steps(book), cust_parts(book, &scope)))
	{
		CustPlanLine *line = lfirst(cell);

		appendStringInfo(&lines, INT64_FORMAT "\t%s\t%s\t%s\t%s\t" INT64_FORMAT
						 "\t%s\t%s\t%s\t%s\n",
						 line->client_no, line->part->adoption->relname,
						 line->part->class->record_class,
						 line->part->basis ? line->part->basis : "",
						 line->action, line->rows,
						 line->has_retain ? cust_date_text(line->retain_until) : "",
						 line->has_dispose ? cust_date_text(line->dispose_by) : "",
						 line->rule ? line->rule->name : "",
						 line->blocked_by ? line->blocked_by : "");
	}
	cust_sha256(lines.data, lines.len, digest);
	hex = palloc(2 * CUST_SHA256_LEN + 1);
	cust_hex(digest, CUST_SHA256_LEN, hex);
	hex[2 * CUST_SHA256_LEN] = '\0';
	return hex;
}

/* plan_digest(client text, as_of date) returns text */
Datum
custodian_plan_digest(PG_FUNCTION_ARGS)
{
	char	   *client = cust_need_text(fcinfo, 0, "client");

	PG_RETURN_TEXT_P(cstring_to_text(cust_plan_digest(client, cust_day_argument(fcinfo, 1))));
}
