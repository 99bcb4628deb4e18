/*
 * audit.c
 *	  Writing events to custodian.audit.
 *
 * Rows go in through the table access method and the executor's index
 * insertion, not through SQL: no rule can redirect them, no trigger can drop
 * them, and no privilege is needed, whoever the current user is.  The price is
 * that the caller of these functions has to be trusted code; they are not
 * reachable from SQL.
 *
 * Nothing serializes writers.  An event's key is the top-level transaction and
 * a counter within it, so two transactions never wait for each other.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

#include "audit.h"
#include "audit_table.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"
#include "immutable_am.h"
#include "row_digest.h"

#define SALT_LEN 16

/* A commitment, and what opens it. */
typedef struct Commitment
{
	const char *field;
	uint8		digest[CUST_SHA256_LEN];
	bytea	   *salt;
	bytea	   *value;
	struct Commitment *next;
} Commitment;

struct CustEvent
{
	const char *act;
	char	   *relation;
	bool		has_client;
	int64		client_no;
	StringInfoData detail;		/* members of the object, without braces */
	Commitment *commitments;
	Commitment **last_commitment;
	CustManifest *manifest;
};

/* A subtransaction that has written events, and where it began to count. */
typedef struct SeqLevel
{
	int			nest_level;
	int32		seq_before;
	struct SeqLevel *outer;
} SeqLevel;

static FullTransactionId seq_xid;
static int32 seq_next = 0;
static SeqLevel *seq_levels = NULL;

/*
 * next_seq
 *		Number of the next event in the top-level transaction xid.
 *
 * A subtransaction that writes remembers where it began.  If it aborts, its
 * rows are invisible for good and their numbers are free again: no gap, and no
 * second visible row of the same number.
 */
static int32
next_seq(FullTransactionId xid)
{
	int			level = GetCurrentTransactionNestLevel();

	if (!FullTransactionIdEquals(xid, seq_xid))
	{
		seq_xid = xid;
		seq_next = 0;
		seq_levels = NULL;
	}
	if (level > 1 && (seq_levels == NULL || seq_levels->nest_level < level))
	{
		SeqLevel   *mine = MemoryContextAlloc(TopTransactionContext,
											  sizeof(SeqLevel));

		mine->nest_level = level;
		mine->seq_before = seq_next;
		mine->outer = seq_levels;
		seq_levels = mine;
	}
	return seq_next++;
}

/* End of a subtransaction: give its numbers back, or to its parent. */
static void
at_subxact_end(SubXactEvent event, SubTransactionId mine,
			   SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (seq_levels == NULL || seq_levels->nest_level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		seq_next = seq_levels->seq_before;
		seq_levels = seq_levels->outer;
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		int			outer_level = seq_levels->outer ?
			seq_levels->outer->nest_level : 1;

		if (outer_level == level - 1)
			seq_levels = seq_levels->outer;
		else
			seq_levels->nest_level = level - 1;
	}
}

/* End of the transaction; its memory, which seq_levels points to, goes. */
static void
at_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
	{
		seq_xid = InvalidFullTransactionId;
		seq_next = 0;
		seq_levels = NULL;
	}
}

/*
 * cust_audit_init
 *		Called by _PG_init.
 */
void
cust_audit_init(void)
{
	RegisterXactCallback(at_xact_end, NULL);
	RegisterSubXactCallback(at_subxact_end, NULL);
}

/* Open one of our tables by name; the schema is the extension's own. */
static Relation
open_own(const char *name, LOCKMODE lockmode)
{
	Oid			relid = get_relname_relid(name, cust_schema_oid());

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table \"custodian.%s\" does not exist", name),
				 errhint("Run CREATE EXTENSION custodian CASCADE.")));
	return table_open(relid, lockmode);
}

/* The two tables; close them with table_close(). */
Relation
cust_audit_open(LOCKMODE lockmode)
{
	return open_own("audit", lockmode);
}

Relation
cust_audit_side_open(LOCKMODE lockmode)
{
	return open_own("audit_side", lockmode);
}

