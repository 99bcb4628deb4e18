/*
 * track.c
 *	  Following the application's contract table.
 *
 * A row trigger reports each new or changed contract.  A contract row that is
 * deleted stays known as it was: were it forgotten, deleting the row of an
 * open contract would end the client's custody, and its records with it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/setting.h"
#include "core/spi.h"
#include "lifecycle/contract.h"
#include "retention/book.h"
#include "retention/compile.h"
#include "retention/expr.h"

#define TRACK_TRIGGER "custodian_track_contract"

PG_FUNCTION_INFO_V1(custodian_track_contract_change);
PG_FUNCTION_INFO_V1(custodian_track_contracts);
PG_FUNCTION_INFO_V1(custodian_untrack_contracts);

/* A contract table that is followed. */
typedef struct Source
{
	Oid			relid;
	char	   *contract;
	List	   *clients;
	char	   *ends_on;
	char	   *ended_when;
} Source;

/*
 * source_select
 *		Contract key, client key and last day of rows t of the contract table.
 *
 * Without ended_when's consent an end date is only planned: the contract
 * counts as open, and nothing is disposed of.
 */
static char *
source_select(const Source *source)
{
	List	   *keys = NIL;
	ListCell   *cell;
	char	   *ends = cust_date_sql(cust_time_zone(), source->relid, source->ends_on);

	foreach(cell, source->clients)
		keys = lappend(keys, psprintf("t.%s", quote_identifier(lfirst(cell))));
	if (source->ended_when)
		ends = psprintf("CASE WHEN %s THEN %s END", source->ended_when, ends);
	return psprintf("SELECT (t.%s)::pg_catalog.text, %s, %s",
					quote_identifier(source->contract), cust_client_key_sql(keys), ends);
}

/* The registered source of a contract table, or NULL. */
static Source *
read_source(Oid relid)
{
	MemoryContext context = CurrentMemoryContext;
	Source	   *source = NULL;
	CustIdentity me;
	CustArgs	args = {0};

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	if (cust_sql_one("SELECT contract_column, client_columns, end_column, ended_when "
					 "FROM custodian.contract_source WHERE relation = $1", &args))
	{
		MemoryContext old = MemoryContextSwitchTo(context);
		bool		isnull;

		source = palloc0(sizeof(Source));
		source->relid = relid;
		source->contract = cust_str(0, 1);
		source->clients = cust_names_of(cust_datum(0, 2, &isnull));
		source->ends_on = cust_str(0, 3);
		source->ended_when = cust_str(0, 4);
		MemoryContextSwitchTo(old);
	}
	SPI_finish();
	cust_leave(&me);
	return source;
}

/*
 * store_rows
 *		Store the contracts that a query on the contract table gives.
 *
 * Runs the query as the table's owner.  Errors: a row without a contract's
 * key or a client's key.
 */
static uint64
store_rows(const Source *source, const char *query, CustArgs *args, const char *act)
{
	CustIdentity me;
	CustContracts contracts = {0};
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old;
	uint64		n;
	Datum	   *keys,
			   *clients,
			   *dates;
	bool	   *open,
			   *unknown;
	int			dims[1];
	int			bounds[1] = {1};

	cust_enter_owner(&me, cust_relation_owner(source->relid));
	SPI_connect();
	n = cust_sql(query, args, SPI_OK_SELECT);
	old = MemoryContextSwitchTo(context);
	keys = palloc(sizeof(Datum) * Max(n, 1));
	clients = palloc(sizeof(Datum) * Max(n, 1));
	dates = palloc(sizeof(Datum) * Max(n, 1));
	open = palloc(sizeof(bool) * Max(n, 1));
	unknown = palloc(sizeof(bool) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		char	   *key = cust_str(i, 1);
		char	   *client = cust_str(i, 2);

		if (key == NULL || client == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_NOT_NULL_VIOLATION),
					 errmsg("a row of %s has no %s", cust_relation_name(source->relid),
							key == NULL ? "contract key" : "client key"),
					 errhint("Every contract needs a key and a client; declare the columns NOT NULL.")));
		keys[i] = CStringGetTextDatum(key);
		clients[i] = CStringGetTextDatum(client);
		dates[i] = cust_datum(i, 3, &open[i]);
		unknown[i] = true;
	}
	dims[0] = (int) n;
	contracts.source = source->relid;
	contracts.contracts = construct_array(keys, (int) n, TEXTOID, -1, false, TYPALIGN_INT);
	contracts.clients = construct_array(clients, (int) n, TEXTOID, -1, false, TYPALIGN_INT);
	contracts.ends = construct_md_array(dates, open, 1, dims, bounds, DATEOID, 4, true,
										TYPALIGN_INT);
	contracts.starts = construct_md_array(dates, unknown, 1, dims, bounds, DATEOID, 4,
										  true, TYPALIGN_INT);
	MemoryContextSwitchTo(old);
	SPI_finish();
	cust_leave(&me);
	if (n > 0)
		cust_contracts_store(&contracts, act);
	return n;
}

