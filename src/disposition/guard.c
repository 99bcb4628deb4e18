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
#include "access/table.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
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
#include "disposition/step.h"
#include "retention/client.h"

PG_FUNCTION_INFO_V1(custodian_guard_row);
PG_FUNCTION_INFO_V1(custodian_guard_truncate);

Oid			cust_disposing = InvalidOid;

/* What is known of a table with guard triggers. */
typedef struct Guarded
{
	Oid			relid;			/* hash key: the table with the rows */
	bool		valid;
	MemoryContext context;
	CustBook   *book;
	CustAdoption *adoption;		/* of itself or of the table above */
	bool		guards_delete;	/* some rule in force guards at all */
	bool		guards_update;	/* some rule in force guards updates */
	Bitmapset  *owner_columns;	/* columns that say whose the row is */
	SPIPlanPtr	locate;			/* client's key and class of a row */
	Oid			row_type;
} Guarded;

static HTAB *guarded = NULL;

/* Counts what was forgotten, so that a message during compilation is seen. */
static uint64 forgotten = 0;

/*
 * Relcache callback: forget what was compiled for the relation, or all of it
 * where the book changed (see cust_book_changed()).  No catalog access here.
 */
static void
forget(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	Guarded    *entry;

	forgotten++;
	if (guarded == NULL)
		return;
	entry = OidIsValid(relid) ? hash_search(guarded, &relid, HASH_FIND, NULL) : NULL;
	if (entry)
		entry->valid = false;
	else
	{
		/* the book's own relation, a table on the way to the client, or all */
		hash_seq_init(&status, guarded);
		while ((entry = hash_seq_search(&status)) != NULL)
			entry->valid = false;
	}
}

