/*
 * contract.c
 *	  Contracts, and what follows when a client's last one ends.
 *
 * A client is active while any contract is open; its end is that of the
 * latest contract.  When it is over a case opens; when a contract is reopened
 * (or a new one made) the case is cancelled, or reopened where something was
 * done already.
 *
 * Whoever changes a contract first takes its client's share (see
 * retention/client.h), so that a batch of a run is over before or leaves the
 * client alone; then locks the client's row, so that two sessions that end two
 * contracts of one client at the same time both count right.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/setting.h"
#include "core/spi.h"
#include "lifecycle/contract.h"
#include "retention/client.h"

PG_FUNCTION_INFO_V1(custodian_open_contract);
PG_FUNCTION_INFO_V1(custodian_end_contract);
PG_FUNCTION_INFO_V1(custodian_reopen_contract);
PG_FUNCTION_INFO_V1(custodian_confirm_return);

/* One event for each row that a statement returned: case, client. */
static void
write_case_events(const char *act, uint64 n)
{
	int64	   *cases = palloc(sizeof(int64) * Max(n, 1));
	int64	   *clients = palloc(sizeof(int64) * Max(n, 1));

	for (uint64 i = 0; i < n; i++)
	{
		cases[i] = cust_int8(i, 1, 0);
		clients[i] = cust_int8(i, 2, 0);
	}
	for (uint64 i = 0; i < n; i++)
	{
		CustEvent  *event = cust_event(act);

		cust_event_client(event, clients[i]);
		cust_event_int(event, "case", cases[i]);
		cust_event_write(event);
	}
}

/*
 * clients_changed
 *		Draw the conclusions for clients whose contracts changed.
 *
 * We are custodian, connected to SPI, and hold the clients' row locks.
 */
static void
clients_changed(CustArgs *clients)
{
	CustArgs	restricted;
	uint64		n;

	/* a client whose last contract went to another has no end any more */
	cust_sql("UPDATE custodian.client c SET open_contracts = s.open, "
			 "contract_end = CASE WHEN s.open = 0 THEN s.last END, "
			 "returned_on = CASE WHEN s.open = 0 AND c.returned_on >= s.last "
			 "THEN c.returned_on END "
			 "FROM (SELECT u.client_no, count(k.contract_no) "
			 "FILTER (WHERE k.ends_on IS NULL) AS open, max(k.ends_on) AS last "
			 "FROM unnest($1) AS u(client_no) "
			 "LEFT JOIN custodian.contract k ON k.client_no = u.client_no "
			 "GROUP BY u.client_no) s WHERE c.client_no = s.client_no",
			 clients, SPI_OK_UPDATE);

	n = cust_sql("UPDATE custodian.client_case k SET ended_at = clock_timestamp(), "
				 "state = CASE k.state WHEN 'open' THEN 'cancelled' ELSE 'reopened' END "
				 "FROM custodian.client c WHERE c.client_no = k.client_no "
				 "AND c.client_no = ANY ($1) AND k.state IN ('open', 'running') "
				 "AND c.contract_end IS NULL RETURNING k.case_no, k.client_no",
				 clients, SPI_OK_UPDATE_RETURNING);
	write_case_events("cancel_case", n);

	/* processing is allowed again, until the new end where there is one */
	restricted = *clients;
	cust_arg_date(&restricted, cust_today(), false);
	cust_sql("DELETE FROM custodian.restriction r USING custodian.client c "
			 "WHERE c.client_no = r.client_no AND c.client_no = ANY ($1) "
			 "AND (c.contract_end IS NULL OR c.contract_end >= $2)",
			 &restricted, SPI_OK_DELETE);

	/* rows that were anonymized may be filled again while the contract runs */
	cust_sql("DELETE FROM custodian.anonymized m USING custodian.client c "
			 "WHERE c.client_no = m.client_no AND c.client_no = ANY ($1) "
			 "AND (c.contract_end IS NULL OR c.contract_end >= $2)",
			 &restricted, SPI_OK_DELETE);

	n = cust_sql("UPDATE custodian.client_case k SET contract_end = c.contract_end "
				 "FROM custodian.client c WHERE c.client_no = k.client_no "
				 "AND c.client_no = ANY ($1) AND k.state IN ('open', 'running') "
				 "AND c.contract_end <> k.contract_end RETURNING k.case_no, k.client_no",
				 clients, SPI_OK_UPDATE_RETURNING);
	write_case_events("change_case", n);

	n = cust_sql("INSERT INTO custodian.client_case (client_no, contract_end) "
				 "SELECT c.client_no, c.contract_end FROM custodian.client c "
				 "WHERE c.client_no = ANY ($1) AND c.contract_end IS NOT NULL "
				 "AND NOT EXISTS (SELECT FROM custodian.client_case k "
				 "WHERE k.client_no = c.client_no AND k.state IN ('open', 'running')) "
				 "ORDER BY c.client_no RETURNING case_no, client_no",
				 clients, SPI_OK_INSERT_RETURNING);
	write_case_events("open_case", n);
}

/*
 * cust_contracts_store
 *		Store contracts, new or changed, and draw the conclusions.
 *
 * act: name of the event that is written for each contract, or NULL.
 */
