/*
 * contract.h
 *	  Contracts, and what follows when a client's last one ends.
 */
#ifndef CUST_CONTRACT_H
#define CUST_CONTRACT_H

#include "postgres.h"

#include "utils/array.h"

/* Contracts as parallel arrays: text[], text[], date[], date[]. */
typedef struct CustContracts
{
	Oid			source;			/* contract table, or InvalidOid */
	ArrayType  *contracts;
	ArrayType  *clients;
	ArrayType  *starts;
	ArrayType  *ends;
} CustContracts;

extern void cust_contracts_store(const CustContracts *contracts, const char *act);

#endif							/* CUST_CONTRACT_H */
