/* people.c - see people.h */
#include "libhub/org/people.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/recipients_file.h"

enum {
	SWEEP_STEP = 500,		/* dropped between two looks at the clock */
	SWEEP_MS = 5,			/* one turn of the loop */
	AUDIT_MIN_MS = 10000,		/* after a refresh by cookie, before all are read */
	AUDIT_EACH_MS = 5,		/* entry: such a refresh takes 1 % of the time */
};

struct people {
	struct loop *loop;
	struct people_config cfg;
	struct people_callbacks cbs;
	void *ctx;
	struct recipients *recipients;
	struct watch *watch;
	struct recipients_file *file;
	bool file_failed;		/* said so already */
	bool in_step;			/* what is here is what the watch's point says */
	struct event *sweep_timer, *audit_timer;
	/* of the refresh under way, for the log: */
	uint64_t began_ms, sent, present, deleted;
};

/* --- the file --- */

static bool give_point(struct watch_point *out, void *ctx)
{
	struct people *p = ctx;

	*out = *watch_point(p->watch);
	return p->in_step || out->cookie.size == 0;
}

static void on_written(const struct err *e, void *ctx)
{
	struct people *p = ctx;

	if (e != NULL && !p->file_failed)
		log_event(LOG_LEVEL_ERROR, "cache-not-written", LOG_STR("tree", "recipients"),
			LOG_STR("reason", e->text), LOG_END);
	p->file_failed = e != NULL;
}

static bool load(struct people *p, struct recipients_file_content *content)
{
	uint64_t began = clock_mono_ms();
	struct err e = { 0 };

	if (recipients_file_load(p->cfg.path, p->cfg.base, p->recipients, content, &e) != 0) {
		if (e.sys != ENOENT)
			log_event(LOG_LEVEL_WARNING, "cache-refused", LOG_STR("tree", "recipients"),
				LOG_STR("reason", e.text), LOG_END);
		return false;
	}
	recipients_set_loaded(p->recipients);
	log_event(LOG_LEVEL_INFO, "cache-loaded", LOG_STR("tree", "recipients"),
		LOG_STR("file", p->cfg.path),
		LOG_UINT("recipients", recipients_count(p->recipients)),
		LOG_UINT("ms", clock_mono_ms() - began), LOG_END);
	if (content->damaged)
		log_event(LOG_LEVEL_WARNING, "cache-cut", LOG_STR("file", p->cfg.path),
			LOG_UINT("bytes", content->size),
			LOG_STR("reason", "what follows is damaged or not complete"), LOG_END);
	return true;
}

/* --- refreshes --- */

static void reach_step(struct people *p)
{
	p->in_step = true;
	if (p->file == NULL)
		return;
	recipients_file_begin(p->file);
	recipients_file_moved(p->file);
}

static void log_refreshed(const struct people *p, size_t gone)
{
	log_event(LOG_LEVEL_INFO, "recipients-refreshed", LOG_UINT("sent", p->sent),
		LOG_UINT("present", p->present), LOG_UINT("gone", p->deleted + gone),
		LOG_UINT("recipients", recipients_count(p->recipients)),
		LOG_UINT("ms", clock_mono_ms() - p->began_ms), LOG_END);
}

static void on_sweep_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct timeval now = { 0, 0 };
	struct people *p = ctx;
	uint64_t until = clock_mono_ms() + SWEEP_MS;

	(void)fd;
	(void)what;
	loop_touch(p->loop);
	while (recipients_sweep(p->recipients, SWEEP_STEP))
		if (clock_mono_ms() >= until) {
			evtimer_add(p->sweep_timer, &now);
			return;
		}
	reach_step(p);
}

/*
 * A cookie cannot tell of what was lost without a change, such as by a backup that lacks something:
 * all are read soon after it was relied on, so that the guard sees it. Many take long, and longer.
 */
static void plan_audit(struct people *p)
{
	uint64_t ms = recipients_entries(p->recipients) * AUDIT_EACH_MS;
	struct timeval tv;

	if (ms < AUDIT_MIN_MS)
		ms = AUDIT_MIN_MS;
	/* many hubs do not come at once */
	ms += arc4random_uniform((uint32_t)(ms / 4));
	tv = (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 };
	evtimer_add(p->audit_timer, &tv);
}

static void on_audit_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct people *p = ctx;

	(void)fd;
	(void)what;
	watch_refresh(p->watch, false);
}

static void on_begin(void *ctx)
{
	struct people *p = ctx;

	event_del(p->audit_timer);
	event_del(p->sweep_timer);
	recipients_refresh_begin(p->recipients, watch_point(p->watch)->cookie.size == 0);
	p->began_ms = clock_mono_ms();
	p->sent = p->present = p->deleted = 0;
	/* a cookie that is no good any more must not be found in the file */
	if (watch_point(p->watch)->cookie.size == 0 && p->file != NULL)
		recipients_file_moved(p->file);
	p->in_step = watch_point(p->watch)->cookie.size != 0;
	p->cbs.begun(p->ctx);
}

