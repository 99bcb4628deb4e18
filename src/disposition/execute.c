/*
 * execute.c
 *	  One batch of disposition, in the transaction of the caller.
 *
 * A batch is one transaction: it locks the clients it is about and the list
 * of holds, reads book and facts anew, acts on one table, and writes what it
 * did to the audit.  Either all of that is committed or none of it.
 *
 * Locks are taken in this order: custodian.hold and custodian.rule (SHARE: no
 * hold appears and no rule changes while we act, see cust_book_changed()), the
 * clients (retention/client.h: no contract is reopened while we act, and a
 * client that somebody else works on is left to the next run), the user's
 * tables by OID (their names are looked up after that, so a table that takes
 * another's name is not mistaken for it), rows.  What decides is read after
 * all of them.
 *
 * The table's statement runs in a subtransaction.  Where it fails (a lock
 * timeout, a foreign key, a trigger of the application), the batch reports
 * SQLSTATE and place, never the message, which may quote a row.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/params.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"

#include "audit/audit.h"
#include "audit/row_digest.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/batch.h"
#include "disposition/guard.h"
#include "disposition/plan.h"
#include "disposition/step.h"
#include "retention/client.h"

/*
 * The planner knows nothing of how the clients' keys are spread over the facts
 * and assumes the worst of hashing them; it would rather hash the table's rows
 * and give them back in the order of the clients, each from another page.  With
 * operators that cost next to nothing it hashes the smaller side: the facts.
 * A merge join would sort by the clients as well, and is out of the question.
 * Such a statement is maintenance, and has maintenance_work_mem for its hashes.
 */
#define SCAN_OPERATOR_COST "0.0001"

static void
tally_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	Tally	   *tally = (Tally *) self;
	int			columns = desc->natts - (tally->keyed ? 2 : 1);
	TupleDesc	row = CreateTemplateTupleDesc(columns);

	for (int i = 1; i <= columns; i++)
		TupleDescCopyEntry(row, i, desc, i);
	tally->writer = cust_row_writer_create(row);
}

static bool
tally_receive(TupleTableSlot *slot, DestReceiver *self)
{
	Tally	   *tally = (Tally *) self;
	int			last = slot->tts_tupleDescriptor->natts - 1;
	int64		client_no;

	slot_getallattrs(slot);
	client_no = DatumGetInt64(slot->tts_values[last]);
	if (tally->keyed)
	{
		MemoryContext old = MemoryContextSwitchTo(tally->context);

		tally->keys = lappend(tally->keys,
							  DatumGetArrayTypePCopy(slot->tts_values[last - 1]));
		MemoryContextSwitchTo(old);
	}
	if (tally->current == NULL || tally->current->client_no != client_no)
	{
		bool		found;

		tally->current = hash_search(tally->clients, &client_no, HASH_ENTER, &found);
		if (!found)
			tally->current->rows = 0;
	}
	tally->current->rows++;
	cust_manifest_add(tally->manifest, tally->writer, slot->tts_values,
					  slot->tts_isnull);
	if (tally->references)
	{
		MemoryContext old = MemoryContextSwitchTo(tally->context);

		cust_reference_add(tally->references, slot->tts_values, slot->tts_isnull);
		MemoryContextSwitchTo(old);
	}
	return true;
}

static void
tally_shutdown(DestReceiver *self)
{
	Tally	   *tally = (Tally *) self;

	if (tally->writer)
		cust_row_writer_free(tally->writer);
	tally->writer = NULL;
}

static void
tally_destroy(DestReceiver *self)
{
}

