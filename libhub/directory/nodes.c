/* nodes.c - see nodes.h */
#include "libhub/directory/nodes.h"

#include <ctype.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "libhub/base/mem.h"

struct node {
	unsigned char uuid[16];
	unsigned int dn, parent;	/* hashes of normalized DNs */
	unsigned int generation;	/* of the refresh that saw it last */
	UT_hash_handle hh;
};

struct nodes {
	char *base;			/* normalized */
	struct node *by_uuid;
	unsigned int generation;
	bool refreshing;
	bool base_seen;			/* in this refresh */
	unsigned char base_uuid[16];
};

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

struct nodes *nodes_new(const char *base)
{
	struct nodes *n = xcalloc(1, sizeof(*n));

	n->base = normalize_dn(base);
	return n;
}

static void forget(struct nodes *n, struct node *node)
{
	HASH_DEL(n->by_uuid, node);
	free(node);
}

void nodes_free(struct nodes **np)
{
	struct nodes *n = *np;
	struct node *node, *next;

	if (n == NULL)
		return;
	*np = NULL;
	HASH_ITER(hh, n->by_uuid, node, next)
		forget(n, node);
	free(n->base);
	free(n);
}

size_t nodes_count(const struct nodes *n)
{
	return HASH_COUNT(n->by_uuid);
}

void nodes_refresh_begin(struct nodes *n)
{
	n->generation++;
	n->refreshing = true;
	n->base_seen = false;
}

void nodes_refresh_end(struct nodes *n)
{
	struct node *node, *next;

	HASH_ITER(hh, n->by_uuid, node, next)
		if (node->generation != n->generation)
			forget(n, node);
	n->refreshing = false;
}

bool nodes_base_seen(const struct nodes *n)
{
	return n->base_seen;
}

bool nodes_is_base(const struct nodes *n, const unsigned char uuid[16])
{
	return memcmp(uuid, n->base_uuid, sizeof(n->base_uuid)) == 0;
}

static struct node *find(const struct nodes *n, const unsigned char uuid[16])
{
	struct node *node;

	HASH_FIND(hh, n->by_uuid, uuid, sizeof(node->uuid), node);
	return node;
}

static bool has_children(const struct nodes *n, unsigned int dn)
{
	const struct node *node;

	for (node = n->by_uuid; node != NULL; node = node->hh.next)
		if (node->parent == dn)
			return true;
	return false;
}

void nodes_see_base(struct nodes *n, const unsigned char uuid[16])
{
	n->base_seen = true;
	memcpy(n->base_uuid, uuid, sizeof(n->base_uuid));
}

void nodes_see(struct nodes *n, const struct entry *e)
{
	char *dn = normalize_dn(e->dn);

	if (strcmp(dn, n->base) == 0)
		nodes_see_base(n, e->uuid);
	free(dn);
}

bool nodes_put(struct nodes *n, const struct entry *e)
{
	char *dn = normalize_dn(e->dn);
	unsigned int hash = hash_text(dn);
	struct node *node = find(n, e->uuid);
	bool moved = false;

	if (strcmp(dn, n->base) == 0)
		nodes_see_base(n, e->uuid);
	if (node == NULL) {
		node = xcalloc(1, sizeof(*node));
		memcpy(node->uuid, e->uuid, sizeof(node->uuid));
		HASH_ADD(hh, n->by_uuid, uuid, sizeof(node->uuid), node);
	} else {
		moved = node->dn != hash && !n->refreshing && has_children(n, node->dn);
	}
	node->dn = hash;
	node->parent = hash_text(parent_of(dn));
	node->generation = n->generation;
	free(dn);
	return moved;
}

void nodes_delete(struct nodes *n, const unsigned char uuid[16])
{
	struct node *node = find(n, uuid);

	if (node != NULL)
		forget(n, node);
}
