/*
 * guard.c
 *	  The triggers that refuse to let go of a retained row.
 *
 * AFTER ROW, because a BEFORE trigger makes the server lock (and log) every
 * row once more, and because an error afterwards undoes the statement just
 * as well.  ENABLE ALWAYS, so that session_replication_role does not matter
 * and a logical replication worker obeys too.
 *
 * What was compiled for a table is kept until the book or the table changes.
 * A row is judged in at most three steps: find its client (as the table's
 * owner), fetch the client's facts (as custodian), evaluate the rules' end
 * over row and facts (as the owner again).
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/guard.h"
#include "disposition/reference.h"
#include "disposition/step.h"
#include "retention/client.h"
#include "retention/expr.h"

PG_FUNCTION_INFO_V1(custodian_guard_row);
PG_FUNCTION_INFO_V1(custodian_guard_truncate);

/* Receiver of the statement that is exempt; see cust_guard_exempt(). */
static DestReceiver *exempt = NULL;
static List *exempt_references = NIL;
static ExecutorStart_hook_type next_executor_start = NULL;

/*
 * What was compiled for a table with guard triggers.  Somebody may still be
 * in the middle of judging a row when the book changes (a nested statement on
 * the same table compiles anew), so users are counted.
 */
typedef struct Compiled
{
	MemoryContext context;
	int			users;
	bool		stale;			/* the book or a table changed */
	bool		detached;		/* no longer in the hash table */
	CustBook   *book;
	CustAdoption *adoption;		/* of the table itself or of the one above */
	CustPath   *path;
	List	   *depends_on;		/* of Oid: tables on the way, inheritance */
	bool		guards_delete;	/* some rule in force guards at all */
	bool		guards_update;	/* some rule in force guards updates */
	Bitmapset  *governing;		/* columns that decide client, class and dates */
	SPIPlanPtr	locate;			/* client's key and class of a row */
	Oid			row_type;
	List	   *dependents;		/* of Dependent */
} Compiled;

/* An adopted table that reaches its client over this one. */
typedef struct Dependent
{
	CustAdoption *adoption;
	char	   *refers;			/* SQL: some row of it refers to the row $1 */
	bool		guards_delete;
} Dependent;

typedef struct Guarded
{
	Oid			relid;			/* hash key: the table with the rows */
	Compiled   *compiled;		/* NULL: to be compiled */
} Guarded;

static HTAB *guarded = NULL;

/* Counts relcache messages, so that one during compilation is seen. */
static uint64 messages = 0;

static Oid	hold_relid = InvalidOid;
static Oid	rule_relid = InvalidOid;

/* Free what was compiled once nobody uses it. */
static void
discard(Compiled *compiled)
{
	compiled->detached = true;
	if (compiled->users > 0)
		return;
	if (compiled->locate)
		SPI_freeplan(compiled->locate);
	MemoryContextDelete(compiled->context);
}

/* Callback of the memory context in which a row is judged. */
static void
leave(void *arg)
{
	Compiled   *compiled = arg;

	compiled->users--;
	if (compiled->detached)
		discard(compiled);
}

/*
 * Relcache callback: forget what depends on the relation, or all where the
 * book changed (see cust_book_changed()).  No catalog access here, and nothing
 * is freed: that is left to the next look-up.
 */
static void
forget(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	Guarded    *entry;

	messages++;
	if (guarded == NULL)
		return;
	hash_seq_init(&status, guarded);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (entry->compiled &&
			(!OidIsValid(relid) || relid == rule_relid || relid == entry->relid ||
			 list_member_oid(entry->compiled->depends_on, relid)))
			entry->compiled->stale = true;
}

void
cust_guard_exempt(DestReceiver *receiver, List *references)
{
	exempt = receiver;
	exempt_references = references;
}

/* Is it the trigger of a foreign key that the execution checks itself? */
static bool
checked_otherwise(const Trigger *trigger)
{
	ListCell   *cell;

	if (trigger->tgfoid != F_RI_FKEY_NOACTION_DEL &&
		trigger->tgfoid != F_RI_FKEY_RESTRICT_DEL)
		return false;
	foreach(cell, exempt_references)
		if (((CustReference *) lfirst(cell))->fk->constraint == trigger->tgconstraint)
			return true;
	return false;
}

