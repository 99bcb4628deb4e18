/*
 * compat.h
 *	  Everything that differs between PostgreSQL 14 and 18, with the reason.
 */
#ifndef CUST_COMPAT_H
#define CUST_COMPAT_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"

#if PG_VERSION_NUM < 140000
#error "custodian needs PostgreSQL 14 or later"
#endif

/*
 * InitMaterializedSRF came with 15.  14 has no equivalent, so core/srf.c
 * carries one with the same meaning.
 */
extern void cust_init_srf(FunctionCallInfo fcinfo);

/* 16 renamed relfilenode to relfilelocator, in types and callbacks alike. */
#if PG_VERSION_NUM < 160000
#include "storage/relfilenode.h"
typedef RelFileNode CustRelFileLocator;
#else
#include "storage/relfilelocator.h"
typedef RelFileLocator CustRelFileLocator;
#endif

/* 16 put one ownership check in place of one for each kind of object. */
#if PG_VERSION_NUM < 160000
#define cust_relation_ownercheck(oid, role) pg_class_ownercheck((oid), (role))
#else
#define cust_relation_ownercheck(oid, role) \
	object_ownercheck(RelationRelationId, (oid), (role))
#endif

/* 18 replaced pg_attribute_noreturn(), behind a declaration, by a prefix. */
#if PG_VERSION_NUM >= 180000
#define CUST_NORETURN pg_noreturn
#else
#define CUST_NORETURN __attribute__((noreturn))
#endif

/* 15 renamed EmitWarningsOnPlaceholders. */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

#endif							/* CUST_COMPAT_H */
