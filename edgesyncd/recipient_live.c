/* recipient_live.c - rounds of recipient_push.h about the addresses that changed.
 *
 * Each bucket concerned is read from the edge, edited and written. One that is not as we know it
 * was written by somebody else: then everything is compared.
 */
#include "edgesyncd/recipient_push_priv.h"

#include <string.h>

#include "libhub/base/clock.h"

enum { JOBS_MAX = 16 };		/* buckets at once */

static void edit_more(struct recipient_push *p);

static void on_bucket_written(int code, const char *text, void *ctx)
{
	struct bucket_job *job = ctx;
	struct recipient_push *p = job->p;

	if (!recipient_push_wrote(job, code, text))
		return;
	if (code == LDAP_SUCCESS) {
		p->result.counts.added += job->added;
		p->result.counts.deleted += job->removed;
		p->count = p->count + (size_t)job->added - (size_t)job->removed;
	}
	recipient_push_end_job(job);
	edit_more(p);
}

static void edit(struct bucket_job *job)
{
	struct recipient_push *p = job->p;

	recipient_edits_apply(&p->edits, job->first, job->end, &job->bucket, &job->added,
		&job->removed);
	if (job->added + job->removed == 0)
		recipient_push_end_job(job);
	else
		recipient_push_write(job, &job->bucket, on_bucket_written);
}

static void take_bucket(const struct entry *e, void *ctx)
{
	struct bucket_job *job = ctx;
	struct blob value = recipient_push_value(e);
	unsigned char digest[BUCKET_DIGEST];

	bucket_digest(value.data, value.size, digest);
	job->found = true;
	job->right = bucket_is_valid(job->number, value.data, value.size) &&
		memcmp(digest, job->p->digests[job->number], BUCKET_DIGEST) == 0;
	if (job->right)
		bucket_set(&job->bucket, value.data, value.size);
}

static void on_bucket_read(int code, const char *text, void *ctx)
{
	struct bucket_job *job = ctx;
	struct recipient_push *p = job->p;
	char name[BUCKET_NAME];

	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT) {
		bucket_name(job->number, name);
		recipient_push_fail(p, name, text);
		return;
	}
	if (!job->found || !job->right) {
		p->known = false;
		recipient_push_finish(p, ROUND_AGAIN);
		return;
	}
	edit(job);
	edit_more(p);
}

static int read_bucket(struct bucket_job *job)
{
	static const char *const attrs[] = { "hubBucketHash", NULL };
	struct recipient_push *p = job->p;
	struct arena *a = arena_new();
	const struct directory_query q = {
		.base = recipient_push_dn(a, p, job->number), .scope = LDAP_SCOPE_BASE,
		.filter = "(objectClass=*)", .attrs = attrs,
	};
	struct err e;
	int r = requests_search(&p->requests, &q, take_bucket, on_bucket_read, job, &e);

	if (r < 0)
		recipient_push_fail(p, q.base, e.text);
	arena_free(&a);
	return r;
}

static int begin_bucket(struct recipient_push *p)
{
	size_t first = p->next_edit, end = recipient_edits_bucket(&p->edits, first);
	struct bucket_job *job = recipient_push_job(p, bucket_number(p->edits.v[first].hash));

	job->first = first;
	job->end = p->next_edit = end;
	p->result.counts.scanned += end - first;
	if (p->exists[job->number])
		return read_bucket(job);
	edit(job);
	return 0;
}

static void edit_more(struct recipient_push *p)
{
	while (p->next_edit < p->edits.n && p->requests.n < JOBS_MAX && p->failures < FAILURES_MAX)
		if (begin_bucket(p) < 0)
			return;
	if (p->requests.n != 0)
		return;
	if (p->failures != 0) {
		recipient_push_finish(p, ROUND_FAILED);
		return;
	}
	/* until the marker stands there, too */
	p->pushed = false;
	p->place = p->target;
	recipient_push_mark(p);
}

/* How many of the removals stand there shows only when everything is compared. */
static bool may_be_held(struct recipient_push *p)
{
	struct guard_loss loss = { .what = "recipients", .before = p->count }, sum;

	if ((p->flags & ROUND_ALLOW_LOSS) != 0) {
		loss_window_allow(&p->window);
		return false;
	}
	loss.lost = p->edits.removals < loss.before ? p->edits.removals : loss.before;
	sum = loss_window_sum(&p->window, &loss, 0, clock_mono_ms());
	return guard_too_large(&sum, 1) != NULL;
}

static void take_more(struct recipient_push *p)
{
	if (!change_log_reaches(p->log, p->taken)) {
		recipient_push_finish(p, ROUND_AGAIN);
		return;
	}
	if (!recipient_edits_take(&p->edits, p->log, &p->taken, p->target, p->r, p->hasher,
		SCAN_SLICE_MS)) {
		recipient_push_later(p, take_more);
		return;
	}
	p->reads = false;
	recipient_edits_finish(&p->edits);
	if (may_be_held(p)) {
		p->known = false;
		recipient_push_finish(p, ROUND_AGAIN);
		return;
	}
	edit_more(p);
}

void recipient_live_begin(struct recipient_push *p)
{
	p->hasher = bucket_hasher_new(p->key);
	p->taken = p->place;
	p->next_edit = 0;
	take_more(p);
}
