/*
 * compile.c
 *	  Retention rules compiled to SQL.
 *
 * A period counts from the day after its anchor: ten years from 2024-12-31 end
 * on 2034-12-31; see period_end_sql() for the ends of months.
 *
 * retain_until is the latest end over all rules that apply, dispose_by the
 * earliest of their maxima.  An anchor that is not known has not come yet:
 * its rule retains until infinity.
 */
#include "postgres.h"

#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "retention/book.h"
#include "retention/compile.h"

/*
 * cust_equals
 *		"a = b" with the equality operator of the type itself, schema-qualified
 *		(the search_path is pinned, and types of extensions live elsewhere).
 */
char *
cust_equals(Oid left, const char *left_sql, Oid right, const char *right_sql)
{
	if (left == right)
	{
		TypeCacheEntry *entry = lookup_type_cache(left, TYPECACHE_EQ_OPR);

		if (!OidIsValid(entry->eq_opr))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_FUNCTION),
					 errmsg("type %s has no equality operator", format_type_be(left)),
					 errhint("Use a column of a type that can be compared.")));
		if (get_func_namespace(get_opcode(entry->eq_opr)) != PG_CATALOG_NAMESPACE)
		{
			Oid			input_left,
						input_right;

			op_input_types(entry->eq_opr, &input_left, &input_right);
			return psprintf("%s OPERATOR(%s.%s) %s", left_sql,
							quote_identifier(get_namespace_name(get_func_namespace(get_opcode(entry->eq_opr)))),
							get_opname(entry->eq_opr), right_sql);
		}
	}
	return psprintf("%s OPERATOR(pg_catalog.=) %s", left_sql, right_sql);
}

/* Error unless values of the column can be compared. */
void
cust_check_comparable(Oid relid, const char *column)
{
	Oid			type = cust_column_type(relid, column);

	(void) cust_equals(type, "", type, "");
}

/* Name of the parent's column that a child's foreign-key column points to. */
static char *
referenced(const CustForeignKey *fk, const char *child_column)
{
	ListCell   *c,
			   *p;

	forboth(c, fk->child_columns, p, fk->parent_columns)
		if (strcmp(lfirst(c), child_column) == 0)
			return lfirst(p);
	return NULL;
}

/* Name of the child's foreign-key column that points to a parent's column. */
static char *
referencing(const CustForeignKey *fk, const char *parent_column)
{
	ListCell   *c,
			   *p;

	forboth(c, fk->child_columns, p, fk->parent_columns)
		if (strcmp(lfirst(p), parent_column) == 0)
			return lfirst(c);
	return NULL;
}

static char *
column_of(const char *alias, const char *column)
{
	return psprintf("%s.%s", alias, quote_identifier(column));
}

/* A column among those that are gone from the table, or NULL. */
static char *
missing_column(Oid relid, List *columns)
{
	ListCell   *cell;

	foreach(cell, columns)
		if (get_attnum(relid, lfirst(cell)) == InvalidAttrNumber)
			return psprintf("column \"%s\" of %s does not exist any more",
							(char *) lfirst(cell), cust_relation_name(relid));
	return NULL;
}

/* Where the owner of a table may not read another one that it has to. */
static char *
unreadable(Oid relid, Oid owner)
{
	if (pg_class_aclcheck(relid, owner, ACL_SELECT) == ACLCHECK_OK)
		return NULL;
	return psprintf("role %s may not read %s",
					quote_identifier(GetUserNameFromId(owner, false)),
					cust_relation_name(relid));
}

/* The column's collation, or InvalidOid. */
static Oid
column_collation(Oid relid, const char *column)
{
	Oid			type,
				collation;
	int32		typmod;

	get_atttypetypmodcoll(relid, get_attnum(relid, column), &type, &typmod, &collation);
	return collation;
}

