/*
 * sha256.h
 *	  SHA-256 through libcrypto.
 */
#ifndef CUST_SHA256_H
#define CUST_SHA256_H

#include "postgres.h"

#define CUST_SHA256_LEN 32

extern void cust_sha256(const void *data, size_t len, uint8 *out);

/* The same in pieces; one computation at a time in a backend. */
extern void cust_sha256_begin(void);
extern void cust_sha256_add(const void *data, size_t len);
extern void cust_sha256_end(uint8 *out);

extern void cust_hex(const uint8 *data, int len, char *out);

#endif							/* CUST_SHA256_H */