void
cust_contracts_store(const CustContracts *contracts, const char *act)
{
	CustIdentity me;
	CustArgs	args = {0};
	CustArgs	clients = {0};
	uint64		n;
	Datum	   *numbers;
	ArrayType  *numbers_array;
	bool		isnull;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg(&args, REGCLASSOID, ObjectIdGetDatum(contracts->source), false);
	cust_arg(&args, TEXTARRAYOID, PointerGetDatum(contracts->contracts), false);
	cust_arg(&args, TEXTARRAYOID, PointerGetDatum(contracts->clients), false);
	cust_arg(&args, DATEARRAYOID, PointerGetDatum(contracts->starts), false);
	cust_arg(&args, DATEARRAYOID, PointerGetDatum(contracts->ends), false);

	cust_sql("INSERT INTO custodian.client (client_key) "
			 "SELECT DISTINCT k FROM unnest($3) AS k ORDER BY k "
			 "ON CONFLICT (client_key) DO NOTHING", &args, SPI_OK_INSERT);

	/* the clients that the contracts have now, and had before, in one order */
	n = cust_sql("SELECT client_no FROM custodian.client "
				 "WHERE client_key = ANY ($3) OR client_no IN "
				 "(SELECT client_no FROM custodian.contract "
				 "WHERE source = $1 AND contract_key = ANY ($2)) "
				 "ORDER BY client_no", &args, SPI_OK_SELECT);
	numbers = palloc(sizeof(Datum) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
		numbers[i] = cust_datum(i, 1, &isnull);
	numbers_array = construct_array(numbers, (int) n, INT8OID, 8, FLOAT8PASSBYVAL,
									TYPALIGN_DOUBLE);
	cust_arg(&clients, INT8ARRAYOID, PointerGetDatum(numbers_array), false);
	cust_clients_share(numbers_array);
	cust_sql("SELECT FROM custodian.client WHERE client_no = ANY ($1) "
			 "ORDER BY client_no FOR NO KEY UPDATE", &clients, SPI_OK_SELECT);

	n = cust_sql("INSERT INTO custodian.contract (source, contract_key, client_no, "
				 "starts_on, ends_on) "
				 "SELECT $1, u.k, c.client_no, u.s, u.e "
				 "FROM unnest($2, $3, $4, $5) AS u(k, c, s, e) "
				 "JOIN custodian.client c ON c.client_key = u.c "
				 "ON CONFLICT (source, contract_key) DO UPDATE SET "
				 "client_no = excluded.client_no, ends_on = excluded.ends_on, "
				 "starts_on = COALESCE(excluded.starts_on, contract.starts_on) "
				 "WHERE (contract.client_no, contract.ends_on) "
				 "IS DISTINCT FROM (excluded.client_no, excluded.ends_on) "
				 "RETURNING contract_no, client_no, ends_on",
				 &args, SPI_OK_INSERT_RETURNING);
	for (uint64 i = 0; act && i < n; i++)
	{
		CustEvent  *event = cust_event(act);
		Datum		ends = cust_datum(i, 3, &isnull);

		cust_event_client(event, cust_int8(i, 2, 0));
		cust_event_int(event, "contract", cust_int8(i, 1, 0));
		if (!isnull)
			cust_event_date(event, "ends_on", DatumGetDateADT(ends));
		cust_event_write(event);
	}
	if (n > 0)
		clients_changed(&clients);
	SPI_finish();
	cust_leave(&me);
}

/* A text[] of one. */
static ArrayType *
one_text(const char *value)
{
	Datum		datum = CStringGetTextDatum(value);

	return construct_array(&datum, 1, TEXTOID, -1, false, TYPALIGN_INT);
}

/* A date[] of one, which may be NULL. */
static ArrayType *
one_date(DateADT value, bool isnull)
{
	Datum		datum = DateADTGetDatum(value);
	int			dims[1] = {1};
	int			bounds[1] = {1};

	return construct_md_array(&datum, &isnull, 1, dims, bounds, DATEOID, 4, true,
							  TYPALIGN_INT);
}

/* What is known of a contract that the application manages through us. */
typedef struct Known
{
	bool		found;
	int64		contract_no;
	char	   *client_key;
	DateADT		starts_on;
	bool		has_start;
	bool		open;
} Known;

static Known
known_contract(const char *contract)
{
	MemoryContext context = CurrentMemoryContext;
	Known		result = {0};
	CustIdentity me;
	CustArgs	args = {0};
	bool		isnull;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, contract);
	if (cust_sql_one("SELECT k.contract_no, c.client_key, k.starts_on, k.ends_on IS NULL "
					 "FROM custodian.contract k JOIN custodian.client c USING (client_no) "
					 "WHERE k.source = 0 AND k.contract_key = $1", &args))
	{
		result.found = true;
		result.contract_no = cust_int8(0, 1, 0);
		result.client_key = MemoryContextStrdup(context, cust_str(0, 2));
		result.starts_on = DatumGetDateADT(cust_datum(0, 3, &isnull));
		result.has_start = !isnull;
		result.open = cust_bool(0, 4);
	}
	SPI_finish();
	cust_leave(&me);
	return result;
}

