/* recipients.c - see recipients.h
 *
 * One block of memory per entry holds a fixed head, its address nodes and its strings one after the
 * other. Two hash tables lead to it by UUID and by DN, a third one by each of its addresses; what
 * several entries claim hangs on one address as a chain, so that a duplicate is seen at look-up and
 * goes away with either entry. Members of groups stay DNs and are resolved when they are asked for.
 * Entries without any address are not kept.
 *
 * The writer is the main thread; the lock is for the readers on other threads.
 */
#include "libhub/org/recipients.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/org/dn.h"
#include "libhub/org/hash.h"
#include "libhub/org/homes.h"
#include "libhub/org/value.h"

/* A group may be larger than any object of the organization. */
enum { GROUP_MEMBERS_MAX = 100000, ADDRESSES_MAX = 1000, DN_MAX = 2048, HOST_MAX = 255 };

struct person;

struct address {
	const char *text;	/* folded */
	struct person *person;
	struct address *next;	/* another entry with the same address */
	UT_hash_handle hh;	/* only the first of a chain is in the table */
};

/* Strings in text, each with its NUL: the fixed ones, then addresses, then DNs of members. */
enum { TEXT_DN, TEXT_MAIL, TEXT_ROUTING, TEXT_HOST, TEXT_EXPANSION, TEXTS };

struct person {
	UT_hash_handle by_uuid, by_dn;
	unsigned char uuid[16];
	bool has_uuid, group, refuse_outside_mail;
	uint32_t round;
	uint32_t member_count;
	uint32_t address_count;
	const char *text[TEXTS];
	const char *members;	/* the first of them */
	size_t size;		/* of all strings */
	struct address addresses[];
};

struct recipients {
	pthread_rwlock_t lock;
	struct person *by_uuid, *by_dn;
	struct address *addresses;
	struct homes *homes;
	struct person *walk;	/* the next of a walk */
	bool walking;
	uint32_t round;
	bool loaded;
};

/* What one entry says, before it becomes a person. */
struct draft {
	struct arena *a;
	const char *text[TEXTS];
	const char *addresses[ADDRESSES_MAX];
	size_t address_count;
	const char **members;
	size_t member_count;
	bool group, refuse_outside_mail;
};

struct recipients *recipients_new(void)
{
	struct recipients *r = xcalloc(1, sizeof(*r));

	BUG_ON(pthread_rwlock_init(&r->lock, NULL) != 0);
	return r;
}

static const char *value_of(const struct entry_attr *attr, size_t i)
{
	return (const char *)attr->values[i].data;
}

static bool is_address(const struct blob *v)
{
	const char *text = (const char *)v->data;

	return v->size != 0 && v->size <= RECIPIENT_TEXT_MAX && value_is_text(text, v->size) &&
		strchr(text, '@') != NULL;
}

static void draft_address(struct draft *d, const char *folded)
{
	size_t i;

	for (i = 0; i < d->address_count; i++)
		if (strcmp(d->addresses[i], folded) == 0)
			return;
	if (d->address_count < ADDRESSES_MAX)
		d->addresses[d->address_count++] = folded;
}

/* mail may have several values and they have no order: the lowest is the one shown. */
static void draft_addresses(struct draft *d, const struct entry_attr *attr, bool mail)
{
	const char *text;
	size_t i;

	for (i = 0; i < attr->n; i++) {
		if (!is_address(&attr->values[i]))
			continue;
		text = value_of(attr, i);
		draft_address(d, name_fold(d->a, text));
		if (mail && (*d->text[TEXT_MAIL] == '\0' || strcmp(text, d->text[TEXT_MAIL]) < 0))
			d->text[TEXT_MAIL] = text;
	}
}

static void draft_members(struct draft *d, const struct entry_attr *attr)
{
	size_t n = attr->n <= GROUP_MEMBERS_MAX ? attr->n : GROUP_MEMBERS_MAX;
	size_t i;

	d->group = true;
	d->members = arena_alloc(d->a, n * sizeof(*d->members));
	for (i = 0; i < n; i++) {
		const char *ndn = NULL;

		if (attr->values[i].size <= DN_MAX)
			ndn = dn_normalize(d->a, value_of(attr, i));
		if (ndn != NULL)
			d->members[d->member_count++] = ndn;
	}
}