/*
 * cust_audit_columns_ok
 *		Do the table's columns have the numbers and types this code knows?
 *
 * Columns that somebody has added after ours stay NULL and do no harm; one
 * that was dropped again leaves its place behind for good.
 */
bool
cust_audit_columns_ok(Relation rel, bool side)
{
	static const Oid audit_types[Natts_audit] = {
		INT8OID, INT4OID, XID8OID, INT4OID, BYTEAOID, BYTEAOID, BYTEAOID
	};
	static const Oid side_types[Natts_audit_side] = {
		INT8OID, INT4OID, XID8OID, INT4OID, TEXTOID, BYTEAOID, BYTEAOID, INT8OID
	};
	const Oid  *types = side ? side_types : audit_types;
	int			natts = side ? Natts_audit_side : Natts_audit;
	TupleDesc	desc = RelationGetDescr(rel);

	if (desc->natts < natts)
		return false;
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->atttypid != types[i])
			return false;
	}
	return true;
}

/*
 * cust_audit_leaf
 *		The leaf of an entry, as RFC 6962 section 2.1 defines it.
 *
 * One piece is quicker to hash than two, even if it has to be copied.
 */
void
cust_audit_leaf(const char *entry, int len, uint8 *leaf)
{
	char		piece[2048];

	if (len < sizeof(piece))
	{
		piece[0] = '\0';
		memcpy(piece + 1, entry, len);
		cust_sha256(piece, len + 1, leaf);
		return;
	}
	cust_sha256_begin();
	cust_sha256_add("\0", 1);
	cust_sha256_add(entry, len);
	cust_sha256_end(leaf);
}

/*
 * cust_event
 *		Begin an event.  act: a word from the code, never from a user.
 */
CustEvent *
cust_event(const char *act)
{
	CustEvent  *event = palloc0(sizeof(CustEvent));

	event->act = act;
	initStringInfo(&event->detail);
	event->last_commitment = &event->commitments;
	return event;
}

/* The table that the act is about; its name at this moment is recorded. */
void
cust_event_relation(CustEvent *event, Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = name ?
		get_namespace_name(get_rel_namespace(relid)) : NULL;

	/* Dropped under our eyes: the number says more than nothing. */
	event->relation = schema ? quote_qualified_identifier(schema, name) :
		psprintf("%u", relid);
}

/* The client that the act is about, by number. */
void
cust_event_client(CustEvent *event, int64 client_no)
{
	event->has_client = true;
	event->client_no = client_no;
}

/* Begin a member of "detail". */
static void
add_key(CustEvent *event, const char *key)
{
	Assert(strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(key));
	if (event->detail.len > 0)
		appendStringInfoChar(&event->detail, ',');
	appendStringInfo(&event->detail, "\"%s\":", key);
}

/* An identifier or an enumeration's value; NULL leaves the field out. */
void
cust_event_name(CustEvent *event, const char *key, const char *identifier)
{
	if (identifier == NULL)
		return;
	add_key(event, key);
	cust_entry_string(&event->detail, identifier);
}

/* A number. */
void
cust_event_int(CustEvent *event, const char *key, int64 value)
{
	add_key(event, key);
	appendStringInfo(&event->detail, INT64_FORMAT, value);
}

/* A truth value. */
void
cust_event_bool(CustEvent *event, const char *key, bool value)
{
	add_key(event, key);
	appendStringInfoString(&event->detail, value ? "true" : "false");
}

/* A date, in ISO 8601 whatever DateStyle says. */
void
cust_event_date(CustEvent *event, const char *key, int32 date)
{
	char		iso[MAXDATELEN + 1];

	if (DATE_NOT_FINITE(date))
		EncodeSpecialDate(date, iso);
	else
	{
		struct pg_tm tm = {0};

		j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon,
			   &tm.tm_mday);
		EncodeDateOnly(&tm, USE_ISO_DATES, iso);
	}
	add_key(event, key);
	appendStringInfo(&event->detail, "\"%s\"", iso);
}

/* A list of numbers, in the given order. */
void
cust_event_int_list(CustEvent *event, const char *key, const int64 *values,
					int n)
{
	add_key(event, key);
	appendStringInfoChar(&event->detail, '[');
	for (int i = 0; i < n; i++)
		appendStringInfo(&event->detail, "%s" INT64_FORMAT, i ? "," : "",
						 values[i]);
	appendStringInfoChar(&event->detail, ']');
}

