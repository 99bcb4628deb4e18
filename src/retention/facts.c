/*
 * facts.c
 *	  What the rules need to know of a client, apart from the row itself.
 *
 * A statement on a user's table runs as that table's owner, who may not read
 * custodian's tables.  So the facts are fetched first, as custodian, and
 * passed to the statement as arrays.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "core/compat.h"
#include "core/relinfo.h"
#include "core/spi.h"
#include "retention/book.h"
#include "retention/compile.h"
#include "retention/facts.h"

/* The part for a class under a basis; made where it is new. */
static CustPart *
part_for(const CustBook *book, List **parts, Oid relid, int position,
		 const char *basis)
{
	ListCell   *cell;
	CustPart   *part;
	CustAdoption *adoption;

	foreach(cell, *parts)
	{
		part = lfirst(cell);
		if (part->adoption->relid == relid && part->class->position == position &&
			(part->basis == NULL) == (basis == NULL) &&
			(basis == NULL || strcmp(part->basis, basis) == 0))
			return part;
	}
	adoption = cust_book_adoption(book, relid);
	if (adoption == NULL)
		return NULL;
	part = palloc0(sizeof(CustPart));
	part->no = list_length(*parts) + 1;
	part->adoption = adoption;
	foreach(cell, adoption->classes)
		if (((CustClass *) lfirst(cell))->position == position)
			part->class = lfirst(cell);
	if (part->class == NULL)
		return NULL;
	if (adoption->path == NULL && adoption->problem == NULL)
	{
		/* it stays with the book, which may outlive us */
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(adoption));

		adoption->path = cust_path(book, adoption, &adoption->problem);
		MemoryContextSwitchTo(old);
	}
	part->path = adoption->path;
	part->basis = basis ? pstrdup(basis) : NULL;
	part->rules = cust_applicable_rules(book, part->class, basis);
	*parts = lappend(*parts, part);
	return part;
}

static const char facts_query[] =
"SELECT a.relation, a.position, c.client_no, c.client_key, c.contract_end, "
"c.returned_on, COALESCE(term.basis, r.basis), term.minimum, term.maximum, "
"EXISTS (SELECT FROM custodian.hold h WHERE h.released_at IS NULL "
"AND (h.client_no IS NULL OR h.client_no = c.client_no) "
"AND (h.relation IS NULL OR h.relation = a.relation) "
"AND (h.record_class IS NULL OR h.record_class = a.record_class)), s.secret "
"FROM %s c CROSS JOIN custodian.adopted_class a "
"JOIN custodian.record_class r ON r.record_class = a.record_class "
"LEFT JOIN custodian.client_secret s ON s.client_no = c.client_no "
/*
 * The basis of the contract that ended last; of the periods the strictest, as
 * they come out from a day after which months are of ordinary length.
 */
"LEFT JOIN LATERAL (SELECT (array_agg(m.minimum ORDER BY timestamp '2001-01-01' + m.minimum DESC) "
"FILTER (WHERE m.minimum IS NOT NULL))[1] AS minimum, "
"(array_agg(m.maximum ORDER BY timestamp '2001-01-01' + m.maximum) "
"FILTER (WHERE m.maximum IS NOT NULL))[1] AS maximum, "
"(array_agg(COALESCE(m.basis, r.basis) "
"ORDER BY k.ends_on DESC NULLS FIRST, k.contract_no DESC))[1] AS basis "
"FROM custodian.contract k LEFT JOIN custodian.contract_term m "
"ON m.contract_no = k.contract_no AND m.record_class = a.record_class "
"WHERE k.client_no = c.client_no) term ON true "
"WHERE ($2 = 0 OR a.relation = $2) "
"ORDER BY a.relation::text COLLATE \"C\", a.relation::oid, a.position = 0, "
"a.position, c.client_no";

/* FROM item of the clients in scope; parameter 1 names them. */
static const char *
clients_sql(const CustScope *scope)
{
	if (scope->client_key)
		return "(SELECT * FROM custodian.client WHERE client_key = $1)";
	return "(SELECT * FROM custodian.client WHERE client_no = ANY ($1))";
}

/*
 * cust_parts
 *		Parts of the adopted tables in scope that have clients, each with the
 *		facts of its clients.
 *
 * Returns a list of CustPart in the order of the book, in the current memory
 * context.
 */
