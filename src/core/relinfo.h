/*
 * relinfo.h
 *	  What the catalogs say about a user's table.
 */
#ifndef CUST_RELINFO_H
#define CUST_RELINFO_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* One foreign key; for partitioned tables the one at the top. */
typedef struct CustForeignKey
{
	Oid			constraint;
	char	   *name;
	Oid			child;
	Oid			parent;
	List	   *child_columns;	/* of char * */
	List	   *parent_columns;
	char		on_delete;		/* confdeltype */
	bool		nullable;		/* any referencing column may be NULL */
	Oid			adopted;		/* adopted table that holds the child's rows,
								 * filled in by disposition/step.c */
} CustForeignKey;

extern Oid	cust_relation_owner(Oid relid);
extern char *cust_relation_name(Oid relid);
extern bool cust_relation_exists(Oid relid);
extern void cust_check_table(Oid relid, bool must_own);
extern void cust_check_owner(Oid relid);

extern List *cust_columns(Oid relid, const char *columns, const char *argument);
extern Oid	cust_column_type(Oid relid, const char *column);
extern char *cust_type_name(Oid type);
extern char *cust_column_list(List *columns, const char *alias);
extern Datum cust_name_array(List *columns);
extern List *cust_names_of(Datum name_array);

extern List *cust_row_key(Oid relid);
extern bool cust_indexed(Oid relid, List *columns);
extern List *cust_foreign_keys_of(Oid relid);
extern List *cust_foreign_keys_to(Oid relid);
extern CustForeignKey *cust_foreign_key_on(Oid relid, List *columns);
extern bool cust_not_null(Oid relid, const char *column);
extern bool cust_unique(Oid relid, const char *column);
extern bool cust_in_unique(Oid relid, const char *column);
extern Oid	cust_top_relation(Oid relid);

#endif							/* CUST_RELINFO_H */
