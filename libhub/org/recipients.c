/* recipients.c - see recipients.h
 *
 * The roster under a lock. The main thread is the only writer, so it reads without the lock and
 * takes it only to change something; packing an entry is no change (roster.h). Waiting writers go
 * first, so that readers cannot hold up the loop; no reader takes the lock twice at once.
 */
#include "libhub/org/recipients.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/log.h"
#include "libhub/org/dn.h"
#include "libhub/org/hashed.h"
#include "libhub/org/homes.h"
#include "libhub/org/recipients_decode.h"
#include "libhub/org/value.h"

enum { MEMBERS_STEP = 256 };	/* resolved under one lock */

struct recipients {
	pthread_rwlock_t lock;
	struct roster *roster;
	struct homes *homes;
	bool loaded;
	bool by_hash;			/* what is below counts, not the roster */
	struct hashed *hashed;
	bool full;			/* said so already */
	recipients_journal_cb *journal;
	void *journal_ctx;
	recipients_address_cb *address_changed;
	void *address_ctx;
	/* of a refresh: bits by id; NULL = none under way and no sweep */
	uint64_t *seen;
	size_t seen_words, seen_count;	/* those with an address are counted */
	bool anew;
	bool sweeping;
	uint32_t sweep_at;
};

struct recipients *recipients_new(void)
{
	struct recipients *r = xcalloc(1, sizeof(*r));
	pthread_rwlockattr_t attr;

	BUG_ON(pthread_rwlockattr_init(&attr) != 0);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	BUG_ON(pthread_rwlock_init(&r->lock, &attr) != 0);
	pthread_rwlockattr_destroy(&attr);
	r->roster = roster_new();
	return r;
}

void recipients_free(struct recipients **rp)
{
	struct recipients *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	roster_free(&r->roster);
	homes_free(&r->homes);
	hashed_free(&r->hashed);
	pthread_rwlock_destroy(&r->lock);
	free(r->seen);
	free(r);
}

/* The lock is for the reader's own view; the struct itself does not change by being read. */
static void read_lock(const struct recipients *r)
{
	pthread_rwlock_rdlock((pthread_rwlock_t *)(uintptr_t)&r->lock);
}

static void read_unlock(const struct recipients *r)
{
	pthread_rwlock_unlock((pthread_rwlock_t *)(uintptr_t)&r->lock);
}

/* --- what a refresh has seen --- */

static bool was_seen(const struct recipients *r, uint32_t id)
{
	return id / 64 < r->seen_words && (r->seen[id / 64] >> id % 64 & 1) != 0;
}

static bool has_address(const struct recipients *r, uint32_t id)
{
	struct roster_view v;

	roster_look(r->roster, id, &v);
	return v.address_count != 0;
}

static void see(struct recipients *r, uint32_t id)
{
	size_t words;

	if (r->seen == NULL || was_seen(r, id))
		return;
	if (id / 64 >= r->seen_words) {
		words = r->seen_words * 2 > id / 64 + 64 ? r->seen_words * 2 : id / 64 + 64;
		r->seen = xreallocarray(r->seen, words, sizeof(*r->seen));
		memset(r->seen + r->seen_words, 0, (words - r->seen_words) * sizeof(*r->seen));
		r->seen_words = words;
	}
	r->seen[id / 64] |= UINT64_C(1) << id % 64;
	r->seen_count += has_address(r, id);
}

/* The id goes, and may come again for another record. */
static void unsee(struct recipients *r, uint32_t id)
{
	if (r->seen == NULL || !was_seen(r, id))
		return;
	r->seen[id / 64] &= ~(UINT64_C(1) << id % 64);
	r->seen_count -= has_address(r, id);
}

/* --- changes --- */

static void tell(struct recipients *r, uint32_t id, const unsigned char uuid[16])
{
	if (r->journal != NULL)
		r->journal(id, uuid, r->journal_ctx);
}

/* The addresses of a record, kept over its end; in an arena of their own. */
struct address_list {
	struct arena *arena;		/* NULL: nobody wants to know */
	const char *const *v;
	size_t n;
	bool refuse;
};

