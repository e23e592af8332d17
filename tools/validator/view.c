/* view.c - see view.h.
 *
 * The trial holds the entries as they will be; for each that has changes on their way what the
 * directory showed last is kept beside. A message that shows what a pending change made ends that
 * change and those before it; one that shows something else is another writer's: it is remembered,
 * and what is pending stays on top.
 */
#include "tools/validator/view.h"

#include <string.h>

#include <ldap.h>
#include <utlist.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/trial.h"
#include "tools/validator/apply.h"

enum {
	PENDING_MS = 3000,	/* then the directory has refused it, or never got it */
	SWEEP_MS = 250,		/* how often that is looked at */
	SETTLE_MS = 20,		/* after another writer's change, before the next build */
};

struct pending {
	struct record *after;		/* NULL = deleted */
	uint64_t until_ms;
	struct pending *prev, *next;
};

/* An entry with changes on their way. */
struct moving {
	char *ndn;
	struct record *seen;		/* as the directory showed it last; NULL = not there */
	struct pending *pendings;
	struct moving *prev, *next;
};

struct view {
	struct trial *trial;
	struct watch *watch;
	enum view_state state;
	bool complete;			/* a refresh has ended since the connection was lost */
	struct moving *moving;
	struct event *sweep_timer, *settle_timer;
	void (*on_state)(enum view_state state, void *ctx);
	void *ctx;
};

static void set_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

/* --- changes on their way --- */

static struct moving *find_moving(const struct view *v, const char *ndn)
{
	struct moving *m;

	DL_FOREACH(v->moving, m)
		if (strcmp(m->ndn, ndn) == 0)
			return m;
	return NULL;
}

static void drop_first(struct moving *m)
{
	struct pending *p = m->pendings;

	DL_DELETE(m->pendings, p);
	record_unref(&p->after);
	free(p);
}

static void forget(struct view *v, struct moving *m)
{
	DL_DELETE(v->moving, m);
	while (m->pendings != NULL)
		drop_first(m);
	record_unref(&m->seen);
	free(m->ndn);
	free(m);
}

/* The entry gets changes on their way; before the trial has changed. */
static struct moving *move(struct view *v, const char *ndn)
{
	struct moving *m = find_moving(v, ndn);
	struct record *now;

	if (m != NULL)
		return m;
	m = xcalloc(1, sizeof(*m));
	m->ndn = xstrdup(ndn);
	now = trial_record(v->trial, ndn);
	m->seen = now != NULL ? record_ref(now) : NULL;
	DL_APPEND(v->moving, m);
	return m;
}

/* after: a reference that is taken over; NULL = deleted. */
static void pend(struct view *v, struct moving *m, struct record *after)
{
	struct pending *p = xcalloc(1, sizeof(*p));

	p->after = after;
	p->until_ms = clock_mono_ms() + PENDING_MS;
	DL_APPEND(m->pendings, p);
	if (!evtimer_pending(v->sweep_timer, NULL))
		set_timer(v->sweep_timer, SWEEP_MS);
}

static bool shows(const struct pending *p, const struct record *seen)
{
	if (p->after == NULL || seen == NULL)
		return p->after == NULL && seen == NULL;
	/* of what is no object only the name counts */
	if (p->after->class == NULL)
		return seen->class == NULL;
	return record_same(p->after, seen);
}

/* The trial gets what the last pending change made, or what the directory shows. */
static void bring_up(struct view *v, const struct moving *m)
{
	const struct record *r = m->pendings != NULL ? m->pendings->prev->after : m->seen;

	if (r != NULL)
		trial_put(v->trial, &r->raw);
	else if (trial_record(v->trial, m->ndn) != NULL)
		trial_delete_dn(v->trial, m->ndn);
}

/* The directory shows m as seen, a reference that is taken over. */
static void observe(struct view *v, struct moving *m, struct record *seen)
{
	struct pending *p;

	record_unref(&m->seen);
	m->seen = seen;
	DL_FOREACH(m->pendings, p)
		if (shows(p, seen))
			break;
	while (p != NULL && m->pendings != p)
		drop_first(m);
	if (p != NULL)
		drop_first(m);
	bring_up(v, m);
	if (m->pendings == NULL)
		forget(v, m);
}

