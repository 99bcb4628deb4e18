/*
 * run.c
 *	  CALL custodian.run(): due work in committed batches.
 *
 * The procedure only goes from client group to client group, from table to
 * table, and commits.  Everything that decides or acts is in
 * disposition/execute.c, within one transaction a batch.  So a run can stop
 * anywhere, by cancel, crash or budget, and the next one goes on with what is
 * still due; two at once keep off each other's clients.
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lock.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/setting.h"
#include "core/spi.h"
#include "disposition/execute.h"
#include "disposition/plan.h"
#include "disposition/step.h"
#include "retention/client.h"

PG_FUNCTION_INFO_V1(custodian_run);

/* First key of the advisory lock of a run, "CUST"; the second is its number. */
#define RUN_LOCK_CLASS 0x43555354

/* Clients of one group: so many that a table is read once for all of them. */
#define GROUP_CLIENTS 5000

/* What a run is asked for and how far it is. */
typedef struct Run
{
	int64		client_no;		/* the only client, or 0 */
	int64		batch_rows;
	int64		max_rows;		/* 0: no budget */
	int64		max_ms;			/* 0: no budget */
	int			lock_timeout;	/* milliseconds */
	int64		run_no;
	TimestampTz start;
	int64		rows;			/* destroyed or anonymized so far */
	int64		last_client;
	const char *state;			/* how it ended */
	int			problems;
	bool		skipped;		/* in this group: clients left to the next run */
	MemoryContext context;		/* of a group of clients */
	MemoryContext batch;		/* of a batch */
} Run;

/* A table to go through, in order. */
typedef struct RunStep
{
	Oid			relid;
	bool		anonymizes;
	List	   *positions;		/* of int: the positions of its classes */
} RunStep;

