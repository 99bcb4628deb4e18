/*
 * relinfo.c
 *	  What the catalogs say about a user's table.
 *
 * All answers are read from the catalogs when asked: adoption, planning and
 * compilation are rare next to row changes, and a stale answer about a
 * foreign key would be paid with rows.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/spi.h"

/* pg_class row of a relation, as a copy; NULL where there is none. */
static Form_pg_class
class_form(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class copy;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	copy = palloc(sizeof(FormData_pg_class));
	memcpy(copy, GETSTRUCT(tuple), sizeof(FormData_pg_class));
	ReleaseSysCache(tuple);
	return copy;
}

/* Does the relation (still) exist? */
bool
cust_relation_exists(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid));
}

/* The relation's owner; an error where the relation is gone. */
Oid
cust_relation_owner(Oid relid)
{
	Form_pg_class form = class_form(relid);

	if (form == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return form->relowner;
}

/* Quoted, schema-qualified name. */
char *
cust_relation_name(Oid relid)
{
	Form_pg_class form = class_form(relid);

	if (form == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid),
				 errhint("It was dropped while custodian looked after it; take it out with custodian.release().")));
	return quote_qualified_identifier(get_namespace_name(form->relnamespace),
									  NameStr(form->relname));
}

/* Error unless the current user owns the relation or is a member of its owner. */
void
cust_check_owner(Oid relid)
{
	if (!cust_relation_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER,
					   get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
}

/*
 * cust_check_table
 *		Is this a table that custodian can look after?
 *
 * One ereport a condition, each with what to do instead.
 */
void
cust_check_table(Oid relid, bool must_own)
{
	Form_pg_class form = class_form(relid);

	if (form == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	if (form->relkind == RELKIND_VIEW || form->relkind == RELKIND_MATVIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a view", NameStr(form->relname)),
				 errhint("Name the table below the view.")));
	if (form->relkind == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a foreign table", NameStr(form->relname)),
				 errhint("Install custodian in the database that holds its rows.")));
	if (form->relkind != RELKIND_RELATION &&
		form->relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", NameStr(form->relname))));
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a temporary table", NameStr(form->relname)),
				 errhint("Only permanent tables hold records.")));
	if (IsCatalogRelationOid(relid) || IsCatalogNamespace(form->relnamespace) ||
		IsToastNamespace(form->relnamespace) ||
		get_namespace_oid("information_schema", true) == form->relnamespace)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" is a system table", NameStr(form->relname))));
	if (form->relnamespace == cust_schema_oid())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("\"%s\" belongs to custodian itself", NameStr(form->relname))));
	if (form->relispartition)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partition", NameStr(form->relname)),
				 errhint("Name the partitioned table at the top, %s.",
						 cust_relation_name(cust_top_relation(relid)))));
	if (must_own)
		cust_check_owner(relid);
}

/* Error unless the named column exists and is the user's. */
static void
check_column(Oid relid, const char *column, const char *argument)
{
	AttrNumber	attnum = get_attnum(relid, column);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						column, get_rel_name(relid)),
				 errhint("It was given as argument \"%s\"; write names as in the catalog, or quoted as in SQL.",
						 argument)));
	if (attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("column \"%s\" is a system column", column)));
}

/*
 * cust_columns
 *		Column names of an argument: one name as it stands in the catalog, or
 *		a list as in SQL, separated by commas and quoted where needed.
 *
 * Returns a list of char *, each checked to be a column of relid.
 */
List *
cust_columns(Oid relid, const char *columns, const char *argument)
{
	List	   *result = NIL;
	ListCell   *cell;

	if (get_attnum(relid, columns) != InvalidAttrNumber)
		result = list_make1(pstrdup(columns));
	else if (!SplitIdentifierString(pstrdup(columns), ',', &result) ||
			 result == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("argument \"%s\" is not a list of columns", argument),
				 errhint("Separate columns by commas; quote names as in SQL.")));
	foreach(cell, result)
	{
		ListCell   *other;

		check_column(relid, lfirst(cell), argument);
		for_each_from(other, result, foreach_current_index(cell) + 1)
			if (strcmp(lfirst(cell), lfirst(other)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" appears twice in argument \"%s\"",
								(char *) lfirst(cell), argument)));
	}
	return result;
}

/*
 * cust_column_type
 *		Type of a column; an error with a way out where it is gone (a column
 *		that was renamed or dropped after adoption).
 */
