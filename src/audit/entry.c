/*
 * entry.c
 *	  The bytes of an audit entry: one canonical line of JSON.
 *
 * Writing and reading stand side by side here, because verify() relies on the
 * reader accepting exactly what the writer produces.  doc/audit.md specifies
 * the format for everybody else; a change needs a new "v".
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#include "core/compat.h"
#include "entry.h"

PG_FUNCTION_INFO_V1(custodian_audit_entry_json);

/*
 * cust_entry_incarnation, cust_entry_position
 *		The two halves of the key with which every entry begins.
 *
 * The first half is the same for all events of a cluster's life on a timeline.
 * 64-bit identifiers are strings: JSON readers that use doubles would round
 * them.
 */
void
cust_entry_incarnation(StringInfo out, const CustEventKey *key)
{
	appendStringInfo(out,
					 "{\"v\":1,\"system_identifier\":\"" INT64_FORMAT
					 "\",\"timeline\":%d,\"xid\":\"",
					 key->system_identifier, key->timeline);
}

void
cust_entry_position(StringInfo out, const CustEventKey *key)
{
	char		number[24];
	int			len;

	/* Not appendStringInfo: verify() does this for every event. */
	len = pg_ulltoa_n(U64FromFullTransactionId(key->xid), number);
	appendBinaryStringInfo(out, number, len);
	appendBinaryStringInfo(out, "\",\"seq\":", 8);
	len = pg_ltoa(key->seq, number);
	appendBinaryStringInfo(out, number, len);
}

/*
 * to_utf8
 *		value, which is in the server's encoding, in UTF-8; NULL if impossible.
 *
 * Names of roles and databases come from shared catalogs and need not be valid
 * in this database's encoding, and an event must not fail over that.
 */
static char *
to_utf8(const char *value, int len)
{
	int			server = GetDatabaseEncoding();
	Oid			proc;
	char	   *result;
	int			size;

	if (server == PG_SQL_ASCII || server == PG_UTF8)
		return pg_encoding_verifymbstr(PG_UTF8, value, len) == len ?
			unconstify(char *, value) : NULL;

	if (pg_encoding_verifymbstr(server, value, len) != len)
		return NULL;
	proc = FindDefaultConversionProc(server, PG_UTF8);
	if (!OidIsValid(proc))
		return NULL;
	size = len * MAX_CONVERSION_GROWTH + 1;
	result = palloc(size);
	if (pg_do_encoding_conversion_buf(proc, server, PG_UTF8,
									  (unsigned char *) unconstify(char *, value),
									  len, (unsigned char *) result, size,
									  true) != len)
		return NULL;
	return result;
}

/*
 * cust_entry_string
 *		Append a JSON string.
 *
 * Escapes: the quote, the backslash, control characters below U+0020, and
 * nothing else.  A value that has no UTF-8 form has each byte from 0x80 on
 * written as \u00XX.
 */
void
cust_entry_string(StringInfo out, const char *value)
{
	bool		raw_bytes = false;
	const char *p;

	for (p = value; *p; p++)
	{
		if (IS_HIGHBIT_SET(*p))
		{
			char	   *converted = to_utf8(value, strlen(value));

			if (converted)
				value = converted;
			else
				raw_bytes = true;
			break;
		}
	}

	appendStringInfoCharMacro(out, '"');
	for (p = value; *p; p++)
	{
		switch (*p)
		{
			case '"':
				appendStringInfoString(out, "\\\"");
				break;
			case '\\':
				appendStringInfoString(out, "\\\\");
				break;
			case '\b':
				appendStringInfoString(out, "\\b");
				break;
			case '\f':
				appendStringInfoString(out, "\\f");
				break;
			case '\n':
				appendStringInfoString(out, "\\n");
				break;
			case '\r':
				appendStringInfoString(out, "\\r");
				break;
			case '\t':
				appendStringInfoString(out, "\\t");
				break;
			default:
				if ((unsigned char) *p < ' ' ||
					(raw_bytes && IS_HIGHBIT_SET(*p)))
					appendStringInfo(out, "\\u%04x", (unsigned char) *p);
				else
					appendStringInfoCharMacro(out, *p);
				break;
		}
	}
	appendStringInfoCharMacro(out, '"');
}

/* Where the reader stands. */
typedef struct Cursor
{
	const unsigned char *p;
	const unsigned char *end;
} Cursor;

/* Consume one given character. */
static inline bool
take(Cursor *c, char ch)
{
	if (c->p < c->end && *c->p == (unsigned char) ch)
	{
		c->p++;
		return true;
	}
	return false;
}

