/*
 * survey.c
 *	  A look at some clients, to choose how to reach the due rows of all.
 *
 * Nothing here decides what goes: a wrong guess costs time only.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "core/compat.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/execute.h"
#include "disposition/step.h"
#include "retention/client.h"

/* Clients to look at. */
#define SURVEY_CLIENTS 4

/*
 * Share of a table's rows from which reading the whole table is cheaper than
 * looking rows up by client: a row read in passing costs a tenth of a
 * microsecond, one looked up costs some, most of it in the index.
 */
#define SCAN_SHARE 0.03

/* Size of the table and of the largest of its partitions. */
static double
measure(Oid relid, CustSurvey *survey)
{
	double		rows = 0;
	double		blocks = 0;
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Relation	rel;
		BlockNumber n;

		if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_RELATION)
			continue;
		rel = table_open(lfirst_oid(cell), AccessShareLock);
		n = RelationGetNumberOfBlocks(rel);
		survey->blocks = Max(survey->blocks, n);
		blocks += n;
		/* never analyzed: some 50 rows a page, as a guess */
		rows += rel->rd_rel->reltuples >= 0 && rel->rd_rel->relpages > 0 ?
			rel->rd_rel->reltuples / rel->rd_rel->relpages * n : 50.0 * n;
		table_close(rel, NoLock);
	}
	survey->rows_per_block = survey->blocks ? Max(rows / survey->blocks, 1) : 1;
	return rows;
}

/* Some of the clients, evenly spaced. */
static ArrayType *
pick(ArrayType *client_nos)
{
	int			n = cust_client_count(client_nos);
	int			wanted = Min(n, SURVEY_CLIENTS);
	int64	   *picked = palloc(sizeof(int64) * Max(wanted, 1));

	for (int i = 0; i < wanted; i++)
		picked[i] = cust_client_nth(client_nos, (int) ((int64) i * n / wanted));
	return cust_client_array(picked, wanted);
}

/* Count a part's due rows, and those among them that rows refer to. */
static void
count_due(const CustBook *book, const CustStep *step, CustPart *part,
		  int64 *due, int64 *referenced)
{
	StringInfoData sql;
	char	   *due_sql;
	CustArgs	args = {0};
	CustIdentity me;
	ListCell   *cell;

	cust_part_alone(book, part);
	if (cust_part_block(step, part) || part->facts == NIL)
		return;
	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE false");
	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);

		/* children that the run has disposed of before are gone by now */
		appendStringInfo(&sql, " OR EXISTS (SELECT FROM %s AS c WHERE %s)",
						 cust_relation_name(fk->child), cust_references_sql(fk, step));
	}
	due_sql = cust_due_sql(book, step, part, "destroy");
	appendStringInfo(&sql, ") FROM %s AS t, %s WHERE %s", step->adoption->relname,
					 cust_from_sql(step, due_sql), due_sql);
	cust_facts_args(&args, book, list_make1(part));
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	cust_sql_limit(sql.data, &args, SPI_OK_SELECT, true, 0);
	*due += cust_int8(0, 1, 0);
	*referenced += cust_int8(0, 2, 0);
	SPI_finish();
	cust_leave(&me);
}

/*
 * cust_survey
 *		How many rows of a table are due for a client, about; and whether to
 *		look clients up or to read the table.
 */
void
cust_survey(Oid relid, ArrayType *client_nos, CustSurvey *survey)
{
	CustBook   *book = cust_book_open(cust_today());
	CustStep   *step = cust_step_of(cust_steps(book), relid);
	CustScope	scope = {0};
	int64		due = 0,
				referenced = 0;
	double		rows;
	ListCell   *cell;

	memset(survey, 0, sizeof(CustSurvey));
	if (step == NULL || step->path == NULL)
		return;
	rows = measure(relid, survey);
	scope.relid = relid;
	scope.client_nos = pick(client_nos);
	foreach(cell, cust_parts(book, &scope))
		count_due(book, step, lfirst(cell), &due, &referenced);
	survey->due_per_client = (double) due /
		Max(cust_client_count(scope.client_nos), 1);
	survey->due_per_block = survey->blocks ? survey->due_per_client *
		cust_client_count(client_nos) / survey->blocks : 0;
	survey->by_blocks = cust_unindexed(step) != NIL ||
		survey->due_per_client * cust_client_count(client_nos) > rows * SCAN_SHARE;
	survey->referenced = referenced > 0;
	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);

		/* trust a foreign key to refuse, not one that would act by itself */
		if (fk->adopted == relid || (fk->on_delete != FKCONSTR_ACTION_NOACTION &&
								   fk->on_delete != FKCONSTR_ACTION_RESTRICT))
			survey->referenced = true;
		if (fk->adopted == relid)
		{
			survey->refers_to_itself = true;
			survey->may_go_together = fk->on_delete == FKCONSTR_ACTION_NOACTION ||
				fk->on_delete == FKCONSTR_ACTION_RESTRICT;
		}
	}
}

/*
 * cust_due_clients
 *		Clients of whom the table has due rows, whatever refers to them.
 */
ArrayType *
cust_due_clients(Oid relid, ArrayType *client_nos)
{
	MemoryContext context = CurrentMemoryContext;
	CustBook   *book = cust_book_open(cust_today());
	CustStep   *step = cust_step_of(cust_steps(book), relid);
	CustScope	scope = {.client_nos = client_nos,.relid = relid};
	int64	   *found = palloc(sizeof(int64) * Max(cust_client_count(client_nos), 1));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, step ? cust_parts(book, &scope) : NIL)
	{
		CustPart   *part = lfirst(cell);
		CustArgs	args = {0};
		CustIdentity me;
		char	   *due;
		uint64		rows;

		cust_part_alone(book, part);
		if (cust_part_block(step, part) || part->facts == NIL)
			continue;
		due = cust_due_sql(book, step, part, "destroy");
		cust_facts_args(&args, book, list_make1(part));
		cust_enter_owner(&me, step->adoption->owner);
		SPI_connect();
		rows = cust_sql_limit(psprintf("SELECT DISTINCT f.client_no FROM %s AS t, %s WHERE %s ORDER BY 1",
									   step->adoption->relname,
									   cust_from_sql(step, psprintf("f.client_no %s", due)),
									   due), &args, SPI_OK_SELECT, true, 0);
		for (uint64 i = 0; i < rows && n < cust_client_count(client_nos); i++)
			found[n++] = cust_int8(i, 1, 0);
		SPI_finish();
		cust_leave(&me);
	}
	MemoryContextSwitchTo(context);
	return cust_client_array(found, n);
}
