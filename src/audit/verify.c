/*
 * verify.c
 *	  Checking custodian.audit against itself.
 *
 * Everything is recomputed from the rows; nothing that could be recorded
 * beside them is believed.  One pass over the events and one over the side
 * rows; memory does not grow with either.  Damage is counted and named, it
 * does not stop the check.  doc/audit.md says what this form cannot see.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"
#include "utils/xid8.h"

#include "audit_table.h"
#include "core/compat.h"
#include "core/spi.h"
#include "immutable_am.h"

/* How many bad events a check names. */
#define MAX_NAMED 5

/* A manifest is read in pieces of this size, a multiple of a digest's. */
#define SLICE_SIZE (1024 * 1024)

/* One line of the result. */
typedef struct Check
{
	const char *name;
	const char *subject;
	int64		events;
	int64		problems;
	int			named;
	StringInfoData detail;
} Check;

/* In the order in which they are reported. */
typedef enum CheckId
{
	CHECK_ACCESS_METHOD,
	CHECK_COLUMNS,
	CHECK_OWNER,
	CHECK_PRIMARY_KEY,
	CHECK_LEAF,
	CHECK_ENTRY,
	CHECK_SEQUENCE,
	CHECK_MANIFEST,
	CHECK_COMMITMENT,
	CHECK_MANIFEST_SALT,
	CHECK_SIDE_ROW,
	NUM_CHECKS
} CheckId;

/* Looking events up by key. */
typedef struct Finder
{
	MemoryContext context;		/* of the scan, which allocates as it goes */
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;
} Finder;

typedef struct Verifier
{
	Check		checks[NUM_CHECKS];
	Relation	audit;
	Relation	side;
	Snapshot	snapshot;
	bool		can_find;		/* the primary key is usable */
	Finder		finder;
	MemoryContext row_context;
	CustEventKey previous;		/* event before this one in the table */
	bool		has_previous;
	StringInfoData prefix;		/* how this event's entry has to begin */
	int			incarnation_len;
	int64		intact_commitments;
	int64		intact_salts;
} Verifier;

PG_FUNCTION_INFO_V1(custodian_verify);
PG_FUNCTION_INFO_V1(custodian_manifest_contains);

/* Count a problem; event: where, or NULL.  what: a few words, or NULL. */
static void
report(Check *check, const CustEventKey *event, const char *what)
{
	check->problems++;
	if (check->named >= MAX_NAMED)
	{
		if (check->named++ == MAX_NAMED)
			appendStringInfoString(&check->detail, ", ...");
		return;
	}
	if (check->named++ > 0)
		appendStringInfoString(&check->detail, ", ");
	if (event)
		appendStringInfo(&check->detail,
						 INT64_FORMAT "/%d/" UINT64_FORMAT "/%d",
						 event->system_identifier, event->timeline,
						 U64FromFullTransactionId(event->xid), event->seq);
	if (what)
		appendStringInfo(&check->detail, event ? " (%s)" : "%s", what);
}

/* The usable primary key over the first nkeys columns, or InvalidOid. */
static Oid
find_primary_key(Relation rel, int nkeys)
{
	List	   *indexes = RelationGetIndexList(rel);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisprimary && form->indisunique && form->indisvalid &&
			form->indislive && form->indnkeyatts == nkeys &&
			index->rd_rel->relam == BTREE_AM_OID)
		{
			bool		same = true;

			for (int i = 0; i < nkeys; i++)
				same = same && form->indkey.values[i] == i + 1;
			if (same)
				result = RelationGetRelid(index);
		}
		index_close(index, AccessShareLock);
	}
	list_free(indexes);
	return result;
}

/* Prepare to look events up; false where there is no usable primary key. */
static bool
begin_find(Finder *finder, Relation audit, Snapshot snapshot)
{
	Oid			indexid = find_primary_key(audit, Natts_audit_key);

	if (!OidIsValid(indexid))
		return false;
	finder->context = CurrentMemoryContext;
	finder->index = index_open(indexid, AccessShareLock);
#if PG_VERSION_NUM < 180000
	finder->scan = index_beginscan(audit, finder->index, snapshot,
								   Natts_audit_key, 0);
#else
	finder->scan = index_beginscan(audit, finder->index, snapshot, NULL,
								   Natts_audit_key, 0);
#endif
	finder->slot = table_slot_create(audit, NULL);
	return true;
}