Oid
cust_column_type(Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist any more",
						column, get_rel_name(relid)),
				 errhint("Release the relation and adopt it again; a new date column can be named with custodian.change_adoption().")));
	return get_atttype(relid, attnum);
}

/*
 * Qualified, quoted name of a type, without modifier.  TYPEMOD_GIVEN has the
 * modifier's absence spelled out: plain "character" would be character(1).
 */
char *
cust_type_name(Oid type)
{
	return format_type_extended(type, -1,
								FORMAT_TYPE_FORCE_QUALIFY | FORMAT_TYPE_TYPEMOD_GIVEN);
}

/* "alias.a, alias.b", quoted. */
char *
cust_column_list(List *columns, const char *alias)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, columns)
		appendStringInfo(&buf, "%s%s%s%s", foreach_current_index(cell) ? ", " : "",
						 alias ? alias : "", alias ? "." : "",
						 quote_identifier(lfirst(cell)));
	return buf.data;
}

/* name[] of a list. */
Datum
cust_name_array(List *columns)
{
	Datum	   *names = palloc(sizeof(Datum) * Max(list_length(columns), 1));
	ListCell   *cell;

	foreach(cell, columns)
		names[foreach_current_index(cell)] =
			DirectFunctionCall1(namein, CStringGetDatum(lfirst(cell)));
	return PointerGetDatum(construct_array(names, list_length(columns), NAMEOID,
										   NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* List of a name[]. */
List *
cust_names_of(Datum name_array)
{
	Datum	   *names;
	int			n;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(name_array), NAMEOID, NAMEDATALEN,
					  false, TYPALIGN_CHAR, &names, NULL, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, pstrdup(NameStr(*DatumGetName(names[i]))));
	return result;
}

/* A usable index: valid, at once, for all rows. */
typedef struct TableIndex
{
	bool		unique;
	bool		primary;
	List	   *columns;		/* of char *; NIL where an expression is among them */
} TableIndex;

/*
 * indexes_of
 *		The usable indexes of a table, in the order of their OIDs.
 *
 * Straight from pg_index, without a lock on the table: asking about a table
 * must not wait for DDL that is under way on it.
 */
static List *
indexes_of(Oid relid)
{
	Relation	rel = table_open(IndexRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index form = (Form_pg_index) GETSTRUCT(tuple);
		TableIndex *index;

		if (!form->indisvalid || !form->indimmediate ||
			!heap_attisnull(tuple, Anum_pg_index_indpred, NULL))
			continue;
		index = palloc0(sizeof(TableIndex));
		index->unique = form->indisunique;
		index->primary = form->indisprimary;
		for (int i = 0; i < form->indnkeyatts; i++)
		{
			char	   *name = form->indkey.values[i] > 0 ?
				get_attname(relid, form->indkey.values[i], true) : NULL;

			if (name == NULL)
			{
				index->columns = NIL;
				break;
			}
			index->columns = lappend(index->columns, name);
		}
		result = lappend(result, index);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static bool
has_column(List *columns, const char *column)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (strcmp(lfirst(cell), column) == 0)
			return true;
	return false;
}

/* Is the column NOT NULL? */
bool
cust_not_null(Oid relid, const char *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column);
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
		ReleaseSysCache(tuple);
	}
	return result;
}

/*
 * cust_row_key
 *		Columns that identify a row: the primary key, else a unique index whose
 *		columns are NOT NULL.  NIL where there is none.
 */
List *
cust_row_key(Oid relid)
{
	List	   *result = NIL;
	ListCell   *cell,
			   *column;

	foreach(cell, indexes_of(relid))
	{
		TableIndex *index = lfirst(cell);
		bool		usable = index->unique && index->columns != NIL;

		foreach(column, index->columns)
			if (!cust_not_null(relid, lfirst(column)))
				usable = false;
		if (usable && index->primary)
			return index->columns;
		if (usable && result == NIL)
			result = index->columns;
	}
	return result;
}

/* Is there a usable index that begins with these columns, in any order? */
bool
cust_indexed(Oid relid, List *columns)
{
	ListCell   *cell;

	foreach(cell, indexes_of(relid))
	{
		TableIndex *index = lfirst(cell);
		int			matched = 0;

		for (int i = 0; i < list_length(columns) && i < list_length(index->columns); i++)
			if (has_column(columns, list_nth(index->columns, i)))
				matched++;
		if (matched == list_length(columns))
			return true;
	}
	return false;
}

/* Is there a unique index on just this column? */
bool
cust_unique(Oid relid, const char *column)
{
	ListCell   *cell;

	foreach(cell, indexes_of(relid))
	{
		TableIndex *index = lfirst(cell);

		if (index->unique && list_length(index->columns) == 1 &&
			has_column(index->columns, column))
			return true;
	}
	return false;
}

/* Is the column part of a unique index? */
bool
cust_in_unique(Oid relid, const char *column)
{
	ListCell   *cell;

	foreach(cell, indexes_of(relid))
	{
		TableIndex *index = lfirst(cell);

		if (index->unique && has_column(index->columns, column))
			return true;
	}
	return false;
}

/* The table at the top of a partition tree; the relation itself elsewhere. */
Oid
cust_top_relation(Oid relid)
{
	if (get_rel_relispartition(relid))
	{
		List	   *ancestors = get_partition_ancestors(relid);

		if (ancestors != NIL)
			return llast_oid(ancestors);
	}
	return relid;
}

/* Names of the columns in an int2[] of pg_constraint. */
static List *
constraint_columns(HeapTuple tuple, TupleDesc desc, int field, Oid relid)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, field, desc, &isnull);
	ArrayType  *array;
	int16	   *attnums;
	List	   *result = NIL;

	if (isnull)
		return NIL;
	array = DatumGetArrayTypeP(value);
	attnums = (int16 *) ARR_DATA_PTR(array);
	for (int i = 0; i < ARR_DIMS(array)[0]; i++)
		result = lappend(result, get_attname(relid, attnums[i], false));
	return result;
}

