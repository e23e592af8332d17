/* snapshot.c - see snapshot.h */
#include "libhub/org/snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/snapshot_impl.h"
#include "libhub/tls/pin.h"

static const struct snapshot_impl *impl_of(const struct snapshot *s)
{
	return (const void *)s;
}

struct snapshot_impl *snapshot_impl_new(const char *base)
{
	struct arena *a = arena_new();
	struct snapshot_impl *s = xcalloc(1, sizeof(*s));

	atomic_init(&s->refs, 1);
	s->arena = a;
	s->pub.base = arena_strdup(a, base);
	return s;
}

const struct snapshot *snapshot_ref(const struct snapshot *s)
{
	struct snapshot_impl *impl = (void *)(uintptr_t)s;

	atomic_fetch_add_explicit(&impl->refs, 1, memory_order_relaxed);
	return s;
}

static void snapshot_impl_free(struct snapshot_impl *s)
{
	struct in_force *f, *next;

	HASH_ITER(by_dn, s->by_dn, f, next)
		record_unref(&f->record);
	HASH_CLEAR(by_uuid, s->by_uuid);
	HASH_CLEAR(by_dn, s->by_dn);
	HASH_CLEAR(hh, s->index);
	HASH_CLEAR(hh, s->connectors);
	arena_free(&s->arena);
	free(s);
}

