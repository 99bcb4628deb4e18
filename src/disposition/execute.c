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

#include "anonymize/technique.h"
#include "audit/audit.h"
#include "audit/row_digest.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/execute.h"
#include "disposition/guard.h"
#include "disposition/step.h"
#include "retention/client.h"

/*
 * The planner knows nothing of how the clients' keys are spread over the facts
 * and assumes the worst of hashing them; it would rather hash the table's rows
 * and give them back in the order of the clients, each from another page.  With
 * operators that cost next to nothing it hashes the smaller side: the facts.
 * Such a statement is maintenance, and has maintenance_work_mem for its hashes.
 */
#define SCAN_OPERATOR_COST "0.0001"

/* Rows of one client in a batch. */
typedef struct ClientRows
{
	int64		client_no;		/* hash key */
	int64		rows;
} ClientRows;

/*
 * Receives what a statement returns: the row, its key (text[]) where that is
 * wanted, its client's number.  The row goes into the manifest as a digest, the
 * client is counted.
 */
typedef struct Tally
{
	DestReceiver pub;
	MemoryContext context;
	CustManifest *manifest;
	CustRowWriter *writer;
	HTAB	   *clients;
	ClientRows *current;
	bool		keyed;			/* the row's key comes before the client */
	List	   *keys;			/* of ArrayType *, where keyed */
} Tally;

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

static Tally *
tally_create(void)
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
static void
mark_cases_running(const int64 *client_nos, int n)
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
static void
write_event(const CustBatch *batch, const CustPart *part, Tally *tally)
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
	mark_cases_running(numbers, n);
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
 * run_statement
 *		Run a data-modifying statement with RETURNING on a user's table, as its
 *		owner, and tally what it returns.
 *
 * A limit stops the statement after so many rows: with RETURNING, a row is
 * touched only when it is asked for.  scan: it is about a range of blocks.
 */
static void
run_statement(const CustStep *step, const char *sql, const CustArgs *args,
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
		(void) set_config_option("work_mem", psprintf("%dkB", maintenance_work_mem),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	SPI_connect();
	cust_guard_exempt(options.dest);
	PG_TRY();
	{
		rc = SPI_execute_extended(sql, &options);
	}
	PG_FINALLY();
	{
		cust_guard_exempt(NULL);
	}
	PG_END_TRY();
	if (rc != SPI_OK_DELETE_RETURNING && rc != SPI_OK_UPDATE_RETURNING)
		elog(ERROR, "unexpected SPI result %s", SPI_result_code_string(rc));
	SPI_finish();
	cust_leave(&me);
}

/* Rows that refer to t and are still there. */
static char *
referenced_sql(const CustStep *step)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);

		appendStringInfo(&buf, "%sEXISTS (SELECT FROM %s AS c WHERE %s)",
						 buf.len ? " OR " : "", cust_relation_name(fk->child),
						 cust_references_sql(fk, step));
	}
	return buf.data;
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
destroy(const CustBatch *batch, const CustBook *book, const CustStep *step,
		const CustPart *part, CustBatchResult *result)
{
	StringInfoData sql;
	char	   *due;
	CustArgs	args = {0};
	Tally	   *tally = tally_create();
	ListCell   *cell;
	int64		rows;

	due = cust_due_sql(book, step, part, "destroy");
	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM %s AS t USING %s WHERE %s",
					 step->adoption->relname,
					 cust_from_sql(step, psprintf("f.client_no %s", due)), due);
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
	appendStringInfo(&sql, " RETURNING t.*, %s%sf.client_no",
					 tally->keyed ? cust_row_key_sql(step->row_key, "t") : "",
					 tally->keyed ? ", " : "");

	cust_facts_args(&args, book, list_make1(unconstify(CustPart *, part)));
	run_statement(step, sql.data, &args,
				  batch->together || wants_whole_statements(batch->relid) ?
				  0 : batch->limit - result->rows,
				  batch->end > 0, tally);
	rows = (int64) cust_manifest_rows(tally->manifest);
	if (rows > 0)
		write_event(batch, part, tally);
	if (tally->keys)
		forget_marks(batch, tally->keys);
	result->rows += rows;
	if (result->rows >= batch->limit && !batch->together)
		result->more = true;
}

