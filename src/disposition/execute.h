/*
 * execute.h
 *	  One batch of disposition, in the transaction of the caller.
 */
#ifndef CUST_EXECUTE_H
#define CUST_EXECUTE_H

#include "postgres.h"

#include "utils/array.h"

/* What one batch is about. */
typedef struct CustBatch
{
	const char *disposition;	/* "destroy", "anonymize" or "restrict" */
	Oid			relid;
	ArrayType  *client_nos;		/* the group of clients */
	int64		run_no;
	long		limit;			/* rows at most */
	int			lock_timeout;	/* milliseconds */
	/* anonymize goes through one part after the other, in order of the key */
	int			position;
	const char *basis;
	ArrayType  *after;			/* key of the last row looked at, or NULL */
} CustBatch;

/* What came of it; strings and arrays in the caller's context. */
typedef struct CustBatchResult
{
	int64		rows;
	bool		more;			/* there may be more */
	char	   *problem;		/* SQLSTATE and place, where it failed */
	ArrayType  *last;			/* anonymize: key of the last row looked at */
} CustBatchResult;

extern void cust_execute_batch(const CustBatch *batch, CustBatchResult *result);

#endif							/* CUST_EXECUTE_H */