static void on_sweep_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct view *v = ctx;
	struct moving *m, *next;
	uint64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	DL_FOREACH_SAFE(v->moving, m, next) {
		while (m->pendings != NULL && m->pendings->until_ms <= now) {
			log_event(LOG_LEVEL_INFO, "change-not-seen", LOG_STR("dn", m->ndn),
				LOG_END);
			drop_first(m);
		}
		if (m->pendings == NULL) {
			bring_up(v, m);
			forget(v, m);
		}
	}
	if (v->moving != NULL)
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

/* --- what the watch says --- */

static void on_begin(void *ctx)
{
	struct view *v = ctx;

	v->complete = false;
	trial_refresh_begin(v->trial);
}

/* An entry that is now known by another name is no longer where it was. */
static void observe_moved(struct view *v, const struct record *r)
{
	struct moving *m, *next;

	DL_FOREACH_SAFE(v->moving, m, next)
		if (m->seen != NULL && m->seen->raw.has_uuid && strcmp(m->ndn, r->ndn) != 0 &&
		    memcmp(m->seen->raw.uuid, r->raw.uuid, sizeof(r->raw.uuid)) == 0)
			observe(v, m, NULL);
}

static void on_put(const struct entry *e, void *ctx)
{
	struct view *v = ctx;
	struct record *r = trial_record_new(v->trial, e);
	struct moving *m;

	if (r == NULL)
		return;
	observe_moved(v, r);
	m = find_moving(v, r->ndn);
	if (m != NULL) {
		observe(v, m, r);
	} else {
		trial_put(v->trial, e);
		record_unref(&r);
	}
	settle_soon(v);
}

static void on_deleted(const unsigned char uuid[16], void *ctx)
{
	struct view *v = ctx;
	struct moving *m, *next;
	bool found = false;

	DL_FOREACH_SAFE(v->moving, m, next)
		if (m->seen != NULL && m->seen->raw.has_uuid &&
		    memcmp(m->seen->raw.uuid, uuid, sizeof(m->seen->raw.uuid)) == 0) {
			observe(v, m, NULL);
			found = true;
		}
	if (!found)
		trial_delete(v->trial, uuid);
	settle_soon(v);
}

