/* watch.c - see watch.h. Which server is tried when: providers.h.
 *
 * slapd sends only the entry itself when an entry with children is renamed (the children's DNs
 * change silently), never says that our access was taken away, and repairs of references by its
 * overlays do not show. Therefore: a fresh refresh when a non-leaf moves, a heartbeat that looks
 * for the base entry, and an hourly audit refresh.
 */
#include "libhub/directory/watch.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "libhub/directory/dial.h"
#include "libhub/directory/identify.h"
#include "libhub/directory/nodes.h"
#include "libhub/directory/probe.h"
#include "libhub/directory/providers.h"
#include "libhub/directory/question.h"
#include "libhub/directory/sync.h"

enum {
	PROBE_LIMIT_MS = 1000,
	QUESTION_LIMIT_MS = 5000,
	AUDIT_MS = 3600 * 1000,
	AUDIT_PART = 100,		/* a refresh may take this part of the time at most */
	ENTRIES_MAX = 10 * 1000 * 1000,
	TEXT_MAX_SIZE = 400,
};

/* Nothing came for so long: ask. No sign of life since: leave. */
struct rhythm {
	unsigned int idle_ms, answer_ms;
};

/* With another server to go to, being without changes for two seconds is too long. */
static const struct rhythm alone = { 5000, 3000 }, among_others = { 400, 900 };

struct watch {
	struct loop *loop;
	struct resolver *resolver;
	const struct directory_config *cfg;
	char *base;
	char *filter;			/* with the base entry added */
	char **attrs;
	struct watch_callbacks cbs;
	void *ctx;
	bool freed;			/* by a callback, memory goes at the end of the turn */

	enum watch_state state;
	struct providers providers;	/* indices of cfg->uris */
	struct rhythm rhythm;
	char error[TEXT_MAX_SIZE];
	struct event *retry, *probe_timer;
	struct probe *probe;		/* of the preferred server, while on another */

	struct directory_connection *c;
	int sync;			/* message ids, -1 = none */
	int beat;
	uint64_t life_ms;		/* last message */
	uint64_t beat_sent_ms;
	bool beat_saw_base;
	struct event *beat_timer, *audit_timer;
	uint64_t refresh_began_ms;

	struct nodes *nodes;		/* but for the base none if the owner knows them */
	size_t put_count;		/* in this refresh */
	bool refreshing;

	enum draft_options options;
	bool keeps_point;
	char *epoch_dn;
	struct watch_point point;
	struct identify *identify;
	struct identity directory;	/* of this connection */
	struct cookie next;		/* gathered in the refresh under way */
	bool resuming;			/* the refresh under way was given the point */
	bool present_phase;		/* it names all that exists */

	char csn[COOKIE_CSN_SIZE];	/* the newest that is in step, or "" */
	char refresh_csn[COOKIE_CSN_SIZE];	/* that the refresh under way named */
	struct cookie shown;		/* named since the search began */

	uint64_t as_of_ms;
	bool ask;			/* as soon as there is no question under way */
	struct question *question;
	uint64_t question_ms;		/* it was sent then */
	bool answered;			/* but what the answer names has not been shown yet */
	struct cookie answer;
	struct event *question_timer;
};

static void set_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

/* Up to a quarter more, so that many hubs do not come all at once. */
static uint64_t with_jitter(uint64_t ms)
{
	return ms + arc4random_uniform((uint32_t)(ms / 4) + 1);
}

static void set_state(struct watch *w, enum watch_state state, const char *text)
{
	if (w->state == state && strcmp(w->error, text) == 0)
		return;
	w->state = state;
	snprintf(w->error, sizeof(w->error), "%s", text);
	if (w->cbs.state != NULL)
		w->cbs.state(state, w->error, w->ctx);
}

/* --- leaving and coming back --- */

