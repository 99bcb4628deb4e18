/*
 * reference.h
 *	  Foreign keys checked for a whole batch at once.
 */
#ifndef CUST_REFERENCE_H
#define CUST_REFERENCE_H

#include "postgres.h"

#include "disposition/step.h"

/* One foreign key whose check we make in place of its trigger. */
typedef struct CustReference
{
	CustForeignKey *fk;
	int			ncolumns;
	int		   *places;			/* of the referenced columns in t.* */
	Oid		   *types;
	struct ArrayBuildState **values;	/* of the rows that went */
} CustReference;

extern List *cust_references(const CustStep *step);
extern void cust_reference_add(List *references, const Datum *values,
							   const bool *isnull);
extern void cust_references_check(const CustStep *step, List *references);

#endif							/* CUST_REFERENCE_H */
