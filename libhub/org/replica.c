/* replica.c - see replica.h
 *
 * Two builders while subscribed: one has what the directory shows, the other what counts, from
 * which snapshots are built; they share the records. Recipients are in replica_hashes.c.
 */
#include "libhub/org/replica.h"

#include <stdio.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/org/builder_impl.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/replica_impl.h"
#include "libhub/org/snapshot_impl.h"

struct replica *replica_new(const char *base)
{
	struct replica *r = xcalloc(1, sizeof(*r));

	r->shown = builder_new(base);
	r->store = hash_store_new();
	return r;
}

static void part_deinit(struct part *p)
{
	record_unref(&p->shown.record);
	record_unref(&p->in_force);
}

void replica_free(struct replica **rp)
{
	struct replica *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	part_deinit(&r->configuration);
	part_deinit(&r->recipients);
	record_unref(&r->state.record);
	record_unref(&r->subscribed);
	builder_free(&r->shown);
	builder_free(&r->in_force);
	hash_store_free(&r->store);
	free(r);
}

/* --- what the directory shows --- */

static void kept_set(struct replica *r, struct kept *k, struct record *record)
{
	k->round = r->round;
	if (k->record != NULL && record != NULL && record_equal(k->record, record)) {
		record_unref(&record);
		return;
	}
	record_unref(&k->record);
	k->record = record;
	r->changes++;
}

static void kept_forget(struct replica *r, struct kept *k, const unsigned char uuid[16])
{
	if (k->record != NULL && k->record->raw.has_uuid &&
	    memcmp(k->record->raw.uuid, uuid, 16) == 0)
		kept_set(r, k, NULL);
}

/* Where entries stand that are not simply the builder's. */
static struct kept *kept_of(struct replica *r, const char *rdn)
{
	if (strcmp(rdn, EDGE_STATE_RDN) == 0)
		return &r->state;
	if (strcmp(rdn, replica_marker_rdns[REPLICA_CONFIGURATION]) == 0)
		return &r->configuration.shown;
	return strcmp(rdn, replica_marker_rdns[REPLICA_RECIPIENTS]) == 0 ? &r->recipients.shown :
		NULL;
}

static void forget(struct replica *r, const unsigned char uuid[16])
{
	kept_forget(r, &r->state, uuid);
	kept_forget(r, &r->configuration.shown, uuid);
	kept_forget(r, &r->recipients.shown, uuid);
	(void)hash_store_delete(r->store, uuid);
}

static const char *subscribed_text(const struct replica *r)
{
	return r->state.record != NULL ? entry_text(&r->state.record->raw, "hubSubscribed") : NULL;
}

/* A subscription ends by a word, not by the lack of one: half a push would come into force. */
static void take_word(struct replica *r)
{
	const char *text = subscribed_text(r);

	if (text == NULL)
		return;
	record_unref(&r->subscribed);
	if (strcmp(text, "TRUE") == 0)
		r->subscribed = record_ref(r->state.record);
}

/* The entry has a name of its own kind now, whatever it was called before. */
static void put_special(struct replica *r, const struct entry *e, struct kept *k, int bucket)
{
	if (e->has_uuid && k != &r->state)
		builder_delete(r->shown, e->uuid);
	if (k == NULL) {
		hash_store_put(r->store, (unsigned int)bucket, e);
		return;
	}
	kept_set(r, k, record_new(e, r->shown->nbase));
	if (k != &r->state)
		return;
	take_word(r);
	/* the guard misses it like any container */
	builder_put(r->shown, e);
}

void replica_put(struct replica *r, const struct entry *e)
{
	struct arena *a = arena_new();
	const char *ndn = strlen(e->dn) <= ENTRY_DN_MAX ? dn_normalize(a, e->dn) : NULL;
	const char *rdn = ndn != NULL ? dn_relative(a, ndn, r->shown->nbase) : NULL;
	struct kept *k = rdn != NULL ? kept_of(r, rdn) : NULL;
	int bucket = rdn != NULL && edge_layout_part(rdn, e) == EDGE_PART_BUCKET ?
		bucket_of_name(rdn) : -1;

	if (k != NULL || bucket >= 0) {
		put_special(r, e, k, bucket);
	} else {
		if (e->has_uuid)
			forget(r, e->uuid);
		builder_put(r->shown, e);
	}
	arena_free(&a);
}