/* A bytea of these bytes. */
static bytea *
make_bytea(const void *data, Size len)
{
	bytea	   *result = palloc(VARHDRSZ + len);

	SET_VARSIZE(result, VARHDRSZ + len);
	memcpy(VARDATA(result), data, len);
	return result;
}

/*
 * cust_event_commit
 *		Commit to a value that must not stand in the entry itself.
 *
 * The entry gets "<key>_commitment": the digest of a random salt and the
 * value's UTF-8 bytes.  Salt and value go to custodian.audit_side, where they
 * can be erased; after that the digest tells nothing, and the proof still
 * holds.  A NULL secret leaves the field out.
 */
void
cust_event_commit(CustEvent *event, const char *key, const char *secret)
{
	uint8		salt[SALT_LEN];
	Commitment *c;
	const char *bytes;
	Size		len;

	if (secret == NULL)
		return;
	Assert(strcmp(key, CUST_MANIFEST_SALT) != 0);
	if (!pg_strong_random(salt, sizeof(salt)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random salt")));

	/* In an SQL_ASCII database the bytes have no encoding to convert from. */
	bytes = GetDatabaseEncoding() == PG_SQL_ASCII ? secret :
		pg_server_to_any(secret, strlen(secret), PG_UTF8);
	len = strlen(bytes);

	c = palloc0(sizeof(Commitment));
	c->field = key;
	c->salt = make_bytea(salt, sizeof(salt));
	c->value = make_bytea(bytes, len);
	cust_sha256_begin();
	cust_sha256_add(salt, sizeof(salt));
	cust_sha256_add(bytes, len);
	cust_sha256_end(c->digest);
	*event->last_commitment = c;
	event->last_commitment = &c->next;
}

/* The rows that the act took away; the manifest must not grow afterwards. */
void
cust_event_manifest(CustEvent *event, CustManifest *manifest)
{
	event->manifest = manifest;
}

/* An event that cannot be written stops the act that it would record. */
static void
check_writable(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot write an audit event during recovery"),
				 errhint("Connect to the primary server.")));
	if (XactReadOnly)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("cannot write an audit event in a read-only transaction"),
				 errhint("Start the transaction with READ WRITE.")));
	if (IsInParallelMode())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot write an audit event during a parallel operation"),
				 errhint("Set max_parallel_workers_per_gather to 0 for this statement.")));
}

/* Now, in UTC, as "2026-06-30T16:00:00.000000Z". */
static void
append_now(StringInfo out)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(GetCurrentTimestamp(), NULL, &tm, &fsec, NULL, NULL) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range")));
	appendStringInfo(out, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ",
					 tm.tm_year, tm.tm_mon, tm.tm_mday,
					 tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec);
}

/* A top-level member that holds a digest in hex. */
static void
append_digest(StringInfo out, const char *key, const char *suffix,
			  const uint8 *digest)
{
	char		hex[2 * CUST_SHA256_LEN + 1];

	cust_hex(digest, CUST_SHA256_LEN, hex);
	appendStringInfo(out, ",\"%s%s\":\"%s\"", key, suffix, hex);
}

/* A top-level member that holds a role's name. */
static void
append_role(StringInfo out, const char *key, Oid role)
{
	char	   *name = GetUserNameFromId(role, true);

	appendStringInfo(out, ",\"%s\":", key);
	cust_entry_string(out, name ? name : psprintf("%u", role));
}

/*
 * build_entry
 *		The bytes that are hashed.
 *
 * The outer user is the one from before any SECURITY DEFINER function, and
 * before custodian took another identity: SET ROLE shows, nothing else does.
 * The role that logged in is added where SET SESSION AUTHORIZATION hides it.
 */
