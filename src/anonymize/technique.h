/*
 * technique.h
 *	  What anonymization does to a column, as SQL.
 */
#ifndef CUST_TECHNIQUE_H
#define CUST_TECHNIQUE_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern char *cust_technique_sql(Oid relid, const char *column,
								const char *technique, const char *value);
extern char *cust_technique_done_sql(Oid relid, const char *column,
									 const char *technique, const char *value);
extern void cust_technique_check(Oid relid, const char *column,
								 const char *technique, const char *value);

#endif							/* CUST_TECHNIQUE_H */