/* A contract's key changed: what is known of it goes on under the new one. */
static void
rename_contract(const Source *source, Datum before, Datum after, Oid row_type)
{
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	keys = {0};
	char	   *column = psprintf("(t.%s)::pg_catalog.text", quote_identifier(source->contract));
	bool		changed;
	MemoryContext context = CurrentMemoryContext;
	char	   *was,
			   *is;

	cust_enter_owner(&me, cust_relation_owner(source->relid));
	SPI_connect();
	cust_arg(&args, row_type, before, false);
	cust_arg(&args, row_type, after, false);
	cust_sql_one(psprintf("SELECT o.k, n.k FROM (SELECT %s AS k FROM (SELECT ($1).*) AS t) o, "
						  "(SELECT %s AS k FROM (SELECT ($2).*) AS t) n", column, column),
				 &args);
	was = cust_str(0, 1);
	is = cust_str(0, 2);
	changed = was && is && strcmp(was, is) != 0;
	if (changed)
	{
		was = MemoryContextStrdup(context, was);
		is = MemoryContextStrdup(context, is);
	}
	SPI_finish();
	cust_leave(&me);
	if (!changed)
		return;
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&keys, source->relid);
	cust_arg_text(&keys, was);
	cust_arg_text(&keys, is);
	if (cust_sql_one("SELECT FROM custodian.contract WHERE source = $1 "
					 "AND contract_key = $3 AND $2 <> $3", &keys))
		ereport(ERROR,
				(errcode(ERRCODE_UNIQUE_VIOLATION),
				 errmsg("a contract of %s takes the key of another one that is known",
						cust_relation_name(source->relid)),
				 errhint("Contracts stay known when their rows are deleted; give the contract a key of its own.")));
	cust_sql("UPDATE custodian.contract SET contract_key = $3 "
			 "WHERE source = $1 AND contract_key = $2", &keys, SPI_OK_UPDATE);
	SPI_finish();
	cust_leave(&me);
}

/*
 * track_contract_change()
 *		AFTER INSERT OR UPDATE FOR EACH ROW on a contract table.
 */
Datum
custodian_track_contract_change(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Source	   *source;
	CustArgs	args = {0};
	Oid			relid,
				row_type;
	Datum		row;
	HeapTuple	tuple;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be fired after insert or update, for each row",
						"custodian.track_contract_change"),
				 errhint("custodian.track_contracts() makes the trigger.")));
	relid = RelationGetRelid(trigger->tg_relation);
	source = read_source(cust_top_relation(relid));
	if (source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_NOT_ADOPTED),
				 errmsg("relation %s has custodian's trigger but is not tracked",
						cust_relation_name(relid)),
				 errhint("Track it with custodian.track_contracts(), or drop the trigger " TRACK_TRIGGER ".")));
	row_type = get_rel_type_id(relid);
	tuple = TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ?
		trigger->tg_newtuple : trigger->tg_trigtuple;
	row = heap_copy_tuple_as_datum(tuple, RelationGetDescr(trigger->tg_relation));
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		rename_contract(source,
						heap_copy_tuple_as_datum(trigger->tg_trigtuple,
												 RelationGetDescr(trigger->tg_relation)),
						row, row_type);
	cust_arg(&args, row_type, row, false);
	store_rows(source, psprintf("%s FROM (SELECT ($1).*) AS t", source_select(source)),
			   &args, "contract");
	return PointerGetDatum(NULL);
}