/* A tally of nothing yet, in the current context. */
Tally *
cust_tally_create(void)
{
	Tally	   *tally = palloc0(sizeof(Tally));
	HASHCTL		ctl = {.keysize = sizeof(int64),.entrysize = sizeof(ClientRows),
	.hcxt = CurrentMemoryContext};

	tally->pub.receiveSlot = tally_receive;
	tally->pub.rStartup = tally_startup;
	tally->pub.rShutdown = tally_shutdown;
	tally->pub.rDestroy = tally_destroy;
	tally->pub.mydest = DestTuplestore; /* DestNone would mean: throw away */
	tally->context = CurrentMemoryContext;
	tally->manifest = cust_manifest_create();
	tally->clients = hash_create("custodian rows of clients", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return tally;
}

static int
compare_client_rows(const void *a, const void *b)
{
	int64		x = (*(ClientRows *const *) a)->client_no;
	int64		y = (*(ClientRows *const *) b)->client_no;

	return (x > y) - (x < y);
}

/* Something was done for these clients: their cases are under way. */
void
cust_mark_cases_running(const int64 *client_nos, int n)
{
	CustIdentity me;
	CustArgs	args = {0};

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg(&args, INT8ARRAYOID, PointerGetDatum(cust_client_array(client_nos, n)), false);
	cust_sql("UPDATE custodian.client_case SET state = 'running' "
			 "WHERE client_no = ANY ($1) AND state = 'open'", &args, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
}

/* The event of a batch: what was done with how many rows of whom. */
void
cust_batch_event(const CustBatch *batch, const CustPart *part, Tally *tally)
{
	int			n = (int) hash_get_num_entries(tally->clients);
	ClientRows **sorted = palloc(sizeof(ClientRows *) * Max(n, 1));
	int64	   *numbers = palloc(sizeof(int64) * Max(n, 1));
	int64	   *rows = palloc(sizeof(int64) * Max(n, 1));
	HASH_SEQ_STATUS status;
	ClientRows *entry;
	CustEvent  *event;
	ListCell   *cell;
	int			i = 0;

	hash_seq_init(&status, tally->clients);
	while ((entry = hash_seq_search(&status)) != NULL)
		sorted[i++] = entry;
	qsort(sorted, n, sizeof(ClientRows *), compare_client_rows);
	for (i = 0; i < n; i++)
	{
		numbers[i] = sorted[i]->client_no;
		rows[i] = sorted[i]->rows;
	}

	event = cust_event(batch->disposition);
	cust_event_relation(event, batch->relid);
	if (n == 1)
		cust_event_client(event, numbers[0]);
	cust_event_int(event, "run", batch->run_no);
	cust_event_name(event, "record_class", part->class->record_class);
	cust_event_name(event, "basis", part->basis);
	cust_event_int_list(event, "clients", numbers, n);
	cust_event_int_list(event, "client_rows", rows, n);
	if (strcmp(batch->disposition, "anonymize") == 0)
		foreach(cell, part->adoption->techniques)
	{
		CustTechnique *technique = lfirst(cell);

		cust_event_name(event, psprintf("technique_%d", foreach_current_index(cell) + 1),
						psprintf("%s %s", quote_identifier(technique->column),
								 technique->technique));
	}
	cust_event_manifest(event, tally->manifest);
	cust_event_write(event);
	cust_mark_cases_running(numbers, n);
}

/* Parameters of a statement, as constants that the planner may look at. */
static ParamListInfo
param_list(const CustArgs *args)
{
	ParamListInfo list = makeParamList(args->n);

	for (int i = 0; i < args->n; i++)
	{
		list->params[i].value = args->values[i];
		list->params[i].isnull = args->nulls[i] == 'n';
		list->params[i].pflags = PARAM_FLAG_CONST;
		list->params[i].ptype = args->types[i];
	}
	return list;
}

/*
 * cust_run_statement
 *		Run a data-modifying statement with RETURNING on a user's table, as its
 *		owner, and tally what it returns.
 *
 * A limit stops the statement after so many rows: with RETURNING, a row is
 * touched only when it is asked for.  scan: it is about a range of blocks.
 */
void
cust_run_statement(const CustStep *step, const char *sql, const CustArgs *args,
			  long limit, bool scan, Tally *tally)
{
	SPIExecuteOptions options = {0};
	CustIdentity me;
	volatile int rc = 0;

	options.params = param_list(args);
	options.tcount = limit;
	options.dest = (DestReceiver *) tally;
	cust_enter_owner(&me, step->adoption->owner);
	if (scan)
	{
		(void) set_config_option("cpu_operator_cost", SCAN_OPERATOR_COST,
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("enable_mergejoin", "off",
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("work_mem", psprintf("%dkB", maintenance_work_mem),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	SPI_connect();
	cust_guard_exempt(options.dest, tally->references);
	PG_TRY();
	{
		rc = SPI_execute_extended(sql, &options);
	}
	PG_FINALLY();
	{
		cust_guard_exempt(NULL, NIL);
	}
	PG_END_TRY();
	if (rc != SPI_OK_DELETE_RETURNING && rc != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(rc));
	SPI_finish();
	cust_leave(&me);
}

/*
 * Does the table, or one below, have triggers that fire once after a whole
 * DELETE?  A statement that is stopped at the limit would not fire them; so it
 * is not stopped, and the batch may become larger than asked for.
 */
static bool
wants_whole_statements(Oid relid)
{
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		Relation	rel = RelationIdGetRelation(lfirst_oid(cell));
		bool		wants;

		if (rel == NULL)
			continue;
		wants = rel->trigdesc && (rel->trigdesc->trig_delete_after_statement ||
								  rel->trigdesc->trig_delete_old_table);
		RelationClose(rel);
		if (wants)
			return true;
	}
	return false;
}

/* Marks of anonymized rows go with the rows. */
static void
forget_marks(const CustBatch *batch, List *keys)
{
	CustIdentity me;
	CustArgs	args = {0};
	Datum	   *texts = palloc(sizeof(Datum) * list_length(keys));
	ListCell   *cell;
	Oid			output;
	bool		is_varlena;

	getTypeOutputInfo(TEXTARRAYOID, &output, &is_varlena);
	foreach(cell, keys)
		texts[foreach_current_index(cell)] =
			CStringGetTextDatum(OidOutputFunctionCall(output, PointerGetDatum(lfirst(cell))));
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, batch->relid);
	cust_arg(&args, TEXTARRAYOID,
			 PointerGetDatum(construct_array(texts, list_length(keys), TEXTOID, -1,
											 false, TYPALIGN_INT)), false);
	cust_sql("DELETE FROM custodian.anonymized WHERE relation = $1 AND row_key = ANY ($2)",
			 &args, SPI_OK_DELETE);
	SPI_finish();
	cust_leave(&me);
}

/*
 * destroy
 *		Delete due rows of one part that no row refers to any more.
 */
static void
destroy(const CustBatch *batch, const CustBook *book, List *steps,
		const CustStep *step, CustPart *part, CustBatchResult *result)
{
	StringInfoData sql;
	char	   *due;
	CustArgs	args = {0};
	Tally	   *tally = cust_tally_create();
	ListCell   *cell;
	int64		rows;

	cust_settle(book, part, "destroy");
	if (part->facts == NIL)
		return;
	due = cust_due_sql(book, step, part, "destroy");
	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM %s AS t USING %s WHERE %s",
					 step->adoption->relname,
					 cust_from_sql(step, psprintf("f.client_no %s", due)), due);
	if (batch->together)
		appendStringInfo(&sql, " AND (%s)::pg_catalog.text = ANY ($11)",
						 cust_row_key_sql(step->row_key, "t"));
	if (batch->end > 0)
		appendStringInfo(&sql, " AND t.ctid >= '(%u,0)' AND t.ctid < '(%u,0)'",
						 batch->begin, batch->end);
	foreach(cell, batch->trusting ? NIL : step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);

		if (batch->together && fk->adopted == batch->relid)
			continue;
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s AS c WHERE %s)",
						 cust_relation_name(fk->child), cust_references_sql(fk, step));
	}
	tally->keyed = step->adoption->techniques != NIL;
	tally->references = cust_references(step);
	appendStringInfo(&sql, " RETURNING t.*, %s%sf.client_no",
					 tally->keyed ? cust_row_key_sql(step->row_key, "t") : "",
					 tally->keyed ? ", " : "");

	cust_facts_args(&args, book, list_make1(part));
	if (batch->together)
		cust_arg(&args, TEXTARRAYOID,
				 PointerGetDatum(cust_going_keys(book, steps, part)), false);
	cust_run_statement(step, sql.data, &args,
				  batch->together || wants_whole_statements(batch->relid) ?
				  0 : batch->limit - result->rows,
				  batch->end > 0, tally);
	rows = (int64) cust_manifest_rows(tally->manifest);
	if (rows > 0)
		cust_references_check(step, tally->references);
	if (rows > 0)
		cust_batch_event(batch, part, tally);
	if (tally->keys)
		forget_marks(batch, tally->keys);
	result->rows += rows;
	if (result->rows >= batch->limit && !batch->together)
		result->more = true;
}

