/* recipient_push.c - see recipient_push.h: what all rounds have in common, and the marker */
#include "edgesyncd/recipient_push.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>
#include <utlist.h>

#include "edgesyncd/recipient_push_priv.h"
#include "libhub/base/clock.h"
#include "libhub/org/edge_layout.h"

static void on_step(evutil_socket_t fd, short what, void *ctx)
{
	struct recipient_push *p = ctx;

	(void)fd;
	(void)what;
	loop_touch(p->loop);
	p->next_step(p);
}

struct recipient_push *recipient_push_new(struct loop *loop, const struct change_log *log)
{
	struct recipient_push *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->log = log;
	p->step = evtimer_new(loop_base(loop), on_step, p);
	BUG_ON(p->step == NULL);
	recipient_push_set_pace(p, 0);
	return p;
}

void recipient_push_free(struct recipient_push **pp)
{
	struct recipient_push *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	recipient_push_detach(p);
	event_free(p->step);
	free(p);
}

void recipient_push_attach(struct recipient_push *p, struct directory_connection *c,
	const char *base, const char *holder)
{
	BUG_ON(p->requests.c != NULL);
	p->requests.c = c;
	p->base = xstrdup(base);
	p->holder = xstrdup(holder);
	p->digests = xcalloc(BUCKETS, sizeof(*p->digests));
	loss_windows_leave(&p->window, 1);
	p->here[0] = '\0';
}

static void end_round(struct recipient_push *p)
{
	struct bucket_job *job, *next;

	event_del(p->step);
	requests_cancel(&p->requests);
	DL_FOREACH_SAFE(p->jobs, job, next) {
		/* whether it was written nobody will hear */
		p->known = p->known && !job->writing;
		recipient_push_end_job(job);
	}
	bucket_hasher_free(&p->hasher);
	recipient_edits_clear(&p->edits);
	recipient_scan_free(&p->scan);
	arena_free(&p->strays);
	free(p->differs);
	free(p->stray);
	free(p->address);
	p->differs = NULL;
	p->stray = NULL;
	p->address = NULL;
	p->stray_count = p->next_stray = 0;
	p->verified = NULL;
	p->busy = p->reads = false;
}

void recipient_push_detach(struct recipient_push *p)
{
	if (p->requests.c == NULL)
		return;
	end_round(p);
	p->requests.c = NULL;
	p->known = p->pushed = p->marker_known = p->marker_there = p->has_key = false;
	OPENSSL_cleanse(p->key, sizeof(p->key));
	OPENSSL_cleanse(&p->marker, sizeof(p->marker));
	free(p->digests);
	free(p->base);
	free(p->holder);
	p->digests = NULL;
	p->base = p->holder = NULL;
}

void recipient_push_later(struct recipient_push *p, void (*step)(struct recipient_push *p))
{
	static const struct timeval at_once = { 0, 0 };

	p->next_step = step;
	evtimer_add(p->step, &at_once);
}

void recipient_push_finish(struct recipient_push *p, enum round_outcome outcome)
{
	struct round_result result = p->result;
	struct round_callbacks cbs = p->cbs;
	void *ctx = p->ctx;

	result.outcome = outcome;
	p->pushed = outcome == ROUND_IN_STEP &&
		((p->flags & ROUND_DRY) == 0 || result.differences == 0);
	end_round(p);
	cbs.done(&result, ctx);
}

void recipient_push_text(struct recipient_push *p, const char *what, const char *text)
{
	/* the first trouble is most often the cause of the others */
	if (p->result.text[0] == '\0')
		snprintf(p->result.text, sizeof(p->result.text), "%.250s: %.300s", what, text);
}

static void answer(struct recipient_push *p, bool known, const char *error)
{
	recipient_push_verified_cb *cb = p->verified;
	void *ctx = p->ctx;

	end_round(p);
	cb(known, error, ctx);
}

