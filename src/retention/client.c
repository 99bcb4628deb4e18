/*
 * client.c
 *	  Clients by their key, and who may act on them now.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"

#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"
#include "retention/client.h"

/* First key of the advisory locks, "CUSC"; the second is the bucket. */
#define CLIENT_LOCK_CLASS 0x43555343

/*
 * cust_find_client
 *		Number of the client with this key; 0 where missing_ok.
 *
 * The message does not repeat the key: it may be an identity number.
 */
int64
cust_find_client(const char *client_key, bool missing_ok)
{
	CustIdentity me;
	CustArgs	args = {0};
	int64		client_no = 0;

	cust_enter_custodian(&me);
	SPI_connect();
	cust_arg_text(&args, client_key);
	if (cust_sql_one("SELECT client_no FROM custodian.client WHERE client_key = $1",
					 &args))
		client_no = cust_int8(0, 1, 0);
	SPI_finish();
	cust_leave(&me);
	if (client_no == 0 && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_CUST_UNKNOWN_CLIENT),
				 errmsg("the client is not known"),
				 errhint("Clients become known by their contracts: custodian.track_contracts() or custodian.open_contract(). A key of several columns is written as an array, {a,b}.")));
	return client_no;
}

/* A bigint[] of client numbers. */
ArrayType *
cust_client_array(const int64 *client_nos, int n)
{
	Datum	   *datums = palloc(sizeof(Datum) * Max(n, 1));
	ArrayType  *result;

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(client_nos[i]);
	result = construct_array(datums, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(datums);
	return result;
}

/* How many clients the array has. */
int
cust_client_count(ArrayType *client_nos)
{
	return ArrayGetNItems(ARR_NDIM(client_nos), ARR_DIMS(client_nos));
}

/* One client of the array, which has no NULLs. */
int64
cust_client_nth(ArrayType *client_nos, int i)
{
	return ((int64 *) ARR_DATA_PTR(client_nos))[i];
}

static LOCKTAG
bucket_tag(int bucket)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, CLIENT_LOCK_CLASS, (uint32) bucket,
						 CUST_LOCK_KIND);
	return tag;
}

/* Which buckets do the clients fall into? */
static void
mark_buckets(ArrayType *client_nos, bool *wanted)
{
	for (int i = 0; i < cust_client_count(client_nos); i++)
		wanted[cust_client_nth(client_nos, i) % CUST_CLIENT_LOCKS] = true;
}

/*
 * cust_clients_share
 *		Wait until no batch works on these clients, and keep batches off them
 *		until the end of the transaction.
 */
void
cust_clients_share(ArrayType *client_nos)
{
	bool		wanted[CUST_CLIENT_LOCKS] = {0};

	mark_buckets(client_nos, wanted);
	for (int i = 0; i < CUST_CLIENT_LOCKS; i++)
		if (wanted[i])
		{
			LOCKTAG		tag = bucket_tag(i);

			(void) LockAcquire(&tag, ShareLock, false, false);
		}
}

/*
 * cust_clients_claim
 *		Keep contract changes and other runs off these clients until the end of
 *		the transaction.
 *
 * Returns those that could be claimed at once.
 */
ArrayType *
cust_clients_claim(ArrayType *client_nos)
{
	bool		claimed[CUST_CLIENT_LOCKS] = {0};
	int			n = cust_client_count(client_nos);
	int64	   *result = palloc(sizeof(int64) * Max(n, 1));
	int			count = 0;

	mark_buckets(client_nos, claimed);
	for (int i = 0; i < CUST_CLIENT_LOCKS; i++)
		if (claimed[i])
		{
			LOCKTAG		tag = bucket_tag(i);

			claimed[i] = LockAcquire(&tag, ExclusiveLock, false, true) !=
				LOCKACQUIRE_NOT_AVAIL;
		}
	for (int i = 0; i < n; i++)
		if (claimed[cust_client_nth(client_nos, i) % CUST_CLIENT_LOCKS])
			result[count++] = cust_client_nth(client_nos, i);
	return cust_client_array(result, count);
}