static void
add_key(CustPath *path, Oid relid, const char *alias, const char *column)
{
	path->keys = lappend(path->keys, column_of(alias, column));
	path->key_types = lappend_oid(path->key_types, cust_column_type(relid, column));
	path->key_collations =
		lappend_oid(path->key_collations,
					column_collation(relid, column));
}

/*
 * cust_path
 *		How rows of an adopted table find their client.
 *
 * Follows via columns from table to table until one has the client's key
 * itself.  Where a foreign key points to that key, the referencing column is
 * as good as the key, and the last join is saved.
 *
 * Returns NULL, and says why in *problem, where the way is cut: a column or a
 * foreign key is gone, a parent is not adopted or not readable for the table's
 * owner, the keys lead in a circle.
 */
CustPath *
cust_path(const CustBook *book, const CustAdoption *adoption, char **problem)
{
	CustPath   *path = palloc0(sizeof(CustPath));
	const CustAdoption *at = adoption;
	const char *alias = "t";
	int			depth = 0;

	*problem = NULL;
	while (at->client_columns == NIL)
	{
		CustForeignKey *fk;
		CustAdoption *parent;
		ListCell   *cell;
		char	   *parent_alias;
		bool		reaches = true;

		if ((*problem = missing_column(at->relid, at->via_columns)) != NULL)
			return NULL;
		fk = cust_foreign_key_on(at->relid, at->via_columns);
		if (fk == NULL)
		{
			*problem = psprintf("relation %s has no foreign key on (%s)", at->relname,
								cust_column_list(at->via_columns, NULL));
			return NULL;
		}
		parent = cust_book_adoption(book, fk->parent);
		if (parent == NULL)
		{
			*problem = psprintf("foreign key (%s) of %s leads to %s, which is not adopted",
								cust_column_list(at->via_columns, NULL), at->relname,
								cust_relation_name(fk->parent));
			return NULL;
		}
		if (parent->relid == adoption->relid || ++depth > 32)
		{
			*problem = psprintf("the foreign keys of %s lead in a circle and never to a client",
								adoption->relname);
			return NULL;
		}

		path->relations = lappend_oid(path->relations, at->relid);
		path->join_columns = lappend(path->join_columns, at->via_columns);

		/* the key itself among the referenced columns? */
		foreach(cell, parent->client_columns)
			if (referencing(fk, lfirst(cell)) == NULL)
				reaches = false;
		if (parent->client_columns != NIL && reaches)
		{
			foreach(cell, parent->client_columns)
				add_key(path, at->relid, alias, referencing(fk, lfirst(cell)));
			return path;
		}

		if ((*problem = unreadable(parent->relid, adoption->owner)) != NULL)
			return NULL;
		parent_alias = psprintf("p%d", depth);
		path->tables = lappend(path->tables,
							   psprintf("%s AS %s", parent->relname, parent_alias));
		foreach(cell, fk->child_columns)
		{
			char	   *other = referenced(fk, lfirst(cell));

			path->conditions =
				lappend(path->conditions,
						cust_equals(cust_column_type(at->relid, lfirst(cell)),
									column_of(alias, lfirst(cell)),
									cust_column_type(parent->relid, other),
									column_of(parent_alias, other)));
		}
		alias = parent_alias;
		at = parent;
	}

	if ((*problem = missing_column(at->relid, at->client_columns)) != NULL)
		return NULL;
	path->relations = lappend_oid(path->relations, at->relid);
	path->join_columns = lappend(path->join_columns, at->client_columns);
	for (int i = 0; i < list_length(at->client_columns); i++)
		add_key(path, at->relid, alias, list_nth(at->client_columns, i));
	return path;
}

/* What is wrong with the adoption's date columns, or NULL. */
char *
cust_missing_date(const CustAdoption *adoption)
{
	List	   *columns = NIL;

	if (adoption->dated_by)
		columns = lappend(columns, adoption->dated_by);
	if (adoption->event_at)
		columns = lappend(columns, adoption->event_at);
	return missing_column(adoption->relid, columns);
}