void
cust_guard_init(void)
{
	CacheRegisterRelcacheCallback(forget, (Datum) 0);
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
prepare_locate(Guarded *entry)
{
	CustPath   *path = cust_path(entry->book, entry->adoption);
	StringInfoData sql;
	ListCell   *cell;
	CustIdentity me;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, CASE", cust_client_key_sql(path->keys));
	foreach(cell, entry->adoption->classes)
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
	entry->row_type = get_rel_type_id(entry->relid);
	cust_enter_owner(&me, entry->adoption->owner);
	SPI_connect();
	entry->locate = SPI_prepare(sql.data, 1, &entry->row_type);
	if (entry->locate == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(entry->locate);
	SPI_finish();
	cust_leave(&me);
}

/* Columns whose change would give the row to another client. */
static Bitmapset *
owner_columns(const Guarded *entry)
{
	List	   *names = entry->adoption->client_columns ?
		entry->adoption->client_columns : entry->adoption->via_columns;
	Bitmapset  *result = NULL;
	ListCell   *cell;

	foreach(cell, names)
		result = bms_add_member(result, get_attnum(entry->relid, lfirst(cell)));
	return result;
}

/*
 * lookup
 *		What is compiled for a table with guard triggers, made anew where the
 *		book, the table or the day changed.
 */
static Guarded *
lookup(Oid relid)
{
	static const char *const bases[] = {"entrusted", "appointed", "own"};
	Guarded    *entry;
	bool		found;
	Oid			adopted;
	DateADT		today = cust_today();
	uint64		before;
	MemoryContext old;
	ListCell   *c,
			   *r;

	if (guarded == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid), .entrysize = sizeof(Guarded)};

		guarded = hash_create("custodian guarded tables", 32, &ctl,
							  HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(guarded, &relid, HASH_ENTER, &found);
	if (found && entry->valid && entry->book->today == today)
		return entry;
	if (found)
	{
		if (entry->locate)
			SPI_freeplan(entry->locate);
		if (entry->context)
			MemoryContextDelete(entry->context);
	}
	memset((char *) entry + sizeof(Oid), 0, sizeof(Guarded) - sizeof(Oid));

	before = forgotten;
	adopted = cust_adopted_relation(relid);
	if (!OidIsValid(adopted))
		ereport(ERROR,
				(errcode(ERRCODE_CUST_NOT_ADOPTED),
				 errmsg("relation %s has custodian's guard but is not adopted",
						cust_relation_name(relid)),
				 errhint("Adopt it with custodian.adopt(), or drop the triggers " CUST_GUARD_ROW_TRIGGER " and " CUST_GUARD_TRUNCATE_TRIGGER ".")));
	entry->context = AllocSetContextCreate(TopMemoryContext, "custodian guard",
										   ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(entry->context);
	entry->book = cust_book_open(today);
	entry->adoption = cust_book_need(entry->book, adopted);
	foreach(c, entry->adoption->classes)
		for (int i = 0; i < lengthof(bases); i++)
			foreach(r, guarding_rules(entry->book, lfirst(c), bases[i]))
		{
			entry->guards_delete = true;
			if (strcmp(((CustRule *) lfirst(r))->guard, "update") == 0)
				entry->guards_update = true;
		}
	entry->owner_columns = owner_columns(entry);
	prepare_locate(entry);
	MemoryContextSwitchTo(old);
	entry->valid = before == forgotten;
	return entry;
}

/* What the rules say of one row. */
typedef struct Judgement
{
	bool		held;
	bool		retained;
	DateADT		retain_until;
	CustRule   *rule;
} Judgement;

/*
 * locate
 *		Client's key and class of a row.
 *
 * Returns the key in the current context, or NULL where the row has no
 * client; false in *found where the way to the client is cut: a parent row
 * that is gone already, by ON DELETE CASCADE for one.
 */
static char *
locate(const Guarded *entry, Datum row, int *position, bool *found)
{
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	char	   *key = NULL;
	bool		isnull;

	cust_enter_owner(&me, entry->adoption->owner);
	SPI_connect();
	if (SPI_execute_plan(entry->locate, &row, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "custodian could not look for a row's client");
	*found = SPI_processed > 0;
	if (*found)
	{
		key = cust_str(0, 1);
		if (key)
			key = MemoryContextStrdup(context, key);
		*position = DatumGetInt32(cust_datum(0, 2, &isnull));
	}
	SPI_finish();
	cust_leave(&me);
	return key;
}

/* The part of a client and class; made up where no contract is known. */
static CustPart *
guard_part(const Guarded *entry, const char *client_key, int position)
{
	CustScope	scope = {.client_key = client_key,.relid = entry->adoption->relid};
	CustPart   *part;
	ListCell   *cell;

	foreach(cell, cust_parts(entry->book, &scope))
	{
		part = lfirst(cell);
		if (part->class->position == position)
			return part;
	}
	part = palloc0(sizeof(CustPart));
	part->no = 1;
	part->adoption = entry->adoption;
	foreach(cell, entry->adoption->classes)
		if (((CustClass *) lfirst(cell))->position == position)
			part->class = lfirst(cell);
	part->basis = part->class->basis;
	part->facts = list_make1(palloc0(sizeof(CustFact)));
	((CustFact *) linitial(part->facts))->client_key = pstrdup(client_key);
	return part;
}

/*
 * judge
 *		May this row go (or change)?
 *
 * update: only rules that guard updates count.
 */
static Judgement
judge(const Guarded *entry, Datum row, bool update)
{
	Judgement	result = {0};
	int			position = 0;
	bool		found;
	char	   *key = locate(entry, row, &position, &found);
	CustPart   *part;
	List	   *rules = NIL;
	ListCell   *cell;
	CustArgs	args = {0};
	CustIdentity me;
	bool		isnull;

	if (!found)
	{
		/* fail closed: nobody can tell whose row it was */
		result.retained = entry->guards_delete;
		result.retain_until = DATEVAL_NOEND;
		return result;
	}
	if (key == NULL)
		return result;
	part = guard_part(entry, key, position);
	result.held = ((CustFact *) linitial(part->facts))->held && !update;
	if (result.held)
		return result;
	foreach(cell, guarding_rules(entry->book, part->class, part->basis))
		if (!update || strcmp(((CustRule *) lfirst(cell))->guard, "update") == 0)
			rules = lappend(rules, lfirst(cell));
	if (rules == NIL)
		return result;
	part->rules = rules;

	cust_facts_args(&args, entry->book, list_make1(part));
	cust_arg(&args, entry->row_type, row, false);
	cust_enter_owner(&me, entry->adoption->owner);
	SPI_connect();
	if (cust_sql_one(psprintf("SELECT %s, %s FROM (SELECT ($11).*) AS t, %s",
							  cust_retain_sql(entry->book, part),
							  cust_deciding_sql(entry->book, part),
							  cust_facts_sql()), &args))
	{
		result.retain_until = DatumGetDateADT(cust_datum(0, 1, &isnull));
		result.retained = !isnull && result.retain_until >= entry->book->today;
		if (!isnull)
			result.rule = list_nth(part->rules,
								   DatumGetInt32(cust_datum(0, 2, &isnull)) - 1);
	}
	SPI_finish();
	cust_leave(&me);
	return result;
}

/* Refuse, and say until when and by which rule; never whose row it is. */
static void
refuse(const Guarded *entry, const Judgement *verdict, const char *what)
{
	if (verdict->held)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_HELD),
				 errmsg("cannot %s a row of %s: it is under a legal hold", what,
						entry->adoption->relname),
				 errhint("The table custodian.hold shows the holds that stand.")));
	if (verdict->rule == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RETAINED),
				 errmsg("cannot %s a row of %s: its client cannot be told any more",
						what, entry->adoption->relname),
				 errhint("The row that leads to the client is gone already; delete rows before the rows that they refer to, or leave it to custodian.run().")));
	ereport(ERROR,
			(errcode(ERRCODE_CUST_RETAINED),
			 DATE_IS_NOEND(verdict->retain_until) ?
			 errmsg("cannot %s a row of %s: it is under retention without an end known today",
					what, entry->adoption->relname) :
			 errmsg("cannot %s a row of %s: it is under retention until %s", what,
					entry->adoption->relname, cust_date_text(verdict->retain_until)),
			 errdetail("Rule \"%s\" decides: %s%s%s.", verdict->rule->name,
					   verdict->rule->legal_basis,
					   verdict->rule->article ? ", " : "",
					   verdict->rule->article ? verdict->rule->article : ""),
			 errhint("custodian.explain(relation, key) shows every rule that applies to a row.")));
}