/* Key of the event in a slot, whose attributes are fetched; false if NULLs. */
static bool
get_key(TupleTableSlot *slot, CustEventKey *key)
{
	for (int i = 0; i < Natts_audit_key; i++)
	{
		if (slot->tts_isnull[i])
			return false;
	}
	key->system_identifier =
		DatumGetInt64(slot->tts_values[Anum_audit_system_identifier - 1]);
	key->timeline = DatumGetInt32(slot->tts_values[Anum_audit_timeline - 1]);
	key->xid =
		DatumGetFullTransactionId(slot->tts_values[Anum_audit_xid - 1]);
	key->seq = DatumGetInt32(slot->tts_values[Anum_audit_seq - 1]);
	return true;
}

/* Do both events belong to the same transaction? */
static bool
same_transaction(const CustEventKey *a, const CustEventKey *b)
{
	return FullTransactionIdEquals(a->xid, b->xid) &&
		a->timeline == b->timeline &&
		a->system_identifier == b->system_identifier;
}

/*
 * find
 *		Look an event up; true leaves it in the finder's slot.
 *
 * The row itself is asked for its key, because an index can be made to say
 * anything.
 */
static bool
find(Finder *finder, const CustEventKey *key)
{
	ScanKeyData scankey[Natts_audit_key];
	CustEventKey found;
	MemoryContext old = MemoryContextSwitchTo(finder->context);
	bool		is_there;

	ScanKeyInit(&scankey[0], Anum_audit_system_identifier,
				BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(key->system_identifier));
	ScanKeyInit(&scankey[1], Anum_audit_timeline,
				BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(key->timeline));
	ScanKeyInit(&scankey[2], Anum_audit_xid,
				BTEqualStrategyNumber, F_XID8EQ,
				FullTransactionIdGetDatum(key->xid));
	ScanKeyInit(&scankey[3], Anum_audit_seq,
				BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(key->seq));
	index_rescan(finder->scan, scankey, Natts_audit_key, NULL, 0);
	is_there = index_getnext_slot(finder->scan, ForwardScanDirection,
								  finder->slot);
	MemoryContextSwitchTo(old);
	if (!is_there)
		return false;
	slot_getallattrs(finder->slot);
	return get_key(finder->slot, &found) && same_transaction(&found, key) &&
		found.seq == key->seq;
}

/* Undo begin_find(). */
static void
end_find(Finder *finder)
{
	index_endscan(finder->scan);
	ExecDropSingleTupleTableSlot(finder->slot);
	index_close(finder->index, AccessShareLock);
}

/*
 * next_slice
 *		Bytes of a bytea from offset on, at most SLICE_SIZE of them.
 *
 * Returns their number, 0 at the end.  What is stored out of line, as a large
 * manifest is, gets fetched in pieces.
 */
static int
next_slice(Datum value, int64 offset, const char **bytes)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	int64		left = (int64) toast_raw_datum_size(value) - VARHDRSZ - offset;

	if (left <= 0)
		return 0;
	left = Min(left, SLICE_SIZE);
	if (VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v))
	{
		v = detoast_attr_slice(v, (int32) offset, (int32) left);
		*bytes = VARDATA_ANY(v);
	}
	else
		*bytes = VARDATA_ANY(v) + offset;
	return (int) left;
}

/* The manifest's length and digest must be those that the entry names. */
static void
check_manifest(Verifier *v, const CustEventKey *key,
			   const CustEntryFacts *facts, bool isnull, Datum manifest)
{
	Check	   *check = &v->checks[CHECK_MANIFEST];
	const char *bytes;
	int			n;
	int64		offset = 0;
	uint8		digest[CUST_SHA256_LEN];

	if (!facts->has_manifest && isnull)
		return;
	check->events++;
	if (!facts->has_manifest)
	{
		report(check, key, "manifest without mention in the entry");
		return;
	}
	if (isnull)
	{
		report(check, key, "missing");
		return;
	}
	if (facts->rows < 0 ||
		(int64) toast_raw_datum_size(manifest) - VARHDRSZ !=
		facts->rows * CUST_SHA256_LEN)
	{
		report(check, key, "length");
		return;
	}

	cust_sha256_begin();
	while ((n = next_slice(manifest, offset, &bytes)) > 0)
	{
		cust_sha256_add(bytes, n);
		offset += n;
		MemoryContextReset(v->row_context);
	}
	cust_sha256_end(digest);
	if (memcmp(digest, facts->manifest, CUST_SHA256_LEN) != 0)
		report(check, key, "digest");
}