/*
 * Switch the guard off in a statement's own copy of a table's triggers, and
 * those of foreign keys that are checked for the whole batch.
 *
 * An AFTER trigger costs a second look at each row even where it has nothing
 * to say; the execution deletes rows by the million.
 */
static void
strip_guard(ResultRelInfo *rel)
{
	TriggerDesc *triggers = rel->ri_TrigDesc;

	if (triggers == NULL)
		return;
	triggers->trig_delete_after_row = false;
	triggers->trig_update_after_row = false;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, CUST_GUARD_ROW_TRIGGER) == 0 ||
			checked_otherwise(trigger))
			trigger->tgenabled = TRIGGER_DISABLED;
		else if (TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_AFTER(trigger->tgtype))
		{
			if (TRIGGER_FOR_DELETE(trigger->tgtype))
				triggers->trig_delete_after_row = true;
			if (TRIGGER_FOR_UPDATE(trigger->tgtype))
				triggers->trig_update_after_row = true;
		}
	}
}

/*
 * ExecutorStart hook: the execution's own statement, known by its receiver,
 * goes without guard; what triggers run in turn does not.
 */
static void
executor_start(QueryDesc *query, int flags)
{
	ListCell   *cell;

	if (next_executor_start)
		next_executor_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	if (exempt != NULL && query->dest == exempt)
		foreach(cell, query->estate->es_opened_result_relations)
			strip_guard(lfirst(cell));
}

void
cust_guard_init(void)
{
	CacheRegisterRelcacheCallback(forget, (Datum) 0);
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
}

/* Rules of a class under a basis that guard, and are more than drafts. */
static List *
guarding_rules(const CustBook *book, const CustClass *class, const char *basis)
{
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, cust_applicable_rules(book, class, basis))
	{
		CustRule   *rule = lfirst(cell);

		if (strcmp(rule->guard, "none") != 0 && strcmp(rule->mode, "draft") != 0)
			result = lappend(result, rule);
	}
	return result;
}

