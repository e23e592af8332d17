/* pusher.c - when rounds are due, and what becomes of them: see pusher.h
 *
 * Each half (configuration, recipients) does one round at a time; both go at once on the one
 * connection. After a failure comes a pause that doubles, up to BACK_OFF_MAX_MS: a refused write
 * is tried again, but never in a loop.
 */
#include "edgesyncd/pusher.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "edgesyncd/pusher_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum {
	BACK_OFF_MIN_MS = 1000,
	BACK_OFF_MAX_MS = 60000,
	HELD_RETRY_MS = 300000,		/* sooner when the organization changes */
	HELD_PAUSE_MS = 60000,		/* but recipients not sooner than this */
	ANSWER_PATIENCE_MS = 1000,	/* of the directory, before it is told that we wait */
};

const char *const push_type_names[PUSH_TYPES] = { "configuration", "recipients" };
const char *const push_difference_names[] = {
	[PUSH_MISSING] = "missing", [PUSH_DIFFERENT] = "different", [PUSH_SURPLUS] = "surplus",
};

static void on_timer(evutil_socket_t fd, short what, void *ctx);
static void on_comparison(evutil_socket_t fd, short what, void *ctx);
static void on_notice(evutil_socket_t fd, short what, void *ctx);

static struct event *new_timer(struct pusher *p, event_callback_fn cb, void *ctx)
{
	struct event *ev = evtimer_new(loop_base(p->all->loop), cb, ctx);

	BUG_ON(ev == NULL);
	return ev;
}

struct pusher *pusher_new(struct pushers *all, const char *edge,
	const struct pusher_callbacks *cbs, void *ctx)
{
	struct pusher *p = xcalloc(1, sizeof(*p));
	enum push_type type;

	p->all = all;
	p->edge = xstrdup(edge);
	p->cbs = *cbs;
	p->ctx = ctx;
	p->configuration = configuration_push_new(all->loop, edge);
	p->recipients = recipient_push_new(all->loop, all->log);
	recipient_push_set_pace(p->recipients, all->settings.pace_ms);
	for (type = 0; type < PUSH_TYPES; type++) {
		p->halves[type].p = p;
		p->halves[type].type = type;
		p->halves[type].timer = new_timer(p, on_timer, &p->halves[type]);
	}
	p->comparison = new_timer(p, on_comparison, p);
	p->notice = new_timer(p, on_notice, p);
	DL_APPEND(all->list, p);
	return p;
}

void pusher_free(struct pusher **pp)
{
	struct pusher *p = *pp;
	enum push_type type;

	*pp = NULL;
	if (p == NULL)
		return;
	pusher_detach(p);
	DL_DELETE(p->all->list, p);
	configuration_push_free(&p->configuration);
	recipient_push_free(&p->recipients);
	for (type = 0; type < PUSH_TYPES; type++)
		event_free(p->halves[type].timer);
	event_free(p->comparison);
	event_free(p->notice);
	free(p->edge);
	free(p);
}

/* --- callbacks, from the loop alone: each may detach or free the pusher --- */

