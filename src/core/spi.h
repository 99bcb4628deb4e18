/*
 * spi.h
 *	  Who we are while we run SQL, and short forms for running it.
 */
#ifndef CUST_SPI_H
#define CUST_SPI_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/array.h"

/* What cust_leave() needs to put the caller's identity back. */
typedef struct CustIdentity
{
	Oid			userid;
	int			sec_context;
	int			guc_level;
} CustIdentity;

extern Oid	cust_extension_owner(void);
extern Oid	cust_schema_oid(void);
extern void cust_enter_custodian(CustIdentity *saved);
extern void cust_enter_owner(CustIdentity *saved, Oid owner);
extern void cust_leave(const CustIdentity *saved);

/* Arguments of one statement, gathered one by one. */
#define CUST_MAX_ARGS 200
typedef struct CustArgs
{
	int			n;
	Oid			types[CUST_MAX_ARGS];
	Datum		values[CUST_MAX_ARGS];
	char		nulls[CUST_MAX_ARGS];
} CustArgs;

extern void cust_arg(CustArgs *args, Oid type, Datum value, bool isnull);
extern void cust_arg_text(CustArgs *args, const char *value);
extern void cust_arg_int8(CustArgs *args, int64 value);
extern void cust_arg_oid(CustArgs *args, Oid value);
extern void cust_arg_date(CustArgs *args, int32 value, bool isnull);

extern uint64 cust_sql(const char *sql, CustArgs *args, int expected);
extern uint64 cust_sql_limit(const char *sql, CustArgs *args, int expected,
							 bool read_only, long limit);
extern uint64 cust_sql_latest(const char *sql, CustArgs *args);
extern bool cust_sql_one(const char *sql, CustArgs *args);

/* Fields of the current SPI_tuptable; strings are in the current context. */
extern char *cust_str(uint64 row, int col);
extern Datum cust_datum(uint64 row, int col, bool *isnull);
extern int64 cust_int8(uint64 row, int col, int64 if_null);
extern Oid	cust_oid(uint64 row, int col);
extern bool cust_bool(uint64 row, int col);

#endif							/* CUST_SPI_H */