static void draft_classes(struct draft *d, const struct entry_attr *attr)
{
	size_t i;

	for (i = 0; i < attr->n; i++)
		if (strcasecmp(value_of(attr, i), "groupOfNames") == 0 ||
		    strcasecmp(value_of(attr, i), "hubMailGroup") == 0)
			d->group = true;
}

static void draft_text(struct draft *d, int which, const struct entry_attr *attr, size_t max)
{
	if (attr->n != 0 && attr->values[0].size <= max &&
	    value_is_text(value_of(attr, 0), attr->values[0].size))
		d->text[which] = value_of(attr, 0);
}

static void draft_attr(struct draft *d, const struct entry_attr *attr)
{
	const char *ndn = NULL;

	if (strcasecmp(attr->name, "mail") == 0) {
		draft_addresses(d, attr, true);
	} else if (strcasecmp(attr->name, "mailLocalAddress") == 0) {
		draft_addresses(d, attr, false);
	} else if (strcasecmp(attr->name, "mailRoutingAddress") == 0) {
		draft_text(d, TEXT_ROUTING, attr, RECIPIENT_TEXT_MAX);
	} else if (strcasecmp(attr->name, "mailHost") == 0) {
		draft_text(d, TEXT_HOST, attr, HOST_MAX);
	} else if (strcasecmp(attr->name, "member") == 0) {
		draft_members(d, attr);
	} else if (strcasecmp(attr->name, "objectClass") == 0) {
		draft_classes(d, attr);
	} else if (strcasecmp(attr->name, "hubRefuseOutsideMail") == 0) {
		d->refuse_outside_mail = attr->n != 0 && strcmp(value_of(attr, 0), "TRUE") == 0;
	} else if (strcasecmp(attr->name, "hubExpansionServer") == 0 && attr->n != 0) {
		if (attr->values[0].size <= HOST_MAX)
			ndn = dn_normalize(d->a, value_of(attr, 0));
		d->text[TEXT_EXPANSION] = ndn != NULL ? ndn : "";
	}
}

/* False if the entry receives no mail. */
static bool draft_fill(struct draft *d, const struct entry *e)
{
	size_t i;

	for (i = 0; i < TEXTS; i++)
		d->text[i] = "";
	for (i = 0; i < e->n; i++)
		draft_attr(d, &e->attrs[i]);
	if (d->address_count == 0)
		return false;
	/* only local addresses: one of them must stand for the entry */
	if (*d->text[TEXT_MAIL] == '\0')
		d->text[TEXT_MAIL] = d->addresses[0];
	d->text[TEXT_DN] = strlen(e->dn) <= DN_MAX ? dn_normalize(d->a, e->dn) : NULL;
	return d->text[TEXT_DN] != NULL;
}

static size_t draft_size(const struct draft *d)
{
	size_t size = 0, i;

	for (i = 0; i < TEXTS; i++)
		size += strlen(d->text[i]) + 1;
	for (i = 0; i < d->address_count; i++)
		size += strlen(d->addresses[i]) + 1;
	for (i = 0; i < d->member_count; i++)
		size += strlen(d->members[i]) + 1;
	return size;
}

static char *append(char **end, const char *text)
{
	size_t n = strlen(text) + 1;
	char *at = memcpy(*end, text, n);

	*end += n;
	return at;
}

static struct person *person_new(const struct draft *d, const struct entry *e)
{
	size_t head = sizeof(struct person) + d->address_count * sizeof(struct address);
	size_t size = draft_size(d), i;
	struct person *p = xcalloc(1, head + size);
	char *end = (char *)p + head;