static Known
need_contract(const char *contract)
{
	Known		known = known_contract(contract);

	if (!known.found)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_UNKNOWN_CONTRACT),
				 errmsg("the contract is not known"),
				 errhint("Make it known with custodian.open_contract(); contracts of a tracked table are ended by updating that table.")));
	return known;
}

/* Store one contract of the application's own. */
static void
store_one(const char *contract, const char *client, DateADT starts, bool no_start,
		  DateADT ends, bool no_end, const char *act)
{
	CustContracts one = {0};

	one.source = InvalidOid;
	one.contracts = one_text(contract);
	one.clients = one_text(client);
	one.starts = one_date(starts, no_start);
	one.ends = one_date(ends, no_end);
	cust_contracts_store(&one, act);
}

/* Error for a date that is no day. */
static void
check_finite(DateADT date, const char *argument)
{
	if (DATE_NOT_FINITE(date))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" is infinite", argument)));
}

/*
 * open_contract(contract text, client text, starts_on date) returns bigint
 */
Datum
custodian_open_contract(PG_FUNCTION_ARGS)
{
	char	   *contract = cust_need_text(fcinfo, 0, "contract");
	char	   *client = cust_need_text(fcinfo, 1, "client");
	DateADT		starts = PG_ARGISNULL(2) ? 0 : PG_GETARG_DATEADT(2);

	cust_prevent_read_only("custodian.open_contract()");
	if (!PG_ARGISNULL(2))
		check_finite(starts, "starts_on");
	if (known_contract(contract).found)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("the contract is known already"),
				 errhint("Take back its end with custodian.reopen_contract().")));
	store_one(contract, client, starts, PG_ARGISNULL(2), 0, true, "open_contract");
	PG_RETURN_INT64(known_contract(contract).contract_no);
}

/*
 * end_contract(contract text, ends_on date)
 *		ends_on is the last day of the contract; it may lie in the future.
 */
Datum
custodian_end_contract(PG_FUNCTION_ARGS)
{
	char	   *contract = cust_need_text(fcinfo, 0, "contract");
	DateADT		ends;
	Known		known;

	cust_prevent_read_only("custodian.end_contract()");
	ends = PG_ARGISNULL(1) ? cust_today() : PG_GETARG_DATEADT(1);
	check_finite(ends, "ends_on");
	known = need_contract(contract);
	if (known.has_start && ends < known.starts_on)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the contract would end before it starts"),
				 errdetail("It starts on %s.", cust_date_text(known.starts_on))));
	store_one(contract, known.client_key, 0, true, ends, false, "end_contract");
	PG_RETURN_VOID();
}

/*
 * reopen_contract(contract text)
 */
Datum
custodian_reopen_contract(PG_FUNCTION_ARGS)
{
	char	   *contract = cust_need_text(fcinfo, 0, "contract");
	Known		known;

	cust_prevent_read_only("custodian.reopen_contract()");
	known = need_contract(contract);
	if (known.open)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the contract is open")));
	store_one(contract, known.client_key, 0, true, 0, true, "reopen_contract");
	PG_RETURN_VOID();
}

/*
 * confirm_return(client text, evidence text, returned_on date)
 *		The client's entrusted records were returned: what a rule keeps only
 *		until then may go.
 */
Datum
custodian_confirm_return(PG_FUNCTION_ARGS)
{
	char	   *client = cust_need_text(fcinfo, 0, "client");
	char	   *evidence = cust_need_text(fcinfo, 1, "evidence");
	DateADT		today,
				returned;
	int64		client_no;
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.confirm_return()");
	today = cust_today();
	returned = PG_ARGISNULL(2) ? today : PG_GETARG_DATEADT(2);
	check_finite(returned, "returned_on");
	if (returned > today)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the return lies in the future"),
				 errhint("Confirm it on the day on which it happened, or later.")));
	client_no = cust_find_client(client, false);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_int8(&args, client_no);
	cust_arg_date(&args, returned, false);
	cust_arg_text(&args, evidence);
	/* returned means returned after the end: an open contract brings new rows */
	if (cust_sql("UPDATE custodian.client SET returned_on = $2 "
				 "WHERE client_no = $1 AND contract_end <= $2",
				 &(CustArgs) {.n = 2,.types = {INT8OID, DATEOID},
				 .values = {args.values[0], args.values[1]},.nulls = {' ', ' '}},
				 SPI_OK_UPDATE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the client's contracts were not over on that day"),
				 errhint("Records that are returned before the end of the contract keep coming in; confirm the return after it.")));
	cust_sql("INSERT INTO custodian.return_confirmation (client_no, returned_on, evidence) "
			 "VALUES ($1, $2, $3)", &args, SPI_OK_INSERT);
	SPI_finish();
	cust_leave(&me);
	event = cust_event("confirm_return");
	cust_event_client(event, client_no);
	cust_event_date(event, "returned_on", returned);
	cust_event_commit(event, "evidence", evidence);
	cust_event_write(event);
	PG_RETURN_VOID();
}
