/*
 * row_digest.c
 *	  Salted digests of rows, and manifests made of them.
 *
 * A row is hashed in the form in which COPY (FORMAT binary) writes it when
 * client_encoding is the server's encoding: a number of fields, then length
 * and bytes of each.  That form is specified, loses nothing, and anybody can
 * produce it again from a backup.  It must not depend on the session that
 * happens to delete the row, which is why the client's encoding is set aside.
 *
 * A purge hashes every row that it deletes, so the common types are written
 * here without a function call or an allocation; which those are is decided by
 * the send function, so that domains, citext and the like profit as well.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/uuid.h"

#include "core/compat.h"
#include "core/errors.h"
#include "row_digest.h"

/* Values from this size on are hashed where they lie. */
#define STREAM_SIZE (64 * 1024)

/* A bytea of this many rows leaves room for the rest of its tuple. */
#define MAX_MANIFEST_ROWS \
	((uint64) (MaxAllocSize - 1024 * 1024) / CUST_SHA256_LEN)

/* How the bytes of a field come about. */
typedef enum FieldKind
{
	FIELD_INT8,					/* one byte: bool */
	FIELD_INT16,
	FIELD_INT32,				/* also date, oid, float4 */
	FIELD_INT64,				/* also time, timestamp, float8 */
	FIELD_UUID,
	FIELD_NAME,
	FIELD_BYTES,				/* payload of a varlena: text, bytea, json */
	FIELD_SEND,					/* ask the type's send function */
	FIELD_OUTPUT				/* no send function: the output function */
} FieldKind;

typedef struct Field
{
	int			index;			/* in the row's arrays of values */
	FieldKind	kind;
	FmgrInfo	function;		/* FIELD_SEND and FIELD_OUTPUT */
} Field;

struct CustRowWriter
{
	MemoryContext context;		/* holds this struct and all below */
	MemoryContext scratch;		/* one row's detoasted and sent values */
	bool		scratch_used;
	bool		converts;		/* some field depends on client_encoding */
	bool		streaming;		/* part of the row is hashed already */
	int			nfields;
	Field	   *fields;
	Size		fixed_size;		/* upper bound without varlena payloads */
	char	   *buf;
	Size		len;
	Size		room;
};

typedef struct ManifestReceiver
{
	DestReceiver pub;
	CustManifest *manifest;
	CustRowWriter *writer;
} ManifestReceiver;

/* custodian.row_digest() keeps this between the calls of one query. */
typedef struct RowDigestCache
{
	Oid			type;
	int32		typmod;
	CustRowWriter *writer;
	Datum	   *values;
	bool	   *isnull;
} RowDigestCache;

PG_FUNCTION_INFO_V1(custodian_row_digest);

/* Choose the way for one column. */
static void
init_field(CustRowWriter *writer, Field *field, Oid type)
{
	HeapTuple	tuple;
	Oid			send;
	Oid			output;
	bool		is_varlena;

	/* getTypeBinaryOutputInfo() would refuse a type that cannot send. */
	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	send = ((Form_pg_type) GETSTRUCT(tuple))->typsend;
	ReleaseSysCache(tuple);

	writer->fixed_size += sizeof(int32);
	switch (send)
	{
		case F_BOOLSEND:
			field->kind = FIELD_INT8;
			writer->fixed_size += 1;
			break;
		case F_INT2SEND:
			field->kind = FIELD_INT16;
			writer->fixed_size += 2;
			break;
		case F_INT4SEND:
		case F_OIDSEND:
		case F_FLOAT4SEND:
		case F_DATE_SEND:
			field->kind = FIELD_INT32;
			writer->fixed_size += 4;
			break;
		case F_INT8SEND:
		case F_FLOAT8SEND:
		case F_TIME_SEND:
		case F_TIMESTAMP_SEND:
		case F_TIMESTAMPTZ_SEND:
			field->kind = FIELD_INT64;
			writer->fixed_size += 8;
			break;
		case F_UUID_SEND:
			field->kind = FIELD_UUID;
			writer->fixed_size += UUID_LEN;
			break;
		case F_NAMESEND:
			field->kind = FIELD_NAME;
			writer->fixed_size += NAMEDATALEN;
			break;
		case F_TEXTSEND:
		case F_VARCHARSEND:
		case F_BPCHARSEND:
		case F_JSON_SEND:
		case F_BYTEASEND:
			field->kind = FIELD_BYTES;
			break;
		case InvalidOid:
			field->kind = FIELD_OUTPUT;
			getTypeOutputInfo(type, &output, &is_varlena);
			fmgr_info_cxt(output, &field->function, writer->context);
			break;
		case F_NUMERIC_SEND:
		case F_INTERVAL_SEND:
			field->kind = FIELD_SEND;
			fmgr_info_cxt(send, &field->function, writer->context);
			break;
		default:
			field->kind = FIELD_SEND;
			fmgr_info_cxt(send, &field->function, writer->context);
			writer->converts = true;
			break;
	}
}

