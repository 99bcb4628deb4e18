/*
 * step.h
 *	  The order of disposition, and what is due in SQL.
 */
#ifndef CUST_STEP_H
#define CUST_STEP_H

#include "postgres.h"

#include "core/relinfo.h"
#include "retention/book.h"
#include "retention/compile.h"
#include "retention/facts.h"

/* One adopted table in the order of disposition: children before parents. */
typedef struct CustStep
{
	int			no;
	CustAdoption *adoption;
	CustPath   *path;			/* NULL where it is cut; blocked then */
	List	   *row_key;		/* of char * */
	List	   *inbound;		/* of CustForeignKey: adopted children that
								 * must have gone before a row goes */
	char	   *blocked;		/* why nothing of it can be executed, or NULL */
} CustStep;

extern bool cust_update_guarded(const CustBook *book, const CustAdoption *adoption);
extern List *cust_steps(const CustBook *book);
extern CustStep *cust_step_of(List *steps, Oid relid);
extern char *cust_part_block(const CustStep *step, const CustPart *part);
extern char *cust_from_sql(const CustStep *step, const char *statement);
extern char *cust_belongs_sql(const CustStep *step, const CustPart *part);
extern char *cust_ended_sql(void);
extern char *cust_past_sql(const CustBook *book, const CustPart *part);
extern char *cust_consistent_sql(const CustBook *book, const CustPart *part);
extern char *cust_disposition_sql(const CustBook *book, const CustPart *part,
								  const char *disposition);
extern char *cust_due_sql(const CustBook *book, const CustStep *step,
						  const CustPart *part, const char *disposition);
extern void cust_settle(const CustBook *book, CustPart *part, const char *disposition);
extern char *cust_references_sql(const CustForeignKey *fk, const CustStep *parent);
extern char *cust_same_row_sql(const CustStep *step, const char *a, const char *b);
extern char *cust_has_key_sql(const CustStep *step, const char *key);
extern char *cust_row_key_sql(List *row_key, const char *alias);
extern char *cust_key_values_sql(Oid relid, List *row_key, const char *key);
extern List *cust_unindexed(const CustStep *step);

#endif							/* CUST_STEP_H */