/* cust_path(), with an error where the way is cut. */
CustPath *
cust_need_path(const CustBook *book, const CustAdoption *adoption)
{
	char	   *problem;
	CustPath   *path = cust_path(book, adoption, &problem);

	if (path == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rows of %s cannot be assigned to a client", adoption->relname),
				 errdetail("%c%s.", pg_toupper((unsigned char) problem[0]), problem + 1),
				 errhint("\"client\" names the columns with the client's key, \"via\" those of a foreign key to an adopted table that the owner may read.")));
	return path;
}

/*
 * cust_client_key_sql
 *		The client's key from its expressions, in the form of
 *		custodian.client.client_key: its text, or that of an array of texts
 *		where the key has several columns.  SQL NULL where any of them is.
 */
char *
cust_client_key_sql(List *keys)
{
	StringInfoData tests,
				texts;
	ListCell   *cell;

	if (list_length(keys) == 1)
		return psprintf("(%s)::pg_catalog.text", (char *) linitial(keys));
	initStringInfo(&tests);
	initStringInfo(&texts);
	foreach(cell, keys)
	{
		const char *key = lfirst(cell);

		appendStringInfo(&tests, "%s%s IS NOT NULL", tests.len ? " AND " : "", key);
		appendStringInfo(&texts, "%s(%s)::pg_catalog.text", texts.len ? ", " : "", key);
	}
	return psprintf("CASE WHEN %s THEN (ARRAY[%s])::pg_catalog.text END", tests.data,
					texts.data);
}

/*
 * cust_applicable_rules
 *		Rules in force that apply to a record class under a custody basis: those
 *		of the class, those of every class, and the one that the adoption names,
 *		which applies whatever its own class and basis are.
 */
List *
cust_applicable_rules(const CustBook *book, const CustClass *class,
					  const char *basis)
{
	List	   *result = NIL;
	ListCell   *cell;

	if (basis == NULL)
		return NIL;
	foreach(cell, book->rules)
	{
		CustRule   *rule = lfirst(cell);
		bool		named = class->rule && strcmp(rule->name, class->rule) == 0;

		if (named || (strcmp(rule->basis, basis) == 0 &&
					  (rule->record_class == NULL ||
					   strcmp(rule->record_class, class->record_class) == 0)))
			result = lappend(result, rule);
	}
	return result;
}

/*
 * cust_compliance_rule
 *		A rule in compliance mode that applies to a class under some basis that
 *		its rows may have, or NULL.
 */
CustRule *
cust_compliance_rule(const CustBook *book, const CustAdoption *adoption)
{
	static const char *const bases[] = {"entrusted", "appointed", "own"};
	ListCell   *c,
			   *r;

	foreach(c, adoption->classes)
		for (int i = 0; i < lengthof(bases); i++)
			foreach(r, cust_applicable_rules(book, lfirst(c), bases[i]))
			if (strcmp(((CustRule *) lfirst(r))->mode, "compliance") == 0)
				return lfirst(r);
	return NULL;
}

/*
 * cust_class_sql
 *		Condition that a row of the table belongs to this class: its own
 *		predicate, and none of those that are tried before.
 */
char *
cust_class_sql(const CustAdoption *adoption, const CustClass *class)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, adoption->classes)
	{
		CustClass  *other = lfirst(cell);

		if (other == class)
			break;
		appendStringInfo(&buf, "%s(%s) IS NOT TRUE", buf.len ? " AND " : "",
						 other->predicate);
	}
	if (class->predicate)
		appendStringInfo(&buf, "%s(%s)", buf.len ? " AND " : "", class->predicate);
	return buf.len ? buf.data : pstrdup("true");
}

/*
 * cust_date_sql
 *		A date column of t as a date; a moment becomes the day in the
 *		installation's time zone; NULL, infinite and absurd are no date at all.
 */