void replica_delete(struct replica *r, const unsigned char uuid[16])
{
	forget(r, uuid);
	builder_delete(r->shown, uuid);
}

void replica_refresh_begin(struct replica *r)
{
	r->round++;
	builder_refresh_begin(r->shown);
	hash_store_refresh_begin(r->store);
}

static void kept_sweep(struct replica *r, struct kept *k)
{
	if (k->record != NULL && k->round != r->round)
		kept_set(r, k, NULL);
}

void replica_refresh_end(struct replica *r)
{
	kept_sweep(r, &r->state);
	kept_sweep(r, &r->configuration.shown);
	kept_sweep(r, &r->recipients.shown);
	builder_refresh_end(r->shown);
	hash_store_refresh_end(r->store);
}

bool replica_is_subscribed(const struct replica *r)
{
	return r->subscribed != NULL;
}

/* Is that what an organization pushes, rather than the edge's own? */
static bool is_replicated(const struct record *r)
{
	return edge_layout_part(r->rdn, &r->raw) == EDGE_PART_CONFIGURATION;
}

static bool is_local(const struct record *r)
{
	return !is_replicated(r);
}

void replica_losses(const struct replica *r, struct guard_loss losses[BUILDER_LOSSES])
{
	const char *text = r->state.round == r->round ? subscribed_text(r) : NULL;
	/* what vanishes without a word is no end of a subscription */
	bool explained = text != NULL && (strcmp(text, "TRUE") == 0 ||
		(r->in_force != NULL && strcmp(text, "FALSE") == 0));

	builder_losses_of(r->shown, explained ? is_local : NULL, losses);
}

_Static_assert((int)RECORD_DIGEST == (int)REPLICA_DIGEST_SIZE, "both are SHA-256");

/* Computed once, for a record does not change. */
static const unsigned char *digest_of(struct record *record)
{
	if (!record->has_pushed)
		replica_digest_entry(record->rdn, &record->raw, record->pushed);
	record->has_pushed = true;
	return record->pushed;
}