/* A key for each client that has none: 32 random bytes. */
static void
make_secrets(ArrayType *client_nos)
{
	int			n = cust_client_count(client_nos);
	Datum	   *secrets = palloc(sizeof(Datum) * Max(n, 1));
	CustIdentity me;
	CustArgs	args = {0};

	for (int i = 0; i < n; i++)
	{
		bytea	   *secret = palloc(VARHDRSZ + 32);

		SET_VARSIZE(secret, VARHDRSZ + 32);
		if (!pg_strong_random(VARDATA(secret), 32))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate random bytes")));
		secrets[i] = PointerGetDatum(secret);
	}
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg(&args, INT8ARRAYOID, PointerGetDatum(client_nos), false);
	cust_arg(&args, BYTEAARRAYOID,
			 PointerGetDatum(construct_array(secrets, n, BYTEAOID, -1, false,
											 TYPALIGN_INT)), false);
	cust_sql("INSERT INTO custodian.client_secret (client_no, secret) "
			 "SELECT n, s FROM unnest($1, $2) AS u(n, s) ON CONFLICT DO NOTHING",
			 &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
}

/*
 * lock_keys
 *		Keys and clients of the next due rows of a part, locked, in order.
 *
 * Fills two arguments (text[] of keys in text form, bigint[] of clients) and
 * the result's last key.
 */
static int
lock_keys(const CustBatch *batch, const CustBook *book, const CustStep *step,
		  const CustPart *part, CustArgs *keys, CustBatchResult *result)
{
	MemoryContext context = CurrentMemoryContext;
	StringInfoData sql;
	CustArgs	args = {0};
	CustIdentity me;
	char	   *due = cust_due_sql(book, step, part, "anonymize");
	uint64		n;
	Datum	   *texts,
			   *clients;
	MemoryContext old;
	bool		isnull;

	/* in place of its destruction, where rows that stay refer to the row */
	if (step->inbound != NIL)
		due = psprintf("(%s OR %s AND (%s))", due,
					   cust_due_sql(book, step, part, "destroy"),
					   referenced_sql(step));
	cust_facts_args(&args, book, list_make1(unconstify(CustPart *, part)));
	cust_arg(&args, TEXTARRAYOID, PointerGetDatum(batch->after), batch->after == NULL);
	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s, f.client_no FROM %s AS t, %s WHERE %s "
					 "AND ($11 IS NULL OR ROW(%s) > ROW(%s)) "
					 "ORDER BY %s FOR UPDATE OF t",
					 cust_row_key_sql(step->row_key, "t"), step->adoption->relname,
					 cust_from_sql(step, psprintf("f.client_no %s", due)), due,
					 cust_column_list(step->row_key, "t"),
					 cust_key_values_sql(step->adoption->relid, step->row_key, "$11"),
					 cust_column_list(step->row_key, "t"));

	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	n = cust_sql_limit(sql.data, &args, SPI_OK_SELECT, false, batch->limit);
	old = MemoryContextSwitchTo(context);
	texts = palloc(sizeof(Datum) * Max(n, 1));
	clients = palloc(sizeof(Datum) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		texts[i] = CStringGetTextDatum(cust_str(i, 1));
		clients[i] = Int64GetDatum(cust_int8(i, 2, 0));
	}
	if (n > 0)
		result->last = DatumGetArrayTypePCopy(cust_datum(n - 1, 1, &isnull));
	cust_arg(keys, TEXTARRAYOID,
			 PointerGetDatum(construct_array(texts, (int) n, TEXTOID, -1, false,
											 TYPALIGN_INT)), false);
	cust_arg(keys, INT8ARRAYOID,
			 PointerGetDatum(construct_array(clients, (int) n, INT8OID, 8,
											 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)), false);
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return (int) n;
}

/*
 * mark_keys
 *		Mark rows as anonymized; the arguments become those that were not yet.
 */
