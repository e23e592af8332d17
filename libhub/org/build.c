/* build.c - from the entries of a builder to a snapshot. Main thread (or a tool's only thread).
 *
 * Kinds are built in an order in which a reference only points to a kind built before, so each
 * object is checked once, against what is in force. Within a kind the order is that of names (of
 * places in a file, if it came from one): of two that conflict the later is rejected, everywhere
 * the same one. A rejected object is tried again in its last good form.
 *
 * Decoded objects are shared with the records; what is copied here is the struct and its
 * references, which each snapshot resolves for itself.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "libhub/base/clock.h"
#include "libhub/org/attr.h"
#include "libhub/org/builder_impl.h"
#include "libhub/org/decode.h"
#include "libhub/org/dn.h"
#include "libhub/org/fingerprint.h"
#include "libhub/org/receive_advice.h"
#include "libhub/org/send_advice.h"
#include "libhub/org/snapshot_impl.h"

static const enum obj_kind build_order[] = {
	OBJ_ACCEPTED_DOMAIN, OBJ_REMOTE_DOMAIN, OBJ_ORGANIZATION, OBJ_SITE, OBJ_SITE_LINK,
	OBJ_SERVER, OBJ_MAILBOX_SERVER, OBJ_ROUTING_GROUP, OBJ_ROUTING_GROUP_CONNECTOR,
	OBJ_RECEIVE_CONNECTOR, OBJ_SEND_CONNECTOR, OBJ_FOREIGN_CONNECTOR, OBJ_AGENT_CONNECTOR,
	OBJ_EDGE_SUBSCRIPTION,
};
_Static_assert(sizeof(build_order) / sizeof(build_order[0]) == OBJ_KINDS, "a kind is not built");

struct build {
	struct builder *b;
	struct snapshot_impl *s;
	const struct snapshot_impl *previous;
	struct slot **slots[OBJ_KINDS];		/* entries of each kind */
	size_t slot_count[OBJ_KINDS];
	struct texts warnings;			/* v from malloc until the end */
	struct rejection *rejections;
	size_t rejection_count, rejection_cap;
	struct texts dangling;			/* of the object being tried */
};

static int compare_slots(const void *x, const void *y)
{
	const struct slot *a = *(const struct slot *const *)x, *b = *(const struct slot *const *)y;
	int r;

	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	r = strcmp(a->record->key, b->record->key);
	return r != 0 ? r : strcmp(a->record->rdn, b->record->rdn);
}

static void gather_slots(struct build *build)
{
	size_t n = builder_count(build->b), kind, i;
	struct slot *slot;

	for (slot = build->b->by_dn; slot != NULL; slot = slot->by_dn.next)
		if (slot->record->class != NULL)
			build->slot_count[slot->record->class->kind]++;
	for (kind = 0; kind < OBJ_KINDS; kind++) {
		BUG_ON(build->slot_count[kind] > n);
		build->slots[kind] = xcalloc(build->slot_count[kind], sizeof(struct slot *));
		build->slot_count[kind] = 0;
	}
	for (slot = build->b->by_dn; slot != NULL; slot = slot->by_dn.next) {
		const struct record *r = slot->record;

		for (i = 0; i < r->warning_count; i++)
			build_add_text(&build->warnings,
				arena_strdup(build->s->arena, r->warnings[i]));
		if (r->class != NULL)
			build->slots[r->class->kind][build->slot_count[r->class->kind]++] = slot;
	}
	for (kind = 0; kind < OBJ_KINDS; kind++)
		qsort(build->slots[kind], build->slot_count[kind], sizeof(struct slot *),
			compare_slots);
}

void build_add_text(struct texts *t, const char *text)
{
	if (t->n == t->cap) {
		t->cap = t->cap != 0 ? t->cap * 2 : 16;
		t->v = xreallocarray(t->v, t->cap, sizeof(*t->v));
	}
	t->v[t->n++] = text;
}