/* Did any of these columns change? */
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
 * guard_row()
 *		AFTER DELETE OR UPDATE FOR EACH ROW.
 *
 * Errors: ERRCODE_CUST_RETAINED, ERRCODE_CUST_HELD.
 */
Datum
custodian_guard_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Guarded    *entry;
	Judgement	verdict;
	MemoryContext work,
				old;
	bool		update;
	bool		whole;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after delete or update, for each row",
						"custodian.guard_row"),
				 errhint("custodian.adopt() makes the trigger.")));

	/*
	 * The execution's own statement, and only that one: what user triggers do
	 * in turn comes from a deeper level.
	 */
	if (OidIsValid(cust_disposing) &&
		DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, (Datum) 0)) == 1 &&
		(RelationGetRelid(trigger->tg_relation) == cust_disposing ||
		 lookup(RelationGetRelid(trigger->tg_relation))->adoption->relid == cust_disposing))
		return PointerGetDatum(NULL);

	entry = lookup(RelationGetRelid(trigger->tg_relation));
	update = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event);
	if (update)
	{
		bool		moved = entry->guards_delete &&
			columns_changed(trigger->tg_relation, trigger->tg_trigtuple,
							trigger->tg_newtuple, entry->owner_columns);

		whole = entry->guards_update &&
			columns_changed(trigger->tg_relation, trigger->tg_trigtuple,
							trigger->tg_newtuple, NULL);
		if (!moved && !whole)
			return PointerGetDatum(NULL);
		/* a row that leaves its client is as good as deleted there */
		update = !moved;
	}

	work = AllocSetContextCreate(CurrentMemoryContext, "custodian guard row",
								 ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(work);
	verdict = judge(entry,
					heap_copy_tuple_as_datum(trigger->tg_trigtuple,
											 RelationGetDescr(trigger->tg_relation)),
					update);
	if (verdict.held || verdict.retained)
		refuse(entry, &verdict, TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
			   "update" : "delete");
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
	Guarded    *entry;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired before truncate",
						"custodian.guard_truncate"),
				 errhint("custodian.adopt() makes the trigger.")));
	entry = lookup(RelationGetRelid(trigger->tg_relation));
	if (cust_table_hold(entry->adoption->relid) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_HELD),
				 errmsg("cannot truncate %s: a legal hold covers rows of it",
						entry->adoption->relname),
				 errhint("The table custodian.hold shows the holds that stand.")));
	if (entry->guards_delete)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_RETAINED),
				 errmsg("cannot truncate %s: its rows are under retention rules",
						entry->adoption->relname),
				 errhint("Let custodian.run() dispose of what is due, or DELETE rows that are not retained.")));
	return PointerGetDatum(NULL);
}

