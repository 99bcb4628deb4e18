/*
 * step.c
 *	  The order of disposition, and what is due in SQL.
 *
 * Plan and execution take their conditions from here, and these take theirs
 * from the compiled rules: there is no second place that says when a row may
 * go.
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "disposition/step.h"

/* Does any rule of any class of the table, not a draft, protect its rows from UPDATE? */
bool
cust_update_guarded(const CustBook *book, const CustAdoption *adoption)
{
	static const char *const bases[] = {"entrusted", "appointed", "own"};
	ListCell   *c,
			   *r;

	foreach(c, adoption->classes)
		for (int i = 0; i < lengthof(bases); i++)
			foreach(r, cust_applicable_rules(book, lfirst(c), bases[i]))
				if (strcmp(((CustRule *) lfirst(r))->guard, "update") == 0 &&
					strcmp(((CustRule *) lfirst(r))->mode, "draft") != 0)
					return true;
	return false;
}

/* The adopted table that holds the relation's rows, by the book. */
static Oid
adopted_above(const CustBook *book, Oid relid)
{
	ListCell   *cell;

	if (cust_book_adoption(book, relid))
		return relid;
	foreach(cell, book->adoptions)
	{
		Oid			candidate = ((CustAdoption *) lfirst(cell))->relid;

		if (list_member_oid(find_all_inheritors(candidate, NoLock, NULL), relid))
			return candidate;
	}
	return InvalidOid;
}

/* Are columns of the foreign key what tells the child's client? */
static bool
leads_to_client(const CustAdoption *child, const CustForeignKey *fk)
{
	ListCell   *a,
			   *b;

	foreach(a, child->client_columns ? child->client_columns : child->via_columns)
		foreach(b, fk->child_columns)
		if (strcmp(lfirst(a), lfirst(b)) == 0)
			return true;
	return false;
}

/*
 * read_foreign_keys
 *		Which foreign keys stand between this table's rows and their end.
 *
 * A key of a table that is not adopted blocks the table as a whole: nobody
 * has said what its rows are.  SET NULL and SET DEFAULT rewrite the child and
 * let the parent go; where the child's rows are protected from UPDATE, or would
 * lose their client by it, they count like the others.
 */
static void
read_foreign_keys(const CustBook *book, CustStep *step)
{
	ListCell   *cell;

	foreach(cell, cust_foreign_keys_to(step->adoption->relid))
	{
		CustForeignKey *fk = lfirst(cell);
		CustAdoption *child;

		fk->adopted = adopted_above(book, fk->child);
		child = cust_book_adoption(book, fk->adopted);
		if (child == NULL)
		{
			step->blocked = psprintf("foreign key \"%s\" of %s, which is not adopted",
									 fk->name, cust_relation_name(fk->child));
			continue;
		}
		if (pg_class_aclcheck(fk->child, step->adoption->owner, ACL_SELECT) != ACLCHECK_OK)
			step->blocked = psprintf("role %s may not read %s, which refers to it",
									 quote_identifier(GetUserNameFromId(step->adoption->owner, false)),
									 cust_relation_name(fk->child));
		if ((fk->on_delete == FKCONSTR_ACTION_SETNULL ||
			 fk->on_delete == FKCONSTR_ACTION_SETDEFAULT) &&
			!cust_update_guarded(book, child) && !leads_to_client(child, fk))
			continue;
		step->inbound = lappend(step->inbound, fk);
	}
}

/*
 * reaches
 *		Is there a way from one table over those that refer to it to another?
 */
static bool
reaches(List *steps, CustStep *from, CustStep *to, List *seen)
{
	ListCell   *cell;

	if (list_member_ptr(seen, from))
		return false;
	seen = lappend(list_copy(seen), from);
	foreach(cell, from->inbound)
	{
		CustForeignKey *fk = lfirst(cell);
		CustStep   *child = cust_step_of(steps, fk->adopted);

		if (fk->adopted == from->adoption->relid || child == NULL)
			continue;
		if (child == to || reaches(steps, child, to, seen))
			return true;
	}
	return false;
}

/*
 * cust_steps
 *		All adopted tables, children before parents.
 *
 * Tables without an order between them stay in the order of their names, so
 * that the same book always gives the same plan.  Tables in a circle of
 * foreign keys come last and are blocked.
 */
