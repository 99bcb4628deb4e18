/*
 * client.h
 *	  Clients by their key, and who may act on them now.
 *
 * A contract change shares its clients, a batch of a run claims them; each
 * excludes the other.  Both are heavyweight locks until the end of the
 * transaction, on one of CUST_CLIENT_LOCKS buckets, so that any number of
 * clients fits into the lock table.  A claim never waits: clients whose bucket
 * is shared, or for which a contract change is waiting, are left to the next
 * batch.  Row locks would not do: they are not fair, and a run's next batch
 * would take a row away from a session that queues for it.
 */
#ifndef CUST_CLIENT_H
#define CUST_CLIENT_H

#include "postgres.h"

#include "utils/array.h"

#define CUST_CLIENT_LOCKS 512

/* Fourth field of our advisory locks; pg_advisory_lock() takes 1 and 2 only. */
#define CUST_LOCK_KIND 3

extern int64 cust_find_client(const char *client_key, bool missing_ok);
extern int64 cust_table_hold(Oid relid);
extern int64 cust_class_hold(Oid relid, const char *record_class);
extern void cust_clients_share(ArrayType *client_nos);
extern ArrayType *cust_clients_claim(ArrayType *client_nos);
extern ArrayType *cust_client_array(const int64 *client_nos, int n);
extern int	cust_client_count(ArrayType *client_nos);
extern int64 cust_client_nth(ArrayType *client_nos, int i);

#endif							/* CUST_CLIENT_H */
