/*
 * facts.h
 *	  What the rules need to know of a client, apart from the row itself.
 */
#ifndef CUST_FACTS_H
#define CUST_FACTS_H

#include "postgres.h"

#include "core/spi.h"
#include "retention/compile.h"

typedef struct CustFact
{
	int64		client_no;
	char	   *client_key;
	DateADT		contract_end;
	bool		has_end;		/* false: a contract is open, or none known */
	DateADT		returned_on;
	bool		has_return;
	Interval   *minimum;
	Interval   *maximum;
	bool		held;
	bytea	   *secret;
} CustFact;

/* Which clients, which of the adopted tables. */
typedef struct CustScope
{
	const char *client_key;		/* one client, or NULL */
	ArrayType  *client_nos;		/* these clients, or NULL */
	Oid			relid;			/* one table, or InvalidOid */
} CustScope;

/*
 * Columns of f, as they are passed in arrays from parameter CUST_FACT_PARAM
 * on; parameter 1 is the day.
 */
#define CUST_FACT_PARAM 2
#define CUST_FACT_COLUMNS 9

extern List *cust_parts(const CustBook *book, const CustScope *scope);
extern void cust_part_alone(const CustBook *book, CustPart *part);
extern char *cust_facts_sql(const char *statement);
extern void cust_facts_args(CustArgs *args, const CustBook *book, List *parts);
extern bool cust_text_is_value(Oid type, Oid collation);
extern bool cust_text_fits(Oid type, const char *key, Oid owner_role);
extern bool cust_key_fits(const CustPart *part, const char *key);
extern char *cust_client_join_sql(const CustPath *path);

#endif							/* CUST_FACTS_H */