static void resolve_ref(const struct snapshot_impl *s, const struct obj *o,
	const struct attr_def *def, struct ref *ref, struct texts *dangling)
{
	const struct in_force *f;

	if (ref->ndn == NULL)
		return;
	f = snapshot_impl_find(s, ref->ndn);
	if (f != NULL && f->obj->class->kind == (enum obj_kind)def->ref_kind) {
		ref->target = f->obj;
		return;
	}
	build_add_text(dangling, arena_printf(s->arena,
		"%s: %s names %s, which is no valid "
		"%s", o->dn, def->name, ref->dn, obj_classes[def->ref_kind]->ldap_class));
}

static void resolve_refs(const struct snapshot_impl *s, const struct obj *o,
	const struct attr_def *def, struct refs *refs, struct texts *dangling)
{
	struct ref *v = arena_memdup(s->arena, refs->v, refs->n * sizeof(*v));
	size_t i;

	for (i = 0; i < refs->n; i++)
		resolve_ref(s, o, def, &v[i], dangling);
	refs->v = v;
}

struct obj *build_instance(const struct snapshot_impl *s, const struct record *r,
	struct texts *dangling)
{
	struct obj *o = arena_memdup(s->arena, r->obj, r->class->size);
	const struct attr_def *def;

	dangling->n = 0;
	for (def = r->class->attrs; def->name != NULL; def++) {
		if (def->kind == ATTR_REF)
			resolve_ref(s, o, def, ATTR_AT(struct ref, o, def), dangling);
		else if (def->kind == ATTR_REFS)
			resolve_refs(s, o, def, ATTR_AT(struct refs, o, def), dangling);
	}
	return o;
}

static int claim(struct build *build, const struct obj *o, struct err *e)
{
	char key[OBJ_CLAIM_MAX];
	const struct obj *holder;
	const char *rule;

	rule = o->class->claim != NULL ? o->class->claim(o, key, sizeof(key)) : NULL;
	if (rule == NULL)
		return 0;
	holder = snapshot_impl_lookup(build->s, key);
	if (holder != NULL)
		return err_config(e, "%s: \"%s\" has it", rule, holder->name);
	snapshot_impl_index(build->s, key, o);
	return 0;
}

/* Puts the object of r in force if it passes. */
static int try_record(struct build *build, struct record *r, bool last_good, struct err *e)
{
	enum obj_kind kind = r->class->kind;
	struct objects *all = &build->s->pub.all[kind];
	struct obj *o;
	size_t i;

	if (r->obj == NULL)
		return err_config(e, "%s", r->error);
	o = build_instance(build->s, r, &build->dangling);
	if (o->class->check != NULL && o->class->check(o, &build->s->pub, e) < 0)
		return -1;
	if (claim(build, o, e) < 0)
		return -1;
	snapshot_impl_add(build->s, o, r, last_good);
	((const struct obj **)(uintptr_t)all->v)[all->n++] = o;
	for (i = 0; i < build->dangling.n; i++)
		build_add_text(&build->warnings, build->dangling.v[i]);
	return 0;
}

static void add_rejection(struct build *build, const struct record *r, const char *reason,
	bool last_good)
{
	struct rejection *rejection;

	if (build->rejection_count == build->rejection_cap) {
		build->rejection_cap = build->rejection_cap != 0 ? build->rejection_cap * 2 : 16;
		build->rejections = xreallocarray(build->rejections, build->rejection_cap,
			sizeof(*build->rejections));
	}
	rejection = &build->rejections[build->rejection_count++];
	rejection->dn = arena_strdup(build->s->arena, r->raw.dn);
	rejection->object_class = r->class->ldap_class;
	rejection->reason = arena_strdup(build->s->arena, reason);
	rejection->last_good = last_good;
}

/* The earlier form of the same entry: of the snapshot before, else of the cache. */
static struct record *earlier_form(struct build *build, const struct record *r)
{
	const struct in_force *f = NULL;
	struct record *form;

	if (build->previous != NULL)
		f = snapshot_impl_same(build->previous, r);
	form = f != NULL ? f->record : builder_kept_form(build->b, r);
	return form != NULL && form != r && form->class == r->class ? form : NULL;
}

