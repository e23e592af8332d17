/* identity.c - see identity.h */
#include "libhub/daemon/identity.h"

#include <string.h>
#include <time.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/daemon/key_pairs.h"
#include "libhub/org/snapshot.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/ticket.h"

enum { EXPIRES_SOON_S = 14 * 86400 };

/* --- the files --- */

static void files_deinit(struct identity_files *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		tls_certificate_unref(&f->certificates[i]);
	free(f->certificates);
	tls_authorities_unref(&f->authorities);
	*f = (struct identity_files){ 0 };
}

/* No certificate is refused for its time: hubs do not look at it, and others decide themselves. */
static void warn_of_time(const struct tls_certificate *c)
{
	time_t now = time(NULL), end = tls_certificate_not_after(c);
	char until[40];

	clock_rfc3339((int64_t)end * 1000, until, sizeof(until));
	if (!tls_certificate_is_valid(c, now))
		log_event(LOG_LEVEL_ERROR, "certificate-not-valid",
			LOG_STR("file", tls_certificate_path(c)), LOG_STR("until", until), LOG_END);
	else if (end - now < EXPIRES_SOON_S)
		log_event(LOG_LEVEL_WARNING, "certificate-expires",
			LOG_STR("file", tls_certificate_path(c)), LOG_STR("until", until), LOG_END);
}

static void warn_of_times(const struct identity_files *f)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		warn_of_time(f->certificates[i]);
}

static int add_file(const char *certificate, const char *key, void *ctx, struct err *e)
{
	struct identity_files *f = ctx;
	struct tls_certificate *c = tls_certificate_load(certificate, key, e);

	if (c == NULL)
		return -1;
	f->certificates = xrealloc(f->certificates, (f->n + 1) * sizeof(*f->certificates));
	f->certificates[f->n++] = c;
	return 0;
}

static int files_read(struct identity_files *f, const struct common_settings *s, const char *crl,
	struct err *e)
{
	if (key_pairs_each(&s->pairs, add_file, f, e) != 0)
		return -1;
	f->authorities = tls_authorities_load(s->ca, crl, e);
	return f->authorities != NULL ? 0 : -1;
}

/* --- contexts --- */

/* While a key waits its certificate is shown to nobody. */
static size_t shown(const struct identity *id, struct tls_certificate **out)
{
	struct tls_certificate *c;
	size_t i, n = 0;

	for (i = 0; i < id->files.n; i++) {
		c = id->files.certificates[i];
		if (id->waiting == NULL || strcmp(tls_certificate_key_digest(c), id->waiting) != 0)
			out[n++] = c;
	}
	return n;
}

static struct tls_context *make_server(const struct identity *id, struct err *e)
{
	struct tls_certificate **all = xcalloc(id->files.n + 1, sizeof(struct tls_certificate *));
	struct tls_server_config cfg = { .own = id->own, .all = all, .n = shown(id, all),
		.authorities = id->files.authorities, .tickets = id->tickets };
	struct tls_context *t = tls_context_server(&cfg, e);

	free(all);
	return t;
}

static struct tls_context *make_client(const struct identity *id, struct err *e)
{
	struct tls_certificate **all = xcalloc(id->files.n + 1, sizeof(struct tls_certificate *));
	struct tls_client_config cfg = { .own = id->own, .all = all, .n = shown(id, all),
		.authorities = id->files.authorities };
	struct tls_context *t = tls_context_client(&cfg, e);

	free(all);
	return t;
}

static int make(struct identity *id, struct err *e)
{
	struct tls_context *server = NULL, *client;

	if (id->own != NULL) {
		server = make_server(id, e);
		if (server == NULL)
			return -1;
	}
	client = make_client(id, e);
	if (client == NULL) {
		tls_context_unref(&server);
		return -1;
	}
	tls_context_unref(&id->server);
	tls_context_unref(&id->client);
	id->server = server;
	id->client = client;
	id->stale = false;
	return 0;
}

/* --- the own certificate --- */

static struct tls_certificate *first_known(const struct identity *id, const struct server *self)
{
	size_t i;

	for (i = 0; self != NULL && i < id->files.n; i++)
		if (server_has_key(self, tls_certificate_key_digest(id->files.certificates[i])))
			return id->files.certificates[i];
	return NULL;
}