/* A refresh that begins now, or later, shows all that was asked for. */
static void drop_question(struct watch *w)
{
	question_cancel(&w->question);
	w->ask = w->answered = false;
	event_del(w->question_timer);
}

/* Ends the connection; its refresh, if one is under way, counts for nothing. */
static void drop_connection(struct watch *w)
{
	bool was_refreshing = w->refreshing;

	identify_cancel(&w->identify);
	drop_question(w);
	directory_close(&w->c);
	probe_cancel(&w->probe);
	w->as_of_ms = 0;
	w->sync = -1;
	w->beat = -1;
	event_del(w->beat_timer);
	event_del(w->audit_timer);
	event_del(w->probe_timer);
	w->refreshing = false;
	if (was_refreshing)
		w->cbs.refresh_abort(w->ctx);
}

/* Ends the connection for a reason and arranges for another one. */
static void leave(struct watch *w, const char *text, bool hangs)
{
	unsigned int delay_ms = providers_failed(&w->providers, hangs, clock_mono_ms());

	set_timer(w->retry, with_jitter(delay_ms));
	drop_connection(w);
	if (!w->freed)
		set_state(w, WATCH_DOWN, text);
}

static void leavef(struct watch *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void leavef(struct watch *w, const char *fmt, ...)
{
	char text[TEXT_MAX_SIZE];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	leave(w, text, false);
}

static void on_lost(const char *text, void *ctx)
{
	leave(ctx, text, false);
}

/* --- the sync search --- */

static void on_sync(LDAP *ld, LDAPMessage *m, void *ctx);

static void send_refresh(struct watch *w)
{
	struct directory_query q = {
		.base = w->base, .filter = w->filter, .scope = LDAP_SCOPE_SUBTREE,
		.attrs = (const char *const *)w->attrs,
	};
	LDAPControl *controls[] = { sync_request_new(&w->point.cookie), NULL };
	struct err e = { 0 };

	drop_question(w);
	if (w->sync >= 0)
		directory_abandon(w->c, w->sync);
	q.controls = controls;
	w->sync = directory_search(w->c, &q, on_sync, w, &e);
	ldap_control_free(controls[0]);
	if (w->sync < 0) {
		leave(w, e.text, false);
		return;
	}
	w->refresh_began_ms = clock_mono_ms();
	w->put_count = 0;
	w->refresh_csn[0] = '\0';
	w->shown.size = 0;
	w->present_phase = false;
	nodes_refresh_begin(w->nodes);
	w->refreshing = true;
	w->cbs.refresh_begin(w->ctx);
	if (!w->freed)
		set_state(w, WATCH_REFRESHING, "");
}

/* Begins anew, on the connection that there is. */
static void refresh(struct watch *w)
{
	w->resuming = false;
	w->point.cookie.size = 0;
	w->next.size = 0;
	send_refresh(w);
}

static void resume(struct watch *w)
{
	w->resuming = true;
	w->next = w->point.cookie;
	send_refresh(w);
}

static void restart_refresh(struct watch *w)
{
	if (w->refreshing) {
		w->refreshing = false;
		w->cbs.refresh_abort(w->ctx);
	}
	if (!w->freed)
		refresh(w);
}

/* What all put so far is in step with. During a refresh that is known at its end only. */
static void take_cookie(struct watch *w, const struct cookie *cookie)
{
	char csn[COOKIE_CSN_SIZE], *newest = w->refreshing ? w->refresh_csn : w->csn;

	if (cookie_newest(cookie, csn) && strcmp(csn, newest) > 0)
		memcpy(newest, csn, sizeof(csn));
	cookie_merge(&w->shown, cookie);
	if (w->refreshing)
		cookie_merge(&w->next, cookie);
	else if (w->point.cookie.size != 0)
		cookie_merge(&w->point.cookie, cookie);
}

/* What was read as a whole may be older than what was there before. */
static void reach_csn(struct watch *w, bool whole)
{
	if (w->refresh_csn[0] != '\0' && (whole || strcmp(w->refresh_csn, w->csn) > 0))
		memcpy(w->csn, w->refresh_csn, sizeof(w->csn));
}

static void reach_point(struct watch *w)
{
	w->point.cookie = w->next;
	snprintf(w->point.directory, sizeof(w->point.directory), "%s", w->directory.text);
}

/* --- as of when it is in step --- */

static void ask_if_wanted(struct watch *w);

static void look_for_answer(struct watch *w)
{
	if (!w->answered || !cookie_covers(&w->shown, &w->answer))
		return;
	w->answered = false;
	event_del(w->question_timer);
	w->as_of_ms = w->question_ms;
	ask_if_wanted(w);
	if (w->cbs.reached != NULL)
		w->cbs.reached(w->ctx);
}

static void on_answer(const struct cookie *newest, const struct err *e, void *ctx)
{
	struct watch *w = ctx;

	w->question = NULL;
	w->life_ms = clock_mono_ms();
	if (newest == NULL) {
		leavef(w, "%s %s", watch_uri(w), e->text);
		return;
	}
	w->answer = *newest;
	w->answered = true;
	look_for_answer(w);
}

static void ask_if_wanted(struct watch *w)
{
	struct err e = { 0 };

	if (!w->ask || w->state != WATCH_LIVE || w->question != NULL || w->answered)
		return;
	w->ask = false;
	w->question_ms = clock_mono_ms();
	w->question = question_start(w->c, w->base, on_answer, w, &e);
	/* no callback from within */
	set_timer(w->question_timer, w->question != NULL ? QUESTION_LIMIT_MS : 0);
}

static void on_question_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;
	char text[TEXT_MAX_SIZE];

	(void)fd;
	(void)what;
	snprintf(text, sizeof(text), w->answered ? "%s does not show its newest change" :
		"%s has stopped answering", watch_uri(w));
	leave(w, text, true);
}