/* Check that the columns are fit for their part, and register the source. */
static void
register_source(const Source *source)
{
	CustIdentity me;
	CustArgs	args = {0};
	char	   *name = cust_relation_name(source->relid);

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, source->relid);
	cust_arg_text(&args, source->contract);
	cust_arg(&args, NAMEARRAYOID, cust_name_array(source->clients), false);
	cust_arg_text(&args, source->ends_on);
	cust_arg_text(&args, source->ended_when);
	cust_sql("INSERT INTO custodian.contract_source VALUES ($1, $2, $3, $4, $5)",
			 &args, SPI_OK_INSERT);
	cust_sql(psprintf("CREATE TRIGGER " TRACK_TRIGGER " AFTER INSERT OR UPDATE ON %s "
					  "FOR EACH ROW EXECUTE FUNCTION custodian.track_contract_change()",
					  name), NULL, SPI_OK_UTILITY);
	cust_sql(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER " TRACK_TRIGGER, name),
			 NULL, SPI_OK_UTILITY);
	SPI_finish();
	cust_leave(&me);
}

/*
 * track_contracts(relation, contract, client, ends_on, ended_when)
 *		returns bigint
 *
 * contract: column with the contract's key, unique.  client: column(s) with
 * the client's key.  ends_on: date or timestamp, the last day; NULL while
 * open.  ended_when: condition on the row without which it counts as open.
 * Returns the number of contracts taken in.
 */
Datum
custodian_track_contracts(PG_FUNCTION_ARGS)
{
	Source		source = {0};
	char	   *contract,
			   *client,
			   *ends_on,
			   *ended_when;
	List	   *columns;
	ListCell   *cell;
	Oid			type;
	int64		n;
	CustEvent  *event;

	cust_prevent_read_only("custodian.track_contracts()");
	source.relid = cust_need_oid(fcinfo, 0, "relation");
	contract = cust_need_text(fcinfo, 1, "contract");
	client = cust_need_text(fcinfo, 2, "client");
	ends_on = cust_need_text(fcinfo, 3, "ends_on");
	ended_when = cust_get_text(fcinfo, 4);

	cust_check_table(source.relid, true);
	if (read_source(source.relid))
		ereport(ERROR,
				(errcode(ERRCODE_CUST_ALREADY_ADOPTED),
				 errmsg("contracts of %s are tracked already",
						cust_relation_name(source.relid)),
				 errhint("Stop that with custodian.untrack_contracts() first.")));
	columns = cust_columns(source.relid, contract, "contract");
	if (list_length(columns) != 1 || !cust_unique(source.relid, linitial(columns)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("argument \"%s\" must name one column with a unique index",
						"contract"),
				 errhint("Two rows with the same key would be taken for one contract.")));
	source.contract = linitial(columns);
	source.clients = cust_columns(source.relid, client, "client");
	foreach(cell, source.clients)
		cust_check_comparable(source.relid, lfirst(cell));
	columns = cust_columns(source.relid, ends_on, "ends_on");
	type = getBaseType(cust_column_type(source.relid, linitial(columns)));
	if (list_length(columns) != 1 ||
		(type != DATEOID && type != TIMESTAMPOID && type != TIMESTAMPTZOID))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("argument \"%s\" must name one column of type date or timestamp",
						"ends_on")));
	source.ends_on = linitial(columns);
	if (ended_when)
		source.ended_when = cust_row_condition(source.relid, ended_when, "ended_when");

	register_source(&source);
	n = (int64) store_rows(&source,
						   psprintf("%s FROM %s AS t", source_select(&source),
									cust_relation_name(source.relid)), NULL, NULL);
	event = cust_event("track_contracts");
	cust_event_relation(event, source.relid);
	cust_event_int(event, "contracts", n);
	cust_event_write(event);
	PG_RETURN_INT64(n);
}

/*
 * untrack_contracts(relation regclass)
 */
Datum
custodian_untrack_contracts(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.untrack_contracts()");
	if (read_source(relid) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_NOT_ADOPTED),
				 errmsg("contracts of this relation are not tracked"),
				 errhint("The table custodian.contract_source lists those that are.")));
	if (cust_relation_exists(relid))
		cust_check_owner(relid);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_sql("DELETE FROM custodian.contract_source WHERE relation = $1", &args,
			 SPI_OK_DELETE);
	if (cust_relation_exists(relid))
		cust_sql(psprintf("DROP TRIGGER IF EXISTS " TRACK_TRIGGER " ON %s",
						  cust_relation_name(relid)), NULL, SPI_OK_UTILITY);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("untrack_contracts");
	if (cust_relation_exists(relid))
		cust_event_relation(event, relid);
	cust_event_write(event);
	PG_RETURN_VOID();
}
