/*
 * execute.h
 *	  One batch of disposition, in the transaction of the caller.
 */
#ifndef CUST_EXECUTE_H
#define CUST_EXECUTE_H

#include "postgres.h"

#include "storage/block.h"
#include "utils/array.h"

/* What one batch is about. */
typedef struct CustBatch
{
	const char *disposition;	/* "destroy", "anonymize" or "restrict" */
	Oid			relid;
	ArrayType  *client_nos;		/* the clients */
	int64		run_no;
	long		limit;			/* rows at most */
	int			lock_timeout;	/* milliseconds */
	/* destroy: only rows in these blocks, of each partition; not with end 0 */
	BlockNumber begin;
	BlockNumber end;
	/* destroy: leave it to the foreign keys to find rows that still refer */
	bool		trusting;
	/* destroy: rows of the table that refer to each other go together */
	bool		together;
	/* anonymize goes through one part after the other, in order of the key */
	int			position;
	const char *basis;
	ArrayType  *after;			/* key of the last row looked at, or NULL */
} CustBatch;

/* What came of it. */
typedef struct CustBatchResult
{
	int64		rows;
	bool		more;			/* the limit was reached: there may be more */
	bool		referenced;		/* trusting was wrong; nothing was done */
	bool		skipped;		/* some clients could not be claimed */
	bool		paused;			/* somebody called pause() */
	bool		shut_out;		/* holds or rules are being changed: come back later */
	char	   *problem;		/* SQLSTATE and place, where it failed */
	ArrayType  *last;			/* anonymize: key of the last row looked at */
} CustBatchResult;

/* What a look at some clients says of the rest. */
typedef struct CustSurvey
{
	double		due_per_client;
	double		rows_per_block; /* of all partitions together */
	double		due_per_block;
	BlockNumber blocks;			/* of the largest partition */
	bool		referenced;		/* some due row cannot go */
	bool		by_blocks;		/* reading the table beats looking clients up */
	bool		refers_to_itself;
	bool		may_go_together;	/* and the foreign key itself would object */
} CustSurvey;

extern void cust_execute_batch(const CustBatch *batch, CustBatchResult *result);
extern bool cust_must_stop(const ErrorData *error);
extern ArrayType *cust_due_clients(Oid relid, ArrayType *client_nos);
extern void cust_survey(Oid relid, ArrayType *client_nos, CustSurvey *survey);

#endif							/* CUST_EXECUTE_H */