/* Is there a trigger of this name on the relation? */
static bool
has_trigger(Oid relid, const char *name)
{
	return OidIsValid(get_trigger_oid(relid, name, true));
}

/* Run one DDL statement as custodian. */
static void
ddl(const char *sql)
{
	CustIdentity me;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_sql(sql, NULL, SPI_OK_UTILITY);
	SPI_finish();
	cust_leave(&me);
}

/*
 * cust_guard_install
 *		Put the guard on a table and on what inherits from it.
 *
 * Row triggers of a partitioned table are cloned to its partitions, also to
 * later ones; inheritance children and TRUNCATE triggers are not cloned, so
 * every relation below gets its own.  Called again, it adds what is missing.
 */
void
cust_guard_install(Oid relid)
{
	List	   *below = find_all_inheritors(relid, AccessShareLock, NULL);
	ListCell   *cell;

	foreach(cell, below)
	{
		Oid			member = lfirst_oid(cell);
		char	   *name = cust_relation_name(member);
		char		kind = get_rel_relkind(member);

		if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
			continue;
		if (!has_trigger(member, CUST_GUARD_ROW_TRIGGER))
		{
			ddl(psprintf("CREATE TRIGGER " CUST_GUARD_ROW_TRIGGER
						 " AFTER DELETE OR UPDATE ON %s FOR EACH ROW "
						 "EXECUTE FUNCTION custodian.guard_row()", name));
			ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER " CUST_GUARD_ROW_TRIGGER, name));
		}
		if (!has_trigger(member, CUST_GUARD_TRUNCATE_TRIGGER))
		{
			ddl(psprintf("CREATE TRIGGER " CUST_GUARD_TRUNCATE_TRIGGER
						 " BEFORE TRUNCATE ON %s FOR EACH STATEMENT "
						 "EXECUTE FUNCTION custodian.guard_truncate()", name));
			ddl(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER "
						 CUST_GUARD_TRUNCATE_TRIGGER, name));
		}
	}
}

/* Take the guard off a table and what inherits from it. */
void
cust_guard_remove(Oid relid)
{
	List	   *below = find_all_inheritors(relid, AccessExclusiveLock, NULL);
	ListCell   *cell;

	foreach(cell, below)
	{
		char	   *name = cust_relation_name(lfirst_oid(cell));

		ddl(psprintf("DROP TRIGGER IF EXISTS " CUST_GUARD_TRUNCATE_TRIGGER " ON %s", name));
		if (!get_rel_relispartition(lfirst_oid(cell)))
			ddl(psprintf("DROP TRIGGER IF EXISTS " CUST_GUARD_ROW_TRIGGER " ON %s", name));
	}
}