void snapshot_unref(const struct snapshot **sp)
{
	struct snapshot_impl *s = (void *)(uintptr_t)*sp;

	*sp = NULL;
	if (s != NULL && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
		snapshot_impl_free(s);
}

/* Objects are few per server: the array grows by doubling inside the arena. */
static void list_connector(struct snapshot_impl *s, const struct receive_connector *c)
{
	struct connector_list *list;

	HASH_FIND_PTR(s->connectors, &c->server, list);
	if (list == NULL) {
		list = arena_alloc(s->arena, sizeof(*list));
		list->server = c->server;
		HASH_ADD_PTR(s->connectors, server, list);
	}
	if (list->n == list->cap) {
		size_t cap = list->cap != 0 ? list->cap * 2 : 4;
		const struct obj **v = arena_alloc(s->arena, cap * sizeof(*v));

		if (list->n != 0)
			memcpy(v, list->v, list->n * sizeof(*v));
		list->v = v;
		list->cap = cap;
	}
	list->v[list->n++] = &c->obj;
}

void snapshot_impl_add(struct snapshot_impl *s, struct obj *obj, struct record *record,
	bool last_good)
{
	struct in_force *f = arena_alloc(s->arena, sizeof(*f));

	f->obj = obj;
	f->record = record_ref(record);
	f->last_good = last_good;
	HASH_ADD_KEYPTR(by_dn, s->by_dn, obj->ndn, strlen(obj->ndn), f);
	if (record->raw.has_uuid)
		HASH_ADD_KEYPTR(by_uuid, s->by_uuid, obj->uuid, sizeof(obj->uuid), f);
	if (obj->class->kind == OBJ_RECEIVE_CONNECTOR)
		list_connector(s, (const void *)obj);
}

struct in_force *snapshot_impl_find(const struct snapshot_impl *s, const char *ndn)
{
	struct in_force *f;

	HASH_FIND(by_dn, s->by_dn, ndn, strlen(ndn), f);
	return f;
}

struct in_force *snapshot_impl_same(const struct snapshot_impl *s, const struct record *record)
{
	struct in_force *f = NULL;

	if (record->raw.has_uuid)
		HASH_FIND(by_uuid, s->by_uuid, record->raw.uuid, sizeof(record->raw.uuid), f);
	if (f == NULL)
		f = snapshot_impl_find(s, record->ndn);
	/* the same name, but the entry was deleted and made anew */
	if (f != NULL && f->record->raw.has_uuid && record->raw.has_uuid &&
	    memcmp(f->record->raw.uuid, record->raw.uuid, sizeof(record->raw.uuid)) != 0)
		return NULL;
	return f;
}

const struct obj *snapshot_impl_lookup(const struct snapshot_impl *s, const char *key)
{
	struct index_entry *entry;

	HASH_FIND_STR(s->index, key, entry);
	return entry != NULL ? entry->obj : NULL;
}

void snapshot_impl_index(struct snapshot_impl *s, const char *key, const struct obj *obj)
{
	struct index_entry *entry;

	if (snapshot_impl_lookup(s, key) != NULL)
		return;
	entry = arena_alloc(s->arena, sizeof(*entry));
	entry->key = arena_strdup(s->arena, key);
	entry->obj = obj;
	HASH_ADD_KEYPTR(hh, s->index, entry->key, strlen(entry->key), entry);
}

const struct server *snapshot_parent_server(const struct snapshot *s, const struct obj *obj)
{
	const struct in_force *f = snapshot_impl_find(impl_of(s), dn_parent(obj->ndn));

	if (f == NULL || f->obj->class->kind != OBJ_SERVER)
		return NULL;
	return (const void *)f->obj;
}

struct objects snapshot_server_connectors(const struct snapshot *s, const struct server *server)
{
	struct connector_list *list;

	HASH_FIND_PTR(impl_of(s)->connectors, &server, list);
	return list != NULL ? (struct objects){ list->v, list->n } : (struct objects){ NULL, 0 };
}

const struct obj *snapshot_find(const struct snapshot *s, enum obj_kind kind, const char *name)
{
	const struct objects *all = &s->all[kind];
	size_t lo = 0, hi = all->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (name_compare(all->v[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < all->n && name_compare(all->v[lo]->name, name) == 0 ? all->v[lo] : NULL;
}

bool snapshot_warns(const struct snapshot *s, const char *text)
{
	size_t i;

	for (i = 0; i < s->warning_count; i++)
		if (strcmp(s->warnings[i], text) == 0)
			return true;
	return false;
}

const struct entry *snapshot_entry(const struct snapshot *s, const struct obj *o)
{
	const struct in_force *f = o->ndn != NULL ? snapshot_impl_find(impl_of(s), o->ndn) : NULL;

	return f != NULL ? &f->record->raw : NULL;
}

bool snapshot_is_alike(const struct snapshot *a, const struct snapshot *b, const struct obj *o)
{
	const struct in_force *x = snapshot_impl_find(impl_of(a), o->ndn);
	const struct in_force *y = snapshot_impl_find(impl_of(b), o->ndn);

	if (x == NULL || y == NULL)
		return x == y && o->class->kind == OBJ_ORGANIZATION;
	return x->record == y->record ||
		memcmp(x->record->digest, y->record->digest, RECORD_DIGEST) == 0;
}

bool snapshot_kind_is_alike(const struct snapshot *a, const struct snapshot *b, enum obj_kind kind)
{
	const struct objects *x = &a->all[kind], *y = &b->all[kind];
	size_t i;

	if (x->n != y->n)
		return false;
	for (i = 0; i < x->n; i++)
		if (!snapshot_is_alike(a, b, x->v[i]))
			return false;
	return true;
}

bool snapshot_same_name(const struct obj *a, const struct obj *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a->name, b->name) == 0);
}

const struct mailbox_server *snapshot_mailbox_server(const struct snapshot *s, const char *host)
{
	struct arena *a = arena_new();
	const struct obj *found;

	found = snapshot_impl_lookup(impl_of(s), arena_printf(a, "mailbox %s", name_fold(a, host)));
	arena_free(&a);
	return (const void *)found;
}

enum { DOMAIN_KEY_MAX = 300 };

/* What claims "KIND form", if it is enabled. */
static const struct obj *domain_claimed(const struct snapshot *s, const char *kind,
	const char *prefix, const char *domain)
{
	char key[DOMAIN_KEY_MAX];
	const struct obj *found;

	if (snprintf(key, sizeof(key), "%s %s%s", kind, prefix, domain) >= (int)sizeof(key))
		return NULL;
	found = snapshot_impl_lookup(impl_of(s), key);
	return found != NULL && found->enabled ? found : NULL;
}

/* The domain itself, then *.domain, then *.parent and so on, then *. */
static const struct obj *find_domain(const struct snapshot *s, const char *kind,
	const char *domain)
{
	const struct obj *found = domain_claimed(s, kind, "", domain);
	const char *dot;

	for (; found == NULL && *domain != '\0'; domain = dot + 1) {
		found = domain_claimed(s, kind, "*.", domain);
		dot = strchr(domain, '.');
		if (dot == NULL)
			break;
	}
	return found != NULL ? found : domain_claimed(s, kind, "*", "");
}

const struct accepted_domain *snapshot_accepted_domain(const struct snapshot *s,
	const char *domain)
{
	return (const void *)find_domain(s, "accepted", domain);
}

const struct remote_domain *snapshot_remote_domain(const struct snapshot *s, const char *domain)
{
	return (const void *)find_domain(s, "remote", domain);
}

bool server_has_key(const struct server *server, const char *digest)
{
	size_t i;

	for (i = 0; i < server->pins.n; i++)
		if (tls_pin_equal(server->pins.v[i], digest))
			return true;
	return false;
}

const struct server *snapshot_server_by_key(const struct snapshot *s, const char *digest)
{
	char pin[TLS_PIN_SIZE], key[TLS_PIN_SIZE + sizeof("key ")];
	struct err ignored;

	if (digest == NULL || tls_pin_normalize(digest, pin, &ignored) < 0)
		return NULL;
	snprintf(key, sizeof(key), "key %s", pin);
	return (const void *)snapshot_impl_lookup(impl_of(s), key);
}

static void each_reference(const struct obj *o, const struct obj *target,
	void (*cb)(const struct obj *referrer, const char *attr, void *ctx), void *ctx)
{
	const struct attr_def *def;
	size_t i;

	for (def = o->class->attrs; def->name != NULL; def++) {
		struct refs refs = { NULL, 0 };

		if (def->kind == ATTR_REF)
			refs = (struct refs){ ATTR_OF(struct ref, o, def), 1 };
		else if (def->kind == ATTR_REFS)
			refs = *ATTR_OF(struct refs, o, def);
		for (i = 0; i < refs.n; i++)
			if (refs.v[i].ndn != NULL && strcmp(refs.v[i].ndn, target->ndn) == 0)
				cb(o, def->name, ctx);
	}
}

void snapshot_each_referrer(const struct snapshot *s, const struct obj *target,
	void (*cb)(const struct obj *referrer, const char *attr, void *ctx), void *ctx)
{
	size_t kind, i;

	for (kind = 0; kind < OBJ_KINDS; kind++)
		for (i = 0; i < s->all[kind].n; i++)
			each_reference(s->all[kind].v[i], target, cb, ctx);
	for (i = 0; i < s->all[OBJ_RECEIVE_CONNECTOR].n; i++) {
		const struct obj *o = s->all[OBJ_RECEIVE_CONNECTOR].v[i];

		if (strcmp(dn_parent(o->ndn), target->ndn) == 0)
			cb(o, NULL, ctx);
	}
}
