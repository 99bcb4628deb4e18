/*
 * guard.h
 *	  The triggers that refuse to let go of a retained row.
 */
#ifndef CUST_GUARD_H
#define CUST_GUARD_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "tcop/dest.h"

#define CUST_GUARD_ROW_TRIGGER "custodian_guard"
#define CUST_GUARD_TRUNCATE_TRIGGER "custodian_guard_truncate"

extern void cust_guard_init(void);
extern void cust_guard_install(Oid relid);
extern void cust_guard_remove(Oid relid);

/*
 * The statement that sends its rows to this receiver needs no guard: it has
 * the rules in its WHERE clause.  Nor does it need the triggers of the foreign
 * keys that are checked for the whole batch (reference.h).  NULL takes that
 * back.
 */
extern void cust_guard_exempt(DestReceiver *receiver, List *references);

#endif							/* CUST_GUARD_H */
