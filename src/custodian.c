/*
 * custodian.c
 *	  Loading of the library: each room's own start.
 */
#include "postgres.h"

#include "fmgr.h"

#include "audit/audit.h"
#include "disposition/guard.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

/* Called once in each backend that loads the library. */
void
_PG_init(void)
{
	cust_audit_init();
	cust_guard_init();
}
