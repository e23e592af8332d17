/* mirror.c - see mirror.h.
 *
 * While a refresh is under way nothing is built and nothing is saved: the builder then holds a
 * mixture. A refresh that was aborted leaves it so until a complete one; the snapshot in force and
 * the cache file stay what they were. So it is with a refresh that the guard holds (guard.h). Of
 * recipients only those that are missing are held: what the directory shows of others is followed.
 */
#include "libhub/org/mirror.h"

#include <errno.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/gather.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/directory/cache_saver.h"
#include "libhub/org/bucket_cache.h"
#include "libhub/org/people.h"
#include "libhub/org/replica.h"
#include "libhub/org/second_look.h"

enum {
	GATHER_MS = 20,			/* after a change, for more of the same edit */
	GATHER_MAX_MS = 100,		/* after the first change, in a storm */
	CACHE_PATIENCE_MS = 2000,	/* for the directory, before what the cache holds counts */
	REASONS = 8, REASON_SIZE = 200,	/* told during one outage */
};

/* One of the two trees: its watch, what is known of it. */
struct tree {
	const char *name;
	const char *base;
	struct watch *watch;
	bool complete;			/* a whole refresh or cache; false while one is under way */
	bool refreshing;
	bool heard;			/* it was live once, or no server of it is to be had */
	size_t downs;			/* before that */
	struct second_look *look;
	char reasons[REASONS][REASON_SIZE];	/* logged since it was live */
	size_t reason_count;
	int64_t in_step_ms;		/* wall; when it was last known to be live */
};

struct mirror {
	struct loop *loop;
	struct mirror_config cfg;
	mirror_snapshot_cb *on_snapshot;
	void *ctx;
	size_t providers;		/* of the directory */
	struct tree org, people;
	char *org_path;			/* of its cache file, NULL = none */
	struct cache_saver *org_saver;	/* NULL = none */
	struct replica *replica;	/* what the directory shows, and what of it counts */
	uint64_t changes_noted;		/* of the replica, for the cache file */
	struct bucket_cache *buckets;
	struct people *mirrored;	/* NULL = no recipients wanted */
	struct recipients *recipients;	/* its, or ours that stay empty */
	char *recipients_path;		/* of its file, NULL = none */
	const struct snapshot *snapshot;
	uint64_t changes_in_force;	/* of the replica */
	uint64_t as_of_ms;		/* all that the organization's tree had then is built */
	bool from_cache;
	bool opening;			/* the cache is loaded and not announced yet */
	struct gather changes;		/* of the organization that are not built yet */
	char csn[GUARD_CSN_SIZE];	/* of the newest change that is built, or "" */
	struct event *open_timer;
};

static void set_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

/* --- snapshots --- */

static bool same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static bool same_rejections(const struct snapshot *a, const struct snapshot *b)
{
	size_t i;

	if (a->rejection_count != b->rejection_count)
		return false;
	for (i = 0; i < a->rejection_count; i++)
		if (!same_text(a->rejections[i].dn, b->rejections[i].dn) ||
		    !same_text(a->rejections[i].reason, b->rejections[i].reason) ||
		    a->rejections[i].last_good != b->rejections[i].last_good)
			return false;
	return true;
}

static bool same_warnings(const struct snapshot *a, const struct snapshot *b)
{
	size_t i;

	if (a->warning_count != b->warning_count)
		return false;
	for (i = 0; i < a->warning_count; i++)
		if (!same_text(a->warnings[i], b->warnings[i]))
			return false;
	return true;
}

static bool same(const struct snapshot *a, const struct snapshot *b)
{
	return strcmp(a->fingerprint, b->fingerprint) == 0 && a->unpushed == b->unpushed &&
		same_rejections(a, b) && same_warnings(a, b);
}

static void note_csn(struct mirror *m)
{
	if (m->org.watch != NULL)	/* else it is the cache's */
		snprintf(m->csn, sizeof(m->csn), "%s", second_look_csn(m->org.look));
}

static void note_as_of(struct mirror *m)
{
	m->as_of_ms = m->org.watch != NULL ? watch_as_of_ms(m->org.watch) : 0;
}

