/* recipient_full.c - rounds of recipient_push.h that compare all recipients.
 *
 * First the hashes of everybody here (recipient_scan.h), then the buckets of the edge as they come:
 * of each only its digest is kept. Those that differ are written, or named in a dry round. An edge
 * that shows other than buckets, without end or slowly, has its round fail.
 */
#include "edgesyncd/recipient_push_priv.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"

enum {
	STRAYS_MAX = 1000,		/* deleted in one round */
	ENTRIES_MAX = 100000,		/* below cn=Recipients, buckets or not */
	/* So many buckets have to come in PACE_MS, or the end: other edges wait for their turn. */
	PACE_BUCKETS = 64,
	PACE_MS = 30000,
};

/* --- the writes --- */

static void write_more(struct recipient_push *p);

static void on_bucket_written(int code, const char *text, void *ctx)
{
	struct bucket_job *job = ctx;
	struct recipient_push *p = job->p;

	if (!recipient_push_wrote(job, code, text))
		return;
	recipient_push_end_job(job);
	write_more(p);
}

static void on_stray_deleted(int code, const char *text, void *ctx)
{
	struct recipient_push *p = ctx;

	if (code == LDAP_INSUFFICIENT_ACCESS) {
		recipient_push_text(p, EDGE_RECIPIENTS_DN, text);
		recipient_push_finish(p, ROUND_FENCED);
		return;
	}
	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT) {
		recipient_push_text(p, EDGE_RECIPIENTS_DN, text);
		p->failures++;
	}
	write_more(p);
}

static void delete_stray(struct recipient_push *p, const char *dn)
{
	struct err e;

	if (requests_delete(&p->requests, dn, on_stray_deleted, p, &e) < 0) {
		recipient_push_text(p, dn, e.text);
		p->failures++;
	}
}

static void send_more(struct recipient_push *p)
{
	while (p->next_stray < p->stray_count && p->requests.n < REQUESTS_MAX)
		delete_stray(p, p->stray[p->next_stray++]);
	for (; p->next_bucket < BUCKETS && p->requests.n < REQUESTS_MAX; p->next_bucket++)
		if (p->differs[p->next_bucket])
			recipient_push_write(recipient_push_job(p, p->next_bucket),
				recipient_scan_bucket(p->scan, p->next_bucket),
				on_bucket_written);
}

static void write_more(struct recipient_push *p)
{
	if (p->failures < FAILURES_MAX)
		send_more(p);
	if (p->requests.n != 0)
		return;
	if (p->failures != 0) {
		p->known = false;
		recipient_push_finish(p, ROUND_FAILED);
		return;
	}
	p->count = recipient_scan_count(p->scan);
	p->pushed = p->pushed && p->place == p->target;
	p->place = p->target;
	p->known = true;
	recipient_push_mark(p);
}

/* --- the comparison --- */

static void report(struct recipient_push *p, enum push_difference what, unsigned int number,
	size_t missing, size_t surplus)
{
	char name[80];

	p->result.differences++;
	if (p->cbs.each == NULL || (p->flags & ROUND_DRY) == 0)
		return;
	snprintf(name, sizeof(name), "recipients %03x: %zu missing, %zu too many", number,
		missing, surplus);
	p->cbs.each(what, name, p->ctx);
}

/* Both sorted: how many are in one and not in the other. */
static void count_hashes(const struct bucket *here, const unsigned char *there, size_t n,
	size_t *missing, size_t *surplus)
{
	size_t i = 0, j = 0;
	int order;

	*missing = *surplus = 0;
	while (i < here->n || j < n) {
		order = i == here->n ? 1 : j == n ? -1 : memcmp(here->hashes + i * BUCKET_HASH,
			there + j * BUCKET_HASH, BUCKET_HASH);
		*missing += order < 0;
		*surplus += order > 0;
		i += order <= 0;
		j += order >= 0;
	}
}

