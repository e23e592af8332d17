/* resume.c - see resume.h. The table is in the order in which sessions came. */
#include "hubd/deliver/resume.h"

#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

struct entry {
	UT_hash_handle hh;
	unsigned char digest[SESSION_IDENTITY_DIGEST];
	SSL_SESSION *session;
	uint64_t until_ms;
};

struct resume_table {
	struct entry *entries;
};

struct resume_table *resume_table_new(void)
{
	return xcalloc(1, sizeof(struct resume_table));
}

static void drop(struct resume_table *t, struct entry *x)
{
	HASH_DEL(t->entries, x);
	SSL_SESSION_free(x->session);
	free(x);
}

void resume_table_free(struct resume_table **tp)
{
	if (*tp == NULL)
		return;
	while ((*tp)->entries != NULL)
		drop(*tp, (*tp)->entries);
	free(*tp);
	*tp = NULL;
}

static struct entry *find(const struct resume_table *t, const unsigned char *digest)
{
	struct entry *x;

	HASH_FIND(hh, t->entries, digest, SESSION_IDENTITY_DIGEST, x);
	return x;
}

struct ssl_session_st *resume_get(struct resume_table *t,
	const unsigned char digest[SESSION_IDENTITY_DIGEST])
{
	struct entry *x = find(t, digest);

	if (x == NULL)
		return NULL;
	if (x->until_ms > clock_mono_ms())
		return x->session;
	drop(t, x);
	return NULL;
}

void resume_put(struct resume_table *t, const unsigned char digest[SESSION_IDENTITY_DIGEST],
	struct ssl_session_st *session, bool resumed)
{
	struct entry *x;

	if (session == NULL)
		return;
	x = find(t, digest);
	if (resumed) {
		/* what was proven once is not believed for ever */
		SSL_SESSION_free(x != NULL ? x->session : session);
		if (x != NULL)
			x->session = session;
		return;
	}
	if (x != NULL)
		drop(t, x);
	if (HASH_COUNT(t->entries) >= RESUME_MAX)
		drop(t, t->entries);
	x = xcalloc(1, sizeof(*x));
	memcpy(x->digest, digest, SESSION_IDENTITY_DIGEST);
	x->session = session;
	x->until_ms = clock_mono_ms() + (uint64_t)RESUME_LIFE_S * 1000;
	HASH_ADD(hh, t->entries, digest, SESSION_IDENTITY_DIGEST, x);
}

void resume_drop(struct resume_table *t, const unsigned char digest[SESSION_IDENTITY_DIGEST])
{
	struct entry *x = find(t, digest);

	if (x != NULL)
		drop(t, x);
}