static void build_object(struct build *build, const struct slot *slot)
{
	struct record *form;
	struct err e, ignored;

	if (try_record(build, slot->record, false, &e) == 0)
		return;
	form = earlier_form(build, slot->record);
	add_rejection(build, slot->record, e.text,
		form != NULL && try_record(build, form, true, &ignored) == 0);
}

static int compare_objects(const void *x, const void *y)
{
	const struct obj *a = *(const struct obj *const *)x, *b = *(const struct obj *const *)y;
	int r = name_compare(a->name, b->name);

	return r != 0 ? r : strcmp(a->ndn, b->ndn);
}

/* Slots come by name, so there is work only where a last good form or a file's order intervenes. */
static void sort_objects(const struct obj **v, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++) {
		if (compare_objects(&v[i - 1], &v[i]) > 0) {
			qsort(v, n, sizeof(*v), compare_objects);
			return;
		}
	}
}

static void build_kind(struct build *build, enum obj_kind kind)
{
	size_t n = build->slot_count[kind], i;
	const struct obj **v = arena_alloc(build->s->arena, n * sizeof(*v));

	build->s->pub.all[kind] = (struct objects){ v, 0 };
	for (i = 0; i < n; i++)
		build_object(build, build->slots[kind][i]);
	sort_objects(v, build->s->pub.all[kind].n);
}

static void number_objects(struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_SITE].n; i++)
		((struct site *)(uintptr_t)s->all[OBJ_SITE].v[i])->index = (uint32_t)i;
	for (i = 0; i < s->all[OBJ_SERVER].n; i++)
		((struct server *)(uintptr_t)s->all[OBJ_SERVER].v[i])->index = (uint32_t)i;
}

/* An organization whose entry is missing or invalid runs with the defaults. */
static void find_organization(struct build *build)
{
	struct snapshot *s = &build->s->pub;
	struct organization *org;

	if (s->all[OBJ_ORGANIZATION].n != 0) {
		s->org = SNAPSHOT_AT(s, OBJ_ORGANIZATION, organization, 0);
		return;
	}
	org = arena_alloc(build->s->arena, sizeof(*org));
	org->obj.class = &organization_class;
	org->obj.dn = s->base;
	org->obj.ndn = arena_strdup(build->s->arena, build->b->nbase);
	org->obj.rdn = "";
	org->obj.name = "";
	decode_defaults(&org->obj);
	s->org = org;
}

static void index_mailbox_servers(struct snapshot_impl *s)
{
	size_t i;

	for (i = 0; i < s->pub.all[OBJ_MAILBOX_SERVER].n; i++) {
		const struct mailbox_server *m =
			SNAPSHOT_AT(&s->pub, OBJ_MAILBOX_SERVER, mailbox_server, i);

		if (m->fqdn != NULL)
			snapshot_impl_index(s, arena_printf(s->arena, "mailbox %s", m->fqdn),
				&m->obj);
		snapshot_impl_index(s, arena_printf(s->arena, "mailbox %s",
			name_fold(s->arena, m->obj.name)), &m->obj);
	}
}

static void index_keys(struct snapshot_impl *s)
{
	size_t i, j;

	for (i = 0; i < s->pub.all[OBJ_SERVER].n; i++) {
		const struct server *server = SNAPSHOT_AT(&s->pub, OBJ_SERVER, server, i);

		for (j = 0; j < server->pins.n && server->obj.enabled; j++)
			snapshot_impl_index(s, arena_printf(s->arena, "key %s", server->pins.v[j]),
				&server->obj);
	}
}

/* Not a reference, but it names something all the same. */
static void warn_of_default_domains(struct build *build)
{
	const struct snapshot *s = &build->s->pub;
	size_t i;

	for (i = 0; i < s->all[OBJ_RECEIVE_CONNECTOR].n; i++) {
		const struct receive_connector *c =
			SNAPSHOT_AT(s, OBJ_RECEIVE_CONNECTOR, receive_connector, i);

		if (c->default_domain != NULL &&
			snapshot_accepted_domain(s, c->default_domain) == NULL)
			build_add_text(&build->warnings, arena_printf(build->s->arena,
				"%s: hubDefaultDomain names %s, which is no accepted domain",
				c->obj.dn, c->default_domain));
	}
}