List *
cust_parts(const CustBook *book, const CustScope *scope)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *parts = NIL;
	CustIdentity me;
	CustArgs	args = {0};
	uint64		n;
	MemoryContext old;

	cust_enter_custodian(&me);
	SPI_connect();
	if (scope->client_key)
		cust_arg_text(&args, scope->client_key);
	else
		cust_arg(&args, INT8ARRAYOID, PointerGetDatum(scope->client_nos), false);
	cust_arg_oid(&args, scope->relid);
	n = cust_sql_latest(psprintf(facts_query, clients_sql(scope)), &args);
	old = MemoryContextSwitchTo(context);
	for (uint64 i = 0; i < n; i++)
	{
		CustPart   *part = part_for(book, &parts, cust_oid(i, 1),
									(int) DatumGetInt32(cust_datum(i, 2, &(bool){0})),
									cust_str(i, 7));
		CustFact   *fact;
		bool		isnull;
		Datum		value;

		if (part == NULL || !cust_key_fits(part, cust_str(i, 4)))
			continue;
		fact = palloc0(sizeof(CustFact));
		fact->client_no = cust_int8(i, 3, 0);
		fact->client_key = cust_str(i, 4);
		fact->contract_end = DatumGetDateADT(cust_datum(i, 5, &isnull));
		fact->has_end = !isnull;
		fact->returned_on = DatumGetDateADT(cust_datum(i, 6, &isnull));
		fact->has_return = !isnull;
		value = cust_datum(i, 8, &isnull);
		if (!isnull)
		{
			fact->minimum = palloc(sizeof(Interval));
			*fact->minimum = *DatumGetIntervalP(value);
			part->has_minimum = true;
		}
		value = cust_datum(i, 9, &isnull);
		if (!isnull)
		{
			fact->maximum = palloc(sizeof(Interval));
			*fact->maximum = *DatumGetIntervalP(value);
			part->has_maximum = true;
		}
		fact->held = cust_bool(i, 10);
		value = cust_datum(i, 11, &isnull);
		fact->secret = isnull ? NULL : DatumGetByteaPCopy(value);
		part->facts = lappend(part->facts, fact);
	}
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	return parts;
}

/*
 * cust_part_alone
 *		Prepare a part for a statement that is about this part and acts.
 *
 * Only clients of whom something can be due stay, so that the statement need
 * not ask, and the planner knows how many there are.
 */
void
cust_part_alone(const CustBook *book, CustPart *part)
{
	List	   *eligible = NIL;
	ListCell   *cell;

	foreach(cell, part->facts)
	{
		CustFact   *fact = lfirst(cell);

		if (fact->has_end && fact->contract_end < book->today && !fact->held)
			eligible = lappend(eligible, fact);
	}
	part->facts = eligible;
	part->alone = true;
}

/* Columns of f, in the order of their parameters. */
static const char *const fact_columns[CUST_FACT_COLUMNS] = {
	"part", "client_no", "client_key", "contract_end", "returned_on", "minimum",
	"maximum", "held", "secret"
};

/*
 * cust_facts_sql
 *		FROM item of the facts, alias f, with the columns that the rest of the
 *		statement names.
 *
 * In an UPDATE or DELETE every row of f is carried along whole, in case the
 * target has to be looked at again; narrow rows fit into memory.
 */
char *
cust_facts_sql(const char *statement)
{
	StringInfoData params,
				names;

	initStringInfo(&params);
	initStringInfo(&names);
	for (int i = 0; i < CUST_FACT_COLUMNS; i++)
	{
		if (strstr(statement, psprintf("f.%s", fact_columns[i])) == NULL)
			continue;
		appendStringInfo(&params, "%s$%d", params.len ? ", " : "", CUST_FACT_PARAM + i);
		appendStringInfo(&names, "%s%s", names.len ? ", " : "", fact_columns[i]);
	}
	if (params.len == 0)		/* the clients alone */
		return psprintf("unnest($%d) AS f(client_no)", CUST_FACT_PARAM + 1);
	return psprintf("unnest(%s) AS f(%s)", params.data, names.data);
}

/* One array argument, built from a field of every fact. */
typedef struct Column
{
	Datum	   *values;
	bool	   *nulls;
	int			n;
} Column;

static void
put(Column *column, Datum value, bool isnull)
{
	column->values[column->n] = isnull ? (Datum) 0 : value;
	column->nulls[column->n++] = isnull;
}