static struct address_list list_addresses(const struct recipients *r, uint32_t id)
{
	struct address_list list = { .arena = NULL };
	struct roster_view view;
	struct roster_part part;
	const char **v, *domain;
	size_t i, size;

	if (r->address_changed == NULL || id == 0)
		return list;
	roster_look(r->roster, id, &view);
	list.arena = arena_new();
	list.n = view.address_count;
	list.refuse = view.refuse_outside_mail;
	list.v = v = arena_alloc(list.arena, list.n * sizeof(*v));
	for (i = 0; i < list.n; i++) {
		roster_next_address(&view.addresses, &part);
		domain = roster_text(r->roster, part.text, &size);
		v[i] = arena_printf(list.arena, "%.*s@%s", (int)part.size, part.head, domain);
	}
	return list;
}

static bool same_addresses(const struct address_list *a, const struct address_list *b)
{
	size_t i;

	if (a->n != b->n || a->refuse != b->refuse)
		return false;
	for (i = 0; i < a->n; i++)
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	return true;
}

/* Tells of the addresses before and after a change, and frees before. */
static void tell_addresses(struct recipients *r, struct address_list *before,
	const struct address_list *after)
{
	size_t i;

	if (r->address_changed != NULL && !same_addresses(before, after)) {
		for (i = 0; i < before->n; i++)
			r->address_changed(before->v[i], r->address_ctx);
		for (i = 0; i < after->n; i++)
			r->address_changed(after->v[i], r->address_ctx);
	}
	arena_free(&before->arena);
}

/* The home server that mail for the record needs, "" if it names none; NULL if it needs none. */
static const char *home_of(const struct recipients *r, uint32_t id)
{
	struct roster_view v;
	size_t size;

	roster_look(r->roster, id, &v);
	if (v.address_count == 0 || v.group || (v.host == 0 && v.routing_size != 0))
		return NULL;
	return v.host != 0 ? roster_text(r->roster, v.host, &size) : "";
}

/* A record comes or goes; under the lock. */
static void count_home(struct recipients *r, uint32_t id, bool comes)
{
	const char *home = home_of(r, id);

	if (home != NULL && comes)
		homes_add(&r->homes, home);
	else if (home != NULL)
		homes_drop(&r->homes, home);
}

static void drop(struct recipients *r, uint32_t id)
{
	struct address_list before = list_addresses(r, id), after = { .n = 0 };
	struct roster_view v;
	unsigned char uuid[16];
	bool has_uuid;

	roster_look(r->roster, id, &v);
	has_uuid = v.has_uuid;
	memcpy(uuid, v.uuid, sizeof(uuid));
	unsee(r, id);
	pthread_rwlock_wrlock(&r->lock);
	count_home(r, id, false);
	roster_delete(r->roster, id);
	roster_tidy(r->roster);
	pthread_rwlock_unlock(&r->lock);
	tell_addresses(r, &before, &after);
	if (has_uuid)
		tell(r, 0, uuid);
}

static void complain_once(struct recipients *r)
{
	if (!r->full)
		log_event(LOG_LEVEL_ERROR, "recipients-full",
			LOG_UINT("recipients", recipients_count(r)), LOG_END);
	r->full = true;
}

static void replace(struct recipients *r, struct roster_pack *p, const struct roster_entry *e)
{
	uint32_t same = e->has_uuid ? roster_find_uuid(r->roster, e->uuid) : 0;
	uint32_t named = roster_find_dn(r->roster, e->dn), id;
	struct address_list before, after = {
		.v = e->addresses, .n = e->address_count, .refuse = e->refuse_outside_mail,
	};

	if (r->anew && same != 0 && e->address_count == 0 && has_address(r, same)) {
		roster_drop_pack(r->roster, &p);
		return;
	}
	/* another entry has gone, or the same one without a UUID */
	if (named != 0 && named != same)
		drop(r, named);
	if (same != 0)
		unsee(r, same);
	before = list_addresses(r, same);
	pthread_rwlock_wrlock(&r->lock);
	if (same != 0)
		count_home(r, same, false);
	id = roster_replace(r->roster, &p);
	if (id != 0)
		count_home(r, id, true);
	roster_tidy(r->roster);
	pthread_rwlock_unlock(&r->lock);
	tell_addresses(r, &before, &after);
	if (id == 0) {
		complain_once(r);
		return;
	}
	see(r, id);
	if (e->has_uuid)
		tell(r, id, e->uuid);
}