void recipient_push_fail(struct recipient_push *p, const char *what, const char *text)
{
	char error[ROUND_TEXT_MAX];

	recipient_push_text(p, what, text);
	if (p->verified == NULL) {
		recipient_push_finish(p, ROUND_FAILED);
		return;
	}
	memcpy(error, p->result.text, sizeof(error));
	answer(p, false, error);
}

/* --- buckets --- */

const char *recipient_push_dn(struct arena *a, const struct recipient_push *p, unsigned int number)
{
	char name[BUCKET_NAME];

	bucket_name(number, name);
	return arena_printf(a, "cn=%s,%s,%s", name, EDGE_RECIPIENTS_DN, p->base);
}

struct blob recipient_push_value(const struct entry *e)
{
	const struct entry_attr *attr = entry_attr(e, "hubBucketHash");

	return attr != NULL && attr->n != 0 ? attr->values[0] : (struct blob){ NULL, 0 };
}

struct bucket_job *recipient_push_job(struct recipient_push *p, unsigned int number)
{
	struct bucket_job *job = xcalloc(1, sizeof(*job));

	job->p = p;
	job->number = number;
	DL_APPEND(p->jobs, job);
	return job;
}

void recipient_push_end_job(struct bucket_job *job)
{
	DL_DELETE(job->p->jobs, job);
	bucket_deinit(&job->bucket);
	free(job);
}

static int send_add(struct bucket_job *job, const char *dn, struct blob *value,
	request_cb *done, struct err *e)
{
	static const char class[] = "hubRecipientBucket";
	struct blob classes = { (const unsigned char *)class, sizeof(class) - 1 };
	char name[BUCKET_NAME];
	struct blob cn = { (const unsigned char *)name, BUCKET_NAME - 1 };
	const struct entry_attr attrs[] = {
		{ "objectClass", &classes, 1 }, { "cn", &cn, 1 }, { "hubBucketHash", value, 1 },
	};

	bucket_name(job->number, name);
	return requests_add(&job->p->requests,
		&(struct entry){ .dn = dn, .attrs = attrs, .n = 3 }, done, job, e);
}

void recipient_push_write(struct bucket_job *job, const struct bucket *b, request_cb *done)
{
	struct recipient_push *p = job->p;
	struct arena *a = arena_new();
	const char *dn = recipient_push_dn(a, p, job->number);
	struct blob value = { b->hashes, b->n * BUCKET_HASH };
	const struct directory_change change = {
		.how = DIRECTORY_REPLACE, .attr = "hubBucketHash", .values = &value, .n = 1,
	};
	struct err e = { 0 };
	int sent;

	bucket_digest(value.data, value.size, job->digest);
	job->present = b->n != 0;
	if (b->n == 0)
		sent = requests_delete(&p->requests, dn, done, job, &e);
	else if (p->exists[job->number])
		sent = requests_modify(&p->requests, dn, &change, 1, done, job, &e);
	else
		sent = send_add(job, dn, &value, done, &e);
	job->writing = sent >= 0;
	if (sent < 0) {
		recipient_push_text(p, dn, e.text);
		p->failures++;
		recipient_push_end_job(job);
	}
	arena_free(&a);
}

bool recipient_push_wrote(struct bucket_job *job, int code, const char *text)
{
	struct recipient_push *p = job->p;
	char name[BUCKET_NAME];

	if (code == LDAP_SUCCESS) {
		memcpy(p->digests[job->number], job->digest, BUCKET_DIGEST);
		p->exists[job->number] = job->present;
		return true;
	}
	bucket_name(job->number, name);
	recipient_push_text(p, name, text);
	if (code == LDAP_INSUFFICIENT_ACCESS) {
		recipient_push_finish(p, ROUND_FENCED);
		return false;
	}
	p->failures++;
	p->result.counts.failed++;
	/* it is another than we know, or gone */
	if (code == LDAP_NO_SUCH_OBJECT || code == LDAP_ALREADY_EXISTS)
		p->known = false;
	return true;
}