static int
mark_keys(const CustBatch *batch, CustArgs *keys)
{
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	uint64		n;
	Datum	   *texts,
			   *clients;
	MemoryContext old;

	cust_arg(keys, REGCLASSOID, ObjectIdGetDatum(batch->relid), false);
	cust_enter_custodian(&me);
	SPI_connect();
	n = cust_sql("INSERT INTO custodian.anonymized (row_key, client_no, relation) "
				 "SELECT k, c, $3 FROM unnest($1, $2) AS u(k, c) "
				 "ON CONFLICT DO NOTHING RETURNING row_key, client_no",
				 keys, SPI_OK_INSERT_RETURNING);
	old = MemoryContextSwitchTo(context);
	texts = palloc(sizeof(Datum) * Max(n, 1));
	clients = palloc(sizeof(Datum) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		texts[i] = CStringGetTextDatum(cust_str(i, 1));
		clients[i] = Int64GetDatum(cust_int8(i, 2, 0));
	}
	keys->n = 0;
	cust_arg(keys, TEXTARRAYOID,
			 PointerGetDatum(construct_array(texts, (int) n, TEXTOID, -1, false,
											 TYPALIGN_INT)), false);
	cust_arg(keys, INT8ARRAYOID,
			 PointerGetDatum(construct_array(clients, (int) n, INT8OID, 8,
											 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)), false);
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return (int) n;
}

/*
 * check_anonymized
 *		Look at the rows again: a trigger of the table may have put the old
 *		values back.
 */
static void
check_anonymized(const CustStep *step, CustArgs *keys)
{
	StringInfoData sql;
	ListCell   *cell;
	CustIdentity me;
	CustArgs	args = {0};
	int64		clear;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT pg_catalog.count(*) FROM %s AS t, unnest($1) AS k(key) "
					 "WHERE %s AND (false", step->adoption->relname,
					 cust_has_key_sql(step, "(k.key)::pg_catalog.text[]"));
	foreach(cell, step->adoption->techniques)
	{
		CustTechnique *technique = lfirst(cell);

		appendStringInfo(&sql, " OR NOT (%s)",
						 cust_technique_done_sql(step->adoption->relid, technique->column,
												 technique->technique, technique->value));
	}
	appendStringInfoChar(&sql, ')');
	cust_arg(&args, TEXTARRAYOID, keys->values[0], false);
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	cust_sql_one(sql.data, &args);
	clear = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	if (clear > 0)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("%s: " INT64_FORMAT " rows are not anonymized after the update",
						step->adoption->relname, clear),
				 errhint("A trigger of the table puts values back.")));
}

/*
 * anonymize
 *		Change the next due rows of one part that are not marked yet.
 *
 * First the rows are locked, then marked, then changed: nothing about them
 * can change in between.
 */
static void
anonymize(const CustBatch *batch, const CustBook *book, const CustStep *step,
		  const CustPart *part, CustBatchResult *result)
{
	CustArgs	keys = {0};
	CustArgs	args = {0};
	StringInfoData sql;
	Tally	   *tally;
	ListCell   *cell;
	int			n,
				marked;

	n = lock_keys(batch, book, step, part, &keys, result);
	result->more = n >= batch->limit;
	marked = n > 0 ? mark_keys(batch, &keys) : 0;
	if (marked == 0)
		return;

	initStringInfo(&sql);
	appendStringInfo(&sql, "UPDATE %s AS t SET ", step->adoption->relname);
	foreach(cell, step->adoption->techniques)
	{
		CustTechnique *technique = lfirst(cell);

		appendStringInfo(&sql, "%s%s", foreach_current_index(cell) ? ", " : "",
						 cust_technique_sql(batch->relid, technique->column,
											technique->technique, technique->value));
	}
	appendStringInfo(&sql, " FROM unnest($11, $12) AS k(key, client_no), %s "
					 "WHERE f.client_no = k.client_no AND %s RETURNING t.*, f.client_no",
					 cust_facts_sql("f.client_no f.secret"),
					 cust_has_key_sql(step, "(k.key)::pg_catalog.text[]"));
	cust_facts_args(&args, book, list_make1(unconstify(CustPart *, part)));
	cust_arg(&args, TEXTARRAYOID, keys.values[0], false);
	cust_arg(&args, INT8ARRAYOID, keys.values[1], false);
	tally = tally_create();
	run_statement(step, sql.data, &args, 0, false, tally);
	result->rows = (int64) cust_manifest_rows(tally->manifest);
	if (result->rows != marked)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("%s: " INT64_FORMAT " of %d rows could be anonymized",
						step->adoption->relname, result->rows, marked),
				 errhint("A trigger of the table holds the change back.")));
	check_anonymized(step, &keys);
	write_event(batch, part, tally);
}