/* Make the statement that finds a row's client and class. */
static void
prepare_locate(Compiled *compiled, Oid relid)
{
	CustPath   *path = compiled->path;
	StringInfoData sql;
	ListCell   *cell;
	CustIdentity me;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, CASE", cust_client_key_sql(path->keys));
	foreach(cell, compiled->adoption->classes)
	{
		CustClass  *class = lfirst(cell);

		appendStringInfo(&sql, " WHEN %s THEN %d",
						 class->predicate ? class->predicate : "true", class->position);
	}
	appendStringInfo(&sql, " END FROM (SELECT ($1).*) AS t");
	foreach(cell, path->tables)
		appendStringInfo(&sql, ", %s", (char *) lfirst(cell));
	foreach(cell, path->conditions)
		appendStringInfo(&sql, " %s %s", foreach_current_index(cell) ? "AND" : "WHERE",
						 (char *) lfirst(cell));
	compiled->row_type = get_rel_type_id(relid);
	cust_enter_owner(&me, compiled->adoption->owner);
	SPI_connect();
	compiled->locate = SPI_prepare(sql.data, 1, &compiled->row_type);
	if (compiled->locate == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(compiled->locate);
	SPI_finish();
	cust_leave(&me);
}

/*
 * Columns by whose change a row could slip away: to another client, into
 * another class, to an earlier date.
 */
static Bitmapset *
governing_columns(const Compiled *compiled, Oid relid)
{
	const CustAdoption *adoption = compiled->adoption;
	Bitmapset  *result = NULL;
	ListCell   *cell;

	foreach(cell, adoption->client_columns ? adoption->client_columns :
			adoption->via_columns)
		result = bms_add_member(result, get_attnum(relid, lfirst(cell)));
	if (adoption->dated_by)
		result = bms_add_member(result, get_attnum(relid, adoption->dated_by));
	if (adoption->event_at)
		result = bms_add_member(result, get_attnum(relid, adoption->event_at));
	foreach(cell, adoption->classes)
	{
		CustClass  *class = lfirst(cell);

		if (class->predicate)
			result = bms_add_members(result,
									 cust_condition_columns(relid, class->predicate));
	}
	return result;
}

/* Does any rule of any class guard the table's rows? */
static bool
is_guarded(const CustBook *book, const CustAdoption *adoption)
{
	static const char *const bases[] = {"entrusted", "appointed", "own"};
	ListCell   *cell;

	foreach(cell, adoption->classes)
		for (int i = 0; i < lengthof(bases); i++)
			if (guarding_rules(book, lfirst(cell), bases[i]) != NIL)
				return true;
	return false;
}

/* Adopted tables whose rows would change their client with a row of this one. */
static List *
find_dependents(const CustBook *book, const CustAdoption *adoption)
{
	List	   *result = NIL;
	ListCell   *cell,
			   *c,
			   *p;

	foreach(cell, book->adoptions)
	{
		CustAdoption *other = lfirst(cell);
		CustForeignKey *fk = other->via_columns ?
			cust_foreign_key_on(other->relid, other->via_columns) : NULL;
		Dependent  *dependent;
		StringInfoData sql;

		if (fk == NULL || fk->parent != adoption->relid || other == adoption)
			continue;
		initStringInfo(&sql);
		appendStringInfo(&sql, "SELECT FROM %s AS c, (SELECT ($1).*) AS t WHERE true",
						 other->relname);
		forboth(c, fk->child_columns, p, fk->parent_columns)
			appendStringInfo(&sql, " AND %s",
							 cust_equals(cust_column_type(fk->child, lfirst(c)),
										 psprintf("c.%s", quote_identifier(lfirst(c))),
										 cust_column_type(fk->parent, lfirst(p)),
										 psprintf("t.%s", quote_identifier(lfirst(p)))));
		dependent = palloc0(sizeof(Dependent));
		dependent->adoption = other;
		dependent->refers = sql.data;
		dependent->guards_delete = is_guarded(book, other);
		result = lappend(result, dependent);
	}
	return result;
}

/* Compile for a table, in a context of its own. */
static Compiled *
compile(Oid relid)
{
	Compiled   *compiled;
	MemoryContext context;
	MemoryContext old;
	Oid			adopted = cust_adopted_relation(relid);
	ListCell   *c;

	if (!OidIsValid(adopted))
		ereport(ERROR,
				(errcode(ERRCODE_CUST_NOT_ADOPTED),
				 errmsg("relation %s has custodian's guard but is not adopted",
						cust_relation_name(relid)),
				 errhint("Adopt it with custodian.adopt(), or drop the triggers " CUST_GUARD_ROW_TRIGGER " and " CUST_GUARD_TRUNCATE_TRIGGER ".")));
	context = AllocSetContextCreate(CurrentMemoryContext, "custodian guard",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	compiled = palloc0(sizeof(Compiled));
	compiled->context = context;
	compiled->book = cust_book_open(cust_today());
	compiled->adoption = cust_book_need(compiled->book, adopted);
	compiled->guards_delete = is_guarded(compiled->book, compiled->adoption);
	compiled->guards_update = cust_update_guarded(compiled->book, compiled->adoption);
	compiled->path = cust_need_path(compiled->book, compiled->adoption);
	compiled->depends_on = list_copy(compiled->path->relations);
	foreach(c, compiled->path->relations)
	{
		CustAdoption *way = cust_book_adoption(compiled->book, lfirst_oid(c));

		/* the last table on the way may be the parent of the one listed */
		if (way && way->via_columns)
		{
			CustForeignKey *fk = cust_foreign_key_on(way->relid, way->via_columns);

			if (fk)
				compiled->depends_on = lappend_oid(compiled->depends_on, fk->parent);
		}
	}
	compiled->depends_on = lappend_oid(compiled->depends_on, adopted);
	compiled->governing = governing_columns(compiled, relid);
	compiled->dependents = find_dependents(compiled->book, compiled->adoption);
	prepare_locate(compiled, relid);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	return compiled;
}

/*
 * enter
 *		What is compiled for a table, in use until work is reset or deleted.
 */
static Compiled *
enter(Oid relid, MemoryContext work)
{
	Guarded    *entry;
	bool		found;
	MemoryContextCallback *callback;
	Compiled   *compiled;

	if (guarded == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Guarded)};

		guarded = hash_create("custodian guarded tables", 32, &ctl,
							  HASH_ELEM | HASH_BLOBS);
	}
	hold_relid = get_relname_relid("hold", cust_schema_oid());
	rule_relid = get_relname_relid("rule", cust_schema_oid());

	entry = hash_search(guarded, &relid, HASH_ENTER, &found);
	if (!found)
		entry->compiled = NULL;
	if (entry->compiled &&
		(entry->compiled->stale || entry->compiled->book->today != cust_today()))
	{
		compiled = entry->compiled;
		entry->compiled = NULL;
		discard(compiled);
	}
	if (entry->compiled == NULL)
	{
		uint64		before = messages;

		compiled = compile(relid);
		compiled->stale = before != messages;
		/* compiling runs statements; the table of entries may have moved */
		entry = hash_search(guarded, &relid, HASH_ENTER, &found);
		if (found && entry->compiled)
			discard(entry->compiled);
		entry->compiled = compiled;
	}
	compiled = entry->compiled;
	callback = MemoryContextAllocZero(work, sizeof(MemoryContextCallback));
	callback->func = leave;
	callback->arg = compiled;
	MemoryContextRegisterResetCallback(work, callback);
	compiled->users++;
	return compiled;
}