/*
 * check_sequence
 *		Each event but a transaction's first needs its predecessor.
 *
 * That is the same as "gap-free from 0", and can be decided event by event:
 * mostly by the row before, else by the primary key.
 */
static void
check_sequence(Verifier *v, const CustEventKey *key)
{
	Check	   *check = &v->checks[CHECK_SEQUENCE];

	check->events++;
	if (key->seq < 0)
		report(check, key, "negative");
	else if (key->seq > 0 &&
			 !(v->has_previous && v->previous.seq == key->seq - 1 &&
			   same_transaction(&v->previous, key)) &&
			 v->can_find)
	{
		CustEventKey before = *key;

		before.seq--;
		if (!find(&v->finder, &before))
			report(check, key, "no predecessor");
	}
	v->previous = *key;
	v->has_previous = true;
}

/* Does the entry begin with the key of its own row? */
static bool
begins_with_key(Verifier *v, const CustEventKey *key, const char *entry,
				int len)
{
	StringInfo	prefix = &v->prefix;

	if (!v->has_previous ||
		v->previous.system_identifier != key->system_identifier ||
		v->previous.timeline != key->timeline)
	{
		resetStringInfo(prefix);
		cust_entry_incarnation(prefix, key);
		v->incarnation_len = prefix->len;
	}
	prefix->len = v->incarnation_len;
	cust_entry_position(prefix, key);
	return len > prefix->len &&
		memcmp(entry, prefix->data, prefix->len) == 0;
}

/* All that one row of custodian.audit can be asked. */
static void
check_event(Verifier *v, TupleTableSlot *slot)
{
	CustEventKey key;
	CustEntryFacts facts;
	struct varlena *entry;
	struct varlena *leaf;
	uint8		digest[CUST_SHA256_LEN];

	v->checks[CHECK_LEAF].events++;
	v->checks[CHECK_ENTRY].events++;
	if (!get_key(slot, &key) || slot->tts_isnull[Anum_audit_entry - 1] ||
		slot->tts_isnull[Anum_audit_leaf - 1])
	{
		report(&v->checks[CHECK_LEAF], NULL, "row with NULL");
		report(&v->checks[CHECK_ENTRY], NULL, "row with NULL");
		return;
	}

	entry = PG_DETOAST_DATUM_PACKED(slot->tts_values[Anum_audit_entry - 1]);
	leaf = PG_DETOAST_DATUM_PACKED(slot->tts_values[Anum_audit_leaf - 1]);
	cust_audit_leaf(VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry), digest);
	if (VARSIZE_ANY_EXHDR(leaf) != CUST_SHA256_LEN ||
		memcmp(VARDATA_ANY(leaf), digest, CUST_SHA256_LEN) != 0)
		report(&v->checks[CHECK_LEAF], &key, NULL);

	if (!begins_with_key(v, &key, VARDATA_ANY(entry),
						 VARSIZE_ANY_EXHDR(entry)))
		report(&v->checks[CHECK_ENTRY], &key, "other key");
	else if (!cust_entry_parse_digests(VARDATA_ANY(entry),
									   VARSIZE_ANY_EXHDR(entry),
									   v->prefix.len, &facts))
		report(&v->checks[CHECK_ENTRY], &key, "malformed");
	else
	{
		v->checks[CHECK_COMMITMENT].events += facts.ncommitments;
		v->checks[CHECK_MANIFEST_SALT].events += facts.has_manifest ? 1 : 0;
		check_manifest(v, &key, &facts,
					   slot->tts_isnull[Anum_audit_manifest - 1],
					   slot->tts_values[Anum_audit_manifest - 1]);
	}
	check_sequence(v, &key);
}