/* Facts of clients whose rows of this class have no restriction mark yet. */
static List *
unmarked(const CustBatch *batch, const CustPart *part)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *result = NIL;
	ListCell   *cell;
	CustIdentity me;
	CustArgs	args = {0};
	uint64		n;
	int64	   *marked;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg(&args, INT8ARRAYOID, PointerGetDatum(batch->client_nos), false);
	cust_arg_oid(&args, batch->relid);
	cust_arg_text(&args, part->class->record_class);
	n = cust_sql("SELECT client_no FROM custodian.restriction WHERE client_no = ANY ($1) "
				 "AND relation = $2 AND record_class = $3", &args, SPI_OK_SELECT);
	marked = MemoryContextAlloc(context, sizeof(int64) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		marked[i] = cust_int8(i, 1, 0);
	SPI_finish();
	cust_leave(&me);
	foreach(cell, part->facts)
	{
		CustFact   *fact = lfirst(cell);
		bool		found = false;

		for (uint64 i = 0; i < n && !found; i++)
			found = marked[i] == fact->client_no;
		if (!found)
			result = lappend(result, fact);
	}
	return result;
}

/*
 * restrict_rows
 *		Mark the class of a client as restricted: rows that a rule says so of,
 *		and rows in appointed custody that wait out their period.
 */
static void
restrict_rows(const CustBatch *batch, const CustBook *book, const CustStep *step,
			  CustPart *part, CustBatchResult *result)
{
	bool		appointed = part->basis && strcmp(part->basis, "appointed") == 0;
	char	   *condition = cust_disposition_sql(book, part, "restrict");
	MemoryContext context = CurrentMemoryContext;
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	mark = {0};
	CustEvent  *event;
	uint64		n;
	int64	   *numbers;
	Datum	   *values;

	if (!appointed && strcmp(condition, "false") == 0)
		return;
	condition = psprintf("%s AND %s", cust_past_sql(book, part), condition);
	if (appointed)
		condition = psprintf("(%s OR (%s) IS NOT TRUE)", condition,
							 cust_past_sql(book, part));
	part->facts = unmarked(batch, part);
	if (part->facts == NIL)
		return;

	cust_facts_args(&args, book, list_make1(part));
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	condition = psprintf("%s AND %s", cust_belongs_sql(step, part), condition);
	n = cust_sql_limit(psprintf("SELECT DISTINCT f.client_no FROM %s AS t, %s WHERE %s "
								"ORDER BY 1", step->adoption->relname,
								cust_from_sql(step, psprintf("f.client_no %s", condition)),
								condition),
					   &args, SPI_OK_SELECT, false, 0);
	numbers = MemoryContextAlloc(context, sizeof(int64) * Max(n, 1));
	values = MemoryContextAlloc(context, sizeof(Datum) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		numbers[i] = cust_int8(i, 1, 0);
		values[i] = Int64GetDatum(numbers[i]);
	}
	SPI_finish();
	cust_leave(&me);
	if (n == 0)
		return;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg(&mark, INT8ARRAYOID,
			 PointerGetDatum(construct_array(values, (int) n, INT8OID, 8,
											 FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)), false);
	cust_arg_oid(&mark, batch->relid);
	cust_arg_text(&mark, part->class->record_class);
	cust_arg_date(&mark, book->today, false);
	cust_sql("INSERT INTO custodian.restriction SELECT n, $2, $3, $4 "
			 "FROM unnest($1) AS n ON CONFLICT DO NOTHING", &mark, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);

	event = cust_event("restrict");
	cust_event_relation(event, batch->relid);
	cust_event_int(event, "run", batch->run_no);
	cust_event_name(event, "record_class", part->class->record_class);
	cust_event_name(event, "basis", part->basis);
	cust_event_int_list(event, "clients", numbers, (int) n);
	cust_event_write(event);
	mark_cases_running(numbers, (int) n);
	result->rows += (int64) n;
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
	step = cust_step_of(cust_steps(book), batch->relid);
	if (step == NULL || step->path == NULL)
		return;					/* released or dropped meanwhile, or cut off */
	if (is_anonymize)
		make_secrets(scope.client_nos);
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
				restrict_rows(batch, book, step, part, result);
		}
		else if (!is_anonymize)
		{
			if (result->rows < batch->limit)
				destroy(batch, book, step, part, result);
		}
		else if (part->class->position == batch->position &&
				 strcmp(part->basis, batch->basis) == 0)
			anonymize(batch, book, step, part, result);
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
