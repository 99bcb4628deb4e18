/*
 * execute.c
 *	  One batch of disposition, in the transaction of the caller.
 *
 * A batch is one transaction: it locks the clients it is about and the list
 * of holds, reads book and facts anew, acts on one table, and writes what it
 * did to the audit.  Either all of that is committed or none of it.
 *
 * Locks are taken in this order: custodian.hold (SHARE: no hold appears while
 * we act), custodian.client rows (NO KEY UPDATE, SKIP LOCKED: no contract is
 * reopened while we act, and a client that somebody else works on is left to
 * the next run), rows of the user's table.
 *
 * The table's statement runs in a subtransaction.  Where it fails (a lock
 * timeout, a foreign key, a trigger of the application), the batch reports
 * SQLSTATE and place, never the message, which may quote a row.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/params.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
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

/* Rows of one client in a batch. */
typedef struct ClientRows
{
	int64		client_no;		/* hash key */
	int64		rows;
} ClientRows;

/*
 * Receives what a statement returns: the row, then its client's number.  The
 * row goes into the manifest as a digest, the client is counted.
 */
typedef struct Tally
{
	DestReceiver pub;
	CustManifest *manifest;
	CustRowWriter *writer;
	HTAB	   *clients;
	ClientRows *current;
} Tally;

static void
tally_startup(DestReceiver *self, int operation, TupleDesc desc)
{
	Tally	   *tally = (Tally *) self;
	TupleDesc	row = CreateTemplateTupleDesc(desc->natts - 1);

	for (int i = 1; i < desc->natts; i++)
		TupleDescCopyEntry(row, i, desc, i);
	tally->writer = cust_row_writer_create(row);
}

static bool
tally_receive(TupleTableSlot *slot, DestReceiver *self)
{
	Tally	   *tally = (Tally *) self;
	int64		client_no;

	slot_getallattrs(slot);
	client_no = DatumGetInt64(slot->tts_values[slot->tts_tupleDescriptor->natts - 1]);
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
 * touched only when it is asked for.
 */
static void
run_statement(const CustStep *step, const char *sql, const CustArgs *args,
			  long limit, Tally *tally)
{
	SPIExecuteOptions options = {0};
	CustIdentity me;
	int			rc;

	options.params = param_list(args);
	options.tcount = limit;
	options.dest = (DestReceiver *) tally;
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	cust_disposing = step->adoption->relid;
	PG_TRY();
	{
		rc = SPI_execute_extended(sql, &options);
	}
	PG_FINALLY();
	{
		cust_disposing = InvalidOid;
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

/* Does the table refer to itself? */
static bool
refers_to_itself(const CustStep *step)
{
	ListCell   *cell;

	foreach(cell, step->inbound)
		if (((CustForeignKey *) lfirst(cell))->child == step->adoption->relid)
			return true;
	return false;
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
	CustArgs	args = {0};
	Tally	   *tally = tally_create();
	ListCell   *cell;
	int64		rows;

	initStringInfo(&sql);
	appendStringInfo(&sql, "DELETE FROM %s AS t USING %s WHERE %s",
					 step->adoption->relname, cust_from_sql(step),
					 cust_due_sql(book, step, part, "destroy"));
	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);

		appendStringInfo(&sql, " AND NOT EXISTS (SELECT FROM %s AS c WHERE %s)",
						 cust_relation_name(fk->child), cust_references_sql(fk, step));
	}
	appendStringInfoString(&sql, " RETURNING t.*, f.client_no");

	cust_facts_args(&args, book, list_make1(unconstify(CustPart *, part)));
	run_statement(step, sql.data, &args, batch->limit - result->rows, tally);
	rows = (int64) cust_manifest_rows(tally->manifest);
	if (rows > 0)
		write_event(batch, part, tally);
	result->rows += rows;
	/* children went, so their parents in the same table may go now */
	if (result->rows >= batch->limit || (rows > 0 && refers_to_itself(step)))
		result->more = true;
}

/* A key for each client that has none: 32 random bytes. */
static void
make_secrets(const CustBatch *batch)
{
	Datum	   *numbers;
	Datum	   *secrets;
	int			n;
	CustIdentity me;
	CustArgs	args = {0};

	deconstruct_array(batch->client_nos, INT8OID, 8, FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, &numbers, NULL, &n);
	secrets = palloc(sizeof(Datum) * Max(n, 1));
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
	cust_arg(&args, INT8ARRAYOID, PointerGetDatum(batch->client_nos), false);
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
					 cust_from_sql(step), due, cust_column_list(step->row_key, "t"),
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
	int			n;

	n = lock_keys(batch, book, step, part, &keys, result);
	result->more = n >= batch->limit;
	if (n == 0 || mark_keys(batch, &keys) == 0)
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
					 "WHERE f.part = %d AND f.client_no = k.client_no AND ROW(%s) = ROW(%s) "
					 "RETURNING t.*, f.client_no",
					 cust_facts_sql(), part->no, cust_column_list(step->row_key, "t"),
					 cust_key_values_sql(batch->relid, step->row_key,
										 "(k.key)::pg_catalog.text[]"));
	cust_facts_args(&args, book, list_make1(unconstify(CustPart *, part)));
	cust_arg(&args, TEXTARRAYOID, keys.values[0], false);
	cust_arg(&args, INT8ARRAYOID, keys.values[1], false);
	tally = tally_create();
	run_statement(step, sql.data, &args, 0, tally);
	result->rows = (int64) cust_manifest_rows(tally->manifest);
	if (result->rows > 0)
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

	condition = psprintf("%s AND %s", cust_past_sql(book, part), condition);
	if (appointed)
		condition = psprintf("(%s OR (%s) IS NOT TRUE)", condition,
							 cust_past_sql(book, part));
	else if (strstr(condition, "AND false"))
		return;
	part->facts = unmarked(batch, part);
	if (part->facts == NIL)
		return;

	cust_facts_args(&args, book, list_make1(part));
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	n = cust_sql_limit(psprintf("SELECT DISTINCT f.client_no FROM %s AS t, %s WHERE %s "
								"AND NOT f.held AND %s AND %s ORDER BY 1",
								step->adoption->relname, cust_from_sql(step),
								cust_belongs_sql(step, part), cust_ended_sql(),
								condition), &args, SPI_OK_SELECT, false, 0);
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
	result->rows += (int64) n;
}