static void wait_for_key(struct identity *id, const struct tls_certificate *next)
{
	const char *digest = tls_certificate_key_digest(next);

	if (id->waiting != NULL && strcmp(id->waiting, digest) == 0)
		return;
	id->waiting = digest;
	id->stale = true;
	log_event(LOG_LEVEL_WARNING, "key-waits", LOG_STR("new", digest),
		LOG_STR("in_use", tls_certificate_key_digest(id->own)),
		LOG_STR("reason", "the new key is not in the directory yet"), LOG_END);
}

static void take_own(struct identity *id, struct tls_certificate *own)
{
	bool same_key = id->own != NULL && strcmp(tls_certificate_key_digest(id->own),
		tls_certificate_key_digest(own)) == 0;

	id->stale = id->stale || own != id->own || id->waiting != NULL;
	id->waiting = NULL;
	own = tls_certificate_ref(own);
	tls_certificate_unref(&id->own);
	id->own = own;
	if (!same_key)
		log_event(LOG_LEVEL_INFO, "key-in-use",
			LOG_STR("key", tls_certificate_key_digest(own)), LOG_END);
}

static void choose_own(struct identity *id, const struct server *self)
{
	struct tls_certificate *known = first_known(id, self), *first;

	if (id->files.n == 0)
		return;
	first = id->files.certificates[0];
	/* waiting helps only while the directory has the old key and no new one */
	if (known != NULL)
		take_own(id, known);
	else if (self != NULL && id->own != NULL &&
		server_has_key(self, tls_certificate_key_digest(id->own)))
		wait_for_key(id, first);
	else
		take_own(id, first);
}

/* --- what the daemon asks for --- */

int identity_load(struct identity *id, const struct common_settings *s, const char *crl,
	struct err *e)
{
	if (files_read(&id->files, s, crl, e) != 0) {
		identity_deinit(id);
		return -1;
	}
	id->tickets = tls_tickets_new(NULL);
	if (id->files.n > 0)
		id->own = tls_certificate_ref(id->files.certificates[0]);
	if (make(id, e) != 0) {
		identity_deinit(id);
		return -1;
	}
	warn_of_times(&id->files);
	return 0;
}

/* The key whose file a failure of identity_load speaks of. */
static const char *blamed(const struct common_settings *s, const struct err *e)
{
	size_t i;

	for (i = 0; i < s->pairs.n; i++)
		if (strstr(e->text, s->pairs.keys[i]) != NULL &&
			strcmp(s->pairs.keys[i], s->pairs.certificates[i]) != 0)
			return "key";
	return s->ca != NULL && strstr(e->text, s->ca) != NULL ? "ca" : "certificate";
}

int identity_check(const struct common_settings *s, const char *crl, struct err *e)
{
	struct identity id = { 0 };

	if (identity_load(&id, s, crl, e) != 0)
		return common_settings_blame(s, blamed(s, e), e);
	identity_deinit(&id);
	return 0;
}

/* They are taken later: whatever OpenSSL has against them has to show now. */
int identity_reload(struct identity *id, const struct common_settings *s, const char *crl,
	struct err *e)
{
	struct identity trial = { 0 };

	if (identity_load(&trial, s, crl, e) != 0)
		return -1;
	files_deinit(&id->files);
	id->files = trial.files;
	trial.files = (struct identity_files){ 0 };
	identity_deinit(&trial);
	id->waiting = NULL;
	id->stale = true;
	return 0;
}

void identity_rotate_tickets(struct identity *id)
{
	struct tls_tickets *next = tls_tickets_new(id->tickets);

	tls_tickets_unref(&id->tickets);
	id->tickets = next;
	id->stale = true;
	warn_of_times(&id->files);
}

bool identity_settle(struct identity *id, const struct server *self)
{
	struct err e;

	choose_own(id, self);
	if (!id->stale)
		return false;
	if (make(id, &e) != 0) {
		log_text(LOG_LEVEL_ERROR, "certificates-refused", "%s", e.text);
		return false;
	}
	return true;
}

void identity_deinit(struct identity *id)
{
	tls_context_unref(&id->server);
	tls_context_unref(&id->client);
	tls_certificate_unref(&id->own);
	tls_tickets_unref(&id->tickets);
	files_deinit(&id->files);
}