/* What the rules say of one row. */
typedef struct Judgement
{
	bool		found;			/* the way to the client is not cut */
	char	   *client_key;		/* NULL: no client */
	int			position;		/* of the row's class */
	bool		held;
	bool		retained;
	DateADT		retain_until;
	CustRule   *rule;
} Judgement;

/*
 * locate
 *		Client's key and class of a row.
 *
 * Nothing is found where the way to the client is cut: a parent row that is
 * gone already, by ON DELETE CASCADE for one.
 */
static void
locate(const Compiled *compiled, Datum row, Judgement *result)
{
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	bool		isnull;

	cust_enter_owner(&me, compiled->adoption->owner);
	SPI_connect();
	if (SPI_execute_plan(compiled->locate, &row, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "custodian could not look for a row's client");
	result->found = SPI_processed > 0;
	if (result->found)
	{
		result->client_key = cust_str(0, 1);
		if (result->client_key)
			result->client_key = MemoryContextStrdup(context, result->client_key);
		result->position = DatumGetInt32(cust_datum(0, 2, &isnull));
	}
	SPI_finish();
	cust_leave(&me);
}

/* Is a column of the row's own foreign key towards the client NULL? */
static bool
leads_nowhere(const Compiled *compiled, Datum row)
{
	ListCell   *cell;

	foreach(cell, compiled->adoption->via_columns)
	{
		bool		isnull;

		(void) GetAttributeByName(DatumGetHeapTupleHeader(row), lfirst(cell), &isnull);
		if (isnull)
			return true;
	}
	return false;
}

/* The part of a client and class; made up where no contract is known. */
static CustPart *
guard_part(const Compiled *compiled, const char *client_key, int position)
{
	CustScope	scope = {.client_key = client_key,.relid = compiled->adoption->relid};
	CustPart   *part;
	CustFact   *fact;
	ListCell   *cell;

	foreach(cell, cust_parts(compiled->book, &scope))
	{
		part = lfirst(cell);
		if (part->class->position == position && part->facts != NIL)
			return part;
	}
	part = palloc0(sizeof(CustPart));
	part->no = 1;
	part->adoption = compiled->adoption;
	foreach(cell, compiled->adoption->classes)
		if (((CustClass *) lfirst(cell))->position == position)
			part->class = lfirst(cell);
	part->basis = part->class->basis;
	fact = palloc0(sizeof(CustFact));
	fact->client_key = pstrdup(client_key);
	fact->held = cust_class_hold(compiled->adoption->relid, part->class->record_class) != 0;
	part->facts = list_make1(fact);
	return part;
}

/*
 * judge
 *		May this row go (or change)?
 *
 * update: only rules that guard updates count, and no hold.
 */
static Judgement
judge(const Compiled *compiled, Datum row, bool update)
{
	Judgement	result = {0};
	CustPart   *part;
	List	   *rules = NIL;
	ListCell   *cell;
	CustArgs	args = {0};
	CustIdentity me;
	char	   *select;
	bool		isnull;

	locate(compiled, row, &result);
	if (!result.found && leads_nowhere(compiled, row))
		result.found = true;	/* to no client */
	if (!result.found)
	{
		/* fail closed: nobody can tell whose row it was */
		result.held = cust_table_hold(compiled->adoption->relid) != 0;
		result.retained = compiled->guards_delete;
		result.retain_until = DATEVAL_NOEND;
		return result;
	}
	if (result.client_key == NULL)
	{
		foreach(cell, compiled->adoption->classes)
		{
			CustClass  *class = lfirst(cell);

			if (class->position == result.position)
				result.held = !update &&
					cust_class_hold(compiled->adoption->relid, class->record_class) != 0;
		}
		return result;
	}
	part = guard_part(compiled, result.client_key, result.position);
	result.held = ((CustFact *) linitial(part->facts))->held && !update;
	foreach(cell, guarding_rules(compiled->book, part->class, part->basis))
		if (!update || strcmp(((CustRule *) lfirst(cell))->guard, "update") == 0)
			rules = lappend(rules, lfirst(cell));
	if (rules == NIL)
		return result;
	part->rules = rules;

	cust_facts_args(&args, compiled->book, list_make1(part));
	cust_arg(&args, compiled->row_type, row, false);
	cust_enter_owner(&me, compiled->adoption->owner);
	SPI_connect();
	select = psprintf("SELECT %s, %s FROM (SELECT ($11).*) AS t",
					  cust_retain_sql(compiled->book, part),
					  cust_deciding_sql(compiled->book, part));
	if (cust_sql_one(psprintf("%s, %s", select, cust_facts_sql(select)), &args))
	{
		result.retain_until = DatumGetDateADT(cust_datum(0, 1, &isnull));
		result.retained = !isnull && result.retain_until >= compiled->book->today;
		if (!isnull)
			result.rule = list_nth(part->rules,
								   DatumGetInt32(cust_datum(0, 2, &isnull)) - 1);
	}
	SPI_finish();
	cust_leave(&me);
	return result;
}

/*
 * slips_away
 *		Does the change of a protected row take it from its client or class, or
 *		end its retention earlier?
 */
static bool
slips_away(const Compiled *compiled, const Judgement *before, Datum after_row)
{
	Judgement	after = judge(compiled, after_row, false);

	if (!before->found || !after.found)
		return true;
	if ((before->client_key == NULL) != (after.client_key == NULL) ||
		(before->client_key && strcmp(before->client_key, after.client_key) != 0))
		return true;
	if (before->position != after.position)
		return true;
	if (before->held && !after.held)
		return true;
	return before->retained &&
		(!after.retained || after.retain_until < before->retain_until);
}

/* Refuse, and say until when and by which rule; never whose row it is. */
static void
refuse(const Compiled *compiled, const Judgement *verdict, const char *what)
{
	const char *relname = compiled->adoption->relname;

	if (verdict->held)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_HELD),
				 errmsg("cannot %s a row of %s: it is under a legal hold", what, relname),
				 errhint("The table custodian.hold shows the holds that stand.")));
	if (verdict->rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RETAINED),
				 errmsg("cannot %s a row of %s: its client cannot be told any more",
						what, relname),
				 errhint("The row that leads to the client is gone already; delete rows before the rows that they refer to, or leave it to custodian.run().")));
	ereport(ERROR,
			(errcode(ERRCODE_CUST_RETAINED),
			 DATE_IS_NOEND(verdict->retain_until) ?
			 errmsg("cannot %s a row of %s: it is under retention without an end known today",
					what, relname) :
			 errmsg("cannot %s a row of %s: it is under retention until %s", what,
					relname, cust_date_text(verdict->retain_until)),
			 errdetail("Rule \"%s\" decides: %s%s%s.", verdict->rule->name,
					   verdict->rule->legal_basis,
					   verdict->rule->article ? ", " : "",
					   verdict->rule->article ? verdict->rule->article : ""),
			 errhint("custodian.explain(relation, key) shows every rule that applies to a row.")));
}