/*
 * cust_row_writer_create
 *		Prepare for rows of one shape.
 *
 * Lives in a child of the current context; desc is not needed afterwards.
 */
CustRowWriter *
cust_row_writer_create(TupleDesc desc)
{
	MemoryContext context;
	MemoryContext old;
	CustRowWriter *writer;

	context = AllocSetContextCreate(CurrentMemoryContext,
									"custodian row writer",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	writer = palloc0(sizeof(CustRowWriter));
	writer->context = context;
	/* The first block survives resets: some send functions' buffers fit. */
	writer->scratch = AllocSetContextCreate(context,
											"custodian row values",
											32 * 1024, 32 * 1024,
											ALLOCSET_DEFAULT_MAXSIZE);
	writer->fields = palloc0(sizeof(Field) * Max(desc->natts, 1));
	writer->fixed_size = CUST_ROW_SALT_LEN + sizeof(int16);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		Field	   *field = &writer->fields[writer->nfields];

		if (att->attisdropped)
			continue;
		field->index = i;
		init_field(writer, field, att->atttypid);
		writer->nfields++;
	}
	writer->room = writer->fixed_size + 1024;
	writer->buf = palloc(writer->room);
	MemoryContextSwitchTo(old);
	return writer;
}

/* Release a writer and all that it holds. */
void
cust_row_writer_free(CustRowWriter *writer)
{
	MemoryContextDelete(writer->context);
}

/* Append a number in network order; room for it was reserved for the row. */
static inline void
put8(CustRowWriter *writer, uint8 value)
{
	writer->buf[writer->len++] = (char) value;
}

static inline void
put16(CustRowWriter *writer, uint16 value)
{
	value = pg_hton16(value);
	memcpy(writer->buf + writer->len, &value, sizeof(value));
	writer->len += sizeof(value);
}

static inline void
put32(CustRowWriter *writer, uint32 value)
{
	value = pg_hton32(value);
	memcpy(writer->buf + writer->len, &value, sizeof(value));
	writer->len += sizeof(value);
}

static inline void
put64(CustRowWriter *writer, uint64 value)
{
	value = pg_hton64(value);
	memcpy(writer->buf + writer->len, &value, sizeof(value));
	writer->len += sizeof(value);
}

/* Append a field of any length, keeping room for the fixed rest of the row. */
static void
put_bytes(CustRowWriter *writer, const void *data, int len)
{
	put32(writer, (uint32) len);
	if (unlikely(len >= STREAM_SIZE))
	{
		if (!writer->streaming)
			cust_sha256_begin();
		writer->streaming = true;
		cust_sha256_add(writer->buf, writer->len);
		cust_sha256_add(data, len);
		writer->len = 0;
		return;
	}
	if (unlikely(writer->len + len + writer->fixed_size > writer->room))
	{
		writer->room = (writer->len + len + writer->fixed_size) * 2;
		writer->buf = repalloc(writer->buf, writer->room);
	}
	memcpy(writer->buf + writer->len, data, len);
	writer->len += len;
}