/* True if another snapshot is in force now. */
static bool build(struct mirror *m)
{
	const struct snapshot *s, *before = m->snapshot;

	gather_settle(&m->changes);
	note_csn(m);
	note_as_of(m);
	s = builder_build(replica_settle(m->replica, before), before);
	if (before != NULL && same(s, before)) {
		snapshot_unref(&s);
		return false;
	}
	m->snapshot = s;
	snapshot_unref(&before);
	return true;
}

/* --- the cache file of the organization --- */

static void add_entry(const struct entry *e, void *ctx)
{
	cache_batch_add(ctx, e, false);
}

static void add_last_good(const struct entry *e, void *ctx)
{
	cache_batch_add(ctx, e, true);
}

static enum cache_state org_state(void *ctx)
{
	const struct mirror *m = ctx;

	if (!m->org.complete)
		return CACHE_STATE_MIXED;
	/* entries are newer than the snapshot, which knows what their last good forms are */
	return gather_is_due(&m->changes) ? CACHE_STATE_UNSETTLED : CACHE_STATE_WHOLE;
}

static struct cache_batch *org_batch(void *ctx)
{
	struct mirror *m = ctx;
	struct cache_batch *b = cache_batch_new();

	if (org_state(m) == CACHE_STATE_UNSETTLED)
		build(m);
	cache_batch_set_csn(b, second_look_csn(m->org.look));
	replica_each(m->replica, add_entry, b);
	if (m->snapshot != NULL)
		builder_each_last_good(m->snapshot, add_last_good, b);
	return b;
}

static void take_org_entry(const struct entry *e, bool last_good, void *ctx)
{
	struct mirror *m = ctx;

	replica_load(m->replica, e, last_good);
}

static bool load_org(struct mirror *m, char csn[COOKIE_CSN_SIZE])
{
	struct err e = { 0 };

	if (m->org_path == NULL)
		return false;
	if (cache_read(m->org_path, m->org.base, csn, take_org_entry, m, &e) == 0) {
		replica_trust(m->replica);
		m->org.complete = true;
		log_event(LOG_LEVEL_INFO, "cache-loaded", LOG_STR("tree", m->org.name),
			LOG_STR("file", m->org_path), LOG_END);
		return true;
	}
	if (e.sys != ENOENT)
		log_event(LOG_LEVEL_WARNING, "cache-refused", LOG_STR("tree", m->org.name),
			LOG_STR("reason", e.text), LOG_END);
	return false;
}

/* --- from changes to snapshots --- */

static void announce(struct mirror *m)
{
	if (!m->opening)
		m->on_snapshot(m->snapshot, m->ctx);
}

/* True if look-ups are answered now that could not be before: mail may wait for that. */
static bool settle_recipients(struct mirror *m)
{
	bool more = replica_settle_recipients(m->replica, m->recipients);

	bucket_cache_settled(m->buckets);
	return more;
}

/* Builds what has changed. True if that has to be announced. */
static bool settle(struct mirror *m)
{
	bool changed;

	if (!m->org.complete)
		return false;
	loop_touch(m->loop);
	changed = build(m);
	if (settle_recipients(m))
		changed = true;
	if (m->org_saver != NULL)
		cache_saver_settled(m->org_saver);
	return changed;
}

static void tell_status(struct mirror *m)
{
	if (m->cfg.on_status != NULL)
		m->cfg.on_status(m->ctx);
}

static void on_changes(void *ctx)
{
	if (settle(ctx))
		announce(ctx);
	else
		tell_status(ctx);
}

/* --- the first snapshot after the cache was loaded --- */

static void on_open_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct mirror *m = ctx;

	(void)fd;
	(void)what;
	m->opening = false;
	if (gather_is_due(&m->changes))
		(void)settle(m);
	announce(m);
}

/*
 * What the cache holds is old: mail that was found in the spool would leave by a connector that is
 * gone, and who is new here would be unknown. So the directory is given a moment.
 */
static void note_heard(struct mirror *m, struct tree *t, enum watch_state state)
{
	if (t->heard)
		return;
	t->downs += state == WATCH_DOWN;
	t->heard = state == WATCH_LIVE || t->downs >= m->providers;
	if (m->opening && m->org.heard && (m->people.watch == NULL || m->people.heard))
		set_timer(m->open_timer, 0);
}