/* Did any of these columns (NULL: any at all) change? */
static bool
columns_changed(Relation rel, HeapTuple before, HeapTuple after, Bitmapset *columns)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		old_null,
					new_null;
		Datum		old_value,
					new_value;

		if (att->attisdropped || (columns && !bms_is_member(att->attnum, columns)))
			continue;
		old_value = heap_getattr(before, att->attnum, desc, &old_null);
		new_value = heap_getattr(after, att->attnum, desc, &new_null);
		if (old_null != new_null)
			return true;
		if (!old_null && !datum_image_eq(old_value, new_value, att->attbyval, att->attlen))
			return true;
	}
	return false;
}

/*
 * judge_dependents
 *		A row that goes to another client takes those that refer to it along;
 *		an error where one of them may be protected.
 */
static void
judge_dependents(const Compiled *compiled, Datum row)
{
	ListCell   *cell;

	foreach(cell, compiled->dependents)
	{
		Dependent  *dependent = lfirst(cell);
		CustIdentity me;
		CustArgs	args = {0};
		bool		refers;

		if (!dependent->guards_delete &&
			cust_table_hold(dependent->adoption->relid) == 0)
			continue;
		cust_arg(&args, compiled->row_type, row, false);
		cust_enter_owner(&me, dependent->adoption->owner);
		SPI_connect();
		refers = cust_sql_one(dependent->refers, &args);
		SPI_finish();
		cust_leave(&me);
		if (refers)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_RETAINED),
					 errmsg("cannot give a row of %s to another client: rows of %s would go along",
							compiled->adoption->relname, dependent->adoption->relname),
					 errhint("They are under retention rules or a legal hold of their present client.")));
	}
}

