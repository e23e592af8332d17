/* pending.c - see pending.h */
#include "tools/validator/pending.h"

#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

struct pending {
	struct record *after;		/* NULL = deleted */
	uint64_t until_ms;
	struct pending *prev, *next;
};

/* An entry with changes on their way. */
struct moving {
	char *ndn;
	struct record *seen;		/* as the directory showed it last; NULL = not there */
	struct pending *list;
	struct moving *prev, *next;
};

struct pendings {
	struct trial *trial;
	struct moving *entries;
};

struct pendings *pendings_new(struct trial *t)
{
	struct pendings *p = xcalloc(1, sizeof(*p));

	p->trial = t;
	return p;
}

static void drop_first(struct moving *m)
{
	struct pending *first = m->list;

	DL_DELETE(m->list, first);
	record_unref(&first->after);
	free(first);
}

static void forget(struct pendings *p, struct moving *m)
{
	DL_DELETE(p->entries, m);
	while (m->list != NULL)
		drop_first(m);
	record_unref(&m->seen);
	free(m->ndn);
	free(m);
}

void pendings_free(struct pendings **pp)
{
	struct pendings *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	while (p->entries != NULL)
		forget(p, p->entries);
	free(p);
}

static struct moving *find(const struct pendings *p, const char *ndn)
{
	struct moving *m;

	DL_FOREACH(p->entries, m)
		if (strcmp(m->ndn, ndn) == 0)
			return m;
	return NULL;
}

bool pendings_any(const struct pendings *p)
{
	return p->entries != NULL;
}

bool pendings_made(const struct pendings *p, const char *ndn)
{
	const struct moving *m = find(p, ndn);

	return m != NULL && m->seen == NULL;
}

static struct record *ref_or_null(struct record *r)
{
	return r != NULL ? record_ref(r) : NULL;
}

void pendings_add(struct pendings *p, const char *ndn, struct record *before,
	struct record *after)
{
	struct moving *m = find(p, ndn);
	struct pending *change = xcalloc(1, sizeof(*change));

	if (m == NULL) {
		m = xcalloc(1, sizeof(*m));
		m->ndn = xstrdup(ndn);
		m->seen = ref_or_null(before);
		DL_APPEND(p->entries, m);
	}
	change->after = ref_or_null(after);
	change->until_ms = clock_mono_ms() + PENDING_MS;
	DL_APPEND(m->list, change);
}

/* --- what the directory shows --- */

static bool shows(const struct pending *change, const struct record *seen)
{
	if (change->after == NULL || seen == NULL)
		return change->after == NULL && seen == NULL;
	/* of what is no object only the name counts */
	if (change->after->class == NULL)
		return seen->class == NULL;
	return record_same(change->after, seen);
}

static void put(struct trial *t, const char *ndn, const struct record *r)
{
	if (r != NULL)
		trial_put(t, &r->raw);
	else if (trial_record(t, ndn) != NULL)
		trial_delete_dn(t, ndn);
}

/* The trial gets what the last pending change made, or what the directory shows. */
static void bring_up(struct pendings *p, const struct moving *m)
{
	put(p->trial, m->ndn, m->list != NULL ? m->list->prev->after : m->seen);
}

/* The directory shows m as seen, a reference that is taken over. */
static void observe(struct pendings *p, struct moving *m, struct record *seen)
{
	struct pending *change;

	record_unref(&m->seen);
	m->seen = seen;
	DL_FOREACH(m->list, change)
		if (shows(change, seen))
			break;
	while (change != NULL && m->list != change)
		drop_first(m);
	if (change != NULL)
		drop_first(m);
	bring_up(p, m);
	if (m->list == NULL)
		forget(p, m);
}

static bool was_seen_as(const struct moving *m, const unsigned char uuid[16])
{
	return m->seen != NULL && m->seen->raw.has_uuid &&
		memcmp(m->seen->raw.uuid, uuid, sizeof(m->seen->raw.uuid)) == 0;
}

bool pendings_shown(struct pendings *p, struct record *r)
{
	struct moving *m, *next;

	/* what is now known by another name is no longer where it was */
	DL_FOREACH_SAFE(p->entries, m, next)
		if (strcmp(m->ndn, r->ndn) != 0 && was_seen_as(m, r->raw.uuid))
			observe(p, m, NULL);
	m = find(p, r->ndn);
	if (m != NULL)
		observe(p, m, record_ref(r));
	return m != NULL;
}

bool pendings_gone(struct pendings *p, const unsigned char uuid[16])
{
	struct moving *m, *next;
	bool found = false;

	DL_FOREACH_SAFE(p->entries, m, next) {
		if (was_seen_as(m, uuid)) {
			observe(p, m, NULL);
			found = true;
		}
	}
	return found;
}

static bool expire_one(struct pendings *p, struct moving *m, uint64_t now)
{
	bool dropped = false;

	while (m->list != NULL && m->list->until_ms <= now) {
		log_event(LOG_LEVEL_INFO, "change-not-seen", LOG_STR("dn", m->ndn), LOG_END);
		drop_first(m);
		dropped = true;
	}
	if (m->list == NULL) {
		bring_up(p, m);
		forget(p, m);
	}
	return dropped;
}

bool pendings_expire(struct pendings *p)
{
	struct moving *m, *next;
	uint64_t now = clock_mono_ms();
	bool dropped = false;

	DL_FOREACH_SAFE(p->entries, m, next)
		dropped |= expire_one(p, m, now);
	return dropped;
}

void pendings_set_aside(struct pendings *p)
{
	struct moving *m;

	DL_FOREACH(p->entries, m)
		put(p->trial, m->ndn, m->seen);
}

void pendings_bring_back(struct pendings *p)
{
	struct moving *m;

	DL_FOREACH(p->entries, m)
		bring_up(p, m);
}