void recipients_put_decoded(struct recipients *r, const struct roster_entry *e)
{
	struct roster_pack *p = roster_pack(r->roster, e);
	uint32_t id;

	if (p == NULL) {
		complain_once(r);
		return;
	}
	id = roster_same(r->roster, p);
	if (id != 0) {
		see(r, id);
		roster_drop_pack(r->roster, &p);
		return;
	}
	replace(r, p, e);
}

void recipients_put(struct recipients *r, const struct entry *e)
{
	struct arena *a = arena_new();
	struct roster_entry decoded;

	/* what it was has gone, whatever it is now */
	if (recipients_decode(a, e, &decoded) == 0)
		recipients_put_decoded(r, &decoded);
	else if (e->has_uuid)
		recipients_delete(r, e->uuid);
	arena_free(&a);
}

void recipients_delete(struct recipients *r, const unsigned char uuid[16])
{
	uint32_t id = roster_find_uuid(r->roster, uuid);

	if (id != 0)
		drop(r, id);
}

void recipients_present(struct recipients *r, const unsigned char uuid[16])
{
	uint32_t id = roster_find_uuid(r->roster, uuid);

	if (id != 0)
		see(r, id);
}

bool recipients_moves(const struct recipients *r, const struct entry *e)
{
	uint32_t id = roster_find_uuid(r->roster, e->uuid);
	struct arena *a;
	struct roster_view v;
	const char *ndn, *parent;
	char *old;
	size_t size;
	bool moves;

	if (id == 0)
		return false;
	a = arena_new();
	ndn = strlen(e->dn) <= ROSTER_DN_MAX ? dn_normalize(a, e->dn) : NULL;
	roster_look(r->roster, id, &v);
	parent = roster_text(r->roster, v.parent, &size);
	old = arena_printf(a, "%.*s%s%s", (int)v.rdn_size, v.rdn, size != 0 ? "," : "", parent);
	moves = (ndn == NULL || strcmp(ndn, old) != 0) && roster_has_children(r->roster, old);
	arena_free(&a);
	return moves;
}

/* --- refreshes --- */

static void forget_seen(struct recipients *r)
{
	free(r->seen);
	r->seen = NULL;
	r->seen_words = r->seen_count = 0;
	r->anew = false;
	r->sweeping = false;
}

void recipients_refresh_begin(struct recipients *r, bool anew)
{
	if (r->sweeping)
		recipients_sweep(r, SIZE_MAX);
	forget_seen(r);
	r->anew = anew;
	r->seen_words = roster_end(r->roster) / 64 + 1;
	r->seen = xcalloc(r->seen_words, sizeof(*r->seen));
}

void recipients_refresh_abort(struct recipients *r)
{
	if (!r->sweeping)
		forget_seen(r);
}

void recipients_refresh_end(struct recipients *r)
{
	BUG_ON(r->seen == NULL || r->sweeping);
	r->anew = false;
	r->sweeping = true;
	r->sweep_at = 1;
	recipients_set_loaded(r);
}

size_t recipients_missing(const struct recipients *r)
{
	return r->seen != NULL ? recipients_count(r) - r->seen_count : 0;
}

/* All 64 were seen: on to the last of them. */
static bool sweep_nothing(struct recipients *r, size_t word)
{
	if (word >= r->seen_words || r->seen[word] != UINT64_MAX)
		return false;
	r->sweep_at += 63;
	return true;
}

bool recipients_sweep(struct recipients *r, size_t max)
{
	if (!r->sweeping)
		return false;
	for (; max > 0 && r->sweep_at < roster_end(r->roster); r->sweep_at++) {
		if (r->sweep_at % 64 == 0 && sweep_nothing(r, r->sweep_at / 64))
			continue;
		max--;
		if (!was_seen(r, r->sweep_at) && roster_has(r->roster, r->sweep_at))
			drop(r, r->sweep_at);
	}
	if (r->sweep_at < roster_end(r->roster))
		return true;
	forget_seen(r);
	return false;
}