List *
cust_steps(const CustBook *book)
{
	List	   *left = NIL;
	List	   *ordered = NIL;
	ListCell   *cell,
			   *inner;

	foreach(cell, book->adoptions)
	{
		CustStep   *step = palloc0(sizeof(CustStep));
		char	   *problem;

		step->adoption = lfirst(cell);
		step->path = cust_path(book, step->adoption, &problem);
		step->row_key = cust_row_key(step->adoption->relid);
		read_foreign_keys(book, step);
		if (step->row_key == NIL)
			step->blocked = psprintf("%s has no primary key", step->adoption->relname);
		if (step->path != NULL)
			problem = cust_missing_date(step->adoption);
		if (problem != NULL)
		{
			step->blocked = problem;
			step->path = NULL;
		}
		left = lappend(left, step);
	}

	while (left != NIL)
	{
		CustStep   *next = NULL;

		/* the first table that no table still left refers to */
		foreach(cell, left)
		{
			CustStep   *candidate = lfirst(cell);
			bool		free = true;

			foreach(inner, candidate->inbound)
			{
				CustForeignKey *fk = lfirst(inner);

				if (fk->adopted != candidate->adoption->relid &&
					cust_step_of(left, fk->adopted) != NULL)
					free = false;
			}
			if (free)
			{
				next = candidate;
				break;
			}
		}
		if (next == NULL)
		{
			/* a circle: its tables are blocked, those above it are not */
			next = linitial(left);
			foreach(cell, left)
				if (reaches(left, lfirst(cell), lfirst(cell), NIL))
				{
					next = lfirst(cell);
					break;
				}
			next->blocked = psprintf("foreign keys in a circle through %s",
									 next->adoption->relname);
		}
		next->no = list_length(ordered) + 1;
		ordered = lappend(ordered, next);
		left = list_delete_ptr(left, next);
	}
	return ordered;
}

/* The step of a relation, or NULL. */
CustStep *
cust_step_of(List *steps, Oid relid)
{
	ListCell   *cell;

	foreach(cell, steps)
		if (((CustStep *) lfirst(cell))->adoption->relid == relid)
			return lfirst(cell);
	return NULL;
}

/* Is the rule that the adoption names among those that apply? */
static bool
rule_in_force(const CustPart *part)
{
	ListCell   *cell;

	foreach(cell, part->rules)
		if (strcmp(((CustRule *) lfirst(cell))->name, part->class->rule) == 0)
			return true;
	return false;
}

/*
 * cust_part_block
 *		Why nothing of this part can be executed whatever the rows are, or NULL.
 */
char *
cust_part_block(const CustStep *step, const CustPart *part)
{
	if (part->basis == NULL)
		return psprintf("record class \"%s\" has no custody basis",
						part->class->record_class);
	if (part->rules == NIL)
		return psprintf("no rule for record class \"%s\" under basis %s",
						part->class->record_class, part->basis);
	if (part->class->rule && !rule_in_force(part))
		return psprintf("rule \"%s\" is not in force", part->class->rule);
	if (cust_draft_rule(part))
		return psprintf("rule \"%s\" is a draft", cust_draft_rule(part)->name);
	return step->blocked;
}

/*
 * FROM items beside t: the tables on the path, and the facts as far as the
 * rest of the statement names them.
 */
char *
cust_from_sql(const CustStep *step, const char *statement)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, step->path->tables)
		appendStringInfo(&buf, "%s, ", (char *) lfirst(cell));
	appendStringInfoString(&buf, cust_facts_sql(statement));
	return buf.data;
}

/* The row t belongs to this part, and f are its facts. */
char *
cust_belongs_sql(const CustStep *step, const CustPart *part)
{
	return psprintf("%s%s AND %s",
					part->alone ? "" : psprintf("f.part = %d AND ", part->no),
					cust_client_join_sql(step->path),
					cust_class_sql(step->adoption, part->class));
}

/* The client's last contract is over. */
char *
cust_ended_sql(void)
{
	return pstrdup("f.contract_end < $1");
}

/* The last retained day is over. */
char *
cust_past_sql(const CustBook *book, const CustPart *part)
{
	return psprintf("(%s) < $1", cust_retain_sql(book, part));
}

