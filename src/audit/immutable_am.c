/*
 * immutable_am.c
 *	  Table access method custodian_immutable: heap that takes rows and keeps them.
 *
 * The routine is a copy of heap's, with those callbacks replaced through which
 * a row can be changed or lost: update, delete, and the two ways in which
 * TRUNCATE gives a table empty storage.  It works one level below triggers,
 * rules, policies and privileges, so that neither session_replication_role nor
 * ALTER TABLE ... DISABLE TRIGGER nor a superuser's DML gets past it.
 *
 * What is not a change of a row stays as it is in heap: locking (foreign keys
 * that reference the table need it), aborted speculative insertions (ON
 * CONFLICT), vacuum, freezing, CLUSTER and VACUUM FULL, which copy the rows
 * as they are.  The toast table is plain heap; PostgreSQL itself refuses DML
 * on it.
 *
 * Callback names and types that differ between PostgreSQL 14 and 18 are at the
 * top of this file, because nothing else needs them.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/multixact.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/errors.h"
#include "immutable_am.h"

/* 16 tells "only summarizing indexes" apart, where a bool stood before. */
#if PG_VERSION_NUM < 160000
typedef bool CustUpdateIndexes;
#else
typedef TU_UpdateIndexes CustUpdateIndexes;
#endif

/* 16 renamed the callback, the field and the comparison. */
#if PG_VERSION_NUM < 160000
#define relation_set_new_storage relation_set_new_filenode
#define SameStorage(rel, locator) RelFileNodeEquals((rel)->rd_node, *(locator))
#else
#define relation_set_new_storage relation_set_new_filelocator
#define SameStorage(rel, locator) RelFileLocatorEquals((rel)->rd_locator, *(locator))
#endif

/* A relation that passes for heap while heap's own code scans it. */
typedef struct HeapDisguise
{
	Relation	rel;
	bool		was_read_only;
	struct HeapDisguise *outer;
} HeapDisguise;

static TableAmRoutine immutable_routine;
static const TableAmRoutine *heap_routine = NULL;
static HeapDisguise *disguises = NULL;

PG_FUNCTION_INFO_V1(custodian_immutable_am_handler);
PG_FUNCTION_INFO_V1(custodian_refuse_rewrite);

/*
 * cust_is_immutable
 *		Does this relation refuse changes of its rows?
 *
 * Compares the routine in force, not the access method's name or OID: a
 * superuser can point the name at another handler.
 */
bool
cust_is_immutable(Relation rel)
{
	return heap_routine != NULL && rel->rd_tableam == &immutable_routine;
}

/* The one error of this file; what: the refused act, as a noun. */
static void
refuse(Relation rel, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_CUST_IMMUTABLE),
			 errmsg("table \"%s\" is insert-only",
					RelationGetRelationName(rel)),
			 errdetail("Access method \"custodian_immutable\" refused %s.",
					   what),
			 errhint("Rows of this table cannot be changed or removed; record a correction as a new row.")));
}

/*
 * has_rows_to_lose
 *		Would discarding or rewriting the storage lose anything?
 *
 * Not in a table without a page (pg_restore with several jobs truncates each
 * table right before it loads it), nor in one that this transaction has
 * created: nobody else has seen its rows, and ROLLBACK takes them anyway.
 */
static bool
has_rows_to_lose(Relation rel)
{
	return rel->rd_createSubid == InvalidSubTransactionId &&
		RelationGetNumberOfBlocks(rel) > 0;
}

/* DELETE, whoever issues it: SQL, a cascading key, logical replication. */
static TM_Result
immutable_tuple_delete(Relation rel, ItemPointer tid, CommandId cid,
					   Snapshot snapshot, Snapshot crosscheck, bool wait,
					   TM_FailureData *tmfd, bool changingPart)
{
	refuse(rel, "to delete a row");
	return TM_Invisible;		/* not reached */
}

/* UPDATE, and the update arm of MERGE and ON CONFLICT. */
static TM_Result
immutable_tuple_update(Relation rel, ItemPointer otid, TupleTableSlot *slot,
					   CommandId cid, Snapshot snapshot, Snapshot crosscheck,
					   bool wait, TM_FailureData *tmfd,
					   LockTupleMode *lockmode,
					   CustUpdateIndexes *update_indexes)
{
	refuse(rel, "to update a row");
	return TM_Invisible;		/* not reached */
}