static struct timeval after(unsigned int ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

void pusher_notice(struct pusher *p)
{
	struct timeval at_once = after(0);

	evtimer_add(p->notice, &at_once);
}

static void on_notice(evutil_socket_t fd, short what, void *ctx)
{
	struct pusher *p = ctx;
	const struct pusher_callbacks cbs = p->cbs;
	char text[ROUND_TEXT_MAX];

	(void)fd;
	(void)what;
	if (p->tell_change || p->tell_fenced)
		pusher_notice(p);
	if (pusher_job_tell(p))
		return;
	if (p->tell_fenced) {
		p->tell_fenced = false;
		memcpy(text, p->fence, sizeof(text));
		cbs.on_fenced(text, p->ctx);
	} else if (p->tell_change) {
		p->tell_change = false;
		if (cbs.on_change != NULL)
			cbs.on_change(p->ctx);
	}
}

/* --- what is due --- */

static bool is_pushed(const struct push_half *h)
{
	const struct pushers *all = h->p->all;
	struct configuration_known c;
	struct recipients_known r;

	if (h->type == PUSH_CONFIGURATION) {
		configuration_push_known(h->p->configuration, &c);
		return c.pushed && all->s != NULL &&
			strcmp(c.fingerprint, all->s->fingerprint) == 0;
	}
	recipient_push_known(h->p->recipients, &r);
	return r.in_step;
}

/* Settled, and the directory has been heard since the lease is ours. */
static bool is_confirmed(const struct push_half *h)
{
	uint64_t as_of_ms = h->p->all->as_of_ms[h->type];

	return as_of_ms != 0 && as_of_ms >= h->p->attached_ms;
}

static bool is_due(const struct push_half *h)
{
	return !h->p->observes && is_confirmed(h) && (h->read_due || !is_pushed(h));
}

/* Unless somebody asks: a change may mend what failed; comparing all recipients takes a while. */
static unsigned int least_delay(const struct push_half *h)
{
	if (h->type == PUSH_RECIPIENTS && h->held[0] != '\0')
		return HELD_PAUSE_MS;
	return h->back_off_ms != 0 ? BACK_OFF_MIN_MS : 0;
}

void pusher_wake(struct push_half *h, unsigned int delay_ms)
{
	struct timeval tv;

	if (!h->p->attached || h->p->fenced)
		return;
	if (pusher_job_for(h) != NULL)
		delay_ms = 0;
	else if (delay_ms < least_delay(h))
		delay_ms = least_delay(h);
	if (evtimer_pending(h->timer, &tv)) {
		struct timeval now, left;

		evutil_gettimeofday(&now, NULL);
		evutil_timersub(&tv, &now, &left);
		if (left.tv_sec < 0 || (uint64_t)left.tv_sec * 1000 +
			(uint64_t)left.tv_usec / 1000 <= delay_ms)
			return;
	}
	tv = after(delay_ms);
	evtimer_add(h->timer, &tv);
}

/* --- rounds --- */

static void back_off(struct push_half *h)
{
	h->back_off_ms = h->back_off_ms == 0 ? BACK_OFF_MIN_MS : 2 * h->back_off_ms;
	if (h->back_off_ms > BACK_OFF_MAX_MS)
		h->back_off_ms = BACK_OFF_MAX_MS;
}

static void log_trouble(const struct push_half *h, enum log_level level, const char *event,
	const char *text)
{
	log_event(level, event, LOG_STR("edge", h->p->edge),
		LOG_STR("data", push_type_names[h->type]), LOG_STR("reason", text), LOG_END);
}

static void add_counts(struct push_counts *to, const struct push_counts *c)
{
	to->scanned += c->scanned;
	to->added += c->added;
	to->changed += c->changed;
	to->deleted += c->deleted;
	to->failed += c->failed;
}

static void took_step(struct push_half *h, const struct round_result *r)
{
	const struct push_counts *c = &r->counts;
	bool wrote = c->added + c->changed + c->deleted != 0;

	h->error[0] = h->held[0] = '\0';
	h->back_off_ms = 0;
	h->pushed_ms = clock_wall_ms();
	add_counts(&h->total, c);
	h->pushes += wrote;
	h->repaired += r->differences;
	if (wrote)
		log_event(LOG_LEVEL_INFO, "edge-pushed", LOG_STR("edge", h->p->edge),
			LOG_STR("data", push_type_names[h->type]), LOG_UINT("added", c->added),
			LOG_UINT("changed", c->changed), LOG_UINT("deleted", c->deleted),
			LOG_UINT("repaired", r->differences), LOG_END);
}

static void took_failure(struct push_half *h, const struct round_result *r)
{
	h->failures++;
	h->total.failed += r->counts.failed;
	if (strcmp(h->error, r->text) != 0)
		log_trouble(h, LOG_LEVEL_ERROR, "edge-push-failed", r->text);
	snprintf(h->error, sizeof(h->error), "%s", r->text);
	back_off(h);
}

static void took_hold(struct push_half *h, const struct round_result *r)
{
	if (strcmp(h->held, r->text) != 0)
		log_trouble(h, LOG_LEVEL_ERROR, "edge-push-held", r->text);
	snprintf(h->held, sizeof(h->held), "%s", r->text);
	h->error[0] = '\0';
	h->back_off_ms = 0;
}

/* What is not ours any more is not written to any more, whatever is under way. */
static void took_fence(struct push_half *h, const struct round_result *r)
{
	struct pusher *p = h->p;
	enum push_type type;

	took_failure(h, r);
	p->fenced = p->tell_fenced = true;
	memcpy(p->fence, r->text, sizeof(p->fence));
	configuration_push_detach(p->configuration);
	recipient_push_detach(p->recipients);
	pushers_end_turn(p->all, p);
	for (type = 0; type < PUSH_TYPES; type++)
		p->halves[type].busy = p->halves[type].for_job = false;
}

static void took_push(struct push_half *h, const struct round_result *r)
{
	switch (r->outcome) {
	case ROUND_IN_STEP:
		took_step(h, r);
		pusher_wake(h, h->type == PUSH_RECIPIENTS ?
			h->p->all->settings.recipient_delay_ms : 0);
		break;
	case ROUND_HELD:
		took_hold(h, r);
		pusher_wake(h, HELD_RETRY_MS);
		break;
	case ROUND_AGAIN:
		h->read_due = true;
		pusher_wake(h, 0);
		break;
	case ROUND_FAILED:
		took_failure(h, r);
		pusher_wake(h, h->back_off_ms);
		break;
	case ROUND_FENCED:
		took_fence(h, r);
		break;
	}
}

static void on_each(enum push_difference what, const char *name, void *ctx)
{
	pusher_job_each(ctx, what, name);
}

static void on_done(const struct round_result *result, void *ctx)
{
	struct push_half *h = ctx;
	struct pusher *p = h->p;
	bool job = h->for_job;

	h->busy = h->for_job = false;
	if (h->type == PUSH_RECIPIENTS) {
		pushers_end_turn(p->all, p);
		pushers_trim(p->all);
	}
	if ((h->flags & ROUND_READ) != 0 && result->outcome != ROUND_FAILED &&
	    result->outcome != ROUND_AGAIN) {
		h->read_due = false;
		h->compared_ms = clock_wall_ms();
	}
	/* before anything wakes it */
	if (job && result->outcome == ROUND_AGAIN)
		p->jobs->steps[h->type] = JOB_WANTED;
	if ((h->flags & ROUND_DRY) == 0) {
		took_push(h, result);
	} else if (result->outcome == ROUND_AGAIN) {
		pusher_wake(h, 0);
	} else if (result->outcome == ROUND_IN_STEP && result->differences == 0) {
		h->pushed_ms = clock_wall_ms();
	} else if (result->differences != 0) {
		/* what a comparison found is put right, too */
		h->read_due = true;
		pusher_wake(h, 0);
	}
	if (job && result->outcome != ROUND_AGAIN)
		pusher_job_took(h, result);
	p->tell_change = true;
	pusher_notice(p);
}

static void begin_round(struct push_half *h, unsigned int flags)
{
	static const struct round_callbacks cbs = { on_each, on_done };
	struct pusher *p = h->p;

	h->busy = true;
	h->flags = flags;
	if (h->type == PUSH_CONFIGURATION)
		configuration_push_start(p->configuration, p->all->s, flags, &cbs, h);
	else
		recipient_push_start(p->recipients, p->all->recipients, flags, &cbs, h);
}

/* --- a question about one address --- */

static void on_verified(bool known, const char *error, void *ctx)
{
	struct push_half *h = ctx;
	struct push_job *job = h->p->jobs;

	h->busy = h->for_job = false;
	job->verified = (struct push_verified){
		.asked = true, .edge = known,
		.here = recipients_takes_outside_mail(h->p->all->recipients, job->address),
	};
	free(job->address);
	job->address = NULL;
	if (error != NULL) {
		pusher_job_failed(h, error);
		return;
	}
	job->steps[h->type] = JOB_WANTED;
	pusher_wake(h, 0);
}

/* --- one thing after the other --- */

static void run_job(struct push_half *h, struct push_job *job)
{
	struct pusher *p = h->p;
	const char *unsettled = pushers_unsettled(p->all, h->type);
	unsigned int flags = pusher_job_flags(job);
	bool recipients = h->type == PUSH_RECIPIENTS;

	if (unsettled != NULL) {
		pusher_job_failed(h, unsettled);
		return;
	}
	if ((flags & ROUND_DRY) == 0 && !is_confirmed(h))
		return;
	if (recipients && job->address == NULL && (flags & ROUND_DRY) == 0 &&
	    (h->read_due || !recipient_push_follows(p->recipients)))
		flags |= ROUND_READ;
	/* an observer keeps no account of what changes */
	if (recipients && p->observes)
		flags |= ROUND_SCAN;
	if (recipients && job->address == NULL && (flags & (ROUND_READ | ROUND_SCAN)) != 0 &&
	    !pushers_take_turn(p->all, p))
		return;
	job->steps[h->type] = JOB_RUNNING;
	h->for_job = true;
	if (recipients && job->address != NULL) {
		h->busy = true;
		recipient_push_verify(p->recipients, job->address, on_verified, h);
	} else {
		begin_round(h, flags);
	}
}

static void run_due(struct push_half *h)
{
	bool recipients = h->type == PUSH_RECIPIENTS;
	unsigned int flags = h->read_due ? ROUND_READ : 0;

	if (recipients && !recipient_push_follows(h->p->recipients))
		flags |= ROUND_READ;
	if (recipients && flags != 0 && !pushers_take_turn(h->p->all, h->p))
		return;
	begin_round(h, flags);
}

void pusher_run(struct push_half *h)
{
	struct push_job *job;

	if (!h->p->attached || h->p->fenced || h->busy)
		return;
	job = pusher_job_for(h);
	if (job != NULL)
		run_job(h, job);
	else if (is_due(h))
		run_due(h);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	pusher_run(ctx);
}

static void arm_comparison(struct pusher *p)
{
	struct timeval tv = { .tv_sec = p->all->settings.comparison_interval_s };

	evtimer_add(p->comparison, &tv);
}

static void on_comparison(evutil_socket_t fd, short what, void *ctx)
{
	struct pusher *p = ctx;
	enum push_type type;

	(void)fd;
	(void)what;
	for (type = 0; type < PUSH_TYPES; type++) {
		p->halves[type].read_due = true;
		pusher_wake(&p->halves[type], 0);
	}
	arm_comparison(p);
}

/* --- the connection --- */

static void attach(struct pusher *p, struct directory_connection *c, const char *base,
	const char *holder, bool observes)
{
	enum push_type type;

	BUG_ON(p->attached);
	p->attached = true;
	p->attached_ms = clock_mono_ms();
	p->observes = observes;
	p->fenced = false;
	configuration_push_attach(p->configuration, c, base, holder);
	recipient_push_attach(p->recipients, c, base, holder);
	/* what went wrong with our pushes is no matter of ours any more */
	for (type = 0; observes && type < PUSH_TYPES; type++)
		p->halves[type].error[0] = p->halves[type].held[0] = '\0';
	if (observes)
		return;
	for (type = 0; type < PUSH_TYPES; type++) {
		p->halves[type].read_due = true;
		pusher_wake(&p->halves[type], p->halves[type].back_off_ms);
	}
	arm_comparison(p);
	if (p->all->settings.ask != NULL)
		p->all->settings.ask(p->all->settings.ctx);
}

void pusher_attach(struct pusher *p, struct directory_connection *c, const char *base,
	const char *holder)
{
	attach(p, c, base, holder, false);
}

void pusher_observe(struct pusher *p, struct directory_connection *c, const char *base)
{
	attach(p, c, base, "", true);
}

void pusher_detach(struct pusher *p)
{
	enum push_type type;

	if (!p->attached)
		return;
	p->attached = p->tell_fenced = false;
	configuration_push_detach(p->configuration);
	recipient_push_detach(p->recipients);
	pushers_end_turn(p->all, p);
	pushers_trim(p->all);
	event_del(p->comparison);
	event_del(p->notice);
	for (type = 0; type < PUSH_TYPES; type++) {
		event_del(p->halves[type].timer);
		p->halves[type].busy = p->halves[type].for_job = false;
	}
	pusher_jobs_end(p, "the connection to the edge, or the lease, is lost");
}

bool pusher_attached(const struct pusher *p)
{
	return p->attached;
}

bool pusher_is_confirmed(const struct pusher *p)
{
	return p->attached && is_confirmed(&p->halves[PUSH_CONFIGURATION]);
}

bool pusher_idle(const struct pusher *p)
{
	enum push_type type;

	for (type = 0; type < PUSH_TYPES; type++) {
		const struct push_half *h = &p->halves[type];

		if (h->busy || (p->attached && !p->fenced && is_due(h) && h->back_off_ms == 0 &&
			h->held[0] == '\0'))
			return false;
	}
	return p->jobs == NULL && p->finished == NULL;
}

/* --- what is shown --- */

static void show_marker(const struct replica_marker *m, struct push_side *side)
{
	side->edge = m != NULL ? m->digest : "";
	side->edge_fingerprint = m != NULL ? m->fingerprint : "";
}

static void show_configuration(const struct pusher *p, struct push_side *side)
{
	struct configuration_known c;

	configuration_push_known(p->configuration, &c);
	side->here = c.here;
	side->count = c.objects;
	side->counted = c.counted;
	show_marker(c.marker, side);
}

static void show_recipients(const struct pusher *p, struct push_side *side)
{
	struct recipients_known r;

	recipient_push_known(p->recipients, &r);
	side->here = r.here;
	side->count = r.count;
	side->counted = true;
	show_marker(r.marker, side);
}

/* The last try's, or that there is none yet, and why; what is not settled is told of elsewhere. */
static const char *error_of(const struct push_half *h)
{
	const struct pusher *p = h->p;

	if (h->error[0] != '\0')
		return h->error;
	if (!p->attached || p->observes || p->all->as_of_ms[h->type] == 0 || is_confirmed(h) ||
	    clock_mono_ms() - p->attached_ms < ANSWER_PATIENCE_MS)
		return NULL;
	return "not pushed yet: the organization's directory has not answered since the lease "
		"was taken";
}

void pusher_status(const struct pusher *p, struct push_status *out)
{
	enum push_type type;

	*out = (struct push_status){
		.attached = p->attached, .observes = p->observes,
		.here_fingerprint = p->all->s != NULL ? p->all->s->fingerprint : "",
	};
	show_configuration(p, &out->side[PUSH_CONFIGURATION]);
	show_recipients(p, &out->side[PUSH_RECIPIENTS]);
	for (type = 0; type < PUSH_TYPES; type++) {
		const struct push_half *h = &p->halves[type];
		struct push_side *side = &out->side[type];

		out->busy |= h->busy;
		side->in_step = p->attached && is_pushed(h);
		side->pushed_ms = h->pushed_ms;
		side->compared_ms = h->compared_ms;
		side->held = pusher_text(h->held);
		side->error = error_of(h);
		side->pushes = h->pushes;
		side->failures = h->failures;
		side->repaired = h->repaired;
		side->total = h->total;
	}
}