/* The judgement on an UPDATE: an error where it is refused. */
static void
judge_update(const Compiled *compiled, TriggerData *trigger)
{
	Relation	rel = trigger->tg_relation;
	Judgement	verdict;
	Datum		before;

	if (columns_changed(rel, trigger->tg_trigtuple, trigger->tg_newtuple,
						compiled->governing))
	{
		Datum		after = heap_copy_tuple_as_datum(trigger->tg_newtuple,
													 RelationGetDescr(rel));
		Judgement	moved = {0};

		before = heap_copy_tuple_as_datum(trigger->tg_trigtuple, RelationGetDescr(rel));
		LockRelationOid(hold_relid, RowShareLock);
		verdict = judge(compiled, before, false);
		if ((verdict.held || verdict.retained) && slips_away(compiled, &verdict, after))
			refuse(compiled, &verdict, "update");
		if (compiled->dependents != NIL && verdict.client_key)
		{
			locate(compiled, after, &moved);
			if (moved.client_key == NULL ||
				strcmp(moved.client_key, verdict.client_key) != 0)
				judge_dependents(compiled, before);
		}
	}
	if (compiled->guards_update &&
		columns_changed(rel, trigger->tg_trigtuple, trigger->tg_newtuple, NULL))
	{
		before = heap_copy_tuple_as_datum(trigger->tg_trigtuple, RelationGetDescr(rel));
		verdict = judge(compiled, before, true);
		if (verdict.retained)
			refuse(compiled, &verdict, "update");
	}
}

/*
 * forget_mark
 *		A row that the application deletes takes its mark of anonymization along:
 *		a later row with the same key is another one.
 */
