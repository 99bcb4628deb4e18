/*
 * book.c
 *	  The custodian's book: adopted tables, record classes, rules in force.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/setting.h"
#include "core/spi.h"
#include "retention/book.h"

/* A copy of an interval field, or NULL. */
static Interval *
interval_field(uint64 row, int col, MemoryContext context)
{
	bool		isnull;
	Datum		value = cust_datum(row, col, &isnull);
	Interval   *copy;

	if (isnull)
		return NULL;
	copy = MemoryContextAlloc(context, sizeof(Interval));
	*copy = *DatumGetIntervalP(value);
	return copy;
}

/* Rules in force on the book's day. */
static void
read_rules(CustBook *book, MemoryContext context)
{
	CustArgs	args = {0};
	uint64		n;
	MemoryContext old;

	cust_arg_date(&args, book->today, false);
	n = cust_sql_limit("SELECT rule, version, record_class, basis, anchor, minimum, "
					   "maximum, ends_on_return, disposition, mode, guard, "
					   "legal_basis, article FROM custodian.rule "
					   "WHERE effective_from <= $1 "
					   "AND (effective_to IS NULL OR effective_to > $1) "
					   "ORDER BY rule", &args, SPI_OK_SELECT, false, 0);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		CustRule   *rule = palloc0(sizeof(CustRule));

		rule->name = cust_str(i, 1);
		rule->version = atoi(cust_str(i, 2));
		rule->record_class = cust_str(i, 3);
		rule->basis = cust_str(i, 4);
		rule->anchor = cust_str(i, 5);
		rule->minimum = interval_field(i, 6, context);
		rule->maximum = interval_field(i, 7, context);
		rule->ends_on_return = cust_bool(i, 8);
		rule->disposition = cust_str(i, 9);
		rule->mode = cust_str(i, 10);
		rule->guard = cust_str(i, 11);
		rule->legal_basis = cust_str(i, 12);
		rule->article = cust_str(i, 13);
		book->rules = lappend(book->rules, rule);
	}
	MemoryContextSwitchTo(old);
}

/*
 * Adopted tables with their classes and techniques.  Tables that were dropped
 * meanwhile are passed over: there is nothing left in them to look after.
 */
static void
read_adoptions(CustBook *book, MemoryContext context)
{
	char	   *fiscal = cust_setting("fiscal_year_start");
	uint64		n;
	MemoryContext old;

	n = cust_sql("SELECT a.relation, a.client_columns, a.via_columns, a.dated_by, "
				 "a.event_at, a.fiscal_year_start, c.position, c.record_class, "
				 "r.basis, c.predicate, c.rule "
				 "FROM custodian.adopted a "
				 "JOIN custodian.adopted_class c ON c.relation = a.relation "
				 "JOIN custodian.record_class r ON r.record_class = c.record_class "
				 "ORDER BY a.relation::text COLLATE \"C\", a.relation::oid, "
				 "c.position = 0, c.position", NULL, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		Oid			relid = cust_oid(i, 1);
		CustAdoption *a = book->adoptions ? llast(book->adoptions) : NULL;
		CustClass  *c;

		if (!cust_relation_exists(relid))
			continue;
		if (a == NULL || a->relid != relid)
		{
			bool		isnull;
			Datum		names;

			a = palloc0(sizeof(CustAdoption));
			a->relid = relid;
			a->owner = cust_relation_owner(relid);
			a->relname = cust_relation_name(relid);
			names = cust_datum(i, 2, &isnull);
			a->client_columns = isnull ? NIL : cust_names_of(names);
			names = cust_datum(i, 3, &isnull);
			a->via_columns = isnull ? NIL : cust_names_of(names);
			a->dated_by = cust_str(i, 4);
			a->event_at = cust_str(i, 5);
			a->fiscal_year_start = cust_str(i, 6);
			if (a->fiscal_year_start == NULL)
				a->fiscal_year_start = pstrdup(fiscal);
			book->adoptions = lappend(book->adoptions, a);
		}
		c = palloc0(sizeof(CustClass));
		c->position = atoi(cust_str(i, 7));
		c->record_class = cust_str(i, 8);
		c->basis = cust_str(i, 9);
		c->predicate = cust_str(i, 10);
		c->rule = cust_str(i, 11);
		a->classes = lappend(a->classes, c);
	}
	MemoryContextSwitchTo(old);

	n = cust_sql("SELECT relation, column_name, technique, value "
				 "FROM custodian.technique ORDER BY relation::oid, column_name",
				 NULL, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		CustAdoption *a = cust_book_adoption(book, cust_oid(i, 1));

		if (a != NULL)
		{
			CustTechnique *technique = palloc0(sizeof(CustTechnique));

			technique->column = cust_str(i, 2);
			technique->technique = cust_str(i, 3);
			technique->value = cust_str(i, 4);
			a->techniques = lappend(a->techniques, technique);
		}
	}
	MemoryContextSwitchTo(old);
}