static void
array_arg(CustArgs *args, const Column *column, Oid element, Oid array)
{
	int16		len;
	bool		byval;
	char		align;
	int			dims[1] = {column->n};
	int			bounds[1] = {1};

	switch (element)
	{
		case INT4OID:
			len = 4, byval = true, align = TYPALIGN_INT;
			break;
		case INT8OID:
			len = 8, byval = FLOAT8PASSBYVAL, align = TYPALIGN_DOUBLE;
			break;
		case DATEOID:
			len = 4, byval = true, align = TYPALIGN_INT;
			break;
		case INTERVALOID:
			len = 16, byval = false, align = TYPALIGN_DOUBLE;
			break;
		case BOOLOID:
			len = 1, byval = true, align = TYPALIGN_CHAR;
			break;
		default:				/* text, bytea */
			len = -1, byval = false, align = TYPALIGN_INT;
			break;
	}
	cust_arg(args, array,
			 PointerGetDatum(construct_md_array(column->values, column->nulls,
												1, dims, bounds, element, len,
												byval, align)),
			 false);
}

/*
 * cust_facts_args
 *		Parameters 1 (the day) and 2 to 10 (the facts of the parts).
 */
void
cust_facts_args(CustArgs *args, const CustBook *book, List *parts)
{
	Column		c[CUST_FACT_COLUMNS];
	int			total = 0;
	ListCell   *cell,
			   *inner;

	foreach(cell, parts)
		total += list_length(((CustPart *) lfirst(cell))->facts);
	for (int i = 0; i < CUST_FACT_COLUMNS; i++)
	{
		c[i].values = palloc(sizeof(Datum) * Max(total, 1));
		c[i].nulls = palloc(sizeof(bool) * Max(total, 1));
		c[i].n = 0;
	}
	foreach(cell, parts)
	{
		CustPart   *part = lfirst(cell);

		foreach(inner, part->facts)
		{
			CustFact   *fact = lfirst(inner);

			put(&c[0], Int32GetDatum(part->no), false);
			put(&c[1], Int64GetDatum(fact->client_no), false);
			put(&c[2], CStringGetTextDatum(fact->client_key), false);
			put(&c[3], DateADTGetDatum(fact->contract_end), !fact->has_end);
			put(&c[4], DateADTGetDatum(fact->returned_on), !fact->has_return);
			put(&c[5], IntervalPGetDatum(fact->minimum), fact->minimum == NULL);
			put(&c[6], IntervalPGetDatum(fact->maximum), fact->maximum == NULL);
			put(&c[7], BoolGetDatum(fact->held), false);
			put(&c[8], PointerGetDatum(fact->secret), fact->secret == NULL);
		}
	}
	Assert(args->n == 0);
	cust_arg_date(args, book->today, false);
	array_arg(args, &c[0], INT4OID, INT4ARRAYOID);
	array_arg(args, &c[1], INT8OID, INT8ARRAYOID);
	array_arg(args, &c[2], TEXTOID, TEXTARRAYOID);
	array_arg(args, &c[3], DATEOID, DATEARRAYOID);
	array_arg(args, &c[4], DATEOID, DATEARRAYOID);
	array_arg(args, &c[5], INTERVALOID, INTERVALARRAYOID);
	array_arg(args, &c[6], INTERVALOID, INTERVALARRAYOID);
	array_arg(args, &c[7], BOOLOID, BOOLARRAYOID);
	array_arg(args, &c[8], BYTEAOID, BYTEAARRAYOID);
}

/*
 * cust_client_join_sql
 *		Condition that joins the row (over its path) to its client's facts.
 *
 * The key's text is cast to the type of the table's column, so that an index
 * on the column serves.  Where values of the type can be equal and yet differ
 * as text (1.0 and 1.00), the text decides: one row, one client.
 */
char *
cust_client_join_sql(const CustPath *path)
{
	StringInfoData buf;
	ListCell   *cell;
	int			n = list_length(path->keys);
	bool		exact = true;

	initStringInfo(&buf);
	foreach(cell, path->conditions)
		appendStringInfo(&buf, "%s AND ", (char *) lfirst(cell));
	for (int i = 0; i < n; i++)
	{
		Oid			type = getBaseType(list_nth_oid(path->key_types, i));
		char	   *key = n == 1 ? pstrdup("f.client_key") :
			psprintf("((f.client_key)::pg_catalog.text[])[%d]", i + 1);

		appendStringInfo(&buf, "%s%s", i ? " AND " : "",
						 cust_equals(type, list_nth(path->keys, i), type,
									 psprintf("(%s)::%s", key, cust_type_name(type))));
		exact = exact && cust_text_is_value(type, list_nth_oid(path->key_collations, i));
	}
	if (!exact)
		appendStringInfo(&buf, " AND f.client_key OPERATOR(pg_catalog.=) %s",
						 cust_client_key_sql(path->keys));
	return buf.data;
}