/* --- the marker, written last --- */

static bool marker_is_right(const struct recipient_push *p)
{
	return p->marker_there && p->marker.holder[0] != '\0' && p->marker.has_key &&
		memcmp(p->marker.key, p->key, sizeof(p->key)) == 0 &&
		strcmp(p->marker.digest, p->here) == 0;
}

/* Whether a marker was written; false: not, and the round is over. */
static bool marker_stands(struct recipient_push *p, int code, const char *text)
{
	if (code == LDAP_SUCCESS) {
		p->marker_there = p->marker_known = true;
		return true;
	}
	p->marker_known = false;
	p->known = p->known && code != LDAP_NO_SUCH_OBJECT && code != LDAP_ALREADY_EXISTS;
	recipient_push_text(p, replica_marker_dns[REPLICA_RECIPIENTS], text);
	recipient_push_finish(p, code == LDAP_INSUFFICIENT_ACCESS ? ROUND_FENCED : ROUND_FAILED);
	return false;
}

static void on_marked(int code, const char *text, void *ctx)
{
	if (marker_stands(ctx, code, text))
		recipient_push_finish(ctx, ROUND_IN_STEP);
}

static void fill_marker(struct recipient_push *p)
{
	struct replica_marker *m = &p->marker;

	*m = (struct replica_marker){ .time_s = clock_wall_s(), .has_key = true };
	snprintf(m->fingerprint, sizeof(m->fingerprint), "%zu addresses", p->count);
	snprintf(m->digest, sizeof(m->digest), "%s", p->here);
	snprintf(m->holder, sizeof(m->holder), "%s", p->holder);
	memcpy(m->key, p->key, sizeof(m->key));
}

/* Everything but name and class, which an entry that is there keeps. */
static int change_marker(struct recipient_push *p, const struct entry *e, struct arena *a,
	struct err *err)
{
	struct directory_change *changes = arena_alloc(a, e->n * sizeof(*changes));
	size_t i, n = 0;

	for (i = 0; i < e->n; i++)
		if (strcmp(e->attrs[i].name, "cn") != 0 &&
		    strcmp(e->attrs[i].name, "objectClass") != 0)
			changes[n++] = (struct directory_change){ .how = DIRECTORY_REPLACE,
				.attr = e->attrs[i].name, .values = e->attrs[i].values,
				.n = e->attrs[i].n };
	return requests_modify(&p->requests, e->dn, changes, n, on_marked, p, err);
}

static void write_marker(struct recipient_push *p)
{
	struct arena *a = arena_new();
	const struct entry *e;
	struct err err;
	int sent;

	fill_marker(p);
	e = replica_marker_entry(a, REPLICA_RECIPIENTS, p->base, &p->marker);
	sent = p->marker_there ? change_marker(p, e, a, &err) :
		requests_add(&p->requests, e, on_marked, p, &err);
	arena_free_wiped(&a);
	if (sent < 0)
		recipient_push_fail(p, replica_marker_dns[REPLICA_RECIPIENTS], err.text);
}

void recipient_push_mark(struct recipient_push *p)
{
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])p->digests, p->here);
	if (marker_is_right(p))
		recipient_push_finish(p, ROUND_IN_STEP);
	else
		write_marker(p);
}

static void on_key_written(int code, const char *text, void *ctx)
{
	struct recipient_push *p = ctx;

	if (marker_stands(p, code, text))
		p->next_step(p);
}

/*
 * No holder, whoever it was: the hashes that stand there now are not of this key. For the edge
 * nothing was pushed since, and it keeps what it has in force.
 */