static void advise_of_receiving(struct build *build)
{
	const struct objects *all = &build->s->pub.all[OBJ_RECEIVE_CONNECTOR];
	const char *lines[RECEIVE_ADVICE_MAX];
	size_t i, k, n;

	for (i = 0; i < all->n; i++) {
		if (!all->v[i]->enabled)
			continue;
		n = receive_advice((const void *)all->v[i], build->s->arena, lines);
		for (k = 0; k < n; k++)
			build_add_text(&build->warnings, lines[k]);
	}
}

static void advise_of_sending(struct build *build)
{
	const struct objects *all = &build->s->pub.all[OBJ_SEND_CONNECTOR];
	const char *line;
	size_t i;

	for (i = 0; i < all->n; i++) {
		if (!all->v[i]->enabled)
			continue;
		line = send_advice((const void *)all->v[i], build->s->arena);
		if (line != NULL)
			build_add_text(&build->warnings, line);
		line = send_advice_edges((const void *)all->v[i], &build->s->pub, build->s->arena);
		if (line != NULL)
			build_add_text(&build->warnings, line);
	}
}

static void advise(struct build *build)
{
	size_t before = build->warnings.n;

	advise_of_receiving(build);
	advise_of_sending(build);
	build->s->pub.advice_count = build->warnings.n - before;
}

static void digest_of(const struct snapshot_impl *s, const struct obj *o, bool secrets,
	unsigned char digest[RECORD_DIGEST])
{
	if (!secrets && fingerprint_has_secret(o))
		fingerprint_object_visible(o, digest);
	else if (o->class->late_defaults)
		fingerprint_object(o, digest);
	else
		memcpy(digest, snapshot_impl_find(s, o->ndn)->record->digest, RECORD_DIGEST);
}

/* Over the objects in force by kind and name, which is the same order under every suffix. */
static void make_fingerprint(const struct snapshot_impl *s, bool secrets,
	char out[FINGERPRINT_HEX + 1])
{
	unsigned char digest[RECORD_DIGEST];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	size_t kind, i;

	BUG_ON(md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1);
	for (kind = 0; kind < OBJ_KINDS; kind++) {
		for (i = 0; i < s->pub.all[kind].n; i++) {
			digest_of(s, s->pub.all[kind].v[i], secrets, digest);
			EVP_DigestUpdate(md, digest, sizeof(digest));
		}
	}
	BUG_ON(EVP_DigestFinal_ex(md, digest, NULL) != 1);
	EVP_MD_CTX_free(md);
	for (i = 0; i < sizeof(digest); i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void finish(struct build *build)
{
	static atomic_uint_fast64_t generation;
	struct snapshot_impl *s = build->s;
	size_t kind;

	number_objects(&s->pub);
	find_organization(build);
	index_mailbox_servers(s);
	index_keys(s);
	warn_of_default_domains(build);
	advise(build);
	make_fingerprint(s, true, s->pub.fingerprint);
	make_fingerprint(s, false, s->pub.visible_fingerprint);
	s->pub.generation = atomic_fetch_add(&generation, 1) + 1;
	s->pub.built_ms = clock_wall_ms();
	s->pub.unpushed = build->b->unpushed;
	s->pub.warnings = arena_memdup(s->arena, build->warnings.v,
		build->warnings.n * sizeof(*build->warnings.v));
	s->pub.warning_count = build->warnings.n;
	s->pub.rejections = arena_memdup(s->arena, build->rejections,
		build->rejection_count * sizeof(*build->rejections));
	s->pub.rejection_count = build->rejection_count;
	for (kind = 0; kind < OBJ_KINDS; kind++)
		free(build->slots[kind]);
	free(build->warnings.v);
	free(build->dangling.v);
	free(build->rejections);
}

const struct snapshot *builder_build(struct builder *b, const struct snapshot *previous)
{
	struct build build = {
		.b = b,
		.s = snapshot_impl_new(b->base),
		.previous = (const void *)previous,
	};
	size_t i;

	gather_slots(&build);
	for (i = 0; i < OBJ_KINDS; i++)
		build_kind(&build, build_order[i]);
	finish(&build);
	return &build.s->pub;
}
