/*
 * expr.c
 *	  Conditions on a row that a user writes as text.
 *
 * The text is parsed as one expression, analyzed against the table, and
 * stored as the server deparses it: every name qualified, every constant
 * quoted, nothing left that could mean something else under another
 * search_path or close a parenthesis that it did not open.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "core/compat.h"
#include "core/errors.h"
#include "retention/expr.h"

/* Error: the text is something other than one expression. */
static void
not_an_expression(const char *argument)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("argument \"%s\" is not a condition", argument),
			 errhint("Write one condition on the columns of the row, as in a CHECK constraint.")));
}

/*
 * Error context callback: a position in the condition is not one in the
 * statement that the user sent.
 */
static void
transpose_position(void *condition)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) condition);
	}
}

/* Is it "*" or "t.*"? */
static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) && IsA(llast(castNode(ColumnRef, node)->fields), A_Star);
}

/* The raw expression in the text. */
static Node *
parse_expression(const char *condition, const char *argument)
{
	List	   *trees = raw_parser(condition, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select;
	ResTarget  *target;

	if (list_length(trees) != 1)
		not_an_expression(argument);
	select = (SelectStmt *) linitial_node(RawStmt, trees)->stmt;
	if (!IsA(select, SelectStmt) || list_length(select->targetList) != 1 ||
		select->fromClause || select->whereClause || select->groupClause ||
		select->havingClause || select->windowClause || select->valuesLists ||
		select->sortClause || select->limitOffset || select->limitCount ||
		select->lockingClause || select->withClause || select->distinctClause ||
		select->intoClause || select->op != SETOP_NONE)
		not_an_expression(argument);
	target = linitial_node(ResTarget, select->targetList);
	if (target->name || target->indirection || is_star(target->val))
		not_an_expression(argument);
	return target->val;
}

/*
 * analyze
 *		The condition as an expression over the columns of the relation.
 */
static Node *
analyze(Relation rel, const char *condition, const char *argument)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *node;
	ErrorContextCallback callback;

	item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock,
										 makeAlias("t", NIL), false, true);
	addNSItemToQuery(pstate, item, false, true, true);
	callback.previous = error_context_stack;
	callback.callback = transpose_position;
	callback.arg = unconstify(char *, condition);
	error_context_stack = &callback;
	node = transformExpr(pstate, parse_expression(condition, argument),
						 EXPR_KIND_CHECK_CONSTRAINT);
	node = coerce_to_boolean(pstate, node, argument);
	assign_expr_collations(pstate, node);
	error_context_stack = callback.previous;
	free_parsestate(pstate);
	return node;
}

/* Attribute numbers that an expression over one relation names. */
static Bitmapset *
named_columns(Node *node)
{
	Bitmapset  *shifted = NULL;
	Bitmapset  *result = NULL;
	int			i = -1;

	pull_varattnos(node, 1, &shifted);
	while ((i = bms_next_member(shifted, i)) >= 0)
	{
		int			attnum = i + FirstLowInvalidHeapAttributeNumber;

		/* 0 stands for what no stored row has: whole row, system column */
		result = bms_add_member(result, Max(attnum, 0));
	}
	return result;
}

/*
 * cust_row_condition
 *		A user's condition on rows of a table, in the form in which custodian
 *		stores it: an expression over the alias t.
 *
 * relid: the table.  condition: the text; columns unqualified, or as t.x.
 * Errors: no single expression, subqueries, aggregates, set-returning
 * functions, functions that are not immutable, unknown columns, system columns
 * and whole rows, not boolean.
 */
char *
cust_row_condition(Oid relid, const char *condition, const char *argument)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Node	   *node = analyze(rel, condition, argument);
	char	   *result;
	int			level;

	if (contain_mutable_functions(node))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("argument \"%s\" uses a function that is not immutable", argument),
				 errhint("A row must belong to the same class whoever looks and whenever: no now(), and nothing that depends on TimeZone or DateStyle.")));
	if (bms_is_member(0, named_columns(node)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("argument \"%s\" uses a system column or the whole row", argument),
				 errhint("Name the columns that it depends on.")));

	/* a pinned search_path makes the deparser qualify what is not built in */
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	result = deparse_expression(node, deparse_context_for("t", relid), true, false);
	AtEOXact_GUC(false, level);
	table_close(rel, NoLock);
	return result;
}

/*
 * cust_condition_columns
 *		Attribute numbers of the columns that a stored condition names.
 */
Bitmapset *
cust_condition_columns(Oid relid, const char *condition)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Bitmapset  *result = named_columns(analyze(rel, condition, "predicate"));

	table_close(rel, NoLock);
	return result;
}