/* The rules agree: what must be kept may be kept. */
char *
cust_consistent_sql(const CustBook *book, const CustPart *part)
{
	ListCell   *cell;
	bool		maximum = part->has_maximum;

	foreach(cell, part->rules)
		if (((CustRule *) lfirst(cell))->maximum)
			maximum = true;
	if (!maximum)
		return pstrdup("true");
	return psprintf("COALESCE((%s) >= (%s), true)", cust_dispose_sql(book, part),
					cust_retain_sql(book, part));
}

/*
 * cust_disposition_sql
 *		The rule that decides asks for this disposition.
 *
 * A row to be returned is destroyed here once its return is confirmed; until
 * then its disposition is "return".
 */
char *
cust_disposition_sql(const CustBook *book, const CustPart *part,
					 const char *disposition)
{
	StringInfoData plain,
				returning;
	ListCell   *cell;
	int			matching = 0;
	bool		destroy = strcmp(disposition, "destroy") == 0;
	const char *confirmed = destroy ? "f.returned_on IS NOT NULL" :
		"f.returned_on IS NULL";

	initStringInfo(&plain);
	initStringInfo(&returning);
	foreach(cell, part->rules)
	{
		CustRule   *rule = lfirst(cell);
		StringInfo	list = NULL;

		if (strcmp(rule->disposition, disposition) == 0 &&
			strcmp(disposition, "return") != 0)
			list = &plain;
		else if (strcmp(rule->disposition, "return") == 0 &&
				 (destroy || strcmp(disposition, "return") == 0))
			list = &returning;
		if (list == NULL)
			continue;
		matching++;
		appendStringInfo(list, "%s%d", list->len ? ", " : "",
						 foreach_current_index(cell) + 1);
	}
	if (matching == 0)
		return pstrdup("false");
	if (returning.len == 0 && matching == list_length(part->rules))
		return pstrdup("true");
	if (returning.len == 0)
		return psprintf("(%s) IN (%s)", cust_deciding_sql(book, part), plain.data);
	if (plain.len == 0)
		return psprintf("(%s) IN (%s) AND %s", cust_deciding_sql(book, part),
						returning.data, confirmed);
	return psprintf("((%s) IN (%s) OR (%s) IN (%s) AND %s)",
					cust_deciding_sql(book, part), plain.data,
					cust_deciding_sql(book, part), returning.data, confirmed);
}

/*
 * cust_due_sql
 *		The row t is due for this disposition on day $1, all told but for the
 *		rows that refer to it.
 */
char *
cust_due_sql(const CustBook *book, const CustStep *step, const CustPart *part,
			 const char *disposition)
{
	if (cust_part_block(step, part))
		return pstrdup("false");
	if (part->settled)
		return cust_belongs_sql(step, part);
	return psprintf("%s AND %s%s AND %s AND %s",
					cust_belongs_sql(step, part),
					part->alone ? "" :
					psprintf("NOT f.held AND %s AND ", cust_ended_sql()),
					cust_past_sql(book, part), cust_consistent_sql(book, part),
					cust_disposition_sql(book, part, disposition));
}

/*
 * cust_settle
 *		Where all that decides is known of the client, ask it once for each
 *		client and not for each row: only clients of whom rows are due stay in
 *		the part, and cust_due_sql() need not ask any more.
 *
 * The part is alone (see cust_part_alone()).
 */
void
cust_settle(const CustBook *book, CustPart *part, const char *disposition)
{
	MemoryContext context = CurrentMemoryContext;
	ListCell   *cell;
	char	   *condition;
	CustArgs	args = {0};
	CustIdentity me;
	uint64		n;
	List	   *due = NIL;
	int			next = 0;
	MemoryContext old;

	Assert(part->alone);
	foreach(cell, part->rules)
	{
		CustRule   *rule = lfirst(cell);

		if (strcmp(rule->anchor, "contract_end") != 0 &&
			strcmp(rule->anchor, "permanent") != 0)
			return;
	}
	condition = psprintf("%s AND %s AND %s", cust_past_sql(book, part),
						 cust_consistent_sql(book, part),
						 cust_disposition_sql(book, part, disposition));
	cust_facts_args(&args, book, list_make1(part));
	cust_enter_custodian(&me);
	SPI_connect();
	n = cust_sql_limit(psprintf("SELECT f.client_no FROM %s WHERE %s ORDER BY 1",
								cust_facts_sql(psprintf("f.client_no %s", condition)),
								condition), &args, SPI_OK_SELECT, true, 0);
	old = MemoryContextSwitchTo(context);
	/* the facts are in the order of the clients' numbers, too */
	for (uint64 i = 0; i < n; i++)
		for (; next < list_length(part->facts); next++)
		{
			CustFact   *fact = list_nth(part->facts, next);

			if (fact->client_no == cust_int8(i, 1, 0))
			{
				due = lappend(due, fact);
				break;
			}
		}
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	part->facts = due;
	part->settled = true;
}