char *
cust_date_sql(const char *time_zone, Oid relid, const char *column)
{
	char	   *sql = column_of("t", column);
	Oid			type = getBaseType(cust_column_type(relid, column));

	if (type == TIMESTAMPTZOID)
		sql = psprintf("pg_catalog.timezone(%s, %s)",
					   quote_literal_cstr(time_zone), sql);
	if (type != DATEOID)
		sql = psprintf("(%s)::pg_catalog.date", sql);
	/* beyond these no arithmetic is safe, and no record was written */
	return psprintf("CASE WHEN %s BETWEEN '0001-01-01' AND '9999-12-31' THEN %s END",
					sql, sql);
}

/*
 * fiscal_year_end_sql
 *		Last day of the fiscal year that holds the date.
 *
 * With a year that starts on day s of month m, shifting the date back by
 * m - 1 months and s - 1 days makes it the calendar year; s is at most 28, so
 * no month is too short.  The shift is done on the boundary, not on the date:
 * the year that begins in the date's calendar year has begun or it has not.
 */
static char *
fiscal_year_end_sql(const CustAdoption *adoption, const char *date)
{
	int			month = atoi(adoption->fiscal_year_start);
	int			day = atoi(adoption->fiscal_year_start + 3);
	char	   *year = psprintf("pg_catalog.date_trunc('year', (%s)::pg_catalog.timestamp)", date);
	char	   *start;

	if (month == 1 && day == 1)
		return psprintf("(%s + '1 year'::pg_catalog.interval)::pg_catalog.date - 1", year);
	start = psprintf("(%s + '%d mons %d days'::pg_catalog.interval)::pg_catalog.date",
					 year, month - 1, day - 1);
	return psprintf("CASE WHEN (%s) < %s THEN %s - 1 "
					"ELSE (%s + '1 year'::pg_catalog.interval)::pg_catalog.date - 1 END",
					date, start, start, start);
}

/*
 * cust_anchor_sql
 *		The day from which a rule's periods count; SQL NULL where it is not
 *		known (yet).
 */
char *
cust_anchor_sql(const CustBook *book, const CustAdoption *adoption,
				const CustRule *rule)
{
	const char *column = strcmp(rule->anchor, "event") == 0 ?
		adoption->event_at : adoption->dated_by;

	if (strcmp(rule->anchor, "contract_end") == 0)
		return pstrdup("f.contract_end");
	if (strcmp(rule->anchor, "permanent") == 0 || column == NULL)
		return pstrdup("NULL::pg_catalog.date");
	if (strcmp(rule->anchor, "fiscal_year_end") == 0)
		return fiscal_year_end_sql(adoption, cust_date_sql(book->time_zone,
														   adoption->relid, column));
	return cust_date_sql(book->time_zone, adoption->relid, column);
}

/*
 * Last day of a period that counts from the day after the anchor.  Where months
 * of different length make the two ways of counting differ, the later day: the
 * day before the one that corresponds to the first (2024-02-29 for a year from
 * 2023-02-28), and the one that corresponds to the anchor (2025-02-28 for a year
 * from 2024-02-28; Civil Code of the PRC art. 202, BGB s. 188).
 */
static char *
period_end_sql(const char *anchor, const char *period)
{
	return psprintf("GREATEST(((%s) + %s)::pg_catalog.date, "
					"((%s) + 1 + %s)::pg_catalog.date - 1)", anchor, period, anchor, period);
}

/* A rule's period as a literal that no setting of the session can bend. */
static char *
period_sql(const Interval *period)
{
	return psprintf("'%d mons %d days'::pg_catalog.interval",
					period->month, period->day);
}

