/* edge_entries.c - see edge_entries.h */
#include "edgesyncd/edge_entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/directory/draft.h"
#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"

static const char *const containers[] = {
	"cn=connectors", "cn=accepted domains", "cn=remote domains", "cn=sites", "cn=servers",
	"cn=edge subscriptions", EDGE_PUSH_RDN, EDGE_RECIPIENTS_RDN, NULL
};

const struct entry_attr edge_entries_root_class = {
	"objectClass", &(const struct blob){ (const unsigned char *)"hubOrganization", 15 }, 1
};

struct edge_entries *edge_entries_new(const char *base)
{
	struct edge_entries *e = xcalloc(1, sizeof(*e));

	e->arena = arena_new();
	e->base = arena_strdup(e->arena, base);
	e->nbase = dn_normalize(e->arena, base);
	return e;
}

void edge_entries_free(struct edge_entries **ep)
{
	struct edge_entries *e = *ep;

	*ep = NULL;
	if (e == NULL)
		return;
	arena_free_wiped(&e->arena);
	snapshot_unref(&e->s);
	free(e->v);
	free(e);
}

static unsigned int depth_of(const char *rdn)
{
	unsigned int depth = 0;

	for (; *rdn != '\0'; rdn = dn_parent(rdn))
		depth++;
	return depth;
}

static bool is_container(const char *rdn)
{
	size_t i;

	for (i = 0; containers[i] != NULL; i++)
		if (strcmp(containers[i], rdn) == 0)
			return true;
	return false;
}

static enum edge_rank rank_of(const struct obj_class *class, unsigned int depth)
{
	if (depth < 2)
		return EDGE_RANK_CONTAINER;
	if (class == NULL)
		return EDGE_RANK_OTHER;
	switch (class->kind) {
	case OBJ_SITE:
		return EDGE_RANK_SITE;
	case OBJ_SERVER:
		return EDGE_RANK_SERVER;
	case OBJ_ACCEPTED_DOMAIN:
	case OBJ_REMOTE_DOMAIN:
		return EDGE_RANK_DOMAIN;
	case OBJ_SEND_CONNECTOR:
	case OBJ_EDGE_SUBSCRIPTION:
		return EDGE_RANK_CONNECTOR;
	default:
		return EDGE_RANK_OTHER;
	}
}

/* Beside what is pushed, whatever an administrator of the edge wrote there: it has to go. */
static bool is_kept(const struct edge_entry *e, const char *attr)
{
	char type[DRAFT_NAME_MAX + 1];

	if (e->depth == 1)
		return strcasecmp(attr, "cn") == 0 || strcasecmp(attr, "objectClass") == 0;
	if (e->depth > 1)
		return strcasecmp(attr, "userPassword") != 0;
	/* with options it has no effect there; it goes all the same */
	snprintf(type, sizeof(type), "%.*s", (int)strcspn(attr, ";"), attr);
	return edge_layout_is_pushed(&organization_class, type);
}

static const struct entry *copy_entry(struct arena *a, const struct edge_entry *to,
	const struct entry *from)
{
	struct entry *entry = arena_alloc(a, sizeof(*entry));
	struct entry_attr *attrs = arena_alloc(a, (from->n + 1) * sizeof(*attrs));
	size_t i, j;

	if (to->depth == 0)
		attrs[entry->n++] = edge_entries_root_class;
	for (i = 0; i < from->n; i++) {
		const struct entry_attr *attr = &from->attrs[i];
		struct blob *values;

		if (!is_kept(to, attr->name))
			continue;
		values = arena_alloc(a, attr->n * sizeof(*values));
		for (j = 0; j < attr->n; j++) {
			values[j].data = (unsigned char *)arena_strndup(a,
				(const char *)attr->values[j].data, attr->values[j].size);
			values[j].size = attr->values[j].size;
		}
		attrs[entry->n++] = (struct entry_attr){ arena_strdup(a, attr->name), values,
			attr->n };
	}
	entry->dn = arena_strdup(a, from->dn);
	entry->attrs = attrs;
	return entry;
}

static struct edge_entry *append(struct edge_entries *e, const char *rdn)
{
	struct edge_entry *v;

