/*
 * expr.h
 *	  Conditions on a row that a user writes as text.
 */
#ifndef CUST_EXPR_H
#define CUST_EXPR_H

#include "postgres.h"

#include "nodes/bitmapset.h"

extern Bitmapset *cust_condition_columns(Oid relid, const char *condition);
extern char *cust_row_condition(Oid relid, const char *condition, const char *argument);

#endif							/* CUST_EXPR_H */
