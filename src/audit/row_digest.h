/*
 * row_digest.h
 *	  Salted digests of rows, and manifests made of them.
 */
#ifndef CUST_ROW_DIGEST_H
#define CUST_ROW_DIGEST_H

#include "postgres.h"

#include "access/tupdesc.h"

#include "audit.h"
#include "sha256.h"

#define CUST_ROW_SALT_LEN 32

typedef struct CustRowWriter CustRowWriter;

/* bytes is a bytea under construction: a header, then 32 bytes a row. */
struct CustManifest
{
	MemoryContext context;
	uint64		rows;
	uint64		room;			/* rows that fit into bytes */
	char	   *bytes;
	uint8		salt[CUST_ROW_SALT_LEN];
};

extern CustRowWriter *cust_row_writer_create(TupleDesc desc);
extern void cust_row_writer_free(CustRowWriter *writer);
extern void cust_manifest_add(CustManifest *manifest, CustRowWriter *writer,
							  const Datum *values, const bool *isnull);
extern void cust_row_digest(CustRowWriter *writer, const uint8 *salt,
							const Datum *values, const bool *isnull,
							uint8 *digest);

#endif							/* CUST_ROW_DIGEST_H */
