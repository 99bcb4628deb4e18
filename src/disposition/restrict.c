/*
 * restrict.c
 *	  Batches that mark what is kept as no longer to be processed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "core/compat.h"
#include "core/spi.h"
#include "disposition/batch.h"
#include "retention/client.h"

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
 * cust_restrict_rows
 *		Mark the class of a client as restricted: rows that a rule says so of,
 *		and rows in appointed custody that wait out their period.
 */
void
cust_restrict_rows(const CustBatch *batch, const CustBook *book,
				   const CustStep *step, CustPart *part, CustBatchResult *result)
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
	cust_mark_cases_running(numbers, (int) n);
	result->rows += (int64) n;
}
