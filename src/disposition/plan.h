/*
 * plan.h
 *	  What would be done, and why.
 */
#ifndef CUST_PLAN_H
#define CUST_PLAN_H

#include "postgres.h"

#include "fmgr.h"

#include "disposition/step.h"

/* One line of a plan: rows of one client, part and fate. */
typedef struct CustPlanLine
{
	int			step;
	int64		client_no;
	const CustPart *part;
	const char *action;
	int64		rows;
	DateADT		retain_from;	/* DATEVAL_NOBEGIN where there is none */
	DateADT		retain_until;
	DateADT		dispose_by;
	bool		has_retain;
	bool		has_dispose;
	const CustRule *rule;		/* the one that decides, or NULL */
	char	   *blocked_by;		/* or NULL */
} CustPlanLine;

extern DateADT cust_day_argument(FunctionCallInfo fcinfo, int argument);
extern List *cust_plan_lines(const CustBook *book, List *steps, List *parts);
extern ArrayType *cust_going_keys(const CustBook *book, List *steps, CustPart *part);
extern CustPlanLine *cust_plan_row(const CustBook *book, List *steps, List *parts,
								   const CustPart *part, ArrayType *key);
extern char *cust_plan_digest(const char *client_key, DateADT day);

#endif							/* CUST_PLAN_H */
