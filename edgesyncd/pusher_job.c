/* pusher_job.c - calls of pusher_start and pusher_compare, one after the other: see pusher.h */
#include "edgesyncd/pusher_priv.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "libhub/base/mem.h"
#include "libhub/org/value.h"

static void job_free(struct push_job *job)
{
	free(job->address);
	free(job);
}

/* Only now do both halves look for what to do. */
static void queue_job(struct pusher *p, struct push_job *job)
{
	enum push_type type;

	DL_APPEND(p->jobs, job);
	for (type = 0; type < PUSH_TYPES; type++) {
		job->steps[type] = JOB_WANTED;
		pusher_wake(&p->halves[type], 0);
	}
}

int pusher_start(struct pusher *p, bool full, bool allow_loss, pusher_done_cb *cb, void *ctx,
	struct err *e)
{
	struct push_job *job;

	if (!p->attached)
		return err_set(e, ERR_TEMP, 0, "%s: there is no connection", p->edge);
	if (p->observes)
		return err_set(e, ERR_TEMP, 0, "%s: another hub holds the lease", p->edge);
	job = xcalloc(1, sizeof(*job));
	job->full = full;
	job->allow_loss = allow_loss;
	job->started = cb;
	job->ctx = ctx;
	queue_job(p, job);
	return 0;
}

int pusher_compare(struct pusher *p, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e)
{
	struct push_job *job;
	struct arena *a;

	if (!p->attached)
		return err_set(e, ERR_TEMP, 0, "%s: there is no connection", p->edge);
	if (address != NULL && strlen(address) > RECIPIENT_TEXT_MAX)
		return err_set(e, ERR_PERM, 0, "the address is too long");
	job = xcalloc(1, sizeof(*job));
	job->compare = true;
	job->full = full;
	job->compared = *cbs;
	job->ctx = ctx;
	if (address != NULL) {
		a = arena_new();
		job->address = xstrdup(name_fold(a, address));
		arena_free(&a);
	}
	queue_job(p, job);
	return 0;
}

void pusher_forget(struct pusher *p, void *ctx)
{
	struct push_job *lists[] = { p->jobs, p->finished }, *job;
	size_t i;

	for (i = 0; i < 2; i++)
		DL_FOREACH(lists[i], job) {
			if (job->ctx != ctx)
				continue;
			job->started = NULL;
			job->compared = (struct pusher_compare_callbacks){ .each = NULL };
		}
}

struct push_job *pusher_job_for(const struct push_half *h)
{
	struct push_job *job = h->p->jobs;

	return job != NULL && job->steps[h->type] == JOB_WANTED ? job : NULL;
}

unsigned int pusher_job_flags(const struct push_job *job)
{
	return (job->full ? ROUND_READ : 0) | (job->compare ? ROUND_DRY : 0) |
		(job->allow_loss ? ROUND_ALLOW_LOSS : 0);
}

void pusher_job_each(struct push_half *h, enum push_difference what, const char *name)
{
	struct push_job *job = h->p->jobs;

	if (job->compared.each != NULL)
		job->compared.each(h->type, what, name, job->ctx);
}

static void step_done(struct push_half *h)
{
	struct pusher *p = h->p;
	struct push_job *job = p->jobs;
	enum push_type type;

	job->steps[h->type] = JOB_DONE;
	for (type = 0; type < PUSH_TYPES; type++)
		if (job->steps[type] != JOB_DONE)
			return;
	DL_DELETE(p->jobs, job);
	DL_APPEND(p->finished, job);
	pusher_notice(p);
	/* the next one, and what is due */
	for (type = 0; type < PUSH_TYPES; type++)
		pusher_wake(&p->halves[type], 0);
}

void pusher_job_took(struct push_half *h, const struct round_result *result)
{
	struct push_job *job = h->p->jobs;
	char *text = result->outcome == ROUND_IN_STEP ? NULL :
		result->outcome == ROUND_HELD ? job->held : job->error;

	job->counts[h->type] = result->counts;
	job->differences += result->differences;
	if (text != NULL && *text == '\0')
		snprintf(text, ROUND_TEXT_MAX, "%s", result->text);
	step_done(h);
}

void pusher_job_failed(struct push_half *h, const char *error)
{
	struct push_job *job = h->p->jobs;

	if (job->error[0] == '\0')
		snprintf(job->error, sizeof(job->error), "%s", error);
	step_done(h);
}

static void tell(struct push_job *job)
{
	struct push_result started = {
		.error = pusher_text(job->error), .held = pusher_text(job->held),
	};
	struct push_comparison compared = {
		.error = pusher_text(job->error), .differences = job->differences,
		.verified = job->verified,
	};

	memcpy(started.counts, job->counts, sizeof(started.counts));
	memcpy(compared.counts, job->counts, sizeof(compared.counts));
	if (job->started != NULL)
		job->started(&started, job->ctx);
	else if (job->compared.done != NULL)
		job->compared.done(&compared, job->ctx);
	job_free(job);
}

bool pusher_job_tell(struct pusher *p)
{
	struct push_job *job = p->finished;

	if (job == NULL)
		return false;
	DL_DELETE(p->finished, job);
	/* the callback may free the pusher */
	if (p->finished != NULL)
		pusher_notice(p);
	tell(job);
	return true;
}

void pusher_jobs_end(struct pusher *p, const char *error)
{
	struct push_job *job;

	while (p->finished != NULL || p->jobs != NULL) {
		job = p->finished;
		if (job != NULL) {
			DL_DELETE(p->finished, job);
		} else {
			job = p->jobs;
			DL_DELETE(p->jobs, job);
			if (job->error[0] == '\0')
				snprintf(job->error, sizeof(job->error), "%s", error);
		}
		tell(job);
	}
}
