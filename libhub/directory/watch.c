/* watch.c - see watch.h.
 *
 * One round tries every URI in order of preference; between rounds the watch waits, twice as long
 * each time. A connection that is closed is looked for from the first URI again; one whose server
 * hangs is followed by the next URI.
 *
 * slapd sends only the entry itself when an entry with children is renamed (the children's DNs
 * change silently), never says that our access was taken away, and repairs of references by its
 * overlays do not show. Therefore: a fresh refresh when a non-leaf moves, a heartbeat that looks
 * for the base entry, and an hourly audit refresh.
 */
#include "libhub/directory/watch.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "libhub/directory/dial.h"
#include "libhub/directory/sync.h"

enum {
	RETRY_FIRST_MS = 100,
	RETRY_MAX_MS = 5000,
	RETRY_MAX_LOCAL_MS = 1000,	/* a server on this machine: trying is cheap */
	BEAT_IDLE_MS = 5000,		/* nothing came for so long: ask */
	BEAT_ANSWER_MS = 3000,		/* no sign of life since: leave */
	AUDIT_MS = 3600 * 1000,
	ENTRIES_MAX = 10 * 1000 * 1000,
	TEXT_MAX_SIZE = 400,
};

/* What the watch itself must remember of an entry: hashes, for there may be many. */
struct node {
	unsigned char uuid[16];
	unsigned int dn, parent;	/* hashes of normalized DNs */
	unsigned int generation;	/* of the refresh that saw it last */
	UT_hash_handle hh;
};

struct watch {
	struct loop *loop;
	struct resolver *resolver;
	const struct directory_config *cfg;
	char *base, *normalized_base;
	char *filter;			/* with the base entry added */
	char **attrs;
	struct watch_callbacks cbs;
	void *ctx;
	bool freed;			/* by a callback, memory goes at the end of the turn */

	enum watch_state state;
	size_t uri;			/* in use or tried last */
	size_t tried;			/* URIs in this round */
	unsigned int delay_ms;		/* before the next round */
	unsigned int delay_max_ms;
	char error[TEXT_MAX_SIZE];
	struct event *retry;

	struct directory_connection *c;
	int sync;			/* message ids, -1 = none */
	int beat;
	uint64_t life_ms;		/* last message */
	uint64_t beat_sent_ms;
	bool beat_saw_base;
	struct event *beat_timer, *audit_timer;

