/*
 * book.h
 *	  The custodian's book: adopted tables, record classes, rules in force.
 *
 * A book is read once for a statement and never changed; it lives in the
 * memory context in which it was opened.
 */
#ifndef CUST_BOOK_H
#define CUST_BOOK_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/date.h"
#include "utils/timestamp.h"

/* One retention rule, the version in force on the book's day. */
typedef struct CustRule
{
	char	   *name;
	int			version;
	char	   *record_class;	/* NULL: every class of the basis */
	char	   *basis;
	char	   *anchor;
	Interval   *minimum;
	Interval   *maximum;		/* NULL: no limit */
	bool		ends_on_return;
	char	   *disposition;
	char	   *mode;
	char	   *guard;
	char	   *legal_basis;
	char	   *article;
} CustRule;

/* One record class of an adopted table. */
typedef struct CustClass
{
	int			position;
	char	   *record_class;
	char	   *basis;			/* the class's own; NULL: undecided */
	char	   *predicate;		/* NULL: whatever is left */
	char	   *rule;			/* additional rule, or NULL */
} CustClass;

/* One adopted table. */
typedef struct CustAdoption
{
	Oid			relid;
	Oid			owner;
	char	   *relname;		/* quoted, qualified */
	List	   *client_columns; /* of char *; NIL where via_columns are set */
	List	   *via_columns;
	char	   *dated_by;
	char	   *event_at;
	char	   *fiscal_year_start;
	List	   *classes;		/* of CustClass, in the order they are tried */
	List	   *techniques;		/* of CustTechnique */
	struct CustPath *path;		/* see compile.h; made when first asked for */
	char	   *problem;		/* why there is no path */
} CustAdoption;

/* What anonymization does to one column. */
typedef struct CustTechnique
{
	char	   *column;
	char	   *technique;
	char	   *value;
} CustTechnique;

typedef struct CustBook
{
	DateADT		today;
	char	   *time_zone;
	List	   *rules;			/* of CustRule */
	List	   *adoptions;		/* of CustAdoption, ordered by name */
} CustBook;

extern CustBook *cust_book_open(DateADT today);
extern CustAdoption *cust_book_adoption(const CustBook *book, Oid relid);
extern CustRule *cust_book_rule(const CustBook *book, const char *name);
extern CustAdoption *cust_book_need(const CustBook *book, Oid relid);
extern Oid	cust_adopted_relation(Oid relid);
extern void cust_book_lock(void);
extern void cust_book_changed(void);

#endif							/* CUST_BOOK_H */