	p->size = size;
	p->has_uuid = e->has_uuid;
	memcpy(p->uuid, e->uuid, sizeof(p->uuid));
	p->group = d->group;
	p->refuse_outside_mail = d->refuse_outside_mail;
	p->member_count = (uint32_t)d->member_count;
	p->address_count = (uint32_t)d->address_count;
	for (i = 0; i < TEXTS; i++)
		p->text[i] = append(&end, d->text[i]);
	for (i = 0; i < d->address_count; i++) {
		p->addresses[i].text = append(&end, d->addresses[i]);
		p->addresses[i].person = p;
	}
	p->members = end;
	for (i = 0; i < d->member_count; i++)
		append(&end, d->members[i]);
	return p;
}

static bool person_equal(const struct person *a, const struct person *b)
{
	return a->size == b->size && a->address_count == b->address_count &&
		a->member_count == b->member_count && a->group == b->group &&
		a->refuse_outside_mail == b->refuse_outside_mail && a->has_uuid == b->has_uuid &&
		memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0 &&
		memcmp(a->text[TEXT_DN], b->text[TEXT_DN], a->size) == 0;
}

static struct address *find_address(const struct recipients *r, const char *folded)
{
	struct address *address;

	HASH_FIND_STR(r->addresses, folded, address);
	return address;
}

static void link_address(struct recipients *r, struct address *address)
{
	struct address *first = find_address(r, address->text);

	if (first != NULL) {
		address->next = first->next;
		first->next = address;
		return;
	}
	address->next = NULL;
	HASH_ADD_KEYPTR(hh, r->addresses, address->text, strlen(address->text), address);
}

static void unlink_address(struct recipients *r, struct address *address)
{
	struct address *first = find_address(r, address->text), *rest;

	if (first != address) {
		while (first->next != address)
			first = first->next;
		first->next = address->next;
		return;
	}
	rest = address->next;
	HASH_DELETE(hh, r->addresses, address);
	if (rest != NULL)
		HASH_ADD_KEYPTR(hh, r->addresses, rest->text, strlen(rest->text), rest);
}

/* The home server that mail for it needs, "" if it names none; NULL if it needs none. */
static const char *person_home(const struct person *p)
{
	if (p->group || (*p->text[TEXT_HOST] == '\0' && *p->text[TEXT_ROUTING] != '\0'))
		return NULL;
	return p->text[TEXT_HOST];
}

static void person_link(struct recipients *r, struct person *p)
{
	size_t i;

	HASH_ADD_KEYPTR(by_dn, r->by_dn, p->text[TEXT_DN], strlen(p->text[TEXT_DN]), p);
	if (p->has_uuid)
		HASH_ADD(by_uuid, r->by_uuid, uuid, sizeof(p->uuid), p);
	for (i = 0; i < p->address_count; i++)
		link_address(r, &p->addresses[i]);
	if (person_home(p) != NULL)
		homes_add(&r->homes, person_home(p));
	/* a walk that was past the last one goes on with it */
	if (r->walking && r->walk == NULL)
		r->walk = p;
}

static void person_drop(struct recipients *r, struct person *p)
{
	size_t i;

	if (p == NULL)
		return;
	if (r->walk == p)
		r->walk = p->by_dn.next;
	for (i = 0; i < p->address_count; i++)
		unlink_address(r, &p->addresses[i]);
	if (person_home(p) != NULL)
		homes_drop(&r->homes, person_home(p));
	if (p->has_uuid)
		HASH_DELETE(by_uuid, r->by_uuid, p);
	HASH_DELETE(by_dn, r->by_dn, p);
	free(p);
}

static struct person *find_uuid(const struct recipients *r, const unsigned char uuid[16])
{
	struct person *p;

	HASH_FIND(by_uuid, r->by_uuid, uuid, 16, p);
	return p;
}

static struct person *find_dn(const struct recipients *r, const char *ndn)
{
	struct person *p;

	HASH_FIND(by_dn, r->by_dn, ndn, strlen(ndn), p);
	return p;
}

void recipients_free(struct recipients **rp)
{
	struct recipients *r = *rp;
	struct person *p, *next;

	*rp = NULL;
	if (r == NULL)
		return;
	HASH_ITER(by_dn, r->by_dn, p, next)
		person_drop(r, p);
	pthread_rwlock_destroy(&r->lock);
	free(r);
}

