/*
 * audit_table.h
 *	  Columns of custodian.audit and custodian.audit_side.
 *
 * Must agree with sql/parts/20-audit.sql; verify() compares the catalogs with
 * these lists.
 */
#ifndef CUST_AUDIT_TABLE_H
#define CUST_AUDIT_TABLE_H

#include "postgres.h"

#include "utils/rel.h"

#include "entry.h"

#define Anum_audit_system_identifier	1
#define Anum_audit_timeline				2
#define Anum_audit_xid					3
#define Anum_audit_seq					4
#define Anum_audit_entry				5
#define Anum_audit_leaf					6
#define Anum_audit_manifest				7
#define Natts_audit						7

/* The first four columns, in this order, are the primary key of both. */
#define Natts_audit_key					4

#define Anum_audit_side_field			5
#define Anum_audit_side_salt			6
#define Anum_audit_side_value			7
#define Anum_audit_side_client_no		8
#define Natts_audit_side				8

extern Relation cust_audit_open(LOCKMODE lockmode);
extern Relation cust_audit_side_open(LOCKMODE lockmode);
extern bool cust_audit_columns_ok(Relation rel, bool side);
extern void cust_audit_leaf(const char *entry, int len, uint8 *leaf);

#endif							/* CUST_AUDIT_TABLE_H */
