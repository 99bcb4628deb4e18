/*
 * args.h
 *	  Arguments of SQL-callable functions.
 */
#ifndef CUST_ARGS_H
#define CUST_ARGS_H

#include "postgres.h"

#include "fmgr.h"
#include "utils/timestamp.h"

extern char *cust_get_text(FunctionCallInfo fcinfo, int n);
extern char *cust_option_text(FunctionCallInfo fcinfo, int n, const char *name);
extern char *cust_need_text(FunctionCallInfo fcinfo, int n, const char *name);
extern Oid	cust_need_oid(FunctionCallInfo fcinfo, int n, const char *name);
extern void cust_prevent_read_only(const char *function);
extern char *cust_period_text(const Interval *period);
extern char *cust_date_text(int32 date);

#endif							/* CUST_ARGS_H */