static void
build_entry(StringInfo out, const CustEvent *event, const CustEventKey *key)
{
	char	   *database = get_database_name(MyDatabaseId);

	cust_entry_incarnation(out, key);
	cust_entry_position(out, key);
	if (event->manifest)
	{
		const CustManifest *m = event->manifest;
		uint8		digest[CUST_SHA256_LEN];

		appendStringInfo(out, ",\"rows\":" UINT64_FORMAT, m->rows);
		cust_sha256(m->bytes + VARHDRSZ, m->rows * CUST_SHA256_LEN, digest);
		append_digest(out, "manifest", "", digest);
		cust_sha256(m->salt, CUST_ROW_SALT_LEN, digest);
		append_digest(out, CUST_MANIFEST_SALT, "", digest);
	}
	for (const Commitment *c = event->commitments; c; c = c->next)
		append_digest(out, c->field, CUST_COMMITMENT_SUFFIX, c->digest);

	appendStringInfoString(out, ",\"at\":\"");
	append_now(out);
	appendStringInfo(out, "\",\"act\":\"%s\",\"database\":", event->act);
	cust_entry_string(out, database ? database : psprintf("%u", MyDatabaseId));
	if (GetAuthenticatedUserId() != GetSessionUserId())
		append_role(out, "login_user", GetAuthenticatedUserId());
	append_role(out, "session_user", GetSessionUserId());
	append_role(out, "current_user", GetOuterUserId());
	if (event->relation)
	{
		appendStringInfoString(out, ",\"relation\":");
		cust_entry_string(out, event->relation);
	}
	if (event->has_client)
		appendStringInfo(out, ",\"client\":" INT64_FORMAT, event->client_no);
	appendStringInfo(out, ",\"detail\":{%s}}", event->detail.data);
}

/* A table that is open for inserting. */
typedef struct Inserter
{
	EState	   *estate;
	ResultRelInfo *target;
	TupleTableSlot *slot;
} Inserter;

/* Open for inserting: the indexes, and a slot. */
static void
begin_insert(Inserter *ins, Relation rel)
{
	ins->estate = CreateExecutorState();
	ins->target = makeNode(ResultRelInfo);
	InitResultRelInfo(ins->target, rel, 0, NULL, 0);
	ExecOpenIndices(ins->target, false);
	ins->slot = table_slot_create(rel, NULL);
}

/* Insert one row of n columns, and its index entries with the unique check. */
static void
insert_row(Inserter *ins, const Datum *values, const bool *isnull, int n)
{
	Relation	rel = ins->target->ri_RelationDesc;

	ExecStoreAllNullTuple(ins->slot);
	memcpy(ins->slot->tts_values, values, sizeof(Datum) * n);
	memcpy(ins->slot->tts_isnull, isnull, sizeof(bool) * n);
	table_tuple_insert(rel, ins->slot, GetCurrentCommandId(true), 0, NULL);
	if (ins->target->ri_NumIndices > 0)
	{
		List	   *recheck;

#if PG_VERSION_NUM < 160000
		recheck = ExecInsertIndexTuples(ins->target, ins->slot, ins->estate,
										false, false, NULL, NIL);
#else
		recheck = ExecInsertIndexTuples(ins->target, ins->slot, ins->estate,
										false, false, NULL, NIL, false);
#endif
		/* Only deferrable constraints ask for a second check; we have none. */
		list_free(recheck);
	}
	ResetPerTupleExprContext(ins->estate);
}

/* Close what begin_insert() opened. */
static void
end_insert(Inserter *ins)
{
	ExecDropSingleTupleTableSlot(ins->slot);
	ExecCloseIndices(ins->target);
	FreeExecutorState(ins->estate);
}

/* A table that was altered is not written to blindly. */
static void
check_columns(Relation rel, bool side)
{
	if (!cust_audit_columns_ok(rel, side))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("columns of table \"custodian.%s\" have been altered",
						RelationGetRelationName(rel)),
				 errhint("Undo the ALTER TABLE, or restore the extension from a dump.")));
}