/*
 * immutable_tuple_insert
 *		Insert as heap does, unless ALTER TABLE is rewriting rows.
 *
 * ALTER TABLE (and REFRESH MATERIALIZED VIEW) writes the new version of each
 * row into a transient table whose relrewrite names the old one.  CLUSTER and
 * VACUUM FULL, which do not change rows, come through
 * relation_copy_for_cluster instead.  So this stops a rewrite although the
 * event trigger was switched off; a rewrite into another access method does
 * not come here, and only the event trigger stands in its way.
 */
static void
immutable_tuple_insert(Relation rel, TupleTableSlot *slot, CommandId cid,
					   int options, struct BulkInsertStateData *bistate)
{
	if (unlikely(OidIsValid(rel->rd_rel->relrewrite)))
	{
		/* The statement that rewrites holds its lock already. */
		Relation	old = table_open(rel->rd_rel->relrewrite, NoLock);

		if (cust_is_immutable(old) && has_rows_to_lose(old))
			refuse(old, "to rewrite the table");
		table_close(old, NoLock);
	}
	heap_routine->tuple_insert(rel, slot, cid, options, bistate);
}

/*
 * immutable_set_new_storage
 *		New storage for a relation; the fork in the road for TRUNCATE.
 *
 * For a relation that is being created (CREATE TABLE, and the transient table
 * of CLUSTER, VACUUM FULL and ALTER TABLE) the storage is the one its relcache
 * entry names already.  Any other storage means that the present one is to be
 * thrown away, and the only statement that asks a table for that is TRUNCATE.
 */
static void
immutable_set_new_storage(Relation rel, const CustRelFileLocator *newlocator,
						  char persistence, TransactionId *freezeXid,
						  MultiXactId *minmulti)
{
	if (!SameStorage(rel, newlocator) && has_rows_to_lose(rel))
		refuse(rel, "to truncate the table");

	if (persistence == RELPERSISTENCE_UNLOGGED)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"custodian_immutable\" does not support unlogged tables"),
				 errdetail("A crash empties an unlogged table."),
				 errhint("Leave out UNLOGGED.")));
	if (rel->rd_rel->relkind == RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("access method \"custodian_immutable\" does not support materialized views"),
				 errdetail("REFRESH replaces the rows of a materialized view."),
				 errhint("Use a table.")));

	heap_routine->relation_set_new_storage(rel, newlocator, persistence,
										   freezeXid, minmulti);
}

/*
 * immutable_nontransactional_truncate
 *		TRUNCATE in place, where the transaction owns the present storage.
 *
 * It would own it after CLUSTER in the same transaction, too; the rows are
 * older than that.
 */
static void
immutable_nontransactional_truncate(Relation rel)
{
	if (has_rows_to_lose(rel))
		refuse(rel, "to truncate the table");
	heap_routine->relation_nontransactional_truncate(rel);
}

/*
 * immutable_toast_am
 *		Large values go to plain heap.
 *
 * heap answers with the table's own access method, and a speculative
 * insertion that aborts has to delete its toast rows.
 */
static Oid
immutable_toast_am(Relation rel)
{
	return HEAP_TABLE_AM_OID;
}

/*
 * keep_disguise
 *		Relcache callback: put heap's routine back after a rebuild.
 *
 * An index build may process invalidations of the table (somebody granted a
 * privilege on it), which give the open relcache entry a fresh rd_tableam.
 */
static void
keep_disguise(Datum arg, Oid relid)
{
	for (HeapDisguise *d = disguises; d != NULL; d = d->outer)
	{
		if (!OidIsValid(relid) || relid == RelationGetRelid(d->rel))
			d->rel->rd_tableam = heap_routine;
	}
}

/*
 * put_on, take_off
 *		Let a relation pass for heap; the caller has PG_TRY around the rest.
 *
 * heap's index builds read through heap_getnext(), which insists on heap's own
 * routine.  While it is in place, an index expression that calls a function
 * could update the table after all; so the transaction is read-only meanwhile,
 * which a function cannot undo once the transaction has a snapshot.
 */
