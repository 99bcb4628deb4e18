/*
 * guard.h
 *	  The triggers that refuse to let go of a retained row.
 */
#ifndef CUST_GUARD_H
#define CUST_GUARD_H

#include "postgres.h"

#include "tcop/dest.h"

#define CUST_GUARD_ROW_TRIGGER "custodian_guard"
#define CUST_GUARD_TRUNCATE_TRIGGER "custodian_guard_truncate"

extern void cust_guard_init(void);
extern void cust_guard_install(Oid relid);
extern void cust_guard_remove(Oid relid);

/*
 * The statement that sends its rows to this receiver needs no guard: it has
 * the rules in its WHERE clause.  NULL takes that back.
 */
extern void cust_guard_exempt(DestReceiver *receiver);

#endif							/* CUST_GUARD_H */
