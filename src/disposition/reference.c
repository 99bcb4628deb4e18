/*
 * reference.c
 *	  Foreign keys checked for a whole batch at once.
 *
 * The server checks a NO ACTION or RESTRICT key after a DELETE with one query
 * for each deleted row; in a purge that is more than half of the work.  We ask
 * once for all rows of the batch whether any row refers to one of them.
 *
 * That is as safe.  Our question is asked after the rows are deleted, with a
 * new snapshot (the batch is READ COMMITTED): a child that was committed by
 * then is seen.  One that is not has to take a key-share lock on its parent
 * row before its own statement can end; the parent is deleted, so it waits for
 * us and then fails, or it has the lock already, and our DELETE has waited for
 * it.
 *
 * Only for keys of which nothing is special: between plain tables' columns of
 * the same types.  The others keep their triggers.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/spi.h"
#include "disposition/reference.h"

/* Can we check this key as well as its trigger does? */
static bool
is_plain(const CustStep *step, const CustForeignKey *fk)
{
	ListCell   *c,
			   *p;

	if (fk->on_delete != FKCONSTR_ACTION_NOACTION &&
		fk->on_delete != FKCONSTR_ACTION_RESTRICT)
		return false;
	if (fk->parent != step->adoption->relid || fk->adopted == step->adoption->relid)
		return false;
	forboth(c, fk->child_columns, p, fk->parent_columns)
	{
		Oid			child = cust_column_type(fk->child, lfirst(c));
		Oid			parent = cust_column_type(fk->parent, lfirst(p));

		if (child != parent || get_typtype(child) == TYPTYPE_DOMAIN ||
			!OidIsValid(get_array_type(parent)))
			return false;
	}
	return true;
}

/* Place of a column among the live ones of the table, from 0: as in t.*. */
static int
live_place(Oid relid, AttrNumber attnum)
{
	int			place = 0;

	for (AttrNumber i = 1; i < attnum; i++)
	{
		HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
											Int16GetDatum(i));

		if (!HeapTupleIsValid(tuple))
			continue;
		if (!((Form_pg_attribute) GETSTRUCT(tuple))->attisdropped)
			place++;
		ReleaseSysCache(tuple);
	}
	return place;
}

/*
 * cust_references
 *		The foreign keys to a table whose checks we make ourselves.
 */
List *
cust_references(const CustStep *step)
{
	Oid			relid = step->adoption->relid;
	List	   *result = NIL;
	ListCell   *cell,
			   *column;

	if (get_rel_relkind(relid) != RELKIND_RELATION || has_subclass(relid) ||
		has_superclass(relid))
		return NIL;
	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);
		CustReference *reference;
		int			n = list_length(fk->parent_columns);

		if (!is_plain(step, fk))
			continue;
		reference = palloc0(sizeof(CustReference));
		reference->fk = fk;
		reference->ncolumns = n;
		reference->places = palloc(sizeof(int) * n);
		reference->types = palloc(sizeof(Oid) * n);
		reference->values = palloc0(sizeof(ArrayBuildState *) * n);
		foreach(column, fk->parent_columns)
		{
			int			i = foreach_current_index(column);

			reference->places[i] = live_place(relid, get_attnum(relid, lfirst(column)));
			reference->types[i] = cust_column_type(relid, lfirst(column));
			reference->values[i] = initArrayResult(reference->types[i],
												   CurrentMemoryContext, false);
		}
		result = lappend(result, reference);
	}
	return result;
}

/*
 * cust_reference_add
 *		Note the keys of a row that went, given as the columns of t.*.
 */
void
cust_reference_add(List *references, const Datum *values, const bool *isnull)
{
	ListCell   *cell;

	foreach(cell, references)
	{
		CustReference *reference = lfirst(cell);

		for (int i = 0; i < reference->ncolumns; i++)
		{
			int			at = reference->places[i];

			reference->values[i] = accumArrayResult(reference->values[i], values[at],
													isnull[at], reference->types[i],
													CurrentMemoryContext);
		}
	}
}

/* Does any row refer to one of those that went? */
static bool
is_referenced(const CustStep *step, const CustReference *reference)
{
	StringInfoData params,
				columns,
				where;
	CustArgs	args = {0};
	CustIdentity me;
	bool		found;

	initStringInfo(&params);
	initStringInfo(&columns);
	initStringInfo(&where);
	for (int i = 0; i < reference->ncolumns; i++)
	{
		Oid			type = reference->types[i];

		cust_arg(&args, get_array_type(type),
				 makeArrayResult(reference->values[i], CurrentMemoryContext), false);
		appendStringInfo(&params, "%s$%d", i ? ", " : "", i + 1);
		appendStringInfo(&columns, "%sk%d", i ? ", " : "", i + 1);
		appendStringInfo(&where, "%s%s", i ? " AND " : "",
						 cust_equals(type,
									 psprintf("c.%s", quote_identifier(list_nth(reference->fk->child_columns, i))),
									 type, psprintf("k.k%d", i + 1)));
	}
	cust_enter_owner(&me, step->adoption->owner);
	SPI_connect();
	found = cust_sql_one(psprintf("SELECT FROM %s AS c, unnest(%s) AS k(%s) WHERE %s",
								  cust_relation_name(reference->fk->child), params.data,
								  columns.data, where.data), &args);
	SPI_finish();
	cust_leave(&me);
	return found;
}

/*
 * cust_references_check
 *		Error, as the foreign key's own, where a row that stays refers to one
 *		that went.
 */
void
cust_references_check(const CustStep *step, List *references)
{
	ListCell   *cell;

	foreach(cell, references)
	{
		CustReference *reference = lfirst(cell);

		if (is_referenced(step, reference))
			ereport(ERROR,
					(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
					 errmsg("rows of %s that go are still referred to by %s",
							step->adoption->relname,
							cust_relation_name(reference->fk->child)),
					 err_generic_string(PG_DIAG_CONSTRAINT_NAME, reference->fk->name)));
	}
}
