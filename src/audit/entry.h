/*
 * entry.h
 *	  The bytes of an audit entry: one canonical line of JSON.
 */
#ifndef CUST_ENTRY_H
#define CUST_ENTRY_H

#include "postgres.h"

#include "access/transam.h"
#include "lib/stringinfo.h"

#include "sha256.h"

/* What an entry's key is made of, and the primary key of custodian.audit. */
typedef struct CustEventKey
{
	int64		system_identifier;
	int32		timeline;
	FullTransactionId xid;
	int32		seq;
} CustEventKey;

/* What a verifier needs from the rest of an entry. */
typedef struct CustEntryFacts
{
	bool		has_client;
	int64		client_no;
	bool		has_manifest;
	int64		rows;
	uint8		manifest[CUST_SHA256_LEN];
	uint8		manifest_salt[CUST_SHA256_LEN];
	int			ncommitments;
	bool		found;			/* commitment to the wanted field is there */
	uint8		wanted[CUST_SHA256_LEN];
} CustEntryFacts;

/* Ends the name of every field that holds a commitment. */
#define CUST_COMMITMENT_SUFFIX "_commitment"

/* Names the manifest's salt in custodian.audit_side. */
#define CUST_MANIFEST_SALT "manifest_salt"

extern void cust_entry_incarnation(StringInfo out, const CustEventKey *key);
extern void cust_entry_position(StringInfo out, const CustEventKey *key);
extern void cust_entry_string(StringInfo out, const char *value);
extern bool cust_entry_parse(const char *entry, int len,
							 const char *wanted_field, CustEntryFacts *facts);
extern bool cust_entry_parse_digests(const char *entry, int len, int key_len,
									 CustEntryFacts *facts);

#endif							/* CUST_ENTRY_H */