static void
put_on(HeapDisguise *d, Relation rel)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(keep_disguise, (Datum) 0);
		registered = true;
	}
	d->rel = rel;
	d->was_read_only = XactReadOnly;
	d->outer = disguises;
	disguises = d;
	rel->rd_tableam = heap_routine;
	XactReadOnly = true;
}

static void
take_off(HeapDisguise *d)
{
	disguises = d->outer;
	XactReadOnly = d->was_read_only;

	/* A build inside the build of the same table leaves it disguised. */
	for (HeapDisguise *o = disguises; o != NULL; o = o->outer)
	{
		if (o->rel == d->rel)
			return;
	}
	d->rel->rd_tableam = &immutable_routine;
}

/* CREATE INDEX, REINDEX, also for a range of blocks (BRIN) and in a worker. */
static double
immutable_index_build_range_scan(Relation table_rel, Relation index_rel,
								 struct IndexInfo *index_info,
								 bool allow_sync, bool anyvisible,
								 bool progress, BlockNumber start_blockno,
								 BlockNumber numblocks,
								 IndexBuildCallback callback,
								 void *callback_state, TableScanDesc scan)
{
	HeapDisguise disguise;
	volatile double reltuples = 0;

	put_on(&disguise, table_rel);
	PG_TRY();
	{
		reltuples = heap_routine->index_build_range_scan(table_rel, index_rel,
														 index_info,
														 allow_sync,
														 anyvisible, progress,
														 start_blockno,
														 numblocks, callback,
														 callback_state, scan);
	}
	PG_FINALLY();
	{
		take_off(&disguise);
	}
	PG_END_TRY();

	return reltuples;
}

/* The second pass of CREATE INDEX CONCURRENTLY. */
static void
immutable_index_validate_scan(Relation table_rel, Relation index_rel,
							  struct IndexInfo *index_info, Snapshot snapshot,
							  struct ValidateIndexState *state)
{
	HeapDisguise disguise;

	put_on(&disguise, table_rel);
	PG_TRY();
	{
		heap_routine->index_validate_scan(table_rel, index_rel, index_info,
										  snapshot, state);
	}
	PG_FINALLY();
	{
		take_off(&disguise);
	}
	PG_END_TRY();
}

/*
 * custodian_immutable_am_handler
 *		Handler of access method custodian_immutable.
 *
 * Returns a TableAmRoutine that lives as long as the process.
 */
Datum
custodian_immutable_am_handler(PG_FUNCTION_ARGS)
{
	if (heap_routine == NULL)
	{
		const TableAmRoutine *heap = GetHeapamTableAmRoutine();

		immutable_routine = *heap;
		immutable_routine.tuple_insert = immutable_tuple_insert;
		immutable_routine.tuple_delete = immutable_tuple_delete;
		immutable_routine.tuple_update = immutable_tuple_update;
		immutable_routine.relation_set_new_storage = immutable_set_new_storage;
		immutable_routine.relation_nontransactional_truncate =
			immutable_nontransactional_truncate;
		immutable_routine.relation_toast_am = immutable_toast_am;
		immutable_routine.index_build_range_scan =
			immutable_index_build_range_scan;
		immutable_routine.index_validate_scan = immutable_index_validate_scan;
		heap_routine = heap;
	}
	PG_RETURN_POINTER(&immutable_routine);
}

/*
 * custodian_refuse_rewrite
 *		Event trigger on table_rewrite: insert-only tables are not rewritten.
 *
 * ALTER TABLE ... ALTER COLUMN ... TYPE ... USING computes new values for old
 * rows, and SET ACCESS METHOD takes the table out of our hands.  Every other
 * table is none of our business, nor is any other event.
 */
Datum
custodian_refuse_rewrite(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigdata;
	Oid			relid;
	Relation	rel;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called as an event trigger",
						"custodian.refuse_rewrite")));
	trigdata = (EventTriggerData *) fcinfo->context;
	if (strcmp(trigdata->event, "table_rewrite") != 0)
		PG_RETURN_NULL();

	/* The statement that rewrites holds its lock already. */
	relid = DatumGetObjectId(OidFunctionCall0(F_PG_EVENT_TRIGGER_TABLE_REWRITE_OID));
	rel = table_open(relid, NoLock);
	if (cust_is_immutable(rel) && has_rows_to_lose(rel))
		refuse(rel, "to rewrite the table");
	table_close(rel, NoLock);

	PG_RETURN_NULL();
}