static void
forget_mark(const Compiled *compiled, TriggerData *trigger)
{
	CustIdentity me;
	CustArgs	row = {0};
	CustArgs	mark = {0};
	MemoryContext context = CurrentMemoryContext;
	List	   *row_key = cust_row_key(compiled->adoption->relid);
	char	   *key = NULL;

	if (row_key == NIL)
		return;
	cust_arg(&row, compiled->row_type,
			 heap_copy_tuple_as_datum(trigger->tg_trigtuple,
									  RelationGetDescr(trigger->tg_relation)), false);
	cust_enter_owner(&me, compiled->adoption->owner);
	SPI_connect();
	if (cust_sql_one(psprintf("SELECT %s FROM (SELECT ($1).*) AS t",
							  cust_row_key_sql(row_key, "t")), &row))
		key = MemoryContextStrdup(context, cust_str(0, 1));
	SPI_finish();
	cust_leave(&me);
	cust_arg_oid(&mark, compiled->adoption->relid);
	cust_arg_text(&mark, key);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_sql("DELETE FROM custodian.anonymized WHERE relation = $1 AND row_key = $2",
			 &mark, SPI_OK_DELETE);
	SPI_finish();
	cust_leave(&me);
}

/* The judgement on a DELETE: an error where it is refused. */
static void
judge_delete(const Compiled *compiled, TriggerData *trigger)
{
	Judgement	verdict;

	/*
	 * The execution's own statement has no guard; what it sets off, a trigger
	 * of the application or ON DELETE CASCADE to a row that came meanwhile, is
	 * in no manifest.
	 */
	if (exempt != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RETAINED),
				 errmsg("a disposition set off the deletion of other rows of %s",
						compiled->adoption->relname),
				 errhint("Rows that hang together go children first, each table with its own rules; let no trigger or ON DELETE CASCADE take them along.")));
	/* a hold that is being placed waits for us, or we for it */
	LockRelationOid(hold_relid, RowShareLock);
	verdict = judge(compiled,
					heap_copy_tuple_as_datum(trigger->tg_trigtuple,
											 RelationGetDescr(trigger->tg_relation)),
					false);
	if (verdict.held || verdict.retained)
		refuse(compiled, &verdict, "delete");
	if (compiled->adoption->techniques != NIL)
		forget_mark(compiled, trigger);
}

/*
 * guard_row()
 *		AFTER DELETE OR UPDATE FOR EACH ROW.
 *
 * Errors: ERRCODE_CUST_RETAINED, ERRCODE_CUST_HELD.
 */
Datum
custodian_guard_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Compiled   *compiled;
	MemoryContext work,
				old;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after delete or update, for each row",
						"custodian.guard_row"),
				 errhint("custodian.adopt() makes the trigger.")));

	work = AllocSetContextCreate(CurrentMemoryContext, "custodian guard row",
								 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(work);
	compiled = enter(RelationGetRelid(trigger->tg_relation), work);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		judge_update(compiled, trigger);
	else
		judge_delete(compiled, trigger);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return PointerGetDatum(NULL);
}

/*
 * guard_truncate()
 *		BEFORE TRUNCATE FOR EACH STATEMENT.
 *
 * TRUNCATE looks at no row, so it is refused as soon as some rule could keep
 * one, or a hold stands.
 */
Datum
custodian_guard_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Compiled   *compiled;
	MemoryContext work,
				old;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired before truncate",
						"custodian.guard_truncate"),
				 errhint("custodian.adopt() makes the trigger.")));
	work = AllocSetContextCreate(CurrentMemoryContext, "custodian guard truncate",
								 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(work);
	compiled = enter(RelationGetRelid(trigger->tg_relation), work);
	LockRelationOid(hold_relid, RowShareLock);
	if (cust_table_hold(compiled->adoption->relid) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_HELD),
				 errmsg("cannot truncate %s: a legal hold covers rows of it",
						compiled->adoption->relname),
				 errhint("The table custodian.hold shows the holds that stand.")));
	if (compiled->guards_delete)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RETAINED),
				 errmsg("cannot truncate %s: its rows are under retention rules",
						compiled->adoption->relname),
				 errhint("Let custodian.run() dispose of what is due, or DELETE rows that are not retained.")));
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
	return PointerGetDatum(NULL);
}