/* Append the payload of a text, bytea or json value. */
static inline void
put_varlena(CustRowWriter *writer, Datum value)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);

	if (unlikely(VARATT_IS_COMPRESSED(v) || VARATT_IS_EXTERNAL(v)))
	{
		MemoryContext old = MemoryContextSwitchTo(writer->scratch);

		v = pg_detoast_datum_packed(v);
		MemoryContextSwitchTo(old);
		writer->scratch_used = true;
	}
	put_bytes(writer, VARDATA_ANY(v), VARSIZE_ANY_EXHDR(v));
}

/* Append what the type's send or output function makes of a value. */
static void
put_by_function(CustRowWriter *writer, Field *field, Datum value)
{
	MemoryContext old = MemoryContextSwitchTo(writer->scratch);

	writer->scratch_used = true;
	if (field->kind == FIELD_SEND)
	{
		bytea	   *sent = SendFunctionCall(&field->function, value);

		put_bytes(writer, VARDATA(sent), VARSIZE(sent) - VARHDRSZ);
	}
	else
	{
		char	   *printed = OutputFunctionCall(&field->function, value);

		put_bytes(writer, printed, strlen(printed));
	}
	MemoryContextSwitchTo(old);
}

/* Gather salt and row, hashing large values on the way. */
static void
write_row(CustRowWriter *writer, const uint8 *salt, const Datum *values,
		  const bool *isnull)
{
	writer->streaming = false;
	memcpy(writer->buf, salt, CUST_ROW_SALT_LEN);
	writer->len = CUST_ROW_SALT_LEN;
	put16(writer, (uint16) writer->nfields);

	for (int i = 0; i < writer->nfields; i++)
	{
		Field	   *field = &writer->fields[i];
		Datum		value = values[field->index];

		if (isnull[field->index])
		{
			put32(writer, (uint32) -1);
			continue;
		}
		switch (field->kind)
		{
			case FIELD_INT8:
				put32(writer, 1);
				put8(writer, DatumGetBool(value) ? 1 : 0);
				break;
			case FIELD_INT16:
				put32(writer, 2);
				put16(writer, (uint16) DatumGetInt16(value));
				break;
			case FIELD_INT32:
				/* float4 is the same bits in a datum. */
				put32(writer, 4);
				put32(writer, (uint32) DatumGetInt32(value));
				break;
			case FIELD_INT64:
				put32(writer, 8);
				put64(writer, (uint64) DatumGetInt64(value));
				break;
			case FIELD_UUID:
				put32(writer, UUID_LEN);
				memcpy(writer->buf + writer->len,
					   DatumGetUUIDP(value)->data, UUID_LEN);
				writer->len += UUID_LEN;
				break;
			case FIELD_NAME:
				put_bytes(writer, NameStr(*DatumGetName(value)),
						  strlen(NameStr(*DatumGetName(value))));
				break;
			case FIELD_BYTES:
				put_varlena(writer, value);
				break;
			case FIELD_SEND:
			case FIELD_OUTPUT:
				put_by_function(writer, field, value);
				break;
		}
	}
}

/*
 * write_row_unconverted
 *		The same while the client's encoding passes for the server's.
 *
 * Send functions convert to the client's encoding; nothing but setting it
 * aside keeps all of them from it, also those of extensions and those that
 * arrays and ranges call for their elements.
 */
static void
write_row_unconverted(CustRowWriter *writer, const uint8 *salt,
					  const Datum *values, const bool *isnull)
{
	int			client = pg_get_client_encoding();

	PG_TRY();
	{
		(void) SetClientEncoding(GetDatabaseEncoding());
		write_row(writer, salt, values, isnull);
	}
	PG_FINALLY();
	{
		/* It was in force, so its conversion is still cached. */
		(void) SetClientEncoding(client);
	}
	PG_END_TRY();
}