/* Puts p (may be NULL: no recipient any more) in the place of what the entry was before. */
static void replace(struct recipients *r, const struct entry *e, const char *ndn, struct person *p)
{
	struct person *same = e->has_uuid ? find_uuid(r, e->uuid) : NULL;
	struct person *named = ndn != NULL ? find_dn(r, ndn) : NULL;

	if (p != NULL && named != NULL && person_equal(named, p)) {
		named->round = r->round;
		free(p);
		return;
	}
	if (named != same)
		person_drop(r, named);
	person_drop(r, same);
	if (p == NULL)
		return;
	p->round = r->round;
	person_link(r, p);
}

void recipients_put(struct recipients *r, const struct entry *e)
{
	struct draft *d = xcalloc(1, sizeof(*d));
	struct person *p = NULL;
	const char *ndn;

	d->a = arena_new();
	if (draft_fill(d, e))
		p = person_new(d, e);
	ndn = p != NULL ? p->text[TEXT_DN] : dn_normalize(d->a, e->dn);
	pthread_rwlock_wrlock(&r->lock);
	replace(r, e, ndn, p);
	pthread_rwlock_unlock(&r->lock);
	arena_free(&d->a);
	free(d);
}

void recipients_delete(struct recipients *r, const unsigned char uuid[16])
{
	pthread_rwlock_wrlock(&r->lock);
	person_drop(r, find_uuid(r, uuid));
	pthread_rwlock_unlock(&r->lock);
}

void recipients_refresh_begin(struct recipients *r)
{
	r->round++;
}

size_t recipients_missing(const struct recipients *r)
{
	const struct person *p;
	size_t n = 0;

	for (p = r->by_dn; p != NULL; p = p->by_dn.next)
		n += p->round != r->round;
	return n;
}

void recipients_refresh_end(struct recipients *r)
{
	struct person *p, *next;

	pthread_rwlock_wrlock(&r->lock);
	HASH_ITER(by_dn, r->by_dn, p, next)
		if (p->round != r->round)
			person_drop(r, p);
	r->loaded = true;
	pthread_rwlock_unlock(&r->lock);
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
	n = HASH_CNT(by_dn, r->by_dn);
	read_unlock(r);
	return n;
}

void recipients_homes(const struct recipients *r,
	void (*cb)(const char *host, size_t count, void *ctx), void *ctx)
{
	read_lock(r);
	homes_each(r->homes, cb, ctx);
	read_unlock(r);
}

/* An attribute of the entry that recipients_put would read back. */
static void add_attr(struct arena *a, struct entry *e, const char *name, const char *const *texts,
	size_t n)
{
	struct entry_attr *attr = (struct entry_attr *)(uintptr_t)&e->attrs[e->n];
	struct blob *v = arena_alloc(a, n * sizeof(*v));
	size_t i;

	if (n == 0 || *texts[0] == '\0')
		return;
	for (i = 0; i < n; i++)
		v[i] = (struct blob){ (const unsigned char *)texts[i], strlen(texts[i]) };
	*attr = (struct entry_attr){ name, v, n };
	e->n++;
}

static void person_entry(struct arena *a, const struct person *p, struct entry *e)
{
	static const char *const person_class = "inetOrgPerson";
	static const char *const group_class = "groupOfNames";
	static const char *const yes = "TRUE";
	const char **v = arena_alloc(a, (p->address_count + p->member_count) * sizeof(*v));
	const char *member = p->members;
	size_t i;

	*e = (struct entry){ .dn = p->text[TEXT_DN], .has_uuid = p->has_uuid };
	memcpy(e->uuid, p->uuid, sizeof(e->uuid));
	e->attrs = arena_alloc(a, 8 * sizeof(*e->attrs));
	add_attr(a, e, "objectClass", p->group ? &group_class : &person_class, 1);
	add_attr(a, e, "mail", &p->text[TEXT_MAIL], 1);
	for (i = 0; i < p->address_count; i++)
		v[i] = p->addresses[i].text;
	add_attr(a, e, "mailLocalAddress", v, p->address_count);
	add_attr(a, e, "mailRoutingAddress", &p->text[TEXT_ROUTING], 1);
	add_attr(a, e, "mailHost", &p->text[TEXT_HOST], 1);
	add_attr(a, e, "hubExpansionServer", &p->text[TEXT_EXPANSION], 1);
	if (p->refuse_outside_mail)
		add_attr(a, e, "hubRefuseOutsideMail", &yes, 1);
	for (i = 0; i < p->member_count; i++, member += strlen(member) + 1)
		v[p->address_count + i] = member;
	add_attr(a, e, "member", v + p->address_count, p->member_count);
}

