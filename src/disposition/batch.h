/*
 * batch.h
 *	  What the kinds of batches share: running a statement, counting what it
 *	  returns, writing the event.
 */
#ifndef CUST_BATCH_H
#define CUST_BATCH_H

#include "postgres.h"

#include "tcop/dest.h"
#include "utils/hsearch.h"

#include "audit/audit.h"
#include "audit/row_digest.h"
#include "disposition/execute.h"
#include "disposition/reference.h"
#include "disposition/step.h"

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
	List	   *references;		/* of CustReference */
} Tally;

extern Tally *cust_tally_create(void);
extern void cust_run_statement(const CustStep *step, const char *sql,
							   const CustArgs *args, long limit, bool scan,
							   Tally *tally);
extern void cust_batch_event(const CustBatch *batch, const CustPart *part,
							 Tally *tally);
extern void cust_mark_cases_running(const int64 *client_nos, int n);

/* anonymize.c, restrict.c */
extern void cust_make_secrets(ArrayType *client_nos);
extern void cust_anonymize_rows(const CustBatch *batch, const CustBook *book,
								const CustStep *step, CustPart *part,
								CustBatchResult *result);
extern void cust_restrict_rows(const CustBatch *batch, const CustBook *book,
							   const CustStep *step, CustPart *part,
							   CustBatchResult *result);

#endif							/* CUST_BATCH_H */
