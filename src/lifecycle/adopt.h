/*
 * adopt.h
 *	  Taking tables into custody.
 */
#ifndef CUST_ADOPT_H
#define CUST_ADOPT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What adopt() is told; lists of char *, NULL where not given. */
typedef struct CustNewAdoption
{
	Oid			relid;
	List	   *client;
	List	   *via;
	char	   *dated_by;
	char	   *event_at;
	char	   *record_class;
	char	   *rule;
	char	   *fiscal_year_start;
} CustNewAdoption;

extern void cust_adopt(const CustNewAdoption *adoption);

#endif							/* CUST_ADOPT_H */