bool recipients_loaded(const struct recipients *r)
{
	bool loaded;

	read_lock(r);
	loaded = r->loaded;
	read_unlock(r);
	return loaded;
}

void recipients_set_loaded(struct recipients *r)
{
	pthread_rwlock_wrlock(&r->lock);
	r->loaded = true;
	pthread_rwlock_unlock(&r->lock);
}

size_t recipients_count(const struct recipients *r)
{
	size_t n;

	read_lock(r);
	n = roster_recipients(r->roster);
	read_unlock(r);
	return n;
}

size_t recipients_entries(const struct recipients *r)
{
	size_t n;

	read_lock(r);
	n = roster_count(r->roster);
	read_unlock(r);
	return n;
}

size_t recipients_memory(const struct recipients *r)
{
	size_t n;

	read_lock(r);
	n = roster_memory(r->roster);
	read_unlock(r);
	return n;
}

/* --- by hashes --- */

static void use(struct recipients *r, bool by_hash, struct hashed *h)
{
	struct hashed *before;

	pthread_rwlock_wrlock(&r->lock);
	before = r->hashed;
	r->by_hash = by_hash;
	r->hashed = h;
	pthread_rwlock_unlock(&r->lock);
	hashed_free(&before);
}

void recipients_use_hashes(struct recipients *r, struct hashed *h)
{
	use(r, true, h);
}

void recipients_use_people(struct recipients *r)
{
	if (r->by_hash)
		use(r, false, NULL);
}

bool recipients_by_hash(const struct recipients *r)
{
	bool by_hash;

	read_lock(r);
	by_hash = r->by_hash;
	read_unlock(r);
	return by_hash;
}

bool recipients_answer(const struct recipients *r)
{
	bool answer;

	read_lock(r);
	answer = r->by_hash ? r->hashed != NULL : r->loaded;
	read_unlock(r);
	return answer;
}

size_t recipients_known(const struct recipients *r)
{
	size_t n;

	read_lock(r);
	if (!r->by_hash)
		n = roster_recipients(r->roster);
	else
		n = r->hashed != NULL ? hashed_count(r->hashed) : 0;
	read_unlock(r);
	return n;
}

void recipients_homes(const struct recipients *r,
	bool (*cb)(const char *host, size_t count, void *ctx), void *ctx)
{
	read_lock(r);
	homes_each(r->homes, cb, ctx);
	read_unlock(r);
}

void recipients_reserve(struct recipients *r, size_t n)
{
	pthread_rwlock_wrlock(&r->lock);
	roster_reserve(r->roster, n);
	pthread_rwlock_unlock(&r->lock);
}

void recipients_journal(struct recipients *r, recipients_journal_cb *cb, void *ctx)
{
	r->journal = cb;
	r->journal_ctx = ctx;
}

void recipients_watch_addresses(struct recipients *r, recipients_address_cb *cb, void *ctx)
{
	r->address_changed = cb;
	r->address_ctx = ctx;
}

bool recipients_takes_outside_mail(const struct recipients *r, const char *folded)
{
	return roster_takes_outside_mail(r->roster, folded);
}

const struct roster *recipients_roster(const struct recipients *r)
{
	return r->roster;
}

/* --- look-ups --- */

/* Everything was bounded when it came, but folding can make a text longer: then it is not given. */
static void copy_text(char *out, size_t room, const char *text, size_t size)
{
	if (size >= room)
		return;
	memcpy(out, text, size);
	out[size] = '\0';
}

static void copy_shared(const struct recipients *r, char *out, size_t room, uint32_t number)
{
	const char *text;
	size_t size;

	if (number == 0)
		return;
	text = roster_text(r->roster, number, &size);
	copy_text(out, room, text, size);
}

static void copy_mail(const struct recipients *r, const struct roster_view *v, char *out,
	size_t room)
{
	const unsigned char *at = v->addresses;
	struct roster_part part;
	const char *domain;
	size_t size;

	if (v->mail != NULL) {
		copy_text(out, room, v->mail, v->mail_size);
		return;
	}
	roster_next_address(&at, &part);
	domain = roster_text(r->roster, part.text, &size);
	if (part.size + 1 + size < room)
		snprintf(out, room, "%.*s@%s", (int)part.size, part.head, domain);
}