/* Value of a hex digit, or -1; upper case is not canonical. */
static inline int
hex_value(unsigned char ch)
{
	if (ch >= '0' && ch <= '9')
		return ch - '0';
	if (ch >= 'a' && ch <= 'f')
		return ch - 'a' + 10;
	return -1;
}

/* Consume what follows a backslash: only what cust_entry_string() writes. */
static bool
take_escape(Cursor *c)
{
	int			high,
				low;

	if (c->p >= c->end)
		return false;
	switch (*c->p++)
	{
		case '"':
		case '\\':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			return true;
		case 'u':
			if (c->end - c->p < 4 || c->p[0] != '0' || c->p[1] != '0')
				return false;
			high = hex_value(c->p[2]);
			low = hex_value(c->p[3]);
			if (high < 0 || low < 0 || high * 16 + low == 0)
				return false;
			c->p += 4;
			return true;
		default:
			return false;
	}
}

/*
 * is_plain
 *		Are these eight bytes ASCII, without quote, backslash and controls?
 *
 * Sets the high bit of each byte that is not; carries can only add a false
 * alarm to a true one.
 */
static inline bool
is_plain(uint64 bytes)
{
	const uint64 ones = UINT64CONST(0x0101010101010101);
	const uint64 highs = UINT64CONST(0x8080808080808080);
	uint64		quote = bytes ^ (ones * '"');
	uint64		backslash = bytes ^ (ones * '\\');

	return (((bytes - ones * ' ') | bytes | (quote - ones) |
			 (backslash - ones)) & highs) == 0;
}

/*
 * take_string
 *		Consume a string; start and len describe what is between the quotes.
 *
 * verify() spends most of its reading here, so plain text goes by in strides.
 */
static inline bool
take_string(Cursor *c, const unsigned char **start, int *len)
{
	const unsigned char *p = c->p;
	const unsigned char *end = c->end;
	uint64		bytes;

	if (p >= end || *p != '"')
		return false;
	*start = ++p;
	while (p < end)
	{
		while (end - p >= sizeof(bytes))
		{
			memcpy(&bytes, p, sizeof(bytes));
			if (!is_plain(bytes))
				break;
			p += sizeof(bytes);
		}
		while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\')
			p++;
		if (p >= end)
			return false;
		if (*p == '"')
		{
			*len = p - *start;
			c->p = p + 1;
			return true;
		}
		if (*p == '\\')
		{
			c->p = p + 1;
			if (!take_escape(c))
				return false;
			p = c->p;
		}
		else
		{
			int			size = pg_utf_mblen(p);

			if (*p < ' ' || size > end - p || !pg_utf8_islegal(p, size))
				return false;
			p += size;
		}
	}
	return false;
}

/* Consume an integer that fits into 64 bits. */
static bool
take_integer(Cursor *c, int64 *value)
{
	bool		negative = take(c, '-');
	uint64		n = 0;
	int			digits = 0;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
	{
		if (++digits > 19)
			return false;
		n = n * 10 + (*c->p++ - '0');
	}
	if (digits == 0 || n > (uint64) PG_INT64_MAX + (negative ? 1 : 0))
		return false;
	*value = negative ? (int64) (0 - n) : (int64) n;
	return true;
}

/* Consume a keyword. */
static bool
take_word(Cursor *c, const char *word)
{
	size_t		len = strlen(word);

	if ((size_t) (c->end - c->p) < len || memcmp(c->p, word, len) != 0)
		return false;
	c->p += len;
	return true;
}

/* Consume a value of any kind; depth bounds the nesting of what we write. */
static bool
take_value(Cursor *c, int depth)
{
	const unsigned char *start;
	int			len;
	int64		number;
	char		close;

	if (c->p >= c->end || depth > 3)
		return false;
	switch (*c->p)
	{
		case '"':
			return take_string(c, &start, &len);
		case 't':
			return take_word(c, "true");
		case 'f':
			return take_word(c, "false");
		case '{':
		case '[':
			close = *c->p++ == '{' ? '}' : ']';
			if (take(c, close))
				return true;
			do
			{
				if (close == '}' &&
					!(take_string(c, &start, &len) && take(c, ':')))
					return false;
				if (!take_value(c, depth + 1))
					return false;
			} while (take(c, ','));
			return take(c, close);
		default:
			return take_integer(c, &number);
	}
}