/* Pass over the events. */
static void
check_events(Verifier *v)
{
	TableScanDesc scan = table_beginscan(v->audit, v->snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(v->audit, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(v->row_context);

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		check_event(v, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(v->row_context);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

/* Does this side row open what its event committed to? */
static void
check_opening(Verifier *v, const CustEventKey *key,
			  const CustEntryFacts *facts, const char *field,
			  TupleTableSlot *slot)
{
	struct varlena *salt;
	struct varlena *value;
	uint8		digest[CUST_SHA256_LEN];
	bool		is_salt = strcmp(field, CUST_MANIFEST_SALT) == 0;
	Check	   *check = &v->checks[is_salt ?
								   CHECK_MANIFEST_SALT : CHECK_COMMITMENT];

	if (is_salt ? !facts->has_manifest : !facts->found)
	{
		report(&v->checks[CHECK_SIDE_ROW], key, "event has no such field");
		return;
	}
	if (slot->tts_isnull[Anum_audit_side_salt - 1] ||
		slot->tts_isnull[Anum_audit_side_value - 1] != is_salt)
	{
		report(check, key, "altered");
		return;
	}
	salt = PG_DETOAST_DATUM_PACKED(slot->tts_values[Anum_audit_side_salt - 1]);
	cust_sha256_begin();
	cust_sha256_add(VARDATA_ANY(salt), VARSIZE_ANY_EXHDR(salt));
	if (!is_salt)
	{
		value = PG_DETOAST_DATUM_PACKED(slot->tts_values[Anum_audit_side_value - 1]);
		cust_sha256_add(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	}
	cust_sha256_end(digest);
	if (memcmp(digest, is_salt ? facts->manifest_salt : facts->wanted,
			   CUST_SHA256_LEN) != 0)
		report(check, key, "altered");
	else if (is_salt)
		v->intact_salts++;
	else
		v->intact_commitments++;
}

/* All that one row of custodian.audit_side can be asked. */
static void
check_side_row(Verifier *v, TupleTableSlot *slot)
{
	Check	   *check = &v->checks[CHECK_SIDE_ROW];
	CustEventKey key;
	CustEntryFacts facts;
	struct varlena *entry;
	char	   *field;
	bool		has_client;

	check->events++;
	if (!get_key(slot, &key) || slot->tts_isnull[Anum_audit_side_field - 1])
	{
		report(check, NULL, "row with NULL");
		return;
	}
	if (!find(&v->finder, &key))
	{
		report(check, &key, "no such event");
		return;
	}
	if (v->finder.slot->tts_isnull[Anum_audit_entry - 1])
		return;					/* reported with the event */
	entry = PG_DETOAST_DATUM_PACKED(v->finder.slot->tts_values[Anum_audit_entry - 1]);
	field = TextDatumGetCString(slot->tts_values[Anum_audit_side_field - 1]);
	if (!cust_entry_parse(VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry), field,
						  &facts))
	{
		report(check, &key, "event cannot be read");
		return;
	}

	/* Erasing a client's side rows goes by this column. */
	has_client = !slot->tts_isnull[Anum_audit_side_client_no - 1];
	if (has_client != facts.has_client ||
		(has_client && facts.client_no !=
		 DatumGetInt64(slot->tts_values[Anum_audit_side_client_no - 1])))
		report(check, &key, "other client");
	check_opening(v, &key, &facts, field, slot);
}

/* Pass over the side rows. */
static void
check_side_rows(Verifier *v)
{
	TableScanDesc scan = table_beginscan(v->side, v->snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(v->side, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		MemoryContext old = MemoryContextSwitchTo(v->row_context);

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		check_side_row(v, slot);
		MemoryContextSwitchTo(old);
		MemoryContextReset(v->row_context);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
}

/* Has somebody added a column after the first n? */
static bool
has_other_columns(Relation rel, int n)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = n; i < desc->natts; i++)
	{
		if (!TupleDescAttr(desc, i)->attisdropped)
			return true;
	}
	return false;
}

/* What the catalogs say; true where the rows can be read at all. */
static bool
check_structure(Verifier *v)
{
	Oid			owner = cust_extension_owner();
	bool		readable = true;
	Relation	rels[2];

	v->checks[CHECK_ACCESS_METHOD].events = 1;
	if (!cust_is_immutable(v->audit))
		report(&v->checks[CHECK_ACCESS_METHOD], NULL,
			   "custodian.audit is not stored in custodian_immutable");

	rels[0] = v->audit;
	rels[1] = v->side;
	for (int i = 0; i < 2; i++)
	{
		v->checks[CHECK_COLUMNS].events++;
		if (!cust_audit_columns_ok(rels[i], i == 1))
		{
			report(&v->checks[CHECK_COLUMNS], NULL,
				   i ? "custodian.audit_side was altered" :
				   "custodian.audit was altered");
			readable = false;
		}
		else if (has_other_columns(rels[i], i ? Natts_audit_side : Natts_audit))
			report(&v->checks[CHECK_COLUMNS], NULL,
				   i ? "custodian.audit_side has columns that are not custodian's" :
				   "custodian.audit has columns that are not custodian's");
		v->checks[CHECK_OWNER].events++;
		if (rels[i]->rd_rel->relowner != owner)
			report(&v->checks[CHECK_OWNER], NULL,
				   i ? "custodian.audit_side has another owner than the extension" :
				   "custodian.audit has another owner than the extension");
		v->checks[CHECK_PRIMARY_KEY].events++;
	}
	if (!OidIsValid(find_primary_key(v->audit, Natts_audit_key)))
		report(&v->checks[CHECK_PRIMARY_KEY], NULL,
			   "custodian.audit has no valid primary key");
	if (!OidIsValid(find_primary_key(v->side, Anum_audit_side_field)))
		report(&v->checks[CHECK_PRIMARY_KEY], NULL,
			   "custodian.audit_side has no valid primary key");
	return readable;
}

/* Name and subject of each line. */
static void
init_checks(Verifier *v)
{
	static const char *const names[NUM_CHECKS][2] = {
		[CHECK_ACCESS_METHOD] = {"access_method", "custodian.audit"},
		[CHECK_COLUMNS] = {"columns", "custodian.audit, custodian.audit_side"},
		[CHECK_OWNER] = {"owner", "custodian.audit, custodian.audit_side"},
		[CHECK_PRIMARY_KEY] = {"primary_key", "custodian.audit, custodian.audit_side"},
		[CHECK_LEAF] = {"leaf", "custodian.audit"},
		[CHECK_ENTRY] = {"entry", "custodian.audit"},
		[CHECK_SEQUENCE] = {"sequence", "custodian.audit"},
		[CHECK_MANIFEST] = {"manifest", "custodian.audit"},
		[CHECK_COMMITMENT] = {"commitment", "custodian.audit_side"},
		[CHECK_MANIFEST_SALT] = {"manifest_salt", "custodian.audit_side"},
		[CHECK_SIDE_ROW] = {"side_row", "custodian.audit_side"},
	};

	for (int i = 0; i < NUM_CHECKS; i++)
	{
		v->checks[i].name = names[i][0];
		v->checks[i].subject = names[i][1];
		initStringInfo(&v->checks[i].detail);
	}
}

/* Say how many of the erasable things are there. */
static void
count_erased(Check *check, int64 intact)
{
	StringInfoData counts;

	initStringInfo(&counts);
	appendStringInfo(&counts, INT64_FORMAT " intact, " INT64_FORMAT " erased",
					 intact, check->events - intact - check->problems);
	if (check->detail.len > 0)
		appendStringInfo(&counts, "; %s", check->detail.data);
	check->detail = counts;
}

/* Read all rows and run the checks that need them. */
static void
check_rows(Verifier *v)
{
	initStringInfo(&v->prefix);
	v->row_context = AllocSetContextCreate(CurrentMemoryContext,
										   "custodian verify row",
										   ALLOCSET_DEFAULT_SIZES);
	v->can_find = begin_find(&v->finder, v->audit, v->snapshot);
	check_events(v);
	if (v->can_find)
	{
		check_side_rows(v);
		count_erased(&v->checks[CHECK_COMMITMENT], v->intact_commitments);
		count_erased(&v->checks[CHECK_MANIFEST_SALT], v->intact_salts);
		end_find(&v->finder);
	}
	else
	{
		for (int i = CHECK_SEQUENCE; i < NUM_CHECKS; i++)
		{
			if (i != CHECK_MANIFEST)
				report(&v->checks[i], NULL,
					   "not checked: needs the primary key of custodian.audit");
		}
	}
	MemoryContextDelete(v->row_context);
}

/*
 * custodian.verify() returns setof (check_name, subject, events, problems, detail)
 *		Check the audit against itself; all is well where problems is 0.
 *
 * One row a check.  events: how many things were checked.  detail: the first
 * few bad events as system identifier/timeline/xid/seq.  Works on a standby.
 */
Datum
custodian_verify(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Verifier	v = {0};

	cust_init_srf(fcinfo);
	init_checks(&v);
	v.audit = cust_audit_open(AccessShareLock);
	v.side = cust_audit_side_open(AccessShareLock);
	v.snapshot = RegisterSnapshot(GetActiveSnapshot());

	if (check_structure(&v))
		check_rows(&v);
	else
	{
		for (int i = CHECK_LEAF; i < NUM_CHECKS; i++)
			report(&v.checks[i], NULL, "not checked: columns were altered");
	}

	UnregisterSnapshot(v.snapshot);
	table_close(v.side, AccessShareLock);
	table_close(v.audit, AccessShareLock);

	for (int i = 0; i < NUM_CHECKS; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(v.checks[i].name);
		values[1] = CStringGetTextDatum(v.checks[i].subject);
		values[2] = Int64GetDatum(v.checks[i].events);
		values[3] = Int64GetDatum(v.checks[i].problems);
		nulls[4] = v.checks[i].detail.len == 0;
		values[4] = nulls[4] ? (Datum) 0 :
			CStringGetTextDatum(v.checks[i].detail.data);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* Is the digest one of the manifest's? */
static bool
manifest_has(Datum manifest, const char *digest)
{
	const char *bytes;
	int			n;
	int64		offset = 0;
	MemoryContext slice_context;
	MemoryContext old;
	bool		found = false;

	slice_context = AllocSetContextCreate(CurrentMemoryContext,
										  "custodian manifest slice",
										  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(slice_context);
	while (!found && (n = next_slice(manifest, offset, &bytes)) > 0)
	{
		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i + CUST_SHA256_LEN <= n; i += CUST_SHA256_LEN)
		{
			if (memcmp(bytes + i, digest, CUST_SHA256_LEN) == 0)
			{
				found = true;
				break;
			}
		}
		offset += n;
		MemoryContextReset(slice_context);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(slice_context);
	return found;
}

/*
 * custodian.manifest_contains(system_identifier bigint, timeline int, xid xid8,
 *							   seq int, digest bytea) returns boolean
 *		Is a row of this digest among those that the event took away?
 *
 * digest: 32 bytes, from custodian.row_digest().  NULL where there is no such
 * event, or it has no manifest.
 */
Datum
custodian_manifest_contains(PG_FUNCTION_ARGS)
{
	bytea	   *digest = PG_GETARG_BYTEA_PP(4);
	CustEventKey key;
	Relation	audit;
	Finder		finder;
	bool		isnull = true;
	bool		result = false;

	if (VARSIZE_ANY_EXHDR(digest) != CUST_SHA256_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("digest must be %d bytes long", CUST_SHA256_LEN),
				 errhint("Compute it with custodian.row_digest().")));
	key.system_identifier = PG_GETARG_INT64(0);
	key.timeline = PG_GETARG_INT32(1);
	key.xid = PG_GETARG_FULLTRANSACTIONID(2);
	key.seq = PG_GETARG_INT32(3);

	audit = cust_audit_open(AccessShareLock);
	if (!cust_audit_columns_ok(audit, false) ||
		!begin_find(&finder, audit, GetActiveSnapshot()))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"custodian.audit\" has been altered"),
				 errhint("Run custodian.verify() to see what is missing.")));
	if (find(&finder, &key))
	{
		isnull = finder.slot->tts_isnull[Anum_audit_manifest - 1];
		if (!isnull)
			result = manifest_has(finder.slot->tts_values[Anum_audit_manifest - 1],
								  VARDATA_ANY(digest));
	}
	end_find(&finder);
	table_close(audit, AccessShareLock);

	if (isnull)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(result);
}