static void org_changed(struct mirror *m)
{
	if (!m->org.complete)
		return;
	gather_note(&m->changes);
	/* what changes of an edge's recipients is not in it */
	if (m->org_saver == NULL || m->changes_noted == replica_changes(m->replica))
		return;
	m->changes_noted = replica_changes(m->replica);
	cache_saver_changed(m->org_saver);
}

/* --- what the watches say --- */

/* Each reason once: several URIs fail for reasons of their own, over and over. */
static void log_down(struct tree *t, const char *text)
{
	size_t i;

	for (i = 0; i < t->reason_count; i++)
		if (strncmp(t->reasons[i], text, REASON_SIZE - 1) == 0)
			return;
	if (t->reason_count == REASONS)
		return;
	snprintf(t->reasons[t->reason_count++], REASON_SIZE, "%s", text);
	log_event(LOG_LEVEL_WARNING, "directory-down", LOG_STR("tree", t->name),
		LOG_STR("reason", text), LOG_END);
}

static void log_state(struct tree *t, enum watch_state state, const char *text)
{
	if (state == WATCH_DOWN)
		log_down(t, text);
	if (state != WATCH_LIVE)
		return;
	t->reason_count = 0;
	log_event(LOG_LEVEL_INFO, "directory-live", LOG_STR("tree", t->name),
		LOG_STR("uri", watch_uri(t->watch)), LOG_END);
}

static void on_state(struct tree *t, enum watch_state state, const char *text)
{
	/* leaving the live state: until now it was in step */
	if (state == WATCH_LIVE || t->in_step_ms < 0)
		t->in_step_ms = state == WATCH_LIVE ? -1 : clock_wall_ms();
	log_state(t, state, text);
}

/* hubEpoch says that what is shown from now on is right, whatever it was before. */
static void believe_everything(struct mirror *m)
{
	second_look_believe(m->org.look);
	if (m->people.watch != NULL)
		second_look_believe(m->people.look);
}

static void on_org_begin(void *ctx)
{
	struct mirror *m = ctx;

	if (m->org.complete)
		m->changes_in_force = replica_changes(m->replica);
	m->org.complete = false;
	m->org.refreshing = true;
	second_look_begin(m->org.look);
	replica_refresh_begin(m->replica);
}

static void on_org_put(const struct entry *e, void *ctx)
{
	struct mirror *m = ctx;
	struct guard_state shown;

	replica_put(m->replica, e);
	if (m->org.refreshing)
		return;
	org_changed(m);
	replica_identity(m->replica, &shown);
	if (second_look_epoch_changed(m->org.look, &shown))
		believe_everything(m);
}

static void on_org_deleted(const unsigned char uuid[16], void *ctx)
{
	struct mirror *m = ctx;

	replica_delete(m->replica, uuid);
	org_changed(m);
}

static enum guard_verdict judge_org(struct mirror *m)
{
	struct guard_loss losses[BUILDER_LOSSES];
	struct guard_state shown;
	size_t i, lost = 0;
	bool changed;

	replica_losses(m->replica, losses);
	replica_identity(m->replica, &shown);
	for (i = 0; i < BUILDER_LOSSES; i++)
		lost += losses[i].lost;
	/* a slapd that was killed while its clock was wrong seems to be older, and lacks nothing */
	changed = replica_changes(m->replica) != m->changes_in_force &&
		!replica_is_proven(m->replica);
	return second_look_judge(m->org.look, &shown, losses, BUILDER_LOSSES, lost > 0 || changed);
}

static void on_org_end(void *ctx)
{
	struct mirror *m = ctx;

	m->org.refreshing = false;
	if (judge_org(m) == GUARD_HOLD) {
		m->as_of_ms = 0;
		return;
	}
	replica_refresh_end(m->replica);
	m->org.complete = true;
	m->from_cache = false;
	org_changed(m);
	if (second_look_renewed(m->org.look) && m->people.watch != NULL)
		second_look_believe(m->people.look);
}

static void on_org_abort(void *ctx)
{
	struct mirror *m = ctx;

	/* complete stays false: what is here is a mixture until a whole refresh */
	m->org.refreshing = false;
}

