/*
 * hold.c
 *	  Legal holds.
 *
 * A hold stops every disposition of what it names: a client, a table, a
 * record class, or what the named ones have in common.  Whoever is about to
 * let rows go takes a lock on custodian.hold before he looks: a batch of a run
 * SHARE, the guard ROW SHARE.  Placing a hold takes EXCLUSIVE.  So it waits for
 * those that have looked already, and nobody misses it afterwards.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "audit/audit.h"
#include "core/args.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/relinfo.h"
#include "core/spi.h"
#include "retention/book.h"
#include "retention/client.h"

PG_FUNCTION_INFO_V1(custodian_hold);
PG_FUNCTION_INFO_V1(custodian_release_hold);

/* Number of a standing hold that covers all or some rows of the table, or 0. */
int64
cust_table_hold(Oid relid)
{
	CustIdentity me;
	CustArgs	args = {0};
	int64		hold_no = 0;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	if (cust_sql_latest("SELECT h.hold_no FROM custodian.hold h "
					 "WHERE h.released_at IS NULL "
					 "AND (h.relation IS NULL OR h.relation = $1) "
					 "AND (h.record_class IS NULL OR h.record_class IN "
					 "(SELECT a.record_class FROM custodian.adopted_class a "
					 "WHERE a.relation = $1)) ORDER BY 1 LIMIT 1", &args) > 0)
		hold_no = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	return hold_no;
}

/*
 * Number of a standing hold on a record class of a table whoever the client
 * is, or 0.
 */
int64
cust_class_hold(Oid relid, const char *record_class)
{
	CustIdentity me;
	CustArgs	args = {0};
	int64		hold_no = 0;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_oid(&args, relid);
	cust_arg_text(&args, record_class);
	if (cust_sql_latest("SELECT hold_no FROM custodian.hold WHERE released_at IS NULL "
					 "AND client_no IS NULL AND (relation IS NULL OR relation = $1) "
					 "AND (record_class IS NULL OR record_class = $2) "
					 "ORDER BY 1 LIMIT 1", &args) > 0)
		hold_no = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	return hold_no;
}

/*
 * hold(matter, client, relation, record_class, reason) returns bigint
 */
Datum
custodian_hold(PG_FUNCTION_ARGS)
{
	char	   *matter = cust_need_text(fcinfo, 0, "matter");
	char	   *client = cust_get_text(fcinfo, 1);
	Oid			relid = PG_ARGISNULL(2) ? InvalidOid : PG_GETARG_OID(2);
	char	   *class = cust_get_text(fcinfo, 3);
	char	   *reason = cust_get_text(fcinfo, 4);
	int64		client_no = 0;
	int64		hold_no;
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.hold()");
	if (client == NULL && !OidIsValid(relid) && class == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the hold names nothing"),
				 errhint("Give a client, a relation, a record class, or several of them for what they have in common.")));
	if (client)
		client_no = cust_find_client(client, false);
	if (OidIsValid(relid))
	{
		relid = cust_top_relation(relid);
		if (!OidIsValid(cust_adopted_relation(relid)))
			ereport(ERROR,
					(errcode(ERRCODE_CUST_NOT_ADOPTED),
					 errmsg("relation %s is not adopted", cust_relation_name(relid)),
					 errhint("Adopt it with custodian.adopt() first.")));
		relid = cust_adopted_relation(relid);
	}

	cust_enter_custodian(&me);
	SPI_connect();
	/* wait for batches and for deletes that the guard let pass */
	cust_sql("LOCK TABLE custodian.hold IN EXCLUSIVE MODE", NULL, SPI_OK_UTILITY);
	cust_arg_text(&args, matter);
	cust_arg(&args, INT8OID, Int64GetDatum(client_no), client == NULL);
	cust_arg(&args, REGCLASSOID, ObjectIdGetDatum(relid), !OidIsValid(relid));
	cust_arg_text(&args, class);
	cust_arg_text(&args, reason);
	if (class &&
		!cust_sql_one("SELECT FROM custodian.record_class WHERE record_class = $4",
					  &args))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("record class \"%s\" does not exist", class),
				 errhint("The table custodian.record_class lists them.")));
	cust_sql("INSERT INTO custodian.hold (matter, client_no, relation, record_class, reason) "
			 "VALUES ($1, $2, $3, $4, $5) RETURNING hold_no",
			 &args, SPI_OK_INSERT_RETURNING);
	hold_no = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);

	event = cust_event("hold");
	cust_event_int(event, "hold", hold_no);
	if (client)
		cust_event_client(event, client_no);
	if (OidIsValid(relid))
		cust_event_relation(event, relid);
	cust_event_name(event, "record_class", class);
	cust_event_commit(event, "matter", matter);
	cust_event_commit(event, "reason", reason);
	cust_event_write(event);
	PG_RETURN_INT64(hold_no);
}

/*
 * release_hold(hold_no bigint, reason text)
 */
Datum
custodian_release_hold(PG_FUNCTION_ARGS)
{
	int64		hold_no;
	char	   *reason = cust_need_text(fcinfo, 1, "reason");
	CustIdentity me;
	CustArgs	args = {0};
	CustEvent  *event;

	cust_prevent_read_only("custodian.release_hold()");
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", "hold_no")));
	hold_no = PG_GETARG_INT64(0);
	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_int8(&args, hold_no);
	cust_arg_text(&args, reason);
	if (cust_sql("UPDATE custodian.hold SET released_by = session_user, "
				 "released_at = clock_timestamp(), release_reason = $2 "
				 "WHERE hold_no = $1 AND released_at IS NULL",
				 &args, SPI_OK_UPDATE) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("hold " INT64_FORMAT " does not stand", hold_no),
				 errhint("The table custodian.hold lists the holds; released_at is NULL while one stands.")));
	SPI_finish();
	cust_leave(&me);
	event = cust_event("release_hold");
	cust_event_int(event, "hold", hold_no);
	cust_event_commit(event, "reason", reason);
	cust_event_write(event);
	PG_RETURN_VOID();
}