/*
 * lock_tables
 *		Lock the table, and those that its statements name, by OID.
 */
static void
lock_tables(const CustBatch *batch)
{
	CustStep   *step;
	ListCell   *cell;

	LockRelationOid(batch->relid, RowExclusiveLock);
	if (!cust_relation_exists(batch->relid))
		return;
	step = cust_step_of(cust_steps(cust_book_open(cust_today())), batch->relid);
	if (step == NULL || step->path == NULL)
		return;
	foreach(cell, step->path->relations)
		LockRelationOid(lfirst_oid(cell), AccessShareLock);
	foreach(cell, step->inbound)
		LockRelationOid(((CustForeignKey *) lfirst(cell))->child, AccessShareLock);
}

/* The batch itself, in its subtransaction; *locked once nobody shuts us out. */
static void
execute(const CustBatch *batch, CustBatchResult *result, volatile bool *locked)
{
	CustBook   *book;
	List	   *steps;
	CustStep   *step;
	CustScope	scope = {0};
	CustIdentity me;
	ListCell   *cell;
	bool		is_anonymize = strcmp(batch->disposition, "anonymize") == 0;
	bool		is_restrict = strcmp(batch->disposition, "restrict") == 0;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_sql("LOCK TABLE custodian.hold, custodian.rule IN SHARE MODE", NULL,
			 SPI_OK_UTILITY);
	/* deferred triggers may not be queued in a security-restricted operation */
	cust_sql("SET CONSTRAINTS ALL IMMEDIATE", NULL, SPI_OK_UTILITY);
	SPI_finish();
	cust_leave(&me);
	*locked = true;
	if (cust_paused())
	{
		result->paused = true;
		return;
	}
	scope.relid = batch->relid;
	scope.client_nos = cust_clients_claim(batch->client_nos);
	result->skipped = cust_client_count(scope.client_nos) <
		cust_client_count(batch->client_nos);
	lock_tables(batch);

	book = cust_book_open(cust_today());
	steps = cust_steps(book);
	step = cust_step_of(steps, batch->relid);
	if (step == NULL || step->path == NULL)
		return;					/* released or dropped meanwhile, or cut off */
	if (is_anonymize)
		cust_make_secrets(scope.client_nos);
	foreach(cell, cust_parts(book, &scope))
	{
		CustPart   *part = lfirst(cell);

		if (cust_part_block(step, part) && !is_restrict)
			continue;
		cust_part_alone(book, part);
		if (part->facts == NIL)
			continue;
		if (is_restrict)
		{
			if (part->rules != NIL && cust_draft_rule(part) == NULL)
				cust_restrict_rows(batch, book, step, part, result);
		}
		else if (!is_anonymize)
		{
			if (result->rows < batch->limit)
				destroy(batch, book, steps, step, part, result);
		}
		else if (part->class->position == batch->position &&
				 strcmp(part->basis, batch->basis) == 0)
			cust_anonymize_rows(batch, book, step, part, result);
	}
}