static void compare_bucket(struct recipient_push *p, unsigned int number, struct blob value)
{
	const struct bucket *here = recipient_scan_bucket(p->scan, number);
	size_t n = bucket_is_valid(number, value.data, value.size) ? value.size / BUCKET_HASH : 0;
	size_t missing, surplus;

	bucket_digest(value.data, value.size, p->digests[number]);
	p->exists[number] = true;
	p->there_count += n;
	if (memcmp(p->digests[number], recipient_scan_digests(p->scan)[number],
		BUCKET_DIGEST) == 0)
		return;
	p->differs[number] = true;
	count_hashes(here, value.data, n, &missing, &surplus);
	p->result.counts.added += missing;
	p->result.counts.deleted += surplus;
	report(p, here->n != 0 ? PUSH_DIFFERENT : PUSH_SURPLUS, number, missing, surplus);
}

static void take_stray(struct recipient_push *p, const struct entry *e)
{
	if (p->stray_count == STRAYS_MAX)
		return;
	if (p->strays == NULL) {
		p->strays = arena_new();
		p->stray = xcalloc(STRAYS_MAX, sizeof(*p->stray));
	}
	p->stray[p->stray_count++] = arena_strdup(p->strays, e->dn);
	p->result.differences++;
	if (p->cbs.each != NULL && (p->flags & ROUND_DRY) != 0)
		p->cbs.each(PUSH_SURPLUS, e->dn, p->ctx);
}

static void too_slow(struct recipient_push *p)
{
	recipient_push_fail(p, EDGE_RECIPIENTS_DN, "the edge does not show its buckets in time");
}

static void keep_pace(struct recipient_push *p)
{
	struct timeval tv = { .tv_sec = p->pace_ms / 1000,
		.tv_usec = p->pace_ms % 1000 * 1000 };

	p->next_step = too_slow;
	evtimer_add(p->step, &tv);
}

void recipient_push_set_pace(struct recipient_push *p, unsigned int pace_ms)
{
	p->pace_ms = pace_ms != 0 ? pace_ms : PACE_MS;
}

/* False: the round is over. */
static bool is_reasonable(struct recipient_push *p, int number)
{
	if (++p->shown > ENTRIES_MAX) {
		recipient_push_fail(p, EDGE_RECIPIENTS_DN, "more than 100000 entries stand there");
		return false;
	}
	if (number < 0)
		return true;
	if (p->exists[number]) {
		recipient_push_fail(p, EDGE_RECIPIENTS_DN, "the edge shows a bucket twice");
		return false;
	}
	if (++p->buckets_shown % PACE_BUCKETS == 0)
		keep_pace(p);
	return true;
}

static void take_bucket(const struct entry *e, void *ctx)
{
	struct recipient_push *p = ctx;
	struct arena *a = arena_new();
	const char *nbase = dn_normalize(a, p->base);
	const char *ndn = strlen(e->dn) <= ENTRY_DN_MAX ? dn_normalize(a, e->dn) : NULL;
	const char *rdn = ndn != NULL ? dn_relative(a, ndn, nbase) : NULL;
	int number = rdn != NULL ? bucket_of_name(rdn) : -1;

	if (!is_reasonable(p, number))
		rdn = NULL;
	else if (number >= 0)
		compare_bucket(p, (unsigned int)number, recipient_push_value(e));
	else if (rdn != NULL && strcmp(rdn, EDGE_RECIPIENTS_RDN) != 0)
		take_stray(p, e);
	arena_free(&a);
}

static void find_missing(struct recipient_push *p)
{
	unsigned int i;

	for (i = 0; i < BUCKETS; i++) {
		size_t n = recipient_scan_bucket(p->scan, i)->n;

		if (p->exists[i] || n == 0)
			continue;
		p->differs[i] = true;
		p->result.counts.added += n;
		report(p, PUSH_MISSING, i, n, 0);
	}
}

/*
 * Too much would go, together with what has gone lately. With another key all hashes are others:
 * then only how many there are says something.
 */
