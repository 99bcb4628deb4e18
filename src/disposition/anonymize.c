/*
 * anonymize.c
 *	  Batches that change rows in place of destroying them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "anonymize/technique.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"
#include "disposition/batch.h"
#include "retention/client.h"

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

/* A key for each client that has none: 32 random bytes. */
void
cust_make_secrets(ArrayType *client_nos)
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
 * Make keys and clients of the tuple table (text, bigint) the two arguments, in
 * the current context.
 */
static void
take_keys(CustArgs *keys, uint64 n)
{
	Datum	   *texts,
			   *clients;

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
	take_keys(keys, n);
	if (n > 0)
		result->last = DatumGetArrayTypePCopy(cust_datum(n - 1, 1, &isnull));
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
	MemoryContext old;

	cust_arg(keys, REGCLASSOID, ObjectIdGetDatum(batch->relid), false);
	cust_enter_custodian(&me);
	SPI_connect();
	n = cust_sql("INSERT INTO custodian.anonymized (row_key, client_no, relation) "
				 "SELECT k, c, $3 FROM unnest($1, $2) AS u(k, c) "
				 "ON CONFLICT DO NOTHING RETURNING row_key, client_no",
				 keys, SPI_OK_INSERT_RETURNING);
	old = MemoryContextSwitchTo(context);
	take_keys(keys, n);
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
 * cust_anonymize_rows
 *		Change the next due rows of one part that are not marked yet.
 *
 * First the rows are locked, then marked, then changed: nothing about them
 * can change in between.
 */
void
cust_anonymize_rows(const CustBatch *batch, const CustBook *book,
					const CustStep *step, CustPart *part, CustBatchResult *result)
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
	cust_facts_args(&args, book, list_make1(part));
	cust_arg(&args, TEXTARRAYOID, keys.values[0], false);
	cust_arg(&args, INT8ARRAYOID, keys.values[1], false);
	tally = cust_tally_create();
	cust_run_statement(step, sql.data, &args, 0, false, tally);
	result->rows = (int64) cust_manifest_rows(tally->manifest);
	if (result->rows != marked)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("%s: " INT64_FORMAT " of %d rows could be anonymized",
						step->adoption->relname, result->rows, marked),
				 errhint("A trigger of the table holds the change back.")));
	check_anonymized(step, &keys);
	cust_batch_event(batch, part, tally);
}

