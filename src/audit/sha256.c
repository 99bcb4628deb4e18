/*
 * sha256.c
 *	  SHA-256 through libcrypto.
 *
 * PostgreSQL's own pg_cryptohash looks the algorithm up for every digest and
 * allocates; with the algorithm fetched and the context kept, a digest of a
 * short message costs about half.  libcrypto's low-level calls would save some
 * thirty nanoseconds more, but are deprecated and bypass FIPS providers.
 */
#include "postgres.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "sha256.h"

/* Both live as long as the backend. */
static const EVP_MD *algorithm = NULL;
static EVP_MD_CTX *context = NULL;

/* libcrypto refused; that is memory, or a provider without SHA-256. */
static void
fail(void)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	ereport(ERROR,
			(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
			 errmsg("could not compute SHA-256: %s",
					reason ? reason : "unknown libcrypto error"),
			 errhint("Check that OpenSSL's configuration provides SHA-256.")));
}

/* First use in this backend; not in the postmaster, whose state forks share. */
static void
prepare(void)
{
	if (context == NULL)
	{
		context = EVP_MD_CTX_new();
		if (context == NULL)
			fail();
	}
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
	algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
#else
	algorithm = EVP_sha256();
#endif
	if (algorithm == NULL)
		fail();
}

/*
 * cust_sha256_begin
 *		Start a digest, abandoning one that an error left unfinished.
 */
void
cust_sha256_begin(void)
{
	if (unlikely(algorithm == NULL))
		prepare();
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
	if (unlikely(!EVP_DigestInit_ex2(context, algorithm, NULL)))
		fail();
#else
	if (unlikely(!EVP_DigestInit_ex(context, algorithm, NULL)))
		fail();
#endif
}

/* Take in len bytes. */
void
cust_sha256_add(const void *data, size_t len)
{
	if (unlikely(!EVP_DigestUpdate(context, data, len)))
		fail();
}

/* out: CUST_SHA256_LEN bytes. */
void
cust_sha256_end(uint8 *out)
{
	if (unlikely(!EVP_DigestFinal_ex(context, out, NULL)))
		fail();
}

/* Digest of one piece; out: CUST_SHA256_LEN bytes. */
void
cust_sha256(const void *data, size_t len, uint8 *out)
{
	cust_sha256_begin();
	cust_sha256_add(data, len);
	cust_sha256_end(out);
}

/* Lower-case hex with a terminating zero; out: 2 * len + 1 bytes. */
void
cust_hex(const uint8 *data, int len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < len; i++)
	{
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 0xF];
	}
	*out = '\0';
}