	struct node *nodes;		/* by uuid */
	unsigned int generation;
	bool refreshing;
	bool base_seen;			/* in this refresh */
	unsigned char base_uuid[16];
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

static void schedule_next(struct watch *w, bool from_first)
{
	size_t n = 0;

	while (w->cfg->uris[n] != NULL)
		n++;
	w->uri = from_first || n == 0 ? 0 : (w->uri + 1) % n;
	if (w->tried < n) {
		set_timer(w->retry, 0);
		return;
	}
	w->tried = 0;
	w->uri = 0;
	set_timer(w->retry, with_jitter(w->delay_ms));
	w->delay_ms = w->delay_ms * 2 < w->delay_max_ms ? w->delay_ms * 2 : w->delay_max_ms;
}

/* Ends the connection for a reason and arranges for another one. */
static void leave(struct watch *w, const char *text, bool hung)
{
	/* a success in between starts a new round, from the first URI unless that is what hangs */
	bool was_live = w->state == WATCH_LIVE;
	bool was_refreshing = w->refreshing;

	directory_close(&w->c);
	w->sync = -1;
	w->beat = -1;
	event_del(w->beat_timer);
	event_del(w->audit_timer);
	w->refreshing = false;
	if (was_live)
		w->delay_ms = RETRY_FIRST_MS;
	if (was_live && !hung)
		w->tried = SIZE_MAX;
	schedule_next(w, was_live && !hung);
	if (was_refreshing)
		w->cbs.refresh_abort(w->ctx);
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

/* --- what is known of entries --- */

static char *normalize_dn(const char *dn)
{
	char *canonical = NULL, *copy, *p;

	/* one way of escaping and no blanks; what cannot be parsed compares as it is */
	if (ldap_dn_normalize(dn, LDAP_DN_FORMAT_LDAP, &canonical, LDAP_DN_FORMAT_LDAPV3) !=
	    LDAP_SUCCESS)
		canonical = NULL;
	copy = xstrdup(canonical != NULL ? canonical : dn);
	ldap_memfree(canonical);
	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static unsigned int hash_text(const char *s)
{
	unsigned int hash;

	HASH_VALUE(s, strlen(s), hash);
	return hash;
}

static const char *parent_of(const char *dn)
{
	for (; *dn != '\0'; dn++) {
		if (*dn == '\\' && dn[1] != '\0')
			dn++;
		else if (*dn == ',')
			return dn + 1;
	}
	return dn;
}

static bool has_children(const struct watch *w, unsigned int dn)
{
	const struct node *n;

	for (n = w->nodes; n != NULL; n = n->hh.next)
		if (n->parent == dn)
			return true;
	return false;
}

static struct node *find_node(struct watch *w, const unsigned char uuid[16])
{
	struct node *n;

	HASH_FIND(hh, w->nodes, uuid, sizeof(n->uuid), n);
	return n;
}

static void forget_node(struct watch *w, struct node *n)
{
	HASH_DEL(w->nodes, n);
	free(n);
}

static void forget_unseen(struct watch *w)
{
	struct node *n, *next;

	HASH_ITER(hh, w->nodes, n, next)
		if (n->generation != w->generation)
			forget_node(w, n);
}

/* Remembers the entry. True if it moved while it has children. */
static bool note_entry(struct watch *w, const struct entry *e)
{
	char *dn = normalize_dn(e->dn);
	unsigned int hash = hash_text(dn);
	struct node *n = find_node(w, e->uuid);
	bool moved = false;

	if (strcmp(dn, w->normalized_base) == 0) {
		w->base_seen = true;
		memcpy(w->base_uuid, e->uuid, sizeof(w->base_uuid));
	}
	if (n == NULL) {
		n = xcalloc(1, sizeof(*n));
		memcpy(n->uuid, e->uuid, sizeof(n->uuid));
		HASH_ADD(hh, w->nodes, uuid, sizeof(n->uuid), n);
	} else {
		moved = n->dn != hash && !w->refreshing && has_children(w, n->dn);
	}
	n->dn = hash;
	n->parent = hash_text(parent_of(dn));
	n->generation = w->generation;
	free(dn);
	return moved;
}

/* --- the sync search --- */

static void on_sync(LDAP *ld, LDAPMessage *m, void *ctx);

/* Begins anew, on the connection that there is. */
static void refresh(struct watch *w)
{
	struct directory_query q = {
		.base = w->base, .filter = w->filter, .scope = LDAP_SCOPE_SUBTREE,
		.attrs = (const char *const *)w->attrs,
	};
	LDAPControl *controls[] = { sync_request_new(), NULL };
	struct err e = { 0 };

	if (w->sync >= 0)
		directory_abandon(w->c, w->sync);
	q.controls = controls;
	w->sync = directory_search(w->c, &q, on_sync, w, &e);
	ldap_control_free(controls[0]);
	if (w->sync < 0) {
		leave(w, e.text, false);
		return;
	}
	w->generation++;
	w->base_seen = false;
	w->refreshing = true;
	w->cbs.refresh_begin(w->ctx);
	if (!w->freed)
		set_state(w, WATCH_REFRESHING, "");
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

static void finish_refresh(struct watch *w)
{
	if (!w->refreshing)
		return;
	if (!w->base_seen) {
		leavef(w, "%s does not show the entry %s: nothing is taken over", watch_uri(w),
			w->base);
		return;
	}
	forget_unseen(w);
	w->refreshing = false;
	w->tried = 0;
	w->delay_ms = RETRY_FIRST_MS;
	set_timer(w->audit_timer, with_jitter(AUDIT_MS));
	w->cbs.refresh_end(w->ctx);
	if (!w->freed)
		set_state(w, WATCH_LIVE, "");
}

static void delete_entry(struct watch *w, const unsigned char uuid[16])
{
	struct node *n = find_node(w, uuid);

	/* the whole tree, or our access to it, goes: a refresh will not end without the base */
	if (memcmp(uuid, w->base_uuid, sizeof(w->base_uuid)) == 0) {
		restart_refresh(w);
		return;
	}
	if (n != NULL)
		forget_node(w, n);
	w->cbs.deleted(uuid, w->ctx);
}

static void put_entry(struct watch *w, LDAP *ld, LDAPMessage *m, const unsigned char uuid[16])
{
	struct arena *a = arena_new();
	struct err e = { 0 };
	struct draft r;

	draft_init(&r, a);
	if (directory_entry(ld, m, &r, &e) != 0) {
		/* one bad entry is no reason to miss all others */
		log_event(LOG_LEVEL_WARNING, "directory-entry-skipped", LOG_STR("dn", r.entry.dn),
			LOG_STR("reason", e.text), LOG_END);
	} else if (HASH_COUNT(w->nodes) >= ENTRIES_MAX) {
		leavef(w, "%s sends more than %d entries", watch_uri(w), ENTRIES_MAX);
	} else {
		memcpy(r.entry.uuid, uuid, sizeof(r.entry.uuid));
		r.entry.has_uuid = true;
		if (note_entry(w, draft_entry(&r)))
			restart_refresh(w);
		else
			w->cbs.put(draft_entry(&r), w->ctx);
	}
	arena_free(&a);
}

static void take_entry(struct watch *w, LDAP *ld, LDAPMessage *m)
{
	unsigned char uuid[16];
	enum sync_state state;
	struct err e = { 0 };

	if (sync_entry_state(ld, m, &state, uuid, &e) != 0)
		leavef(w, "%s: %s", watch_uri(w), e.text);
	else if (state == SYNC_PRESENT)
		leavef(w, "%s answers as if there had been a cookie", watch_uri(w));
	else if (state == SYNC_DELETE)
		delete_entry(w, uuid);
	else
		put_entry(w, ld, m, uuid);
}

static void delete_set(struct watch *w, const struct berval *uuids)
{
	int sync = w->sync;

	/* a callback may free the watch, the base entry among them restarts the search */
	for (; uuids->bv_val != NULL && !w->freed && w->sync == sync; uuids++)
		delete_entry(w, (const unsigned char *)uuids->bv_val);
}

static void take_info(struct watch *w, LDAP *ld, LDAPMessage *m)
{
	struct sync_info info;
	struct err e = { 0 };

	if (sync_info_parse(ld, m, &info, &e) != 0)
		leavef(w, "%s: %s", watch_uri(w), e.text);
	else if (info.kind == SYNC_INFO_REFRESH_DONE)
		finish_refresh(w);
	else if (info.kind == SYNC_INFO_DELETED)
		delete_set(w, info.uuids);
	else if (info.kind == SYNC_INFO_PRESENT)
		leavef(w, "%s answers as if there had been a cookie", watch_uri(w));
	sync_info_clear(&info);
}

/* The search should never end; why it did is told, and it begins anew. */
static void take_result(struct watch *w, LDAP *ld, LDAPMessage *m)
{
	char text[TEXT_MAX_SIZE / 2];
	int code = directory_result(ld, m, text, sizeof(text));

	w->sync = -1;
	if ((code == LDAP_SYNC_REFRESH_REQUIRED || code == LDAP_UNWILLING_TO_PERFORM) &&
	    !w->refreshing)
		refresh(w);
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
}

/* --- heartbeat and audit --- */

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
	set_timer(w->beat_timer, BEAT_IDLE_MS);
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
		set_timer(w->beat_timer, BEAT_ANSWER_MS);
}

static void on_beat_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;
	uint64_t now = clock_mono_ms();
	uint64_t quiet_since = w->beat >= 0 && w->beat_sent_ms > w->life_ms ? w->beat_sent_ms :
		w->life_ms;
	uint64_t limit = w->beat >= 0 ? BEAT_ANSWER_MS : BEAT_IDLE_MS;
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
	/* the occasion to return to the preferred server */
	if (w->uri != 0)
		leavef(w, "leaving %s to try the preferred server", watch_uri(w));
	else if (w->state == WATCH_LIVE)
		refresh(w);
}

/* --- life --- */

static void on_ready(void *ctx)
{
	struct watch *w = ctx;

	w->life_ms = clock_mono_ms();
	set_timer(w->beat_timer, BEAT_IDLE_MS);
	refresh(w);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	static const struct directory_callbacks cbs = { .on_ready = on_ready, .on_lost = on_lost };
	struct watch *w = ctx;

	(void)fd;
	(void)what;
	if (w->cfg->uris[w->uri] == NULL) {
		set_state(w, WATCH_DOWN, "no directory is configured");
		return;
	}
	w->tried++;
	w->c = directory_open(w->loop, w->resolver, w->cfg, w->cfg->uris[w->uri], true, &cbs, w);
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

static unsigned int longest_delay(const char *const *uris)
{
	for (; *uris != NULL; uris++)
		if (dial_is_local(*uris))
			return RETRY_MAX_LOCAL_MS;
	return RETRY_MAX_MS;
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
	w->normalized_base = normalize_dn(base);
	w->filter = filter_with_base(base, filter);
	w->attrs = copy_list(attrs);
	w->cbs = *cbs;
	w->ctx = ctx;
	w->state = WATCH_CONNECTING;
	w->delay_ms = RETRY_FIRST_MS;
	w->delay_max_ms = longest_delay(cfg->uris);
	w->sync = -1;
	w->beat = -1;
	w->retry = evtimer_new(loop_base(loop), on_retry, w);
	w->beat_timer = evtimer_new(loop_base(loop), on_beat_timer, w);
	w->audit_timer = evtimer_new(loop_base(loop), on_audit_timer, w);
	BUG_ON(w->retry == NULL || w->beat_timer == NULL || w->audit_timer == NULL);
	set_timer(w->retry, 0);
	return w;
}

static void free_now(void *ctx)
{
	struct watch *w = ctx;
	struct node *n, *next;

	HASH_ITER(hh, w->nodes, n, next)
		forget_node(w, n);
	free(w->base);
	free(w->normalized_base);
	free(w->filter);
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
	directory_close(&w->c);
	event_free(w->retry);
	event_free(w->beat_timer);
	event_free(w->audit_timer);
	loop_defer(w->loop, free_now, w);
}

enum watch_state watch_state(const struct watch *w)
{
	return w->state;
}

const char *watch_uri(const struct watch *w)
{
	const char *uri = w->cfg->uris[w->uri];

	return uri != NULL ? uri : "";
}

const char *watch_error(const struct watch *w)
{
	return w->error;
}