/* Last day on which the rule keeps the row; infinity where that is unknown. */
char *
cust_rule_retain_sql(const CustBook *book, const CustPart *part,
					 const CustRule *rule)
{
	char	   *anchor = cust_anchor_sql(book, part->adoption, rule);
	char	   *end;

	if (strcmp(rule->anchor, "permanent") == 0)
		return pstrdup("'infinity'::pg_catalog.date");
	end = period_end_sql(anchor, period_sql(rule->minimum));
	/* the return ends what the rule asks for; an anchor to come stays to come */
	if (rule->ends_on_return)
		end = psprintf("CASE WHEN f.returned_on IS NULL OR (%s) IS NULL THEN %s "
					   "ELSE LEAST(%s, GREATEST(f.returned_on, f.contract_end)) END",
					   anchor, end, end);
	if (part->has_minimum)
		end = psprintf("GREATEST(%s, %s)", end, period_end_sql(anchor, "f.minimum"));
	return psprintf("COALESCE(%s, 'infinity'::pg_catalog.date)", end);
}

/* Last day on which the rule lets the row be kept; NULL where it sets none. */
char *
cust_rule_dispose_sql(const CustBook *book, const CustPart *part,
					  const CustRule *rule)
{
	char	   *anchor = cust_anchor_sql(book, part->adoption, rule);
	char	   *end = NULL;

	if (strcmp(rule->anchor, "permanent") == 0)
		return NULL;
	if (rule->maximum)
		end = period_end_sql(anchor, period_sql(rule->maximum));
	if (part->has_maximum)
	{
		char	   *term = period_end_sql(anchor, "f.maximum");

		end = end ? psprintf("LEAST(%s, %s)", end, term) : term;
	}
	return end;
}

/* Collect a piece of SQL for each rule, and join them in a function. */
static char *
over_rules(const CustBook *book, const CustPart *part, const char *function,
		   char *(*piece) (const CustBook *, const CustPart *, const CustRule *))
{
	StringInfoData buf;
	ListCell   *cell;
	int			n = 0;

	initStringInfo(&buf);
	foreach(cell, part->rules)
	{
		char	   *sql = piece(book, part, lfirst(cell));

		if (sql)
			appendStringInfo(&buf, "%s%s", n++ ? ", " : "", sql);
	}
	if (n == 0)
		return pstrdup("NULL::pg_catalog.date");
	return n == 1 ? buf.data : psprintf("%s(%s)", function, buf.data);
}

/* retain_until: the latest end over all rules; NULL where no rule applies. */
char *
cust_retain_sql(const CustBook *book, const CustPart *part)
{
	return over_rules(book, part, "GREATEST", cust_rule_retain_sql);
}

/* dispose_by: the earliest maximum over all rules; NULL where there is none. */
char *
cust_dispose_sql(const CustBook *book, const CustPart *part)
{
	return over_rules(book, part, "LEAST", cust_rule_dispose_sql);
}

/*
 * cust_deciding_sql
 *		Number (from 1) of the rule whose end is the latest, whose disposition
 *		is therefore carried out.
 */
char *
cust_deciding_sql(const CustBook *book, const CustPart *part)
{
	StringInfoData buf;
	ListCell   *cell;

	if (list_length(part->rules) < 2)
		return pstrdup(part->rules == NIL ? "NULL::pg_catalog.int4" : "1");
	initStringInfo(&buf);
	appendStringInfo(&buf, "CASE %s", cust_retain_sql(book, part));
	foreach(cell, part->rules)
		appendStringInfo(&buf, " WHEN %s THEN %d",
						 cust_rule_retain_sql(book, part, lfirst(cell)),
						 foreach_current_index(cell) + 1);
	appendStringInfoString(&buf, " END");
	return buf.data;
}

/* A rule of the part that is still a draft, or NULL. */
CustRule *
cust_draft_rule(const CustPart *part)
{
	ListCell   *cell;

	foreach(cell, part->rules)
	{
		CustRule   *rule = lfirst(cell);

		if (strcmp(rule->mode, "draft") == 0)
			return rule;
	}
	return NULL;
}