static uint64_t audit_after(const struct watch *w)
{
	uint64_t ms = (clock_mono_ms() - w->refresh_began_ms) * AUDIT_PART;

	return ms > AUDIT_MS ? ms : AUDIT_MS;
}

static void finish_refresh(struct watch *w)
{
	bool whole = !w->resuming || w->present_phase;

	if (!w->refreshing)
		return;
	if (whole && !nodes_base_seen(w->nodes)) {
		leavef(w, "%s does not show the entry %s: nothing is taken over", watch_uri(w),
			w->base);
		return;
	}
	nodes_refresh_end(w->nodes);
	w->refreshing = false;
	providers_live(&w->providers, clock_mono_ms());
	set_timer(w->audit_timer, with_jitter(audit_after(w)));
	if (w->providers.at != 0)
		set_timer(w->probe_timer, with_jitter(PROVIDERS_PROBE_MS));
	if (w->keeps_point)
		reach_point(w);
	reach_csn(w, whole);
	/* one that has nothing newer than the point need not name it */
	if (w->shown.size == 0)
		w->shown = w->next;
	if (whole)
		w->cbs.refresh_end(w->ctx);
	else
		w->cbs.resumed(w->ctx);
	if (w->freed)
		return;
	w->as_of_ms = w->refresh_began_ms;
	set_state(w, WATCH_LIVE, "");
	if (!w->freed)
		ask_if_wanted(w);
}

static void delete_entry(struct watch *w, const unsigned char uuid[16])
{
	/* the whole tree, or our access to it, goes: a refresh will not end without the base */
	if (nodes_is_base(w->nodes, uuid)) {
		restart_refresh(w);
		return;
	}
	nodes_delete(w->nodes, uuid);
	w->cbs.deleted(uuid, w->ctx);
}

static bool too_many(const struct watch *w)
{
	return w->put_count >= ENTRIES_MAX || nodes_count(w->nodes) >= ENTRIES_MAX;
}