static bool is_held(struct recipient_push *p)
{
	struct guard_loss loss = {
		.what = "recipients", .before = p->there_count, .lost = p->result.counts.deleted,
	};
	size_t count = recipient_scan_count(p->scan), added = p->result.counts.added;

	loss_windows_return(&p->window, 1, p->marker.holder, p->holder);
	if (p->other_key) {
		loss.lost = p->there_count > count ? p->there_count - count : 0;
		added = count > p->there_count ? count - p->there_count : 0;
	}
	if ((p->flags & ROUND_ALLOW_LOSS) == 0)
		return loss_windows_hold(&p->window, &loss, &added, 1, clock_mono_ms(),
			p->result.text, sizeof(p->result.text));
	loss_window_allow(&p->window);
	return false;
}

static void end_dry(struct recipient_push *p)
{
	buckets_digest(recipient_scan_digests(p->scan), p->here);
	if (strcmp(p->marker.digest, p->here) != 0 && p->result.differences == 0) {
		p->result.differences++;
		if (p->cbs.each != NULL)
			p->cbs.each(PUSH_DIFFERENT, replica_marker_dns[REPLICA_RECIPIENTS],
				p->ctx);
	}
	p->known = true;
	p->place = p->target;
	p->count = p->there_count;
	recipient_push_finish(p, ROUND_IN_STEP);
}

static void on_compared(int code, const char *text, void *ctx)
{
	struct recipient_push *p = ctx;
	char here[REPLICA_DIGEST_TEXT];

	event_del(p->step);
	if (code != LDAP_SUCCESS) {
		recipient_push_fail(p, EDGE_RECIPIENTS_DN, text);
		return;
	}
	find_missing(p);
	p->result.counts.scanned = recipient_scan_count(p->scan);
	if ((p->flags & ROUND_DRY) != 0) {
		end_dry(p);
		return;
	}
	if (is_held(p)) {
		recipient_push_finish(p, ROUND_HELD);
		return;
	}
	p->pushed = p->pushed && p->result.differences == 0;
	/* only what differs though it was pushed so was written by somebody else */
	buckets_digest(recipient_scan_digests(p->scan), here);
	if (strcmp(here, p->marker.digest) != 0)
		p->result.differences = 0;
	recipient_push_keep_key(p, write_more);
}

static void compare(void *ctx)
{
	static const char *const attrs[] = { "hubBucketHash", NULL };
	struct recipient_push *p = ctx;
	struct arena *a = arena_new();
	const struct directory_query q = {
		.base = arena_printf(a, "%s,%s", EDGE_RECIPIENTS_DN, p->base),
		.scope = LDAP_SCOPE_SUBTREE, .filter = "(objectClass=*)", .attrs = attrs,
	};
	unsigned int i;
	struct err e;

	p->reads = false;
	for (i = 0; i < BUCKETS; i++) {
		p->exists[i] = false;
		bucket_digest(NULL, 0, p->digests[i]);
	}
	p->shown = p->buckets_shown = 0;
	if (requests_search(&p->requests, &q, take_bucket, on_compared, p, &e) < 0)
		recipient_push_fail(p, q.base, e.text);
	else
		keep_pace(p);
	arena_free(&a);
}

void recipient_full_begin(struct recipient_push *p)
{
	/* a round that is cut off leaves nothing known behind */
	p->known = false;
	p->next_bucket = 0;
	p->there_count = 0;
	p->differs = xcalloc(BUCKETS, sizeof(*p->differs));
	p->target = change_log_end(p->log);
	p->scan = recipient_scan_start(p->loop, p->r, p->key, compare, p);
}

/* --- only what is here --- */

static void on_hashed(void *ctx)
{
	struct recipient_push *p = ctx;
	bool right;

	buckets_digest(recipient_scan_digests(p->scan), p->here);
	right = strcmp(p->marker.digest, p->here) == 0;
	p->known = true;
	p->place = p->target;
	p->count = right ? recipient_scan_count(p->scan) : 0;
	p->result.counts.scanned = recipient_scan_count(p->scan);
	p->result.differences = !right;
	recipient_push_finish(p, ROUND_IN_STEP);
}

void recipient_full_look(struct recipient_push *p)
{
	p->known = false;
	p->target = change_log_end(p->log);
	p->scan = recipient_scan_start(p->loop, p->r, p->key, on_hashed, p);
}
