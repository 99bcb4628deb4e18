/*
 * errors.h
 *	  custodian's own SQLSTATE class, RC ("records custody").
 *
 * The SQL standard leaves classes that begin with I to Z to implementations.
 * Applications may test these codes; they are part of the API and listed in
 * doc/reference.md.
 */
#ifndef CUST_ERRORS_H
#define CUST_ERRORS_H

#include "utils/errcodes.h"
#include "utils/elog.h"

/* The row is under retention: the guard refused to let it go. */
#define ERRCODE_CUST_RETAINED MAKE_SQLSTATE('R', 'C', '0', '0', '1')
/* The row, table or client is under a legal hold. */
#define ERRCODE_CUST_HELD MAKE_SQLSTATE('R', 'C', '0', '0', '2')
/* The relation is not adopted, or is adopted already. */
#define ERRCODE_CUST_NOT_ADOPTED MAKE_SQLSTATE('R', 'C', '0', '0', '3')
#define ERRCODE_CUST_ALREADY_ADOPTED MAKE_SQLSTATE('R', 'C', '0', '0', '4')
/* The client or contract is unknown. */
#define ERRCODE_CUST_UNKNOWN_CLIENT MAKE_SQLSTATE('R', 'C', '0', '0', '5')
#define ERRCODE_CUST_UNKNOWN_CONTRACT MAKE_SQLSTATE('R', 'C', '0', '0', '6')
/* A rule contradicts itself or another one (minimum above maximum). */
#define ERRCODE_CUST_RULE_CONFLICT MAKE_SQLSTATE('R', 'C', '0', '0', '7')
/* A term would be weaker than the rule that it amends. */
#define ERRCODE_CUST_WEAKER_TERM MAKE_SQLSTATE('R', 'C', '0', '0', '8')
/* An insert-only table was asked to change or lose a row. */
#define ERRCODE_CUST_IMMUTABLE MAKE_SQLSTATE('R', 'C', '0', '0', '9')
/* The plan changed since it was approved. */
#define ERRCODE_CUST_PLAN_CHANGED MAKE_SQLSTATE('R', 'C', '0', '1', '0')

#endif							/* CUST_ERRORS_H */