/*
 * cust_row_digest
 *		SHA-256 over salt and row.
 *
 * salt: CUST_ROW_SALT_LEN bytes.  values, isnull: as the descriptor given to
 * cust_row_writer_create() has them, dropped columns included.  digest:
 * CUST_SHA256_LEN bytes.
 */
void
cust_row_digest(CustRowWriter *writer, const uint8 *salt,
				const Datum *values, const bool *isnull, uint8 *digest)
{
	if (writer->converts &&
		pg_get_client_encoding() != GetDatabaseEncoding())
		write_row_unconverted(writer, salt, values, isnull);
	else
		write_row(writer, salt, values, isnull);

	if (unlikely(writer->streaming))
	{
		cust_sha256_add(writer->buf, writer->len);
		cust_sha256_end(digest);
	}
	else
		cust_sha256(writer->buf, writer->len, digest);

	if (writer->scratch_used)
	{
		MemoryContextReset(writer->scratch);
		writer->scratch_used = false;
	}
}

/*
 * cust_manifest_create
 *		An empty manifest with a salt of its own, in the current context.
 */
CustManifest *
cust_manifest_create(void)
{
	CustManifest *manifest = palloc0(sizeof(CustManifest));

	manifest->context = CurrentMemoryContext;
	manifest->room = 256;
	manifest->bytes = palloc(VARHDRSZ + manifest->room * CUST_SHA256_LEN);
	if (!pg_strong_random(manifest->salt, sizeof(manifest->salt)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate a random salt")));
	return manifest;
}

/* Rows hashed so far. */
uint64
cust_manifest_rows(const CustManifest *manifest)
{
	return manifest->rows;
}

/* Make room for more rows. */
static void
grow_manifest(CustManifest *manifest)
{
	if (manifest->room >= MAX_MANIFEST_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("manifest cannot hold more than " UINT64_FORMAT " rows",
						(uint64) MAX_MANIFEST_ROWS),
				 errhint("Work in smaller batches.")));
	manifest->room = Min(manifest->room * 2, MAX_MANIFEST_ROWS);
	manifest->bytes = repalloc(manifest->bytes,
							   VARHDRSZ + manifest->room * CUST_SHA256_LEN);
}

/*
 * cust_manifest_add
 *		Add one row, given as the writer's columns.
 */
void
cust_manifest_add(CustManifest *manifest, CustRowWriter *writer,
				  const Datum *values, const bool *isnull)
{
	if (unlikely(manifest->rows >= manifest->room))
		grow_manifest(manifest);
	cust_row_digest(writer, manifest->salt, values, isnull,
					(uint8 *) manifest->bytes + VARHDRSZ +
					manifest->rows * CUST_SHA256_LEN);
	manifest->rows++;
}

/* DestReceiver: one row. */
static bool
manifest_receive(TupleTableSlot *slot, DestReceiver *self)
{
	ManifestReceiver *receiver = (ManifestReceiver *) self;

	slot_getallattrs(slot);
	cust_manifest_add(receiver->manifest, receiver->writer, slot->tts_values,
					  slot->tts_isnull);
	return true;
}

/* DestReceiver: a statement begins, with rows of this shape. */
static void
manifest_startup(DestReceiver *self, int operation, TupleDesc typeinfo)
{
	ManifestReceiver *receiver = (ManifestReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->manifest->context);

	receiver->writer = cust_row_writer_create(typeinfo);
	MemoryContextSwitchTo(old);
}

/* DestReceiver: the statement ends; the manifest may take another's rows. */
static void
manifest_shutdown(DestReceiver *self)
{
	ManifestReceiver *receiver = (ManifestReceiver *) self;

	if (receiver->writer)
		cust_row_writer_free(receiver->writer);
	receiver->writer = NULL;
}

/* DestReceiver: the receiver goes; the manifest stays. */
static void
manifest_destroy(DestReceiver *self)
{
	manifest_shutdown(self);
	pfree(self);
}

/*
 * cust_manifest_receiver
 *		A receiver that adds a digest of each row it is sent.
 *
 * For the dest option of SPI_execute_extended() and SPI_execute_plan_extended(),
 * or for a portal.  Not DestNone: SPI would take that for rows thrown away.
 */
DestReceiver *
cust_manifest_receiver(CustManifest *manifest)
{
	MemoryContext old = MemoryContextSwitchTo(manifest->context);
	ManifestReceiver *receiver = palloc0(sizeof(ManifestReceiver));

	MemoryContextSwitchTo(old);
	receiver->pub.receiveSlot = manifest_receive;
	receiver->pub.rStartup = manifest_startup;
	receiver->pub.rShutdown = manifest_shutdown;
	receiver->pub.rDestroy = manifest_destroy;
	receiver->pub.mydest = DestTuplestore;
	receiver->manifest = manifest;
	return (DestReceiver *) receiver;
}

/* The writer for rows of this type, kept while the type stays the same. */
static RowDigestCache *
row_digest_cache(FmgrInfo *flinfo, Oid type, int32 typmod, TupleDesc desc)
{
	RowDigestCache *cache = (RowDigestCache *) flinfo->fn_extra;
	MemoryContext old;

	if (cache && cache->type == type && cache->typmod == typmod)
		return cache;

	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	if (cache)
	{
		flinfo->fn_extra = NULL;
		cust_row_writer_free(cache->writer);
		pfree(cache->values);
		pfree(cache->isnull);
		pfree(cache);
	}
	cache = palloc0(sizeof(RowDigestCache));
	cache->type = type;
	cache->typmod = typmod;
	cache->writer = cust_row_writer_create(desc);
	cache->values = palloc(sizeof(Datum) * Max(desc->natts, 1));
	cache->isnull = palloc(sizeof(bool) * Max(desc->natts, 1));
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = cache;
	return cache;
}

/*
 * custodian.row_digest(row record, salt bytea) returns bytea
 *		The digest that a manifest with this salt has for this row.
 *
 * salt: 32 bytes, from custodian.audit_side, field 'manifest_salt'.  Anybody
 * who has a backup can tell with it whether a row of it is in a manifest.
 */
Datum
custodian_row_digest(PG_FUNCTION_ARGS)
{
	HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
	bytea	   *salt = PG_GETARG_BYTEA_PP(1);
	Oid			type = HeapTupleHeaderGetTypeId(row);
	int32		typmod = HeapTupleHeaderGetTypMod(row);
	TupleDesc	desc;
	RowDigestCache *cache;
	HeapTupleData tuple;
	bytea	   *result;

	if (VARSIZE_ANY_EXHDR(salt) != CUST_ROW_SALT_LEN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("salt must be %d bytes long", CUST_ROW_SALT_LEN),
				 errhint("Take it from custodian.audit_side, field \"%s\".",
						 "manifest_salt")));

	desc = lookup_rowtype_tupdesc(type, typmod);
	cache = row_digest_cache(fcinfo->flinfo, type, typmod, desc);
	tuple.t_len = HeapTupleHeaderGetDatumLength(row);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = row;
	heap_deform_tuple(&tuple, desc, cache->values, cache->isnull);

	result = palloc(VARHDRSZ + CUST_SHA256_LEN);
	SET_VARSIZE(result, VARHDRSZ + CUST_SHA256_LEN);
	cust_row_digest(cache->writer, (const uint8 *) VARDATA_ANY(salt),
					cache->values, cache->isnull, (uint8 *) VARDATA(result));
	ReleaseTupleDesc(desc);
	PG_RETURN_BYTEA_P(result);
}