/* Is there a constraint of this name? */
static bool
is_constraint(const char *name)
{
	CustIdentity me;
	CustArgs	args = {0};
	bool		found;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, name);
	found = cust_sql_one("SELECT FROM pg_constraint WHERE conname = $1::name", &args);
	SPI_finish();
	cust_leave(&me);
	return found;
}

/* Say that a batch failed, where and with which code; not what it said. */
static char *
report_problem(const CustBatch *batch, const ErrorData *error)
{
	CustEvent  *event = cust_event("problem");
	const char *constraint = error->constraint_name;
	char	   *relname = cust_relation_exists(batch->relid) ?
		cust_relation_name(batch->relid) : psprintf("%u", batch->relid);

	/* a trigger may put anything there: only what is a constraint's name */
	if (constraint && !is_constraint(constraint))
		constraint = NULL;
	if (cust_relation_exists(batch->relid))
		cust_event_relation(event, batch->relid);
	cust_event_int(event, "run", batch->run_no);
	cust_event_name(event, "disposition", batch->disposition);
	cust_event_name(event, "sqlstate", unpack_sql_state(error->sqlerrcode));
	cust_event_name(event, "constraint", constraint);
	cust_event_write(event);
	return psprintf("SQLSTATE %s in %s%s%s", unpack_sql_state(error->sqlerrcode),
					relname, constraint ? ", constraint " : "",
					constraint ? quote_identifier(constraint) : "");
}

/* Is this an error that ends the run, not the batch: cancel, shutdown, memory? */
bool
cust_must_stop(const ErrorData *error)
{
	return error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
		error->sqlerrcode == ERRCODE_OUT_OF_MEMORY ||
		ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION;
}

/*
 * cust_execute_batch
 *		Dispose of rows of one table, of a group of clients, up to a limit.
 *
 * The caller commits.  A failure of the batch is a problem in the result, not
 * an error; cancel, shutdown and running out of memory are errors.
 */
void
cust_execute_batch(const CustBatch *batch, CustBatchResult *result)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(caller, "custodian batch",
											   ALLOCSET_DEFAULT_SIZES);
	ResourceOwner owner = CurrentResourceOwner;
	int			guc_level = NewGUCNestLevel();
	volatile bool locked = false;

	memset(result, 0, sizeof(CustBatchResult));
	(void) set_config_option("lock_timeout", psprintf("%dms", batch->lock_timeout),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);

	/*
	 * Where a batch and the application come to wait for each other at the same
	 * time, the batch looks for the deadlock first and gives way.
	 */
	(void) set_config_option("deadlock_timeout", "100ms",
							 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(work);
	PG_TRY();
	{
		CustBatchResult inner = {0};

		execute(batch, &inner, &locked);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		*result = inner;
		if (inner.last)
			result->last = (ArrayType *)
				DatumGetPointer(PointerGetDatum(PG_DETOAST_DATUM_COPY(PointerGetDatum(inner.last))));
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (cust_must_stop(error))
			ReThrowError(error);
		memset(result, 0, sizeof(CustBatchResult));
		if ((batch->trusting || batch->together) &&
			error->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION)
			result->referenced = true;
		else
		{
			result->problem = report_problem(batch, error);
			result->shut_out = !locked;
		}
		FreeErrorData(error);
	}
	PG_END_TRY();
	AtEOXact_GUC(false, guc_level);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
}