static void on_org_state(enum watch_state state, const char *text, void *ctx)
{
	struct mirror *m = ctx;

	on_state(&m->org, state, text);
	note_heard(m, &m->org, state);
	if (watch_as_of_ms(m->org.watch) == 0)
		m->as_of_ms = 0;
	if (state == WATCH_LIVE && m->cfg.on_provider != NULL)
		m->cfg.on_provider(watch_provider(m->org.watch), m->ctx);
	tell_status(m);
}

/* What is not built yet will be noted when it is. */
static void on_org_reached(void *ctx)
{
	struct mirror *m = ctx;

	if (m->as_of_ms != 0 && !gather_is_due(&m->changes))
		note_as_of(m);
	tell_status(m);
}

static void on_people_begun(void *ctx)
{
	struct mirror *m = ctx;

	second_look_begin(m->people.look);
}

static bool believe_people(size_t known, size_t missing, void *ctx)
{
	struct mirror *m = ctx;
	struct guard_loss loss = { .what = "recipients", .before = known, .lost = missing };
	struct guard_state shown = { .epoch = "" };

	return second_look_judge(m->people.look, &shown, &loss, 1, missing > 0) == GUARD_BELIEVE;
}

static void on_people_loaded(void *ctx)
{
	struct mirror *m = ctx;

	if (m->snapshot != NULL)
		announce(m);
}

static void on_people_state(enum watch_state state, const char *text, void *ctx)
{
	struct mirror *m = ctx;

	on_state(&m->people, state, text);
	note_heard(m, &m->people, state);
	tell_status(m);
}

static void on_people_reached(void *ctx)
{
	tell_status(ctx);
}

/* --- life --- */

static void tree_init(struct tree *t, struct mirror *m, const char *name, const char *base)
{
	t->name = name;
	t->base = base;
	t->look = second_look_new(m->loop, name);
}

static void tree_deinit(struct tree *t)
{
	watch_free(&t->watch);
	second_look_free(&t->look);
}

static void start_org_cache(struct mirror *m)
{
	static const struct cache_saver_callbacks cbs = { .state = org_state, .batch = org_batch };

	if (m->cfg.cache_dir == NULL)
		return;
	m->org_path = xasprintf("%s/%s.ldif", m->cfg.cache_dir, m->org.name);
	m->org_saver = cache_saver_new(m->loop, m->org.name, m->org_path, m->org.base, &cbs, m);
}

static void start_org(struct mirror *m, struct resolver *resolver)
{
	static const struct watch_callbacks cbs = {
		.refresh_begin = on_org_begin, .put = on_org_put, .deleted = on_org_deleted,
		.refresh_end = on_org_end, .refresh_abort = on_org_abort, .state = on_org_state,
		.reached = on_org_reached,
	};

	struct guard_state cached = { .csn = "" };

	tree_init(&m->org, m, "organization", m->cfg.base);
	start_org_cache(m);
	if (load_org(m, cached.csn)) {
		m->from_cache = true;
		replica_identity(m->replica, &cached);
		second_look_in_force(m->org.look, &cached);
		snprintf(m->csn, sizeof(m->csn), "%s", cached.csn);
		build(m);
		m->opening = true;
		set_timer(m->open_timer, CACHE_PATIENCE_MS);
	}
	m->org.watch = watch_new(m->loop, resolver, &m->cfg.directory, m->cfg.base,
		"(objectClass=*)", NULL, &cbs, m);
	/* on an edge they are none of what was pushed, in whose digest they would be */
	watch_leave_out_options(m->org.watch);
	second_look_set_watch(m->org.look, m->org.watch);
}

static void start_people(struct mirror *m, struct resolver *resolver)
{
	static const struct people_callbacks cbs = {
		.begun = on_people_begun, .believe = believe_people, .loaded = on_people_loaded,
		.state = on_people_state, .reached = on_people_reached,
	};
	struct people_config cfg = {
		.directory = &m->cfg.directory, .base = m->cfg.recipient_base,
		.epoch_dn = m->cfg.base,
	};

	tree_init(&m->people, m, "recipients", m->cfg.recipient_base);
	if (m->cfg.cache_dir != NULL)
		m->recipients_path = xasprintf("%s/recipients", m->cfg.cache_dir);
	cfg.path = m->recipients_path;
	m->mirrored = people_new(m->loop, resolver, &cfg, &cbs, m);
	m->recipients = people_recipients(m->mirrored);
	m->people.watch = people_watch(m->mirrored);
	second_look_set_watch(m->people.look, m->people.watch);
}