static void give_entry(const struct person *p, void (*cb)(const struct entry *e, void *ctx),
	void *ctx)
{
	struct arena *a = arena_new();
	struct entry e;

	person_entry(a, p, &e);
	cb(&e, ctx);
	arena_free(&a);
}

void recipients_walk_begin(struct recipients *r)
{
	r->walking = true;
	r->walk = r->by_dn;
}

bool recipients_walk(struct recipients *r, size_t max,
	void (*cb)(const struct entry *e, void *ctx), void *ctx)
{
	/* the writer's own thread: nobody else changes what is read here */
	for (; r->walk != NULL && max > 0; max--, r->walk = r->walk->by_dn.next)
		give_entry(r->walk, cb, ctx);
	r->walking = r->walk != NULL;
	return r->walking;
}

void recipients_each(struct recipients *r, void (*cb)(const struct entry *e, void *ctx), void *ctx)
{
	const struct person *p;

	read_lock(r);
	for (p = r->by_dn; p != NULL; p = p->by_dn.next)
		give_entry(p, cb, ctx);
	read_unlock(r);
}

static void copy_members(const struct recipients *r, const struct person *p,
	struct recipient_info *out)
{
	const char *dn = p->members;
	size_t i;

	out->members = xcalloc(p->member_count, sizeof(*out->members));
	for (i = 0; i < p->member_count; i++, dn += strlen(dn) + 1) {
		const struct person *member = find_dn(r, dn);

		if (member != NULL)
			out->members[out->member_count++] = xstrdup(member->text[TEXT_MAIL]);
	}
}

/* Everything was bounded when it came, but folding can make a text longer: then it is not given. */
static void copy_text(char *out, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n < size)
		memcpy(out, text, n + 1);
}

static void copy_person(const struct recipients *r, const struct person *p,
	struct recipient_info *out)
{
	out->outcome = p->group ? RECIPIENT_GROUP : RECIPIENT_MAILBOX;
	out->refuse_outside_mail = p->refuse_outside_mail;
	copy_text(out->mail, sizeof(out->mail), p->text[TEXT_MAIL]);
	copy_text(out->routing_address, sizeof(out->routing_address), p->text[TEXT_ROUTING]);
	copy_text(out->mail_host, sizeof(out->mail_host), p->text[TEXT_HOST]);
	copy_text(out->expansion_server, sizeof(out->expansion_server), p->text[TEXT_EXPANSION]);
	if (p->group)
		copy_members(r, p, out);
}

void recipients_find(struct recipients *r, const char *address, struct recipient_info *out)
{
	struct arena *a;
	const char *folded;
	const struct address *found;

	memset(out, 0, sizeof(*out));
	out->outcome = RECIPIENT_UNKNOWN;
	if (strlen(address) > RECIPIENT_TEXT_MAX)
		return;
	a = arena_new();
	folded = name_fold(a, address);
	read_lock(r);
	found = find_address(r, folded);
	if (!r->loaded)
		out->outcome = RECIPIENT_NOT_LOADED;
	else if (found != NULL && found->next != NULL)
		out->outcome = RECIPIENT_AMBIGUOUS;
	else if (found != NULL)
		copy_person(r, found->person, out);
	read_unlock(r);
	arena_free(&a);
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
