/*
 * audit.h
 *	  Writing events to custodian.audit.
 *
 * An event is one act of custody.  Its fields are a closed set of kinds:
 * identifiers of the schema, enumerations, numbers, dates.  Anything a person
 * typed or a client's row holds goes in as a salted commitment only; the salt
 * lies in custodian.audit_side, whose rows can be erased without breaking the
 * proof.  doc/audit.md specifies the bytes.
 */
#ifndef CUST_AUDIT_H
#define CUST_AUDIT_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "tcop/dest.h"

typedef struct CustEvent CustEvent;
typedef struct CustManifest CustManifest;

extern void cust_audit_init(void);

/* Build and write one event; everything lives in the current context. */
extern CustEvent *cust_event(const char *act);
extern void cust_event_relation(CustEvent *event, Oid relid);
extern void cust_event_client(CustEvent *event, int64 client_no);
extern void cust_event_name(CustEvent *event, const char *key, const char *identifier);
extern void cust_event_int(CustEvent *event, const char *key, int64 value);
extern void cust_event_bool(CustEvent *event, const char *key, bool value);
extern void cust_event_date(CustEvent *event, const char *key, int32 date);
extern void cust_event_int_list(CustEvent *event, const char *key, const int64 *values, int n);
extern void cust_event_commit(CustEvent *event, const char *key, const char *secret);
extern void cust_event_manifest(CustEvent *event, CustManifest *manifest);
extern void cust_event_write(CustEvent *event);

/*
 * A manifest: one 32-byte salted digest for each row of a batch, in the order
 * in which the rows went.
 */
extern CustManifest *cust_manifest_create(void);
extern DestReceiver *cust_manifest_receiver(CustManifest *manifest);
extern uint64 cust_manifest_rows(const CustManifest *manifest);

#endif							/* CUST_AUDIT_H */