/* Nobody takes it, which would leave people at a loss. */
static void tell_long_dn(const struct entry *e)
{
	if (strlen(e->dn) > ENTRY_DN_MAX)
		log_event(LOG_LEVEL_WARNING, "directory-entry-skipped", LOG_STR("dn", e->dn),
			LOG_STR("reason", "its DN is longer than 2048 bytes"), LOG_END);
}

/* True if the entry moved and others below it with it, which the server does not tell of. */
static bool note_entry(struct watch *w, const struct entry *e)
{
	if (!w->keeps_point)
		return nodes_put(w->nodes, e);
	nodes_see(w->nodes, e);
	return (!w->refreshing || w->resuming) && w->cbs.moves(e, w->ctx);
}

static void put_entry(struct watch *w, LDAP *ld, LDAPMessage *m, const unsigned char uuid[16])
{
	struct arena *a = arena_new();
	struct err e = { 0 };
	struct draft r;

	draft_init(&r, a);
	r.options = w->options;
	if (directory_entry(ld, m, &r, &e) != 0) {
		/* one bad entry is no reason to miss all others */
		log_event(LOG_LEVEL_WARNING, "directory-entry-skipped", LOG_STR("dn", r.entry.dn),
			LOG_STR("reason", e.text), LOG_END);
	} else if (too_many(w)) {
		leavef(w, "%s sends more than %d entries", watch_uri(w), ENTRIES_MAX);
	} else {
		memcpy(r.entry.uuid, uuid, sizeof(r.entry.uuid));
		r.entry.has_uuid = true;
		w->put_count += w->refreshing;
		tell_long_dn(draft_entry(&r));
		if (note_entry(w, draft_entry(&r)))
			restart_refresh(w);
		else
			w->cbs.put(draft_entry(&r), w->ctx);
	}
	arena_free_wiped(&a);
}

/* The entry is as it was: only in answer to a cookie. */
static void keep_entry(struct watch *w, const unsigned char uuid[16])
{
	if (!w->refreshing || !w->resuming) {
		leavef(w, "%s answers as if there had been a cookie", watch_uri(w));
		return;
	}
	w->present_phase = true;
	if (nodes_is_base(w->nodes, uuid))
		nodes_see_base(w->nodes, uuid);
	w->cbs.present(uuid, w->ctx);
}

static void take_entry(struct watch *w, LDAP *ld, LDAPMessage *m)
{
	struct sync_entry entry;
	int sync = w->sync;
	struct err e = { 0 };

	if (sync_entry_state(ld, m, &entry, &e) != 0)
		leavef(w, "%s: %s", watch_uri(w), e.text);
	else if (entry.state == SYNC_PRESENT)
		keep_entry(w, entry.uuid);
	else if (entry.state == SYNC_DELETE)
		delete_entry(w, entry.uuid);
	else
		put_entry(w, ld, m, entry.uuid);
	/* another search, or none, knows nothing of this one's cookies */
	if (!w->freed && w->sync == sync)
		take_cookie(w, &entry.cookie);
}

/* Of deleted entries, or of those that are as they were. */
static void take_set(struct watch *w, const struct sync_info *info)
{
	void (*each)(struct watch *w, const unsigned char uuid[16]) =
		info->kind == SYNC_INFO_DELETED ? delete_entry : keep_entry;
	const struct berval *uuid = info->uuids;
	int sync = w->sync;

	/* a callback may free the watch, the base entry among them restarts the search */
	for (; uuid->bv_val != NULL && !w->freed && w->sync == sync; uuid++)
		each(w, (const unsigned char *)uuid->bv_val);
}

