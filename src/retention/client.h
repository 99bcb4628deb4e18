/*
 * client.h
 *	  Clients by their key, and the holds that stand.
 */
#ifndef CUST_CLIENT_H
#define CUST_CLIENT_H

#include "postgres.h"

extern int64 cust_find_client(const char *client_key, bool missing_ok);
extern int64 cust_table_hold(Oid relid);

#endif							/* CUST_CLIENT_H */
