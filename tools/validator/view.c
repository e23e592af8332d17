/* view.c - see view.h */
#include "tools/validator/view.h"

#include <string.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "tools/validator/judge.h"

enum {
	SWEEP_MS = 250,		/* how often pending changes are looked at */
	SETTLE_MS = 20,		/* after another writer's change, before the next build */
};

struct view {
	struct trial *trial;
	struct pendings *pendings;
	struct watch *watch;
	enum view_state state;
	bool complete;			/* a refresh has ended since the connection was lost */
	struct event *sweep_timer, *settle_timer, *settled_timer;
	struct view_callbacks cbs;
	void *ctx;
};

static void set_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

/* --- timers --- */

static void on_sweep_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct view *v = ctx;

	(void)fd;
	(void)what;
	if (pendings_expire(v->pendings))
		v->cbs.settled(v->ctx);
	if (pendings_any(v->pendings))
		set_timer(v->sweep_timer, SWEEP_MS);
}

static void on_settle_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct view *v = ctx;

	(void)fd;
	(void)what;
	if (v->state == VIEW_IN_STEP)
		trial_settle(v->trial);
}

static void settle_soon(struct view *v)
{
	if (!evtimer_pending(v->settle_timer, NULL))
		set_timer(v->settle_timer, SETTLE_MS);
}

static void on_settled_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct view *v = ctx;

	(void)fd;
	(void)what;
	v->cbs.settled(v->ctx);
}

/* --- what the watch says --- */

static void on_begin(void *ctx)
{
	struct view *v = ctx;

	v->complete = false;
	trial_refresh_begin(v->trial);
}

static void on_put(const struct entry *e, void *ctx)
{
	struct view *v = ctx;
	struct record *r = trial_record_new(v->trial, e);

	if (r == NULL)
		return;
	if (pendings_shown(v->pendings, r))
		set_timer(v->settled_timer, 0);
	else
		trial_put(v->trial, e);
	record_unref(&r);
	settle_soon(v);
}

static void on_deleted(const unsigned char uuid[16], void *ctx)
{
	struct view *v = ctx;

	if (pendings_gone(v->pendings, uuid))
		set_timer(v->settled_timer, 0);
	else
		trial_delete(v->trial, uuid);
	settle_soon(v);
}

static void on_end(void *ctx)
{
	struct view *v = ctx;

	trial_refresh_end(v->trial);
	/* the sweep took what is not there yet */
	pendings_bring_back(v->pendings);
	trial_settle(v->trial);
	v->complete = true;
}

static void on_abort(void *ctx)
{
	/* complete stays false: what is here is a mixture until a whole refresh */
	(void)ctx;
}

static void set_state(struct view *v, enum view_state state)
{
	if (v->state == state)
		return;
	v->state = state;
	v->cbs.state(state, v->ctx);
}

static void on_watch_state(enum watch_state state, const char *text, void *ctx)
{
	struct view *v = ctx;

	if (state == WATCH_DOWN)
		log_event(LOG_LEVEL_WARNING, "directory-down", LOG_STR("reason", text), LOG_END);
	if (state == WATCH_LIVE)
		log_event(LOG_LEVEL_INFO, "directory-live", LOG_STR("uri", watch_uri(v->watch)),
			LOG_END);
	if (state == WATCH_LIVE && v->complete)
		set_state(v, VIEW_IN_STEP);
	else
		set_state(v, state == WATCH_REFRESHING ? VIEW_REFRESHING : VIEW_OUT_OF_STEP);
}

/* --- judging --- */

static void commit(struct view *v, const struct judgement *j)
{
	size_t i;

	for (i = 0; i < j->n; i++)
		pendings_add(v->pendings, j->steps[i].ndn, j->steps[i].before, j->steps[i].after);
	if (pendings_any(v->pendings) && !evtimer_pending(v->sweep_timer, NULL))
		set_timer(v->sweep_timer, SWEEP_MS);
}

/* Would it be let through if the directory had refused all that is pending? */
static bool passes_without_pending(struct view *v, struct arena *a, const struct request *r)
{
	struct judgement j;
	bool passes;

	pendings_set_aside(v->pendings);
	judge(v->trial, v->pendings, a, r, &j);
	passes = j.code == 0;
	judgement_undo(v->trial, &j);
	judgement_end(&j);
	pendings_bring_back(v->pendings);
	return passes;
}

enum view_answer view_judge(struct view *v, const struct request *r, struct verdict *out)
{
	struct arena *a = arena_new();
	bool uncertain = pendings_any(v->pendings), without = false, doubt;
	struct judgement j;

	if (uncertain)
		without = passes_without_pending(v, a, r);
	judge(v->trial, v->pendings, a, r, &j);
	doubt = uncertain && without != (j.code == 0);
	if (doubt)
		judgement_undo(v->trial, &j);
	else
		commit(v, &j);
	out->code = j.code;
	memcpy(out->text, j.text, sizeof(out->text));
	judgement_end(&j);
	arena_free(&a);
	settle_soon(v);
	return doubt ? VIEW_LATER : VIEW_ANSWERED;
}

bool view_is_settled(const struct view *v)
{
	return !pendings_any(v->pendings);
}

/* --- life --- */

struct view *view_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *base,
	const struct view_callbacks *cbs, void *ctx)
{
	static const struct watch_callbacks watch_cbs = {
		.refresh_begin = on_begin, .put = on_put, .deleted = on_deleted,
		.refresh_end = on_end, .refresh_abort = on_abort, .state = on_watch_state,
	};
	struct view *v = xcalloc(1, sizeof(*v));

	v->cbs = *cbs;
	v->ctx = ctx;
	v->trial = trial_new(base);
	v->pendings = pendings_new(v->trial);
	v->sweep_timer = evtimer_new(loop_base(loop), on_sweep_timer, v);
	v->settle_timer = evtimer_new(loop_base(loop), on_settle_timer, v);
	v->settled_timer = evtimer_new(loop_base(loop), on_settled_timer, v);
	BUG_ON(v->sweep_timer == NULL || v->settle_timer == NULL || v->settled_timer == NULL);
	v->watch = watch_new(loop, resolver, cfg, base, "(objectClass=*)", NULL, &watch_cbs,
		v);
	return v;
}

void view_free(struct view **vp)
{
	struct view *v = *vp;

	*vp = NULL;
	if (v == NULL)
		return;
	watch_free(&v->watch);
	event_free(v->sweep_timer);
	event_free(v->settle_timer);
	event_free(v->settled_timer);
	pendings_free(&v->pendings);
	trial_free(&v->trial);
	free(v);
}

enum view_state view_state(const struct view *v)
{
	return v->state;
}