static void on_put(const struct entry *e, void *ctx)
{
	struct people *p = ctx;

	p->sent++;
	recipients_put(p->recipients, e);
}

static void on_deleted(const unsigned char uuid[16], void *ctx)
{
	struct people *p = ctx;

	p->deleted++;
	recipients_delete(p->recipients, uuid);
}

static void on_present(const unsigned char uuid[16], void *ctx)
{
	struct people *p = ctx;

	p->present++;
	recipients_present(p->recipients, uuid);
}

static bool moves(const struct entry *e, void *ctx)
{
	struct people *p = ctx;

	return recipients_moves(p->recipients, e);
}

static void on_end(void *ctx)
{
	static const struct timeval now = { 0, 0 };
	struct people *p = ctx;
	bool first = !recipients_loaded(p->recipients);
	size_t missing = recipients_missing(p->recipients);

	p->in_step = false;
	if (!p->cbs.believe(recipients_count(p->recipients), missing, p->ctx)) {
		watch_forget_point(p->watch);
		if (p->file != NULL)
			recipients_file_moved(p->file);
		recipients_refresh_abort(p->recipients);
		return;
	}
	log_refreshed(p, missing);
	recipients_refresh_end(p->recipients);
	evtimer_add(p->sweep_timer, &now);
	/* mail that waited for them can be routed now */
	if (first)
		p->cbs.loaded(p->ctx);
}

static void on_resumed(void *ctx)
{
	struct people *p = ctx;

	recipients_refresh_abort(p->recipients);
	log_refreshed(p, 0);
	reach_step(p);
	plan_audit(p);
}

static void on_abort(void *ctx)
{
	struct people *p = ctx;

	recipients_refresh_abort(p->recipients);
}

static void on_state(enum watch_state state, const char *text, void *ctx)
{
	struct people *p = ctx;

	p->cbs.state(state, text, p->ctx);
}

static void on_reached(void *ctx)
{
	struct people *p = ctx;

	p->cbs.reached(p->ctx);
}

/* --- life --- */

static void start_watch(struct people *p, struct resolver *resolver,
	const struct watch_point *from)
{
	/* containers too: renaming one changes the DNs by which groups name their members */
	static const char filter[] = "(objectClass=*)";
	static const char *const attrs[] = {
		"objectClass", "cn", "mail", "mailLocalAddress", "mailRoutingAddress", "mailHost",
		"member", "hubRefuseOutsideMail", "hubExpansionServer", NULL,
	};
	static const struct watch_callbacks cbs = {
		.refresh_begin = on_begin, .put = on_put, .deleted = on_deleted,
		.refresh_end = on_end, .refresh_abort = on_abort, .state = on_state,
		.present = on_present, .resumed = on_resumed, .moves = moves,
		.reached = on_reached,
	};

	p->watch = watch_new(p->loop, resolver, p->cfg.directory, p->cfg.base, filter, attrs, &cbs,
		p);
	watch_keep_point(p->watch, from, p->cfg.epoch_dn);
}

static void start_file(struct people *p, const struct recipients_file_content *content)
{
	static const struct recipients_file_callbacks cbs = {
		.point = give_point, .written = on_written,
	};

	p->file = recipients_file_new(p->loop, p->cfg.path, p->cfg.base, p->recipients, content,
		&cbs, p);
}

struct people *people_new(struct loop *loop, struct resolver *resolver,
	const struct people_config *cfg, const struct people_callbacks *cbs, void *ctx)
{
	struct recipients_file_content *content = xcalloc(1, sizeof(*content));
	struct people *p = xcalloc(1, sizeof(*p));
	bool found = false;

	p->loop = loop;
	p->cfg = *cfg;
	p->cbs = *cbs;
	p->ctx = ctx;
	p->recipients = recipients_new();
	p->sweep_timer = evtimer_new(loop_base(loop), on_sweep_timer, p);
	p->audit_timer = evtimer_new(loop_base(loop), on_audit_timer, p);
	BUG_ON(p->sweep_timer == NULL || p->audit_timer == NULL);
	if (cfg->path != NULL)
		found = load(p, content);
	start_watch(p, resolver, &content->point);
	p->in_step = content->point.cookie.size != 0;
	if (cfg->path != NULL)
		start_file(p, found ? content : NULL);
	free(content);
	return p;
}

void people_free(struct people **pp)
{
	struct people *p = *pp;

	if (p == NULL)
		return;
	*pp = NULL;
	if (evtimer_pending(p->sweep_timer, NULL)) {
		recipients_sweep(p->recipients, SIZE_MAX);
		reach_step(p);
	}
	recipients_file_free(&p->file);
	watch_free(&p->watch);
	event_free(p->sweep_timer);
	event_free(p->audit_timer);
	recipients_free(&p->recipients);
	free(p);
}

struct recipients *people_recipients(const struct people *p)
{
	return p->recipients;
}

struct watch *people_watch(const struct people *p)
{
	return p->watch;
}