static int send_key(struct recipient_push *p, struct arena *a, struct err *e)
{
	const struct entry *entry = replica_marker_entry(a, REPLICA_RECIPIENTS, p->base,
		&p->marker);
	const struct blob key = { p->key, sizeof(p->key) };
	const struct directory_change changes[] = {
		{ .how = DIRECTORY_REPLACE, .attr = "hubHashKey", .values = &key, .n = 1 },
		{ .how = DIRECTORY_REPLACE, .attr = "hubPushHolder" },
	};

	return p->marker_there ?
		requests_modify(&p->requests, entry->dn, changes, 2, on_key_written, p, e) :
		requests_add(&p->requests, entry, on_key_written, p, e);
}

void recipient_push_keep_key(struct recipient_push *p, void (*then)(struct recipient_push *p))
{
	struct arena *a;
	struct err e;

	if (p->marker.has_key) {
		then(p);
		return;
	}
	p->next_step = then;
	p->marker.has_key = true;
	memcpy(p->marker.key, p->key, sizeof(p->key));
	p->marker.holder[0] = '\0';
	a = arena_new();
	if (send_key(p, a, &e) < 0)
		recipient_push_fail(p, replica_marker_dns[REPLICA_RECIPIENTS], e.text);
	arena_free_wiped(&a);
}

static void take_marker(const struct entry *e, void *ctx)
{
	struct recipient_push *p = ctx;
	struct err ignored;

	p->marker_there = true;
	/* one that cannot be read says nothing, and is written anew */
	if (replica_marker_read(e, &p->marker, &ignored) < 0)
		OPENSSL_cleanse(&p->marker, sizeof(p->marker));
}

/* The edge's own key counts, whoever made it; only where there is none, or no longer, a new one. */
static void take_key(struct recipient_push *p)
{
	bool same = p->has_key && p->marker.has_key &&
		memcmp(p->key, p->marker.key, sizeof(p->key)) == 0;

	/* without a holder its own hashes are not complete yet, and others may stand there */
	p->other_key = !p->marker.has_key || p->marker.holder[0] == '\0' ||
		(p->has_key && !same);
	if (!same)
		p->known = false;
	if (p->marker.has_key) {
		memcpy(p->key, p->marker.key, sizeof(p->key));
		p->has_key = true;
	}
}

static void read_marker(struct recipient_push *p, request_cb *then)
{
	struct arena *a = arena_new();
	const struct directory_query q = {
		.base = arena_printf(a, "%s,%s", replica_marker_dns[REPLICA_RECIPIENTS], p->base),
		.scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)",
	};
	struct err e;

	p->marker_there = p->marker_known = false;
	OPENSSL_cleanse(&p->marker, sizeof(p->marker));
	if (requests_search(&p->requests, &q, take_marker, then, p, &e) < 0)
		recipient_push_fail(p, replica_marker_dns[REPLICA_RECIPIENTS], e.text);
	arena_free(&a);
}

/* The marker was read; false if not, and the round is over. */
static bool marker_came(struct recipient_push *p, int code, const char *text)
{
	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT) {
		recipient_push_fail(p, replica_marker_dns[REPLICA_RECIPIENTS], text);
		return false;
	}
	p->marker_known = true;
	take_key(p);
	return true;
}

/* --- rounds --- */

static void on_looked(int code, const char *text, void *ctx)
{
	struct recipient_push *p = ctx;

	if (!marker_came(p, code, text))
		return;
	if ((p->flags & ROUND_SCAN) != 0 && p->has_key &&
		!(p->known && p->place == change_log_end(p->log))) {
		recipient_full_look(p);
		return;
	}
	p->result.differences = !p->known || !marker_is_right(p);
	recipient_push_finish(p, ROUND_IN_STEP);
}

static void on_full_marker(int code, const char *text, void *ctx)
{
	struct recipient_push *p = ctx;

	if (!marker_came(p, code, text))
		return;
	if (!p->has_key && RAND_bytes(p->key, sizeof(p->key)) != 1) {
		recipient_push_fail(p, "a new key", "there is no randomness");
		return;
	}
	p->has_key = true;
	recipient_full_begin(p);
}