static void on_end(void *ctx)
{
	struct view *v = ctx;
	struct moving *m;

	trial_refresh_end(v->trial);
	/* the sweep took what is not there yet */
	DL_FOREACH(v->moving, m)
		bring_up(v, m);
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
	v->on_state(state, v->ctx);
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

static void say(struct verdict *out, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void say(struct verdict *out, int code, const char *fmt, ...)
{
	va_list ap;

	out->code = code;
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
}

/* Stores after, whose name is ndn, and lets it through, or says why not. */
static void judge_store(struct view *v, const char *ndn, const struct entry *after,
	struct verdict *out)
{
	struct record *r = trial_record_new(v->trial, after);
	struct moving *m = move(v, ndn);
	struct err e;

	BUG_ON(r == NULL);
	if (trial_store(v->trial, after, &e) != 0)
		say(out, LDAP_CONSTRAINT_VIOLATION, "%s", e.text);
	else
		pend(v, m, record_ref(r));
	if (m->pendings == NULL)
		forget(v, m);
	record_unref(&r);
}

/*
 * The change does not fit the entry. If others are on their way, one of them may be what slapd
 * refused after us, so nobody can say yet.
 */
static void say_unfit(const struct view *v, const char *ndn, int code, const char *text,
	struct verdict *out)
{
	if (find_moving(v, ndn) != NULL)
		say(out, LDAP_BUSY, "%s, unless an earlier change failed: try again in %d s", text,
			PENDING_MS / 1000);
	else
		say(out, code, "%s", text);
}

static void judge_add(struct view *v, struct arena *a, const char *ndn, const struct request *r,
	struct verdict *out)
{
	const struct moving *m = find_moving(v, ndn);
	const struct entry *after;
	struct err e;
	int code;

	/* one that only we have let through may have failed, and comes again corrected */
	if (trial_record(v->trial, ndn) != NULL && (m == NULL || m->seen != NULL)) {
		say(out, LDAP_ALREADY_EXISTS, "there is an entry of that name already");
		return;
	}
	after = apply_add(a, r, &code, &e);
	if (after == NULL)
		say(out, code, "%s", e.text);
	else
		judge_store(v, ndn, after, out);
}

static void judge_modify(struct view *v, struct arena *a, const struct record *before,
	const struct request *r, struct verdict *out)
{
	const struct entry *after;
	struct err e;
	int code;

	/* only the names of other entries are known */
	if (before->class == NULL)
		return;
	after = apply_modify(a, &before->raw, before->class, r, &code, &e);
	if (after == NULL)
		say_unfit(v, before->ndn, code, e.text, out);
	else
		judge_store(v, before->ndn, after, out);
}

static void judge_delete(struct view *v, const struct record *before, struct verdict *out)
{
	struct moving *m;
	struct err e;

	if (before->class == NULL)
		return;
	m = move(v, before->ndn);
	if (trial_remove(v->trial, m->ndn, &e) != 0)
		say(out, LDAP_CONSTRAINT_VIOLATION, "%s", e.text);
	else
		pend(v, m, NULL);
	if (m->pendings == NULL)
		forget(v, m);
}

static void judge_rename(struct view *v, struct arena *a, const struct record *before,
	const struct request *r, struct verdict *out)
{
	const struct entry *after;
	struct moving *from, *to;
	struct record *renamed;
	const char *ndn;
	struct err e;
	int code;

	if (before->class == NULL && trial_has_children(v->trial, before->ndn))
		say(out, LDAP_CONSTRAINT_VIOLATION, "%.200s cannot be renamed: there are entries "
			"below it", before->raw.dn);
	if (before->class == NULL)
		return;
	after = apply_rename(a, &before->raw, r, &code, &e);
	if (after == NULL) {
		say_unfit(v, before->ndn, code, e.text, out);
		return;
	}
	ndn = trial_normalize(v->trial, a, after->dn);
	if (ndn != NULL && strcmp(ndn, before->ndn) != 0 && trial_record(v->trial, ndn) != NULL) {
		say(out, LDAP_ALREADY_EXISTS, "there is an entry of that name already");
		return;
	}
	from = move(v, before->ndn);
	to = move(v, ndn != NULL ? ndn : before->ndn);
	if (trial_rename(v->trial, from->ndn, after, &e) != 0) {
		say(out, LDAP_CONSTRAINT_VIOLATION, "%s", e.text);
	} else {
		renamed = trial_record(v->trial, ndn);
		if (from != to)
			pend(v, from, NULL);
		pend(v, to, record_ref(renamed));
	}
	if (from != to && from->pendings == NULL)
		forget(v, from);
	if (to->pendings == NULL)
		forget(v, to);
}

void view_judge(struct view *v, const struct request *r, struct verdict *out)
{
	struct arena *a;
	struct record *before;
	const char *ndn;

	*out = (struct verdict){ 0 };
	a = arena_new();
	ndn = trial_normalize(v->trial, a, r->dn);
	before = ndn != NULL ? trial_record(v->trial, ndn) : NULL;
	if (before != NULL)
		record_ref(before);
	if (ndn != NULL && r->kind == REQUEST_ADD)
		judge_add(v, a, ndn, r, out);
	else if (ndn != NULL && before == NULL)
		say_unfit(v, ndn, LDAP_NO_SUCH_OBJECT, "there is no such entry", out);
	else if (ndn != NULL && r->kind == REQUEST_MODIFY)
		judge_modify(v, a, before, r, out);
	else if (ndn != NULL && r->kind == REQUEST_DELETE)
		judge_delete(v, before, out);
	else if (ndn != NULL)
		judge_rename(v, a, before, r, out);
	record_unref(&before);
	arena_free(&a);
	settle_soon(v);
}

/* --- life --- */

struct view *view_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *base,
	void (*on_state)(enum view_state state, void *ctx), void *ctx)
{
	static const struct watch_callbacks cbs = {
		on_begin, on_put, on_deleted, on_end, on_abort, on_watch_state,
	};
	struct view *v = xcalloc(1, sizeof(*v));

	v->on_state = on_state;
	v->ctx = ctx;
	v->trial = trial_new(base);
	v->sweep_timer = evtimer_new(loop_base(loop), on_sweep_timer, v);
	v->settle_timer = evtimer_new(loop_base(loop), on_settle_timer, v);
	BUG_ON(v->sweep_timer == NULL || v->settle_timer == NULL);
	v->watch = watch_new(loop, resolver, cfg, base, "(objectClass=*)", NULL, &cbs, v);
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
	while (v->moving != NULL)
		forget(v, v->moving);
	trial_free(&v->trial);
	free(v);
}

enum view_state view_state(const struct view *v)
{
	return v->state;
}
