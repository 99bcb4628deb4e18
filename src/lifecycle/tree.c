/*
 * tree.c
 *	  Adopting the client table and what its foreign keys lead to.
 */
#include "postgres.h"

#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/setting.h"
#include "lifecycle/adopt.h"
#include "retention/book.h"

PG_FUNCTION_INFO_V1(custodian_adopt_tree);

/* A table of the tree and how it is reached. */
typedef struct Branch
{
	Oid			relid;
	int			depth;
	Oid			parent;
	List	   *client;			/* columns with the client's key, or NIL */
	List	   *via;
	CustForeignKey *fk;
	bool		left_out;
} Branch;

static Branch *
branch_of(List *tree, Oid relid)
{
	ListCell   *cell;

	foreach(cell, tree)
		if (((Branch *) lfirst(cell))->relid == relid)
			return lfirst(cell);
	return NULL;
}

/* Child's columns that hold the client's key by this foreign key, or NIL. */
static List *
client_columns_by(const CustForeignKey *fk, const Branch *parent)
{
	List	   *result = NIL;
	ListCell   *key;

	foreach(key, parent->client)
	{
		ListCell   *c,
				   *p;
		char	   *column = NULL;

		forboth(c, fk->child_columns, p, fk->parent_columns)
			if (strcmp(lfirst(p), lfirst(key)) == 0)
				column = lfirst(c);
		if (column == NULL)
			return NIL;
		result = lappend(result, column);
	}
	return result;
}

/*
 * better
 *		Is the second of two ways to the same table, found at the same depth,
 *		the better one?  The client's key itself beats a detour, and a key that
 *		is always there beats one that may be NULL.
 */
static bool
better(const Branch *now, const Branch *candidate)
{
	if ((now->client != NIL) != (candidate->client != NIL))
		return candidate->client != NIL;
	if (now->fk->nullable != candidate->fk->nullable)
		return now->fk->nullable;
	return strcmp(candidate->fk->name, now->fk->name) < 0;
}

/*
 * grow
 *		Tables whose foreign keys point to the outermost ones so far.
 */
static List *
grow(List *tree, int depth)
{
	List	   *level = NIL;
	ListCell   *cell,
			   *inner;

	foreach(cell, tree)
	{
		Branch	   *parent = lfirst(cell);

		if (parent->depth != depth - 1)
			continue;
		foreach(inner, cust_foreign_keys_to(parent->relid))
		{
			CustForeignKey *fk = lfirst(inner);
			Branch	   *candidate;
			Branch	   *known;

			if (branch_of(tree, fk->child))
				continue;
			candidate = palloc0(sizeof(Branch));
			candidate->relid = fk->child;
			candidate->depth = depth;
			candidate->parent = parent->relid;
			candidate->fk = fk;
			candidate->client = client_columns_by(fk, parent);
			candidate->via = candidate->client ? NIL : fk->child_columns;
			known = branch_of(level, fk->child);
			if (known == NULL)
				level = lappend(level, candidate);
			else if (better(known, candidate))
				*known = *candidate;
		}
	}
	return level;
}

static int
compare_branches(const ListCell *a, const ListCell *b)
{
	return strcmp(cust_relation_name(((Branch *) lfirst(a))->relid),
				  cust_relation_name(((Branch *) lfirst(b))->relid));
}

/* Adopt one table of the tree; what came of it. */
static const char *
adopt_branch(const CustBook *book, List *tree, Branch *branch, bool preview)
{
	CustNewAdoption new = {0};

	CustAdoption *adoption = cust_book_adoption(book, branch->relid);
	ListCell   *cell;

	if (adoption)
	{
		branch->client = adoption->client_columns;
		branch->via = adoption->via_columns;
		return "adopted before";
	}
	if (OidIsValid(cust_adopted_relation(branch->relid)))
		return "inherits from an adopted table";
	foreach(cell, tree)
	{
		Oid			other = ((Branch *) lfirst(cell))->relid;

		if (other != branch->relid &&
			list_member_oid(find_all_inheritors(other, NoLock, NULL), branch->relid))
			return "inherits from an adopted table";
	}
	branch->left_out = true;
	if (cust_row_key(branch->relid) == NIL)
		return "left out: no primary key";
	if (branch->via && branch_of(tree, branch->parent)->left_out)
		return "left out: its parent is";
	branch->left_out = false;
	if (preview)
		return "would be adopted";
	new.relid = branch->relid;
	new.client = branch->client;
	new.via = branch->via;
	cust_adopt(&new);
	return "adopted";
}

/*
 * adopt_tree(root regclass, preview boolean) returns setof record
 *		root: the client table; its primary key is the client's key.
 *
 * Each table is adopted as a record class of its own name without a custody
 * basis: nothing is disposed of before somebody has said what the rows are,
 * with custodian.change_adoption().
 */
Datum
custodian_adopt_tree(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			root;
	bool		preview = !PG_ARGISNULL(1) && PG_GETARG_BOOL(1);
	List	   *tree;
	Branch	   *branch;
	CustBook   *book;
	ListCell   *cell;

	if (!preview)
	{
		cust_prevent_read_only("custodian.adopt_tree()");
		cust_book_lock();
	}
	root = cust_need_oid(fcinfo, 0, "root");
	cust_check_table(root, true);
	cust_init_srf(fcinfo);
	branch = palloc0(sizeof(Branch));
	branch->relid = root;
	branch->client = cust_row_key(root);
	if (branch->client == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation %s has no primary key", cust_relation_name(root)),
				 errhint("The client table needs one: it is the client's key.")));
	tree = list_make1(branch);
	for (int depth = 1;; depth++)
	{
		List	   *level = grow(tree, depth);

		if (level == NIL)
			break;
		list_sort(level, compare_branches);
		tree = list_concat(tree, level);
	}

	book = cust_book_open(cust_today());
	foreach(cell, tree)
	{
		Datum		values[6];
		bool		nulls[6] = {0};

		const char *status;

		branch = lfirst(cell);
		/* first: it tells how a table that was adopted before is reached */
		status = adopt_branch(book, tree, branch, preview);
		values[0] = Int32GetDatum(branch->depth);
		values[1] = ObjectIdGetDatum(branch->relid);
		nulls[2] = branch->client == NIL;
		values[2] = nulls[2] ? (Datum) 0 :
			CStringGetTextDatum(cust_column_list(branch->client, NULL));
		nulls[3] = branch->via == NIL;
		values[3] = nulls[3] ? (Datum) 0 :
			CStringGetTextDatum(cust_column_list(branch->via, NULL));
		nulls[4] = !OidIsValid(branch->parent);
		values[4] = ObjectIdGetDatum(branch->parent);
		values[5] = CStringGetTextDatum(status);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