/*
 * cust_book_open
 *		Read the book as it stands on a day, in the current memory context.
 */
CustBook *
cust_book_open(DateADT today)
{
	MemoryContext context = CurrentMemoryContext;
	CustBook   *book = palloc0(sizeof(CustBook));
	CustIdentity me;

	book->today = today;
	book->time_zone = cust_time_zone();
	cust_enter_custodian(&me);
	SPI_connect();
	read_rules(book, context);
	read_adoptions(book, context);
	SPI_finish();
	cust_leave(&me);
	return book;
}

/* The adoption of a relation, or NULL. */
CustAdoption *
cust_book_adoption(const CustBook *book, Oid relid)
{
	ListCell   *cell;

	foreach(cell, book->adoptions)
	{
		CustAdoption *adoption = lfirst(cell);

		if (adoption->relid == relid)
			return adoption;
	}
	return NULL;
}

/* The adoption of a relation; an error where there is none. */
CustAdoption *
cust_book_need(const CustBook *book, Oid relid)
{
	CustAdoption *adoption = cust_book_adoption(book, relid);

	if (adoption == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_NOT_ADOPTED),
				 errmsg("relation %s is not adopted", cust_relation_name(relid)),
				 errhint("Adopt it with custodian.adopt(); the view custodian.adoption lists the adopted ones.")));
	return adoption;
}

/* The rule of that name in force, or NULL. */
CustRule *
cust_book_rule(const CustBook *book, const char *name)
{
	ListCell   *cell;

	foreach(cell, book->rules)
	{
		CustRule   *rule = lfirst(cell);

		if (strcmp(rule->name, name) == 0)
			return rule;
	}
	return NULL;
}

/* Direct inheritance (or partition) parents of a relation. */
static List *
parents_of(Oid relid)
{
	Relation	rel = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result,
							 ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Is there a row for this relation in custodian.adopted? */
static bool
is_adopted(Oid relid)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		found;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	found = cust_sql_one("SELECT FROM custodian.adopted WHERE relation = $1", &args);
	SPI_finish();
	cust_leave(&me);
	return found;
}

/*
 * cust_adopted_relation
 *		The adopted table whose rows this relation holds: itself, or the
 *		partitioned table or inheritance parent above.  InvalidOid where none.
 */
Oid
cust_adopted_relation(Oid relid)
{
	List	   *queue = list_make1_oid(relid);

	for (int i = 0; i < list_length(queue); i++)
	{
		Oid			candidate = list_nth_oid(queue, i);

		if (is_adopted(candidate))
			return candidate;
		queue = list_concat_unique_oid(queue, parents_of(candidate));
	}
	return InvalidOid;
}

/*
 * cust_book_lock
 *		Wait until no batch works with the book as it is, and keep the next one
 *		from beginning before we commit.
 *
 * Whoever changes the book takes this lock before any other: a batch has it
 * (in SHARE mode) when it locks the user's tables.
 */
void
cust_book_lock(void)
{
	Oid			relid = get_relname_relid("rule", cust_schema_oid());

	if (OidIsValid(relid))
		LockRelationOid(relid, RowExclusiveLock);
}

/*
 * cust_book_changed
 *		Tell every backend that what it compiled from the book is stale.
 *
 * The relcache entry of custodian.rule carries the message; it is sent at
 * commit.  The guard listens (disposition/guard.c).
 */
void
cust_book_changed(void)
{
	Oid			relid = get_relname_relid("rule", cust_schema_oid());

	cust_book_lock();			/* held already, but by whoever forgot */
	if (OidIsValid(relid))
		CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
}