	if (e->n == e->room) {
		e->room = e->room != 0 ? e->room * 2 : 64;
		e->v = xreallocarray(e->v, e->room, sizeof(*e->v));
	}
	v = &e->v[e->n++];
	*v = (struct edge_entry){ .rdn = rdn, .depth = depth_of(rdn) };
	return v;
}

static void classify(struct edge_entry *v, const struct entry *entry)
{
	v->class = v->depth == 1 ? NULL : edge_layout_class(entry);
	v->rank = rank_of(v->class, v->depth);
}

void edge_entries_put(struct edge_entries *e, const struct entry *entry, const char *rdn)
{
	struct edge_entry *v = append(e, rdn);

	classify(v, entry);
	v->entry = entry;
}

bool edge_entries_add(struct edge_entries *e, const struct entry *entry)
{
	const char *ndn = strlen(entry->dn) <= ENTRY_DN_MAX ? dn_normalize(e->arena, entry->dn) :
		NULL;
	const char *rdn = ndn != NULL ? dn_relative(e->arena, ndn, e->nbase) : NULL;
	struct edge_entry *v;

	if (rdn == NULL || (!is_container(rdn) &&
		edge_layout_part(rdn, entry) != EDGE_PART_CONFIGURATION))
		return false;
	v = append(e, rdn);
	classify(v, entry);
	v->entry = copy_entry(e->arena, v, entry);
	return true;
}

static int compare_entries(const void *x, const void *y)
{
	const struct edge_entry *a = x, *b = y;

	return strcmp(a->rdn, b->rdn);
}

void edge_entries_sort(struct edge_entries *e)
{
	if (e->n != 0)
		qsort(e->v, e->n, sizeof(*e->v), compare_entries);
}

const struct edge_entry *edge_entries_find(const struct edge_entries *e, const char *rdn)
{
	const struct edge_entry key = { .rdn = rdn };

	return e->n != 0 ? bsearch(&key, e->v, e->n, sizeof(*e->v), compare_entries) : NULL;
}

size_t edge_entries_objects(const struct edge_entries *e)
{
	size_t i, n = 0;

	for (i = 0; i < e->n; i++)
		n += e->v[i].depth > 1;
	return n;
}

static bool same_attr(const struct entry_attr *a, const struct entry_attr *b)
{
	size_t i;

	if (a->n != b->n || strcmp(a->name, b->name) != 0)
		return false;
	for (i = 0; i < a->n; i++)
		if (a->values[i].size != b->values[i].size ||
		    memcmp(a->values[i].data, b->values[i].data, a->values[i].size) != 0)
			return false;
	return true;
}

/* In all, and in the same order. */
static bool same_entry(const struct edge_entry *a, const struct edge_entry *b)
{
	size_t i;

	if (a->entry->n != b->entry->n || strcmp(a->rdn, b->rdn) != 0)
		return false;
	for (i = 0; i < a->entry->n; i++)
		if (!same_attr(&a->entry->attrs[i], &b->entry->attrs[i]))
			return false;
	return true;
}

/* Both sorted. */
static void take_digests(struct edge_entries *e, const struct edge_entries *before)
{
	size_t i, j = 0;

	for (i = 0; i < e->n; i++) {
		while (j < before->n && strcmp(before->v[j].rdn, e->v[i].rdn) < 0)
			j++;
		if (j == before->n)
			return;
		if (!before->v[j].digested || !same_entry(&e->v[i], &before->v[j]))
			continue;
		memcpy(e->v[i].digest, before->v[j].digest, REPLICA_DIGEST_SIZE);
		e->v[i].digested = true;
	}
}

void edge_entries_digest(struct edge_entries *e, const struct edge_entries *before,
	char out[REPLICA_DIGEST_TEXT])
{
	struct replica_digest *d = replica_digest_new();
	size_t i;

	if (before != NULL)
		take_digests(e, before);
	for (i = 0; i < e->n; i++) {
		if (e->v[i].depth == 1)
			continue;
		if (!e->v[i].digested)
			replica_digest_entry(e->v[i].rdn, e->v[i].entry, e->v[i].digest);
		e->v[i].digested = true;
		replica_digest_add(d, e->v[i].digest);
	}
	replica_digest_finish(&d, out);
}