static void take_info(struct watch *w, LDAP *ld, LDAPMessage *m)
{
	struct sync_info info;
	int sync = w->sync;
	struct err e = { 0 };

	if (sync_info_parse(ld, m, &info, &e) != 0)
		leavef(w, "%s: %s", watch_uri(w), e.text);
	else if (info.kind == SYNC_INFO_DELETED || info.kind == SYNC_INFO_PRESENT)
		take_set(w, &info);
	if (!w->freed && w->sync == sync) {
		w->present_phase = w->present_phase || info.present_phase;
		take_cookie(w, &info.cookie);
		if (info.kind == SYNC_INFO_REFRESH_DONE)
			finish_refresh(w);
	}
	sync_info_clear(&info);
}

/* The server cannot go on from where we are. */
static void refuse_point(struct watch *w, const char *reason)
{
	log_event(LOG_LEVEL_INFO, "directory-sent-anew", LOG_STR("base", w->base),
		LOG_STR("uri", watch_uri(w)), LOG_STR("reason", reason), LOG_END);
	restart_refresh(w);
}

/* The search should never end; why it did is told, and it begins anew. */
static void take_result(struct watch *w, LDAP *ld, LDAPMessage *m)
{
	char text[TEXT_MAX_SIZE / 2];
	int code = directory_result(ld, m, text, sizeof(text));

	w->sync = -1;
	if ((code == LDAP_SYNC_REFRESH_REQUIRED || code == LDAP_UNWILLING_TO_PERFORM) &&
	    (!w->refreshing || w->resuming))
		refuse_point(w, text);
	else if (code == LDAP_SIZELIMIT_EXCEEDED)
		leavef(w, "%s limits how many entries we may read (olcLimits): %s", watch_uri(w),
			text);
	else
		leavef(w, "%s ends the search below %s: %s", watch_uri(w), w->base, text);
}

static void on_sync(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct watch *w = ctx;

	/* lost: on_lost comes next */
	if (m == NULL)
		return;
	w->life_ms = clock_mono_ms();
	switch (ldap_msgtype(m)) {
	case LDAP_RES_SEARCH_ENTRY:
		take_entry(w, ld, m);
		break;
	case LDAP_RES_INTERMEDIATE:
		take_info(w, ld, m);
		break;
	case LDAP_RES_SEARCH_RESULT:
		take_result(w, ld, m);
		break;
	default:
		/* a continuation reference: another server's part is not ours */
		break;
	}
	if (!w->freed)
		look_for_answer(w);
}

/* --- heartbeat, audit, the way back to the preferred server --- */

static void on_beat(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct watch *w = ctx;
	int code;

	if (m == NULL)
		return;
	w->life_ms = clock_mono_ms();
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		w->beat_saw_base = true;
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	w->beat = -1;
	set_timer(w->beat_timer, w->rhythm.idle_ms);
	code = directory_result(ld, m, NULL, 0);
	if (code == LDAP_NO_SUCH_OBJECT || (code == LDAP_SUCCESS && !w->beat_saw_base))
		restart_refresh(w);
}

static void send_beat(struct watch *w)
{
	static const char *const nothing[] = { LDAP_NO_ATTRS, NULL };
	struct directory_query q = {
		.base = w->base, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE,
		.attrs = nothing,
	};
	struct err e = { 0 };

	w->beat_saw_base = false;
	w->beat_sent_ms = clock_mono_ms();
	w->beat = directory_search(w->c, &q, on_beat, w, &e);
	if (w->beat < 0)
		leave(w, e.text, false);
	else
		set_timer(w->beat_timer, w->rhythm.answer_ms);
}

static void on_beat_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;
	uint64_t now = clock_mono_ms();
	uint64_t quiet_since = w->beat >= 0 && w->beat_sent_ms > w->life_ms ? w->beat_sent_ms :
		w->life_ms;
	uint64_t limit = w->beat >= 0 ? w->rhythm.answer_ms : w->rhythm.idle_ms;
	char text[TEXT_MAX_SIZE];

	(void)fd;
	(void)what;
	if (now - quiet_since < limit) {
		set_timer(w->beat_timer, limit - (now - quiet_since));
	} else if (w->beat < 0) {
		send_beat(w);
	} else {
		snprintf(text, sizeof(text), "%s has stopped answering", watch_uri(w));
		leave(w, text, true);
	}
}