static void copy_record(const struct recipients *r, const struct roster_view *v,
	struct recipient_info *out)
{
	out->outcome = v->group ? RECIPIENT_GROUP : RECIPIENT_MAILBOX;
	out->refuse_outside_mail = v->refuse_outside_mail;
	copy_mail(r, v, out->mail, sizeof(out->mail));
	copy_text(out->routing_address, sizeof(out->routing_address), v->routing,
		v->routing_size);
	copy_shared(r, out->mail_host, sizeof(out->mail_host), v->host);
	copy_shared(r, out->expansion_server, sizeof(out->expansion_server), v->expansion);
}

static void copy_member(const struct recipients *r, const struct roster_part *dn,
	struct recipient_info *out)
{
	uint32_t id = roster_find_part(r->roster, dn);
	char mail[RECIPIENT_TEXT_MAX + 1] = "";
	struct roster_view v;

	if (id == 0)
		return;
	roster_look(r->roster, id, &v);
	if (v.address_count == 0)
		return;
	copy_mail(r, &v, mail, sizeof(mail));
	/* one that folding made too long: nobody could be written to under it */
	if (*mail != '\0')
		out->members[out->member_count++] = xstrdup(mail);
}

/* The lock is not held for long, however many there are: a group may change in between. */
static void copy_members(const struct recipients *r, const unsigned char *members, size_t n,
	struct recipient_info *out)
{
	const unsigned char *at = members;
	struct roster_part dn;
	size_t i, step;

	out->members = xcalloc(n, sizeof(*out->members));
	for (i = 0; i < n; i += step) {
		step = n - i < MEMBERS_STEP ? n - i : MEMBERS_STEP;
		read_lock(r);
		for (size_t k = 0; k < step; k++) {
			roster_next_member(&at, &dn);
			copy_member(r, &dn, out);
		}
		read_unlock(r);
	}
}

static void find_hash(const struct recipients *r, const char *folded, const char *address,
	struct recipient_info *out)
{
	if (r->hashed == NULL) {
		out->outcome = RECIPIENT_NOT_LOADED;
	} else if (hashed_has(r->hashed, folded)) {
		out->outcome = RECIPIENT_MAILBOX;
		copy_text(out->mail, sizeof(out->mail), address, strlen(address));
	}
}

/* Its members in the form of the record, good until roster_release; NULL = none. */
static unsigned char *find(struct recipients *r, const char *folded, const char *address,
	struct recipient_info *out, size_t *member_count)
{
	struct roster_view v = { .member_count = 0 };
	unsigned char *members = NULL;
	unsigned int claims;
	uint32_t id;

	read_lock(r);
	claims = roster_find_address(r->roster, folded, &id);
	if (r->by_hash) {
		find_hash(r, folded, address, out);
	} else if (!r->loaded) {
		out->outcome = RECIPIENT_NOT_LOADED;
	} else if (claims > 1) {
		out->outcome = RECIPIENT_AMBIGUOUS;
	} else if (claims == 1) {
		roster_look(r->roster, id, &v);
		copy_record(r, &v, out);
	}
	*member_count = v.member_count;
	if (v.member_count != 0) {
		members = xmemdup(v.members, (size_t)(v.end - v.members));
		roster_hold(r->roster);
	}
	read_unlock(r);
	return members;
}

void recipients_find(struct recipients *r, const char *address, struct recipient_info *out)
{
	struct arena *a;
	unsigned char *members;
	size_t n;

	memset(out, 0, sizeof(*out));
	out->outcome = RECIPIENT_UNKNOWN;
	if (strlen(address) > RECIPIENT_TEXT_MAX)
		return;
	a = arena_new();
	members = find(r, name_fold(a, address), address, out, &n);
	arena_free(&a);
	if (members == NULL)
		return;
	copy_members(r, members, n, out);
	roster_release(r->roster);
	free(members);
}

void recipient_info_clear(struct recipient_info *info)
{
	size_t i;

	for (i = 0; i < info->member_count; i++)
		free(info->members[i]);
	free(info->members);
	info->members = NULL;
	info->member_count = 0;
}
