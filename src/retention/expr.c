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
	if (target->name || target->indirection)
		not_an_expression(argument);
	return target->val;
}

/*
 * cust_row_condition
 *		A user's condition on rows of a table, in the form in which custodian
 *		stores it: an expression over the alias t.
 *
 * relid: the table.  condition: the text; columns unqualified, or as t.x.
 * Errors: no single expression, subqueries, aggregates, set-returning or
 * volatile functions, unknown columns, not boolean.
 */
char *
cust_row_condition(Oid relid, const char *condition, const char *argument)
{
	Relation	rel = table_open(relid, AccessShareLock);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item;
	Node	   *node;
	char	   *result;
	int			level;

	item = addRangeTableEntryForRelation(pstate, rel, AccessShareLock,
										 makeAlias("t", NIL), false, true);
	addNSItemToQuery(pstate, item, false, true, true);

	/* names are the caller's: resolve them as the caller would */
	node = transformExpr(pstate, parse_expression(condition, argument),
						 EXPR_KIND_CHECK_CONSTRAINT);
	node = coerce_to_boolean(pstate, node, argument);
	assign_expr_collations(pstate, node);
	if (contain_volatile_functions(node))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("argument \"%s\" uses a volatile function", argument),
				 errhint("A row must belong to the same class each time it is looked at.")));

	/* a pinned search_path makes the deparser qualify what is not built in */
	level = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	result = deparse_expression(node, deparse_context_for("t", relid), true, false);
	AtEOXact_GUC(false, level);

	free_parsestate(pstate);
	table_close(rel, NoLock);
	return result;
}