static void on_audit_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;

	(void)fd;
	(void)what;
	if (w->state == WATCH_LIVE)
		refresh(w);
}

/* Leaves a server that works for another one, which is set already. */
static void change_server(struct watch *w)
{
	drop_connection(w);
	if (w->freed)
		return;
	set_timer(w->retry, 0);
	set_state(w, WATCH_CONNECTING, "");
}

static void on_probed(bool good, void *ctx)
{
	struct watch *w = ctx;

	w->probe = NULL;
	if (!providers_probed(&w->providers, good)) {
		set_timer(w->probe_timer, with_jitter(PROVIDERS_PROBE_MS));
		return;
	}
	change_server(w);
}

static void on_probe_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;

	(void)fd;
	(void)what;
	w->probe = probe_start(w->loop, w->resolver, w->cfg, w->cfg->uris[0], w->base,
		PROBE_LIMIT_MS, on_probed, w);
}

/* --- life --- */

static void on_identified(const struct identity *id, const struct err *e, void *ctx)
{
	struct watch *w = ctx;

	w->identify = NULL;
	w->life_ms = clock_mono_ms();
	if (id == NULL) {
		leavef(w, "%s %s", watch_uri(w), e->text);
		return;
	}
	w->directory = *id;
	nodes_see_base(w->nodes, id->base_uuid);
	if (w->point.cookie.size == 0)
		refresh(w);
	else if (strcmp(id->text, w->point.directory) == 0)
		resume(w);
	else
		refuse_point(w, "another directory than before, or another hubEpoch");
}

static void identify(struct watch *w)
{
	struct err e = { 0 };

	w->identify = identify_start(w->c, w->base, w->epoch_dn, on_identified, w, &e);
	if (w->identify == NULL)
		leave(w, e.text, false);
}

static void on_ready(void *ctx)
{
	struct watch *w = ctx;

	w->life_ms = clock_mono_ms();
	set_timer(w->beat_timer, w->rhythm.idle_ms);
	if (w->keeps_point)
		identify(w);
	else
		refresh(w);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	static const struct directory_callbacks cbs = { .on_ready = on_ready, .on_lost = on_lost };
	struct watch *w = ctx;
	unsigned int limit_ms = providers_begin(&w->providers);

	(void)fd;
	(void)what;
	if (w->providers.n == 0) {
		set_state(w, WATCH_DOWN, "no directory is configured");
		return;
	}
	w->c = directory_open(w->loop, w->resolver, w->cfg, watch_uri(w), true, limit_ms, &cbs, w);
	/* while nothing is reached the state stays down, with the reason */
	if (w->state != WATCH_DOWN)
		set_state(w, WATCH_CONNECTING, "");
}

/* The base entry is the canary of every refresh, so the filter must let it through. */
static char *filter_with_base(const char *base, const char *filter)
{
	struct berval in = { strlen(base), (char *)(uintptr_t)base }, out = { 0, NULL };
	char *text;

	BUG_ON(ldap_bv2escaped_filter_value(&in, &out) != 0);
	text = xasprintf("(|(entryDN=%s)%s)", out.bv_val, filter);
	ber_memfree(out.bv_val);
	return text;
}

static char **copy_list(const char *const *list)
{
	size_t n = 0, i;
	char **copy;

	if (list == NULL)
		return NULL;
	while (list[n] != NULL)
		n++;
	copy = xcalloc(n + 1, sizeof(*copy));
	for (i = 0; i < n; i++)
		copy[i] = xstrdup(list[i]);
	return copy;
}

static void free_list(char **list)
{
	size_t i;

	for (i = 0; list != NULL && list[i] != NULL; i++)
		free(list[i]);
	free(list);
}

