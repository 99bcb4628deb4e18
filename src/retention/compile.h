/*
 * compile.h
 *	  Retention rules compiled to SQL.
 *
 * One text serves plan, guard and execution.  It speaks of two aliases:
 *   t   the row of the adopted table,
 *   f   the facts of its client for this part (see facts.h),
 * and p1, p2, ... for the tables between them where the client is reached
 * over foreign keys.
 */
#ifndef CUST_COMPILE_H
#define CUST_COMPILE_H

#include "postgres.h"

#include "retention/book.h"

/*
 * A part: the rows of one record class of one adopted table, of clients for
 * which the class has the same custody basis.  All of them stand under the
 * same rules.
 */
typedef struct CustPart
{
	int			no;				/* 1, 2, ...; column part of f */
	CustAdoption *adoption;
	CustClass  *class;
	struct CustPath *path;		/* the adoption's; NULL where it is cut */
	char	   *basis;			/* NULL: undecided */
	List	   *rules;			/* of CustRule: those that apply */
	bool		has_minimum;	/* some contract asks for a longer minimum */
	bool		has_maximum;	/* some contract asks for a shorter maximum */
	List	   *facts;			/* of CustFact */
	bool		alone;			/* see cust_part_alone() */
	bool		settled;		/* see cust_settle() */
} CustPart;

/* How the client of a row is found. */
typedef struct CustPath
{
	List	   *tables;			/* of char *: "schema.table AS p1" */
	List	   *conditions;		/* of char * */
	List	   *keys;			/* of char *: expressions of the client's key */
	List	   *key_types;		/* of Oid */
	List	   *key_collations; /* of Oid */
	List	   *relations;		/* of Oid: tables whose columns are joined on */
	List	   *join_columns;	/* of List of char *, one for each relation */
} CustPath;

extern CustPath *cust_path(const CustBook *book, const CustAdoption *adoption,
						   char **problem);
extern char *cust_missing_date(const CustAdoption *adoption);
extern CustPath *cust_need_path(const CustBook *book, const CustAdoption *adoption);
extern char *cust_equals(Oid left, const char *left_sql, Oid right,
						 const char *right_sql);
extern void cust_check_comparable(Oid relid, const char *column);
extern char *cust_client_key_sql(List *keys);
extern char *cust_date_sql(const char *time_zone, Oid relid, const char *column);

extern List *cust_applicable_rules(const CustBook *book, const CustClass *class,
								   const char *basis);
extern CustRule *cust_compliance_rule(const CustBook *book,
									  const CustAdoption *adoption);
extern char *cust_class_sql(const CustAdoption *adoption, const CustClass *class);
extern char *cust_anchor_sql(const CustBook *book, const CustAdoption *adoption,
							 const CustRule *rule);
extern char *cust_rule_retain_sql(const CustBook *book, const CustPart *part,
								  const CustRule *rule);
extern char *cust_rule_dispose_sql(const CustBook *book, const CustPart *part,
								   const CustRule *rule);
extern char *cust_retain_sql(const CustBook *book, const CustPart *part);
extern char *cust_dispose_sql(const CustBook *book, const CustPart *part);
extern char *cust_deciding_sql(const CustBook *book, const CustPart *part);
extern CustRule *cust_draft_rule(const CustPart *part);

#endif							/* CUST_COMPILE_H */