/* One foreign key of pg_constraint. */
static CustForeignKey *
read_foreign_key(HeapTuple tuple, TupleDesc desc)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	CustForeignKey *fk = palloc0(sizeof(CustForeignKey));
	ListCell   *cell;

	fk->constraint = con->oid;
	fk->name = pstrdup(NameStr(con->conname));
	fk->child = cust_top_relation(con->conrelid);
	fk->parent = cust_top_relation(con->confrelid);
	fk->on_delete = con->confdeltype;
	fk->child_columns = constraint_columns(tuple, desc, Anum_pg_constraint_conkey,
										   con->conrelid);
	fk->parent_columns = constraint_columns(tuple, desc, Anum_pg_constraint_confkey,
											con->confrelid);
	foreach(cell, fk->child_columns)
		if (!cust_not_null(con->conrelid, lfirst(cell)))
			fk->nullable = true;
	return fk;
}

/*
 * foreign_keys
 *		Foreign keys in which a column of pg_constraint names one of the
 *		relations.
 *
 * A key declared on a partitioned table has a row for each partition too;
 * those have conparentid set and are passed over.  A key declared on a single
 * partition is reported as one of the table at the top.
 */
static List *
foreign_keys(List *relids, bool referencing)
{
	Relation	rel = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		if (con->contype == CONSTRAINT_FOREIGN && !OidIsValid(con->conparentid) &&
			list_member_oid(relids, referencing ? con->conrelid : con->confrelid))
			result = lappend(result, read_foreign_key(tuple, RelationGetDescr(rel)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Foreign keys that the relation declares. */
List *
cust_foreign_keys_of(Oid relid)
{
	return foreign_keys(list_make1_oid(relid), true);
}

/*
 * Foreign keys of any relation that point to this one, or to one that inherits
 * from it: the rows there are its rows.
 */
List *
cust_foreign_keys_to(Oid relid)
{
	return foreign_keys(find_all_inheritors(relid, NoLock, NULL), false);
}

/* The foreign key on exactly these columns, or NULL. */
CustForeignKey *
cust_foreign_key_on(Oid relid, List *columns)
{
	ListCell   *cell;

	foreach(cell, cust_foreign_keys_of(relid))
	{
		CustForeignKey *fk = lfirst(cell);
		bool		all = list_length(fk->child_columns) == list_length(columns);
		ListCell   *column;

		foreach(column, columns)
		{
			bool		found = false;
			ListCell   *other;

			foreach(other, fk->child_columns)
				if (strcmp(lfirst(other), lfirst(column)) == 0)
					found = true;
			all = all && found;
		}
		if (all)
			return fk;
	}
	return NULL;
}