static void init_providers(struct watch *w)
{
	bool local = false;
	size_t n;

	for (n = 0; w->cfg->uris[n] != NULL; n++)
		local = local || dial_is_local(w->cfg->uris[n]);
	providers_init(&w->providers, n, local);
	w->rhythm = n > 1 ? among_others : alone;
}

struct watch *watch_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *base, const char *filter,
	const char *const *attrs, const struct watch_callbacks *cbs, void *ctx)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->loop = loop;
	w->resolver = resolver;
	w->cfg = cfg;
	w->base = xstrdup(base);
	w->nodes = nodes_new(base);
	w->filter = filter_with_base(base, filter);
	w->attrs = copy_list(attrs);
	w->cbs = *cbs;
	w->ctx = ctx;
	w->state = WATCH_CONNECTING;
	init_providers(w);
	w->sync = -1;
	w->beat = -1;
	w->retry = evtimer_new(loop_base(loop), on_retry, w);
	w->beat_timer = evtimer_new(loop_base(loop), on_beat_timer, w);
	w->audit_timer = evtimer_new(loop_base(loop), on_audit_timer, w);
	w->probe_timer = evtimer_new(loop_base(loop), on_probe_timer, w);
	w->question_timer = evtimer_new(loop_base(loop), on_question_timer, w);
	BUG_ON(w->retry == NULL || w->beat_timer == NULL || w->audit_timer == NULL ||
		w->probe_timer == NULL || w->question_timer == NULL);
	set_timer(w->retry, 0);
	return w;
}

static void free_now(void *ctx)
{
	struct watch *w = ctx;

	nodes_free(&w->nodes);
	free(w->base);
	free(w->filter);
	free(w->epoch_dn);
	free_list(w->attrs);
	free(w);
}

void watch_free(struct watch **wp)
{
	struct watch *w = *wp;

	if (w == NULL)
		return;
	*wp = NULL;
	w->freed = true;
	identify_cancel(&w->identify);
	question_cancel(&w->question);
	directory_close(&w->c);
	probe_cancel(&w->probe);
	event_free(w->retry);
	event_free(w->question_timer);
	event_free(w->probe_timer);
	event_free(w->beat_timer);
	event_free(w->audit_timer);
	loop_defer(w->loop, free_now, w);
}

void watch_leave_out_options(struct watch *w)
{
	w->options = DRAFT_LEFT_OUT;
}

void watch_keep_point(struct watch *w, const struct watch_point *from, const char *epoch_dn)
{
	BUG_ON(w->c != NULL || w->keeps_point);
	w->keeps_point = true;
	w->epoch_dn = xstrdup(epoch_dn);
	if (from == NULL)
		return;
	w->point = *from;
	/* what is older than that is older than what is in force */
	if (!cookie_newest(&w->point.cookie, w->csn))
		w->csn[0] = '\0';
}

const struct watch_point *watch_point(const struct watch *w)
{
	return &w->point;
}

bool watch_refresh(struct watch *w, bool elsewhere)
{
	if (w->state != WATCH_LIVE)
		return false;
	if (elsewhere && providers_other(&w->providers))
		change_server(w);
	else
		refresh(w);
	return true;
}

const char *watch_csn(const struct watch *w)
{
	return w->csn;
}

uint64_t watch_as_of_ms(const struct watch *w)
{
	return w->as_of_ms;
}

void watch_ask(struct watch *w)
{
	w->ask = true;
	ask_if_wanted(w);
}

void watch_forget_point(struct watch *w)
{
	w->point.cookie.size = 0;
}

enum watch_state watch_state(const struct watch *w)
{
	return w->state;
}

const char *watch_uri(const struct watch *w)
{
	const char *uri = w->cfg->uris[w->providers.at];

	return uri != NULL ? uri : "";
}

size_t watch_provider(const struct watch *w)
{
	return w->providers.at;
}

const char *watch_error(const struct watch *w)
{
	return w->error;
}