/*
 * cust_references_sql
 *		The child row c refers to the row t by this key; a row that refers to
 *		itself does not count.
 */
char *
cust_references_sql(const CustForeignKey *fk, const CustStep *parent)
{
	StringInfoData buf;
	ListCell   *c,
			   *p;

	initStringInfo(&buf);
	forboth(c, fk->child_columns, p, fk->parent_columns)
		appendStringInfo(&buf, "%s%s", buf.len ? " AND " : "",
						 cust_equals(cust_column_type(fk->child, lfirst(c)),
									 psprintf("c.%s", quote_identifier(lfirst(c))),
									 cust_column_type(fk->parent, lfirst(p)),
									 psprintf("t.%s", quote_identifier(lfirst(p)))));
	if (fk->adopted == parent->adoption->relid)
		appendStringInfo(&buf, " AND NOT (%s)", cust_same_row_sql(parent, "c", "t"));
	return buf.data;
}

/* The two aliases are the same row of the table, by its key. */
char *
cust_same_row_sql(const CustStep *step, const char *a, const char *b)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, step->row_key)
	{
		Oid			type = cust_column_type(step->adoption->relid, lfirst(cell));
		const char *column = quote_identifier(lfirst(cell));

		appendStringInfo(&buf, "%s%s", buf.len ? " AND " : "",
						 cust_equals(type, psprintf("%s.%s", a, column),
									 type, psprintf("%s.%s", b, column)));
	}
	return buf.data;
}

/* The row t has the key in this text[]. */
char *
cust_has_key_sql(const CustStep *step, const char *key)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, step->row_key)
	{
		Oid			type = cust_column_type(step->adoption->relid, lfirst(cell));

		appendStringInfo(&buf, "%s%s", buf.len ? " AND " : "",
						 cust_equals(type, psprintf("t.%s", quote_identifier(lfirst(cell))),
									 type, psprintf("((%s)[%d])::%s", key,
													foreach_current_index(cell) + 1,
													cust_type_name(type))));
	}
	return buf.data;
}

/* A row's key as text[], whose text is custodian.anonymized.row_key. */
char *
cust_row_key_sql(List *row_key, const char *alias)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, row_key)
		appendStringInfo(&buf, "%s(%s.%s)::pg_catalog.text", buf.len ? ", " : "",
						 alias, quote_identifier(lfirst(cell)));
	return psprintf("ARRAY[%s]", buf.data);
}

/* The columns of a key array, cast back: "(key)[1]::type, (key)[2]::type". */
char *
cust_key_values_sql(Oid relid, List *row_key, const char *key)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, row_key)
		appendStringInfo(&buf, "%s((%s)[%d])::%s", buf.len ? ", " : "", key,
						 foreach_current_index(cell) + 1,
						 cust_type_name(cust_column_type(relid, lfirst(cell))));
	return buf.data;
}

/*
 * cust_unindexed
 *		"relation (columns)" of each key on this table's way to the client, and
 *		of each foreign key towards it, that no index serves.
 */
List *
cust_unindexed(const CustStep *step)
{
	List	   *result = NIL;
	ListCell   *relation,
			   *columns,
			   *cell;

	if (step->path == NULL)
		return NIL;
	forboth(relation, step->path->relations, columns, step->path->join_columns)
		if (!cust_indexed(lfirst_oid(relation), lfirst(columns)))
			result = lappend(result, psprintf("%s (%s)",
											  cust_relation_name(lfirst_oid(relation)),
											  cust_column_list(lfirst(columns), NULL)));
	foreach(cell, step->inbound)
	{
		CustForeignKey *fk = lfirst(cell);

		if (!cust_indexed(fk->child, fk->child_columns))
			result = lappend(result, psprintf("%s (%s)", cust_relation_name(fk->child),
											  cust_column_list(fk->child_columns, NULL)));
	}
	return result;
}
