/*
 * guard.h
 *	  The triggers that refuse to let go of a retained row.
 */
#ifndef CUST_GUARD_H
#define CUST_GUARD_H

#include "postgres.h"

#define CUST_GUARD_ROW_TRIGGER "custodian_guard"
#define CUST_GUARD_TRUNCATE_TRIGGER "custodian_guard_truncate"

extern void cust_guard_init(void);
extern void cust_guard_install(Oid relid);
extern void cust_guard_remove(Oid relid);

/*
 * Adopted table whose rows the execution is disposing of at this moment; its
 * own statement has the rules in its WHERE clause.
 */
extern Oid	cust_disposing;

#endif							/* CUST_GUARD_H */