/* Cases of the group in which something was done are under way. */
static void
mark_cases_running(const CustBatch *batch)
{
	CustIdentity me;
	CustArgs	args = {0};

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg(&args, INT8ARRAYOID, PointerGetDatum(batch->client_nos), false);
	cust_sql("UPDATE custodian.client_case SET state = 'running' "
			 "WHERE client_no = ANY ($1) AND state = 'open'", &args, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
}

/* The batch itself, in its subtransaction. */
static void
execute(const CustBatch *batch, CustBatchResult *result)
{
	CustBook   *book = cust_book_open(cust_today());
	CustStep   *step = cust_step_of(cust_steps(book), batch->relid);
	CustScope	scope = {.client_nos = batch->client_nos,.relid = batch->relid,
	.lock = true};
	CustIdentity me;
	ListCell   *cell;
	bool		is_anonymize = strcmp(batch->disposition, "anonymize") == 0;

	if (step == NULL)
		return;					/* released meanwhile */
	cust_enter_custodian(&me);
	SPI_connect();
	cust_sql("LOCK TABLE custodian.hold IN SHARE MODE", NULL, SPI_OK_UTILITY);
	SPI_finish();
	cust_leave(&me);
	if (is_anonymize)
		make_secrets(batch);
	foreach(cell, cust_parts(book, &scope))
	{
		CustPart   *part = lfirst(cell);

		if (cust_part_block(step, part) && strcmp(batch->disposition, "restrict") != 0)
			continue;
		if (strcmp(batch->disposition, "destroy") == 0)
		{
			if (result->rows < batch->limit)
				destroy(batch, book, step, part, result);
		}
		else if (is_anonymize)
		{
			if (part->class->position == batch->position &&
				strcmp(part->basis, batch->basis) == 0)
				anonymize(batch, book, step, part, result);
		}
		else if (part->rules != NIL && cust_draft_rule(part) == NULL)
			restrict_rows(batch, book, step, part, result);
	}
	if (result->rows > 0)
		mark_cases_running(batch);
}

/* Say that a batch failed, where and with which code; not what it said. */
static char *
report_problem(const CustBatch *batch, const ErrorData *error)
{
	CustEvent  *event = cust_event("problem");
	char	   *relname = cust_relation_exists(batch->relid) ?
		cust_relation_name(batch->relid) : psprintf("%u", batch->relid);

	if (cust_relation_exists(batch->relid))
		cust_event_relation(event, batch->relid);
	cust_event_int(event, "run", batch->run_no);
	cust_event_name(event, "disposition", batch->disposition);
	cust_event_name(event, "sqlstate", unpack_sql_state(error->sqlerrcode));
	cust_event_name(event, "constraint", error->constraint_name);
	cust_event_write(event);
	return psprintf("SQLSTATE %s in %s%s%s", unpack_sql_state(error->sqlerrcode),
					relname, error->constraint_name ? ", constraint " : "",
					error->constraint_name ? quote_identifier(error->constraint_name) : "");
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

	memset(result, 0, sizeof(CustBatchResult));
	(void) set_config_option("lock_timeout", psprintf("%dms", batch->lock_timeout),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(work);
	PG_TRY();
	{
		CustBatchResult inner = {0};

		execute(batch, &inner);
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
		if (error->sqlerrcode == ERRCODE_QUERY_CANCELED ||
			error->sqlerrcode == ERRCODE_OUT_OF_MEMORY ||
			ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		memset(result, 0, sizeof(CustBatchResult));
		result->problem = report_problem(batch, error);
		FreeErrorData(error);
	}
	PG_END_TRY();
	AtEOXact_GUC(false, guc_level);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);
}