/* Milliseconds of an interval argument; an error where it is not positive. */
static int64
milliseconds(FunctionCallInfo fcinfo, int n, const char *name)
{
	Interval   *value = PG_GETARG_INTERVAL_P(n);
	double		ms = value->month * (30.0 * 86400000) + value->day * 86400000.0 +
		value->time / 1000.0;

	if (ms < 1 || ms > (double) PG_INT64_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a positive time", name)));
	return (int64) ms;
}

/*
 * Begin a transaction in which each statement sees what is committed by then,
 * and waits for no lock longer than the run may.
 */
static void
begin_batch(const Run *run)
{
	(void) set_config_option("lock_timeout", psprintf("%dms", run->lock_timeout),
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	(void) set_config_option("transaction_isolation", "read committed",
							 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, 0, false);
	PushActiveSnapshot(GetTransactionSnapshot());
}

/* Commit what the batch did. */
static void
end_batch(void)
{
	PopActiveSnapshot();
	SPI_commit();
}

/* A statement on custodian.run_log; $1 is the run's number. */
static void
log_run(const Run *run, const char *sql, CustArgs *args)
{
	CustIdentity me;

	Assert(DatumGetInt64(args->values[0]) == run->run_no);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_sql(sql, args, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
}

/* Clients whose contracts are over, as far as this run is about them. */
static int64
count_clients(const Run *run)
{
	CustIdentity me;
	CustArgs	args = {0};
	int64		n;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_date(&args, cust_today(), false);
	cust_arg_int8(&args, run->client_no);
	cust_sql_one("SELECT count(*) FROM custodian.client WHERE contract_end < $1 "
				 "AND ($2 = 0 OR client_no = $2)", &args);
	n = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	return n;
}

/* Enter the run into the log and the audit. */
static void
start_run(Run *run)
{
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	begin_batch(run);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_int8(&args, count_clients(run));
	cust_sql("INSERT INTO custodian.run_log (clients) VALUES ($1) RETURNING run_no",
			 &args, SPI_OK_INSERT_RETURNING);
	run->run_no = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("run_started");
	cust_event_int(event, "run", run->run_no);
	if (run->client_no)
		cust_event_client(event, run->client_no);
	cust_event_write(event);
	end_batch();
}

/* The next group of clients, or NULL; in the run's context. */
static ArrayType *
next_group(Run *run)
{
	CustIdentity me;
	CustArgs	args = {0};
	uint64		n;
	ArrayType  *group = NULL;

	begin_batch(run);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_date(&args, cust_today(), false);
	cust_arg_int8(&args, run->last_client);
	cust_arg_int8(&args, run->client_no);
	cust_arg_int8(&args, GROUP_CLIENTS);
	n = cust_sql("SELECT client_no FROM custodian.client WHERE contract_end < $1 "
				 "AND client_no > $2 AND ($3 = 0 OR client_no = $3) "
				 "ORDER BY client_no LIMIT $4", &args, SPI_OK_SELECT);
	if (n > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);
		int64	   *numbers = palloc(sizeof(int64) * n);

		for (uint64 i = 0; i < n; i++)
			run->last_client = numbers[i] = cust_int8(i, 1, 0);
		group = cust_client_array(numbers, (int) n);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	cust_leave(&me);
	end_batch();
	return group;
}

/* The tables in order, as the book has them now; in the run's context. */
static List *
read_steps(Run *run)
{
	List	   *result = NIL;
	ListCell   *cell,
			   *class;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext,
												  "custodian run steps",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old;
	List	   *steps;

	begin_batch(run);
	old = MemoryContextSwitchTo(scratch);
	steps = cust_steps(cust_book_open(cust_today()));
	MemoryContextSwitchTo(run->context);
	foreach(cell, steps)
	{
		CustStep   *step = lfirst(cell);
		RunStep    *copy = palloc0(sizeof(RunStep));

		copy->relid = step->adoption->relid;
		copy->anonymizes = step->adoption->techniques != NIL;
		foreach(class, step->adoption->classes)
			copy->positions = lappend_int(copy->positions,
										  ((CustClass *) lfirst(class))->position);
		result = lappend(result, copy);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	end_batch();
	return result;
}

/* May another batch begin?  Where not, the run's state says why. */
static bool
may_go_on(Run *run)
{
	if (run->state)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (run->max_rows && run->rows >= run->max_rows)
		run->state = "budget";
	else if (run->max_ms &&
			 TimestampDifferenceExceeds(run->start, GetCurrentTimestamp(),
										(int) Min(run->max_ms, PG_INT32_MAX)))
		run->state = "budget";
	return run->state == NULL;
}

/*
 * Rows that the next batch may touch: some more than asked for, since what a
 * range of blocks has is an estimate, and to come back for the rest of it
 * costs a second look at all of it.
 */
static long
batch_limit(const Run *run)
{
	int64		limit = run->batch_rows + run->batch_rows / 2;

	if (run->max_rows)
		limit = Min(limit, run->max_rows - run->rows);
	return (long) limit;
}

/*
 * run_batch
 *		One batch and its line in the log, committed.
 */
static void
run_batch(Run *run, CustBatch *batch, CustBatchResult *result)
{
	CustArgs	args = {0};
	int64		destroyed = 0,
				anonymized = 0,
				restricted = 0;
	MemoryContext old;

	MemoryContextReset(run->batch);
	old = MemoryContextSwitchTo(run->batch);
	begin_batch(run);
	batch->run_no = run->run_no;
	batch->lock_timeout = run->lock_timeout;
	batch->limit = batch_limit(run);
	cust_execute_batch(batch, result);
	if (strcmp(batch->disposition, "destroy") == 0)
		destroyed = result->rows;
	else if (strcmp(batch->disposition, "anonymize") == 0)
		anonymized = result->rows;
	else
		restricted = result->rows;
	run->rows += destroyed + anonymized;
	if (result->problem)
		run->problems++;
	run->skipped = run->skipped || result->skipped;
	if (result->rows > 0 || result->problem)
	{
		cust_arg_int8(&args, run->run_no);
		cust_arg(&args, REGCLASSOID, ObjectIdGetDatum(batch->relid), false);
		cust_arg_int8(&args, destroyed);
		cust_arg_int8(&args, anonymized);
		cust_arg_int8(&args, restricted);
		cust_arg_text(&args, result->problem);
		log_run(run, "UPDATE custodian.run_log SET updated_at = clock_timestamp(), "
				"relation = $2, batches = batches + 1, "
				"rows_destroyed = rows_destroyed + $3, "
				"rows_anonymized = rows_anonymized + $4, "
				"restrictions = restrictions + $5, "
				"problems = problems + ($6 IS NOT NULL)::int, "
				"last_problem = COALESCE($6, last_problem) WHERE run_no = $1", &args);
	}
	if (result->shut_out)
		run->state = "shut out";
	if (result->paused)
		run->state = "paused";
	end_batch();
	MemoryContextSwitchTo(old);
}

/*
 * run_portion
 *		Repeat a batch until nothing of its portion is left, or it fails.
 *
 * Returns the number of rows.  A batch that trusted the foreign keys and was
 * wrong is repeated with a look at each row that refers.
 */
static int64
run_portion(Run *run, CustBatch *batch)
{
	CustBatchResult result;
	int64		rows = 0;

	batch->after = NULL;
	do
	{
		if (!may_go_on(run))
			break;
		run_batch(run, batch, &result);
		if (result.referenced)
			batch->trusting = false;
		if (batch->after)
			pfree(batch->after);
		batch->after = result.last == NULL ? NULL : (ArrayType *)
			memcpy(MemoryContextAlloc(run->context, VARSIZE(result.last)),
				   result.last, VARSIZE(result.last));
		rows += result.rows;
	} while ((result.more || result.referenced) && result.problem == NULL);
	return rows;
}

/*
 * survey_table
 *		What a look at the table says, in a transaction of its own.
 *
 * False where the table cannot be looked at now (DDL is under way, it is
 * dropped, a statement on it fails): then the batch will say why.
 */
static bool
survey_table(Run *run, Oid relid, ArrayType *group, CustSurvey *survey)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool done = false;

	begin_batch(run);
	MemoryContextReset(run->batch);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(run->batch);
	PG_TRY();
	{
		cust_survey(relid, group, survey);
		ReleaseCurrentSubTransaction();
		done = true;
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(run->batch);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(caller);
		CurrentResourceOwner = owner;
		if (cust_must_stop(error))
			ReThrowError(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	end_batch();
	return done;
}

/*
 * destroy_by_blocks
 *		Go through the table once, so many blocks a batch; every due row of the
 *		group's clients goes.  Returns the number of rows.
 */
static int64
destroy_by_blocks(Run *run, CustBatch *batch, const CustSurvey *survey)
{
	/* batches of equal size, of about as many due rows as asked for */
	double		due = Max(survey->due_per_block, survey->rows_per_block / 100);
	double		portions = Max(rint(survey->blocks * due / run->batch_rows), 1);
	double		width = Max(ceil(survey->blocks / portions), 1);
	int64		total = 0;

	for (double begin = 0; begin < survey->blocks && run->state == NULL;)
	{
		double		end = Min(begin + width, (double) survey->blocks);
		int64		rows;

		batch->begin = (BlockNumber) begin;
		batch->end = (BlockNumber) Max(ceil(end), 1);
		rows = run_portion(run, batch);
		total += rows;
		begin = batch->end;
		if (rows < run->batch_rows / 3)
			width *= 2;
	}
	return total;
}

/*
 * destroy_by_clients
 *		Look up the rows of so many clients a batch.
 */
static int64
destroy_by_clients(Run *run, CustBatch *batch, const CustSurvey *survey,
				   ArrayType *group)
{
	int			n = cust_client_count(group);
	int64		width = (int64) (run->batch_rows / Max(survey->due_per_client, 1));
	int64		total = 0;

	for (int64 begin = 0; begin < n && run->state == NULL;)
	{
		int			count = (int) Min(Max(width, 1), n - begin);
		MemoryContext old = MemoryContextSwitchTo(run->context);
		int64	   *clients = palloc(sizeof(int64) * count);

		for (int i = 0; i < count; i++)
			clients[i] = cust_client_nth(group, (int) (begin + i));
		batch->client_nos = cust_client_array(clients, count);
		MemoryContextSwitchTo(old);
		total += run_portion(run, batch);
		pfree(batch->client_nos);
		pfree(clients);
		begin += count;
	}
	return total;
}

/*
 * destroy_circles
 *		Due rows that are left refer to each other in a circle, or are referred
 *		to by rows that stay.  The former go together, for one client after the
 *		other.
 */
static void
destroy_circles(Run *run, Oid relid, ArrayType *group)
{
	ArrayType  *left;
	MemoryContext old;

	begin_batch(run);
	old = MemoryContextSwitchTo(run->context);
	left = cust_due_clients(relid, group);
	MemoryContextSwitchTo(old);
	end_batch();
	for (int i = 0; i < cust_client_count(left) && run->state == NULL; i++)
	{
		CustBatch	batch = {0};
		CustBatchResult result;
		int64		client_no = cust_client_nth(left, i);

		old = MemoryContextSwitchTo(run->context);
		batch.disposition = "destroy";
		batch.relid = relid;
		batch.together = true;
		batch.client_nos = cust_client_array(&client_no, 1);
		MemoryContextSwitchTo(old);
		if (may_go_on(run))
			run_batch(run, &batch, &result);
	}
}

/* Destroy what is due of one table. */
static void
destroy_table(Run *run, Oid relid, ArrayType *group)
{
	CustSurvey	survey = {0};
	CustBatch	batch = {0};
	int64		rows;

	batch.disposition = "destroy";
	batch.relid = relid;
	if (!survey_table(run, relid, group, &survey))
	{
		batch.client_nos = group;
		run_portion(run, &batch);
		return;
	}
	batch.trusting = !survey.referenced;
	do
	{
		batch.client_nos = group;
		rows = survey.by_blocks ? destroy_by_blocks(run, &batch, &survey) :
			destroy_by_clients(run, &batch, &survey, group);
		/* children went, so their parents in the same table may go now */
	} while (survey.refers_to_itself && rows > 0 && run->state == NULL);
	if (survey.may_go_together && run->state == NULL)
		destroy_circles(run, relid, group);
}

/* One table for one group of clients. */
static void
run_step(Run *run, const RunStep *step, ArrayType *group)
{
	static const char *const bases[] = {"entrusted", "appointed", "own"};
	CustBatch	batch = {0};
	ListCell   *cell;

	destroy_table(run, step->relid, group);
	batch.relid = step->relid;
	batch.client_nos = group;
	if (step->anonymizes)
		foreach(cell, step->positions)
			for (int i = 0; i < lengthof(bases) && run->state == NULL; i++)
		{
			batch.disposition = "anonymize";
			batch.position = lfirst_int(cell);
			batch.basis = bases[i];
			run_portion(run, &batch);
		}
	if (run->state == NULL)
	{
		batch.disposition = "restrict";
		run_portion(run, &batch);
	}
}

/*
 * finish_group
 *		The group's keys are destroyed: from now on nobody can recompute a
 *		digest.
 *
 * But not those of clients that somebody else works on, nor any where a step
 * failed: their rows are still to be done, under the same key.
 */
static void
finish_group(Run *run, ArrayType *group, int problems_before)
{
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	log = {0};

	begin_batch(run);
	if (run->problems == problems_before && !run->skipped)
	{
		cust_arg(&args, INT8ARRAYOID, PointerGetDatum(cust_clients_claim(group)), false);
		cust_enter_custodian(&me);
		SPI_connect();
		cust_sql("DELETE FROM custodian.client_secret WHERE client_no = ANY ($1)", &args,
				 SPI_OK_DELETE);
		SPI_finish();
		cust_leave(&me);
	}
	cust_arg_int8(&log, run->run_no);
	cust_arg_int8(&log, cust_client_count(group));
	log_run(run, "UPDATE custodian.run_log SET clients_done = clients_done + $2, "
			"updated_at = clock_timestamp() WHERE run_no = $1", &log);
	end_batch();
}

/* Enter the end of the run into the log and the audit, and tell the caller. */
static void
finish_run(Run *run)
{
	CustArgs	args = {0};
	CustEvent  *event;
	CustIdentity me;
	int64		destroyed,
				anonymized,
				restrictions;

	if (run->state == NULL)
		run->state = run->problems ? "problems" : "finished";
	begin_batch(run);
	cust_arg_int8(&args, run->run_no);
	cust_arg_text(&args, run->state);
	log_run(run, "UPDATE custodian.run_log SET finished_at = clock_timestamp(), "
			"updated_at = clock_timestamp(), state = $2 WHERE run_no = $1", &args);
	cust_enter_custodian(&me);
	SPI_connect();
	args.n = 1;
	cust_sql_one("SELECT rows_destroyed, rows_anonymized, restrictions "
				 "FROM custodian.run_log WHERE run_no = $1", &args);
	destroyed = cust_int8(0, 1, 0);
	anonymized = cust_int8(0, 2, 0);
	restrictions = cust_int8(0, 3, 0);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("run_finished");
	cust_event_int(event, "run", run->run_no);
	cust_event_name(event, "state", run->state);
	cust_event_int(event, "rows_destroyed", destroyed);
	cust_event_int(event, "rows_anonymized", anonymized);
	cust_event_int(event, "restrictions", restrictions);
	cust_event_int(event, "problems", run->problems);
	cust_event_write(event);
	end_batch();
	ereport(NOTICE,
			(errmsg("run " INT64_FORMAT ", state \"%s\": rows destroyed: " INT64_FORMAT
					", anonymized: " INT64_FORMAT ", restrictions set: " INT64_FORMAT,
					run->run_no, run->state, destroyed, anonymized, restrictions)));
	if (run->problems)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("steps that failed and were left for the next run: %d", run->problems),
				 errhint("The view custodian.run_progress has the last one in last_problem; the audit has them all.")));
}

/* Say what a run would do, in one line a table; INFO, for it was asked for. */
static void
dry_run(const Run *run)
{
	CustIdentity me;
	CustArgs	args = {0};
	uint64		n;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_int8(&args, run->client_no);
	n = cust_sql("SELECT relation::text, record_class, action, sum(rows), "
				 "count(DISTINCT client_no) FROM custodian.plan_due() "
				 "WHERE $1 = 0 OR client_no = $1 "
				 "GROUP BY step, relation, record_class, action ORDER BY step, 2, 3",
				 &args, SPI_OK_SELECT);
	for (uint64 i = 0; i < n; i++)
		ereport(INFO,
				(errmsg("would %s rows of %s (%s): %s, clients: %s", cust_str(i, 3),
						cust_str(i, 1), cust_str(i, 2), cust_str(i, 4), cust_str(i, 5))));
	if (n == 0)
		ereport(INFO, (errmsg("nothing is due")));
	SPI_finish();
	cust_leave(&me);
}

/* The work itself. */
static void
run_all(Run *run)
{
	for (;;)
	{
		ArrayType  *group;
		List	   *steps;
		ListCell   *cell;
		int			problems_before = run->problems;

		run->skipped = false;
		MemoryContextReset(run->context);
		group = next_group(run);
		if (group == NULL)
			break;
		steps = read_steps(run);
		foreach(cell, steps)
		{
			run_step(run, lfirst(cell), group);
			if (run->state)
				return;
		}
		finish_group(run, group, problems_before);
	}
}

/* Read and check the arguments. */
static void
read_arguments(FunctionCallInfo fcinfo, Run *run)
{
	char	   *client = cust_get_text(fcinfo, 0);

	if (client)
		run->client_no = cust_find_client(client, false);
	run->batch_rows = PG_ARGISNULL(1) ? 200000 : PG_GETARG_INT32(1);
	if (run->batch_rows < 1 || run->batch_rows > 10000000)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be between 1 and 10000000", "batch_rows")));
	run->max_rows = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT64(2);
	if (!PG_ARGISNULL(2) && run->max_rows < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be positive", "max_rows")));
	run->max_ms = PG_ARGISNULL(3) ? 0 : milliseconds(fcinfo, 3, "max_time");
	run->lock_timeout = PG_ARGISNULL(4) ? 5000 :
		(int) Min(milliseconds(fcinfo, 4, "lock_timeout"), PG_INT32_MAX);
	if (!PG_ARGISNULL(5))
	{
		if (client == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a plan digest is that of one client's plan"),
					 errhint("Name the client too.")));
		if (strcmp(cust_plan_digest(client, cust_today()), cust_get_text(fcinfo, 5)) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_CUST_PLAN_CHANGED),
					 errmsg("the plan has changed since it was approved"),
					 errhint("Look at custodian.plan() again, and approve the new custodian.plan_digest().")));
	}
}

/* Are we in a place where we may not commit? */
static bool
in_transaction_block(FunctionCallInfo fcinfo)
{
	return fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic;
}

/*
 * run(client, batch_rows, max_rows, max_time, lock_timeout, plan_digest,
 *	   dry_run)
 *
 * Quiet on a standby, where jobs run too after a switch of roles.  Errors:
 * inside a transaction block, in a read-only transaction.
 */
Datum
custodian_run(PG_FUNCTION_ARGS)
{
	Run			run = {0};
	LOCKTAG		tag;

	if (RecoveryInProgress())
	{
		ereport(NOTICE,
				(errmsg("the server is a standby; nothing to do here")));
		PG_RETURN_VOID();
	}
	read_arguments(fcinfo, &run);
	if (!PG_ARGISNULL(6) && PG_GETARG_BOOL(6))
	{
		dry_run(&run);
		PG_RETURN_VOID();
	}
	cust_prevent_read_only("custodian.run()");
	if (in_transaction_block(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("custodian.run() cannot run inside a transaction block"),
				 errhint("It commits after each batch. CALL it on its own, with autocommit on.")));

	SPI_connect_ext(SPI_OPT_NONATOMIC);
	run.start = GetCurrentTimestamp();
	run.context = AllocSetContextCreate(PortalContext, "custodian run",
										ALLOCSET_DEFAULT_SIZES);
	run.batch = AllocSetContextCreate(PortalContext, "custodian run batch",
									  ALLOCSET_DEFAULT_SIZES);
	SPI_commit();
	start_run(&run);
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, RUN_LOCK_CLASS, (uint32) run.run_no,
						 CUST_LOCK_KIND);
	(void) LockAcquire(&tag, ExclusiveLock, true, true);
	PG_TRY();
	{
		run_all(&run);
		finish_run(&run);
	}
	PG_FINALLY();
	{
		(void) LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	MemoryContextDelete(run.batch);
	MemoryContextDelete(run.context);
	SPI_finish();
	PG_RETURN_VOID();
}