/* The salts and values that open the event's digests. */
static void
write_side_rows(const CustEvent *event, const Datum *key)
{
	Relation	rel = cust_audit_side_open(RowExclusiveLock);
	Inserter	ins;
	Datum		values[Natts_audit_side];
	bool		isnull[Natts_audit_side] = {false};

	check_columns(rel, true);
	begin_insert(&ins, rel);
	memcpy(values, key, sizeof(Datum) * Natts_audit_key);
	values[Anum_audit_side_client_no - 1] = Int64GetDatum(event->client_no);
	isnull[Anum_audit_side_client_no - 1] = !event->has_client;

	for (const Commitment *c = event->commitments; c; c = c->next)
	{
		values[Anum_audit_side_field - 1] = CStringGetTextDatum(c->field);
		values[Anum_audit_side_salt - 1] = PointerGetDatum(c->salt);
		values[Anum_audit_side_value - 1] = PointerGetDatum(c->value);
		insert_row(&ins, values, isnull, Natts_audit_side);
	}
	if (event->manifest)
	{
		values[Anum_audit_side_field - 1] =
			CStringGetTextDatum(CUST_MANIFEST_SALT);
		values[Anum_audit_side_salt - 1] =
			PointerGetDatum(make_bytea(event->manifest->salt,
									   CUST_ROW_SALT_LEN));
		values[Anum_audit_side_value - 1] = (Datum) 0;
		isnull[Anum_audit_side_value - 1] = true;
		insert_row(&ins, values, isnull, Natts_audit_side);
	}
	end_insert(&ins);
	table_close(rel, NoLock);
}

/*
 * cust_event_write
 *		Write an event; it becomes true when the transaction commits.
 *
 * Takes RowExclusiveLock on custodian.audit, then on custodian.audit_side,
 * until the transaction ends, and assigns a transaction id.  The row is visible
 * to later commands of the transaction.  An event is written once.
 */
void
cust_event_write(CustEvent *event)
{
	MemoryContext context;
	MemoryContext old;
	Relation	rel;
	Inserter	ins;
	CustEventKey key;
	StringInfoData entry;
	uint8		leaf[CUST_SHA256_LEN];
	Datum		values[Natts_audit];
	bool		isnull[Natts_audit] = {false};

	check_writable();

	/* An event may be one of thousands in its caller's context. */
	context = AllocSetContextCreate(CurrentMemoryContext,
									"custodian audit event",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);

	rel = cust_audit_open(RowExclusiveLock);
	if (!cust_is_immutable(rel))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"custodian.audit\" is not stored in access method \"custodian_immutable\""),
				 errhint("Run custodian.verify(), then restore the table from a dump.")));
	check_columns(rel, false);

	key.system_identifier = (int64) GetSystemIdentifier();
#if PG_VERSION_NUM >= 150000
	key.timeline = (int32) GetWALInsertionTimeLine();
#else
	key.timeline = (int32) ThisTimeLineID;
#endif
	key.xid = GetTopFullTransactionId();
	key.seq = next_seq(key.xid);

	initStringInfo(&entry);
	build_entry(&entry, event, &key);
	cust_audit_leaf(entry.data, entry.len, leaf);

	values[Anum_audit_system_identifier - 1] =
		Int64GetDatum(key.system_identifier);
	values[Anum_audit_timeline - 1] = Int32GetDatum(key.timeline);
	values[Anum_audit_xid - 1] = FullTransactionIdGetDatum(key.xid);
	values[Anum_audit_seq - 1] = Int32GetDatum(key.seq);
	values[Anum_audit_entry - 1] =
		PointerGetDatum(make_bytea(entry.data, entry.len));
	values[Anum_audit_leaf - 1] =
		PointerGetDatum(make_bytea(leaf, CUST_SHA256_LEN));
	if (event->manifest)
	{
		SET_VARSIZE(event->manifest->bytes,
					VARHDRSZ + event->manifest->rows * CUST_SHA256_LEN);
		values[Anum_audit_manifest - 1] =
			PointerGetDatum(event->manifest->bytes);
	}
	else
	{
		values[Anum_audit_manifest - 1] = (Datum) 0;
		isnull[Anum_audit_manifest - 1] = true;
	}

	begin_insert(&ins, rel);
	insert_row(&ins, values, isnull, Natts_audit);
	end_insert(&ins);
	table_close(rel, NoLock);

	if (event->commitments || event->manifest)
		write_side_rows(event, values);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