static void begin(struct recipient_push *p)
{
	if ((p->flags & ROUND_READ) != 0)
		read_marker(p, on_full_marker);
	else if ((p->flags & ROUND_DRY) != 0)
		read_marker(p, on_looked);
	else
		recipient_live_begin(p);
}

void recipient_push_start(struct recipient_push *p, const struct recipients *r,
	unsigned int flags, const struct round_callbacks *cbs, void *ctx)
{
	BUG_ON(p->busy || p->requests.c == NULL);
	p->busy = p->reads = true;
	p->flags = flags;
	p->r = r;
	p->cbs = *cbs;
	p->ctx = ctx;
	p->failures = 0;
	p->target = change_log_end(p->log);
	memset(&p->result, 0, sizeof(p->result));
	recipient_push_later(p, begin);
}

static void read_later(struct recipient_push *p)
{
	recipient_push_finish(p, ROUND_AGAIN);
}

void recipient_push_unsettled(struct recipient_push *p)
{
	if (!p->reads)
		return;
	requests_cancel(&p->requests);
	recipient_scan_free(&p->scan);
	recipient_push_later(p, read_later);
}

bool recipient_push_follows(const struct recipient_push *p)
{
	return p->known && p->marker_known && change_log_reaches(p->log, p->place);
}

uint64_t recipient_push_place(const struct recipient_push *p)
{
	if (p->busy && p->scan != NULL)
		return p->target;
	return p->known ? p->place : UINT64_MAX;
}

void recipient_push_known(const struct recipient_push *p, struct recipients_known *out)
{
	*out = (struct recipients_known){
		.known = p->known,
		.in_step = p->pushed && p->place == change_log_end(p->log),
		.here = p->known ? p->here : "",
		.marker = p->marker_known && p->marker_there ? &p->marker : NULL,
		.count = p->known ? p->count : 0,
	};
}

/* --- is one address known there? --- */

static void take_asked(const struct entry *e, void *ctx)
{
	struct recipient_push *p = ctx;
	unsigned char hash[BUCKET_HASH];
	struct blob value = recipient_push_value(e);

	bucket_hash(p->hasher, p->address, strlen(p->address), hash);
	p->address_found = bucket_is_valid(bucket_number(hash), value.data, value.size) &&
		bucket_has(value.data, value.size, hash);
}

static void on_asked(int code, const char *text, void *ctx)
{
	struct recipient_push *p = ctx;

	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT)
		recipient_push_fail(p, EDGE_RECIPIENTS_DN, text);
	else
		answer(p, p->address_found, NULL);
}

static void on_question(int code, const char *text, void *ctx)
{
	static const char *const attrs[] = { "hubBucketHash", NULL };
	struct recipient_push *p = ctx;
	unsigned char hash[BUCKET_HASH];
	struct directory_query q = {
		.scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs,
	};
	struct arena *a;
	struct err e;

	if (!marker_came(p, code, text))
		return;
	if (!p->marker.has_key) {
		answer(p, false, NULL);
		return;
	}
	p->hasher = bucket_hasher_new(p->key);
	bucket_hash(p->hasher, p->address, strlen(p->address), hash);
	a = arena_new();
	q.base = recipient_push_dn(a, p, bucket_number(hash));
	if (requests_search(&p->requests, &q, take_asked, on_asked, p, &e) < 0)
		recipient_push_fail(p, q.base, e.text);
	arena_free(&a);
}

static void begin_question(struct recipient_push *p)
{
	read_marker(p, on_question);
}

void recipient_push_verify(struct recipient_push *p, const char *folded,
	recipient_push_verified_cb *cb, void *ctx)
{
	BUG_ON(p->busy || p->requests.c == NULL);
	p->busy = true;
	p->flags = ROUND_DRY;
	p->verified = cb;
	p->address = xstrdup(folded);
	p->address_found = false;
	p->ctx = ctx;
	memset(&p->result, 0, sizeof(p->result));
	recipient_push_later(p, begin_question);
}