static void start_buckets(struct mirror *m)
{
	m->buckets = bucket_cache_new(m->loop, m->cfg.cache_dir, m->cfg.base, m->replica);
	if (!m->from_cache)
		return;
	bucket_cache_load(m->buckets);
	(void)settle_recipients(m);
}

struct mirror *mirror_new(struct loop *loop, struct resolver *resolver,
	const struct mirror_config *cfg, mirror_snapshot_cb *on_snapshot, void *ctx)
{
	struct mirror *m = xcalloc(1, sizeof(*m));

	m->loop = loop;
	m->cfg = *cfg;
	m->on_snapshot = on_snapshot;
	m->ctx = ctx;
	while (cfg->directory.uris[m->providers] != NULL)
		m->providers++;
	m->replica = replica_new(cfg->base);
	gather_init(&m->changes, loop, GATHER_MS, GATHER_MAX_MS, on_changes, m);
	m->open_timer = evtimer_new(loop_base(loop), on_open_timer, m);
	BUG_ON(m->open_timer == NULL);
	start_org(m, resolver);
	if (cfg->recipients)
		start_people(m, resolver);
	else
		m->recipients = recipients_new();
	start_buckets(m);
	return m;
}

void mirror_free(struct mirror **mp)
{
	struct mirror *m = *mp;

	if (m == NULL)
		return;
	*mp = NULL;
	event_free(m->open_timer);
	cache_saver_free(&m->org_saver);
	bucket_cache_free(&m->buckets);
	gather_deinit(&m->changes);
	tree_deinit(&m->org);
	m->people.watch = NULL;
	tree_deinit(&m->people);
	if (m->mirrored != NULL)
		people_free(&m->mirrored);
	else
		recipients_free(&m->recipients);
	replica_free(&m->replica);
	free(m->org_path);
	free(m->recipients_path);
	snapshot_unref(&m->snapshot);
	free(m);
}

const struct snapshot *mirror_snapshot(const struct mirror *m)
{
	return m->snapshot;
}

struct recipients *mirror_recipients(const struct mirror *m)
{
	return m->recipients;
}

static int64_t in_step(const struct tree *t)
{
	return t->in_step_ms < 0 ? clock_wall_ms() : t->in_step_ms;
}

/* What changed elsewhere in the directory moves it on, too. */
static const char *csn_in_force(const struct mirror *m)
{
	return m->org.complete && !gather_is_due(&m->changes) ? second_look_csn(m->org.look) :
		m->csn;
}

static uint64_t recipients_as_of(const struct mirror *m)
{
	if (m->people.watch == NULL || second_look_reason(m->people.look) != NULL)
		return 0;
	return watch_as_of_ms(m->people.watch);
}

void mirror_status(const struct mirror *m, struct mirror_status *out)
{
	*out = (struct mirror_status){
		.state = watch_state(m->org.watch),
		.uri = watch_uri(m->org.watch),
		.error = watch_error(m->org.watch),
		.csn = csn_in_force(m),
		.from_cache = m->from_cache,
		.as_of_ms = m->as_of_ms,
		.recipients_as_of_ms = recipients_as_of(m),
		.in_step_since_ms = in_step(&m->org),
		.recipients_state = m->people.watch != NULL ? watch_state(m->people.watch) :
			WATCH_DOWN,
		.recipients = recipients_known(m->recipients),
		.held = second_look_reason(m->org.look),
		.recipients_held = m->people.look != NULL ? second_look_reason(m->people.look) :
			NULL,
	};
}

void mirror_ask(struct mirror *m)
{
	watch_ask(m->org.watch);
	if (m->people.watch != NULL)
		watch_ask(m->people.watch);
}

void mirror_replica_status(const struct mirror *m, struct replica_status *out)
{
	replica_status(m->replica, out);
}