/* Consume a string of 64 hex digits. */
static bool
take_digest(Cursor *c, uint8 *digest)
{
	const unsigned char *start;
	int			len;

	if (!take_string(c, &start, &len) || len != 2 * CUST_SHA256_LEN)
		return false;
	for (int i = 0; i < CUST_SHA256_LEN; i++)
	{
		int			high = hex_value(start[2 * i]);
		int			low = hex_value(start[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		digest[i] = (uint8) (high << 4 | low);
	}
	return true;
}

/* Is the string of len bytes at start the same as name? */
static inline bool
same(const unsigned char *start, int len, const char *name, int name_len)
{
	return len == name_len && memcmp(start, name, len) == 0;
}

/*
 * take_members
 *		Consume the members of an entry up to its end, or up to "at".
 *
 * whole: false stops at "at".  Gathers what a verifier needs on the way.
 */
static bool
take_members(Cursor *c, bool whole, const char *wanted_field,
			 CustEntryFacts *facts)
{
	const int	suffix_len = sizeof(CUST_COMMITMENT_SUFFIX) - 1;
	int			wanted_len = wanted_field ? strlen(wanted_field) : 0;
	int			manifest_parts = 0;
	bool		done = false;

	memset(facts, 0, sizeof(*facts));
	do
	{
		const unsigned char *key;
		int			key_len;
		uint8		digest[CUST_SHA256_LEN];

		if (!take_string(c, &key, &key_len) || !take(c, ':'))
			return false;
		if (same(key, key_len, "at", 2) && !whole)
			done = true;
		else if (same(key, key_len, "rows", 4))
		{
			if (!take_integer(c, &facts->rows))
				return false;
			manifest_parts++;
		}
		else if (same(key, key_len, "manifest", 8))
		{
			if (!take_digest(c, facts->manifest))
				return false;
			manifest_parts++;
		}
		else if (same(key, key_len, CUST_MANIFEST_SALT,
					  sizeof(CUST_MANIFEST_SALT) - 1))
		{
			if (!take_digest(c, facts->manifest_salt))
				return false;
			manifest_parts++;
		}
		else if (same(key, key_len, "client", 6))
		{
			if (!take_integer(c, &facts->client_no))
				return false;
			facts->has_client = true;
		}
		else if (key_len > suffix_len &&
				 memcmp(key + key_len - suffix_len, CUST_COMMITMENT_SUFFIX,
						suffix_len) == 0)
		{
			if (!take_digest(c, digest))
				return false;
			facts->ncommitments++;
			if (wanted_field &&
				same(key, key_len - suffix_len, wanted_field, wanted_len))
			{
				memcpy(facts->wanted, digest, CUST_SHA256_LEN);
				facts->found = true;
			}
		}
		else if (!take_value(c, 1))
			return false;
	} while (!done && take(c, ','));

	if (!done && !(whole && take(c, '}') && c->p == c->end))
		return false;

	/* The three fields of a manifest come together or not at all. */
	facts->has_manifest = manifest_parts == 3;
	return manifest_parts == 0 || manifest_parts == 3;
}

/*
 * cust_entry_parse
 *		Read an entry; false where it is not of our form.
 *
 * wanted_field: name of a commitment whose digest the caller wants, or NULL.
 * Never raises an error: verify() has to go on after a forged entry.
 */
bool
cust_entry_parse(const char *entry, int len, const char *wanted_field,
				 CustEntryFacts *facts)
{
	Cursor		c = {(const unsigned char *) entry,
	(const unsigned char *) entry + len};

	return take(&c, '{') && take_members(&c, true, wanted_field, facts);
}

/*
 * cust_entry_parse_digests
 *		Read only what stands between an entry's key and "at".
 *
 * key_len: length of what cust_entry_incarnation() and cust_entry_position()
 * wrote, which the caller has compared.  All digests stand there, so that
 * checking an event does not take longer than hashing it; what follows is
 * covered by the leaf.
 */
bool
cust_entry_parse_digests(const char *entry, int len, int key_len,
						 CustEntryFacts *facts)
{
	Cursor		c = {(const unsigned char *) entry + key_len,
	(const unsigned char *) entry + len};

	return entry[len - 1] == '}' && take(&c, ',') &&
		take_members(&c, false, NULL, facts);
}

/*
 * custodian.audit_entry_json(entry bytea) returns jsonb
 *		An entry as jsonb, NULL where the bytes are not of our form.
 *
 * So the view shows all events although one is damaged or forged; a plain cast
 * would stop at it.
 */
Datum
custodian_audit_entry_json(PG_FUNCTION_ARGS)
{
	bytea	   *entry = PG_GETARG_BYTEA_PP(0);
	CustEntryFacts facts;
	char	   *json;
	char	   *converted;

	if (!cust_entry_parse(VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry), NULL,
						  &facts))
		PG_RETURN_NULL();
	json = pnstrdup(VARDATA_ANY(entry), VARSIZE_ANY_EXHDR(entry));
	converted = pg_any_to_server(json, strlen(json), PG_UTF8);
	PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(converted)));
}