static bool has_own_value(const struct record *record, const struct entry_attr *a)
{
	const struct entry_attr *b = entry_attr(&record->raw, a->name);
	size_t i;

	if (b == NULL || b->n != a->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (a->values[i].size != b->values[i].size ||
		    memcmp(a->values[i].data, b->values[i].data, a->values[i].size) != 0)
			return false;
	return true;
}

/* Does to have what is not pushed of an entry that is? */
static bool keeps_own(const struct record *from, const struct record *to)
{
	const struct obj_class *class = edge_layout_class(&from->raw);
	size_t i;

	for (i = 0; i < from->raw.n; i++)
		if (!edge_layout_is_pushed(class, from->raw.attrs[i].name) &&
		    !has_own_value(to, &from->raw.attrs[i]))
			return false;
	return true;
}

static bool is_edges_own(const struct record *r)
{
	return edge_layout_part(r->rdn, &r->raw) == EDGE_PART_LOCAL;
}

/* Is what the edge itself has to say in record, if anything, as it is in force? */
static bool is_as_in_force(const struct replica *r, const struct record *record)
{
	const struct record *before = builder_record(r->in_force, record->ndn);

	if (is_edges_own(record))
		return before != NULL && record_equal(before, record);
	return *record->rdn != '\0' || (before != NULL && keeps_own(before, record) &&
		keeps_own(record, before));
}

/* Of what this refresh has shown. False if something of the edge's own differs. */
static bool look_at_shown(const struct replica *r, size_t *own, char out[REPLICA_DIGEST_TEXT])
{
	struct replica_digest *d = replica_digest_new();
	const struct slot *slot;
	bool same = true;

	*own = 0;
	for (slot = r->shown->by_dn; slot != NULL && same; slot = slot->by_dn.next) {
		if (slot->round != r->shown->round)
			continue;
		if (is_replicated(slot->record))
			replica_digest_add(d, digest_of(slot->record));
		*own += is_edges_own(slot->record);
		same = is_as_in_force(r, slot->record);
	}
	replica_digest_finish(&d, out);
	return same;
}

static size_t count_own(const struct builder *b)
{
	const struct slot *slot;
	size_t n = 0;

	for (slot = b->by_dn; slot != NULL; slot = slot->by_dn.next)
		n += is_edges_own(slot->record);
	return n;
}

/* A push with that digest, and not one that was replaced by what is in force. */
static bool is_no_older_push(const struct part *p, const char *digest)
{
	struct replica_marker shown, now;
	struct err e;

	if (p->in_force == NULL || replica_marker_read(&p->shown.record->raw, &shown, &e) < 0 ||
	    replica_marker_read(&p->in_force->raw, &now, &e) < 0)
		return false;
	return strcmp(shown.digest, digest) == 0 &&
		(strcmp(now.digest, digest) == 0 || shown.time_s > now.time_s);
}

bool replica_is_proven(const struct replica *r)
{
	const struct kept *marker = &r->configuration.shown;
	char digest[REPLICA_DIGEST_TEXT];
	size_t own;

	return r->in_force != NULL && replica_is_subscribed(r) && r->state.round == r->round &&
		marker->record != NULL && marker->round == r->round &&
		look_at_shown(r, &own, digest) && own == count_own(r->in_force) &&
		is_no_older_push(&r->configuration, digest);
}

uint64_t replica_changes(const struct replica *r)
{
	return builder_changes(r->shown) + r->changes;
}

void replica_identity(const struct replica *r, struct guard_state *out)
{
	builder_identity(r->shown, out);
}

/* --- what counts --- */

/* Of one part of the tree: to is as from, but for what it has as another part's. */
static void copy_part(struct builder *to, const struct builder *from,
	bool (*part)(const struct record *r))
{
	const struct slot *slot;
	struct slot *old, *next;
	const struct record *record;

	HASH_ITER(by_dn, to->by_dn, old, next) {
		if (!part(old->record))
			continue;
		record = builder_record(from, old->record->ndn);
		if (record == NULL || !part(record))
			builder_drop(to, old->record->ndn);
	}
	for (slot = from->by_dn; slot != NULL; slot = slot->by_dn.next) {
		record = builder_record(to, slot->record->ndn);
		if (part(slot->record) && record != slot->record &&
		    (record == NULL || part(record)))
			builder_adopt(to, slot->record, false);
	}
}

/* The subscription begins: what is in force is the last that counts without a marker. */
static struct builder *from_snapshot(const struct replica *r, const struct snapshot *now)
{
	const struct snapshot_impl *impl = (const void *)now;
	struct builder *b = builder_new(r->shown->base);
	const struct in_force *f;

	for (f = impl != NULL ? impl->by_dn : NULL; f != NULL; f = f->by_dn.next)
		builder_adopt(b, f->record, false);
	return b;
}

void replica_part_set(struct part *p, const char *reason)
{
	if (reason == NULL)
		p->incomplete_since_ms = 0;
	else if (p->incomplete_since_ms == 0)
		p->incomplete_since_ms = clock_wall_ms();
	snprintf(p->reason, sizeof(p->reason), "%s", reason != NULL ? reason : "");
}

void replica_part_adopt(struct part *p)
{
	if (p->in_force == p->shown.record)
		return;
	record_unref(&p->in_force);
	p->in_force = record_ref(p->shown.record);
	p->since_ms = clock_wall_ms();
}

int replica_part_match(struct part *p, const char *digest, struct replica_marker *m)
{
	char reason[REPLICA_TEXT];
	struct err e;

	if (p->shown.record == NULL) {
		replica_part_set(p, "there is no marker: nothing says that a push is complete");
		return -1;
	}
	if (replica_marker_read(&p->shown.record->raw, m, &e) < 0) {
		snprintf(reason, sizeof(reason), "the marker is not valid: %.200s", e.text);
		replica_part_set(p, reason);
		return -1;
	}
	if (*m->digest == '\0') {
		replica_part_set(p, "the marker has no digest: nothing says that a push is "
			"complete");
		return -1;
	}
	if (strcmp(m->digest, digest) != 0) {
		snprintf(reason, sizeof(reason), "a push is under way or was not finished: the "
			"digest of what is here is %.16s..., the marker's %.16s...", digest,
			m->digest);
		replica_part_set(p, reason);
		return -1;
	}
	replica_part_set(p, NULL);
	return 0;
}

static void digest_shown(const struct replica *r, char out[REPLICA_DIGEST_TEXT])
{
	struct replica_digest *d = replica_digest_new();
	const struct slot *slot;

	for (slot = r->shown->by_dn; slot != NULL; slot = slot->by_dn.next)
		if (is_replicated(slot->record))
			replica_digest_add(d, digest_of(slot->record));
	replica_digest_finish(&d, out);
}

/* What the organization pushed is here as it wants it: all of it is in force. */
static void settle_configuration(struct replica *r)
{
	char digest[REPLICA_DIGEST_TEXT];
	struct replica_marker m;

	if (r->configuration.looked && r->looked_at == replica_changes(r))
		return;
	r->configuration.looked = true;
	r->looked_at = replica_changes(r);
	digest_shown(r, digest);
	if (replica_part_match(&r->configuration, digest, &m) < 0)
		return;
	copy_part(r->in_force, r->shown, is_replicated);
	replica_part_adopt(&r->configuration);
	builder_set_unpushed(r->in_force, *m.holder == '\0');
	explicit_bzero(&m, sizeof(m));
}

static void unsubscribe(struct replica *r)
{
	builder_free(&r->in_force);
	r->configuration.looked = false;
	replica_part_set(&r->configuration, NULL);
	record_unref(&r->configuration.in_force);
}

struct builder *replica_settle(struct replica *r, const struct snapshot *now)
{
	if (!replica_is_subscribed(r)) {
		unsubscribe(r);
		return r->shown;
	}
	if (r->in_force == NULL) {
		r->in_force = from_snapshot(r, now);
		builder_set_unpushed(r->in_force, true);
	}
	copy_part(r->in_force, r->shown, is_local);
	settle_configuration(r);
	return r->in_force;
}

/* --- the cache --- */

void replica_load(struct replica *r, const struct entry *e, bool last_good)
{
	if (last_good)
		builder_put_last_good(r->shown, e);
	else
		replica_put(r, e);
}

void replica_trust(struct replica *r)
{
	struct replica_marker m;
	struct kept_form *kept;
	struct err e;

	if (!replica_is_subscribed(r))
		return;
	r->in_force = builder_new(r->shown->base);
	copy_part(r->in_force, r->shown, is_local);
	copy_part(r->in_force, r->shown, is_replicated);
	for (kept = r->shown->kept; kept != NULL; kept = kept->hh.next)
		builder_adopt(r->in_force, kept->record, true);
	builder_set_unpushed(r->in_force, true);
	if (r->configuration.shown.record == NULL ||
	    replica_marker_read(&r->configuration.shown.record->raw, &m, &e) < 0)
		return;
	replica_part_adopt(&r->configuration);
	builder_set_unpushed(r->in_force, *m.holder == '\0');
	explicit_bzero(&m, sizeof(m));
}

void replica_each(const struct replica *r, void (*cb)(const struct entry *e, void *ctx), void *ctx)
{
	builder_each(r->in_force != NULL ? r->in_force : r->shown, cb, ctx);
	/* instead of the name alone, which is what builders keep of it */
	if (r->subscribed != NULL)
		cb(&r->subscribed->raw, ctx);
	else if (r->state.record != NULL)
		cb(&r->state.record->raw, ctx);
	if (r->configuration.in_force != NULL)
		cb(&r->configuration.in_force->raw, ctx);
}

/* --- status --- */

static const char *text_of(const struct record *marker, const char *name)
{
	const char *text = marker != NULL ? entry_text(&marker->raw, name) : NULL;

	return text != NULL ? text : "";
}

static void tell(const struct part *p, struct replica_part *out)
{
	int64_t time_s;

	out->in_step = p->in_force != NULL && *p->reason == '\0';
	out->incomplete_since_ms = p->incomplete_since_ms;
	memcpy(out->reason, p->reason, sizeof(out->reason));
	out->fingerprint = text_of(p->in_force, "hubPushFingerprint");
	out->holder = text_of(p->in_force, "hubPushHolder");
	out->time_ms = generalized_time_parse(text_of(p->in_force, "hubPushTime"), &time_s) < 0 ?
		0 : time_s * 1000;
	out->in_force_since_ms = p->in_force != NULL ? p->since_ms : 0;
}

void replica_status(const struct replica *r, struct replica_status *out)
{
	out->subscribed = replica_is_subscribed(r);
	tell(&r->configuration, &out->configuration);
	tell(&r->recipients, &out->recipients);
}
