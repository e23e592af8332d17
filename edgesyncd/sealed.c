/* sealed.c - see sealed.h */
#include "edgesyncd/sealed.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edgesyncd/belonging.h"
#include "edgesyncd/edge_state.h"
#include "libhub/org/dn.h"

void sealed_digest(const struct blob *value, char out[ACCOUNT_DIGEST_SIZE])
{
	unsigned char md[32];
	size_t i;

	BUG_ON(!EVP_Digest(value->data, value->size, md, NULL, EVP_sha256(), NULL));
	for (i = 0; i < sizeof(md); i++)
		sprintf(out + 2 * i, "%02x", md[i]);
}

/* --- whose they are --- */

static void copy_blobs(struct arena *a, const struct blobs *from, struct blobs *to)
{
	struct blob *v = arena_alloc(a, from->n * sizeof(*v));
	size_t i;

	for (i = 0; i < from->n; i++) {
		v[i].data = arena_memdup(a, from->v[i].data, from->v[i].size);
		v[i].size = from->v[i].size;
	}
	to->v = v;
	to->n = from->n;
}

/* Found out here, so that no account is begun that cannot be finished. */
static void try_to_seal(struct sealed *s, struct account_hub *hub, const struct blobs *certificates)
{
	struct credential c = { .kind = CREDENTIAL_ACCOUNT, .account = "cn=x", .password = "x" };
	struct blob out = { 0 };
	struct err e = { 0 };

	if (certificates->n == 0)
		return;
	snprintf(c.hub, sizeof(c.hub), "%s", hub->name);
	hub->sealable = credential_seal(&c, certificates->v, certificates->n, &out, &e) == 0;
	if (!hub->sealable)
		hub->trouble = arena_strdup(s->arena, e.text);
	free((void *)(uintptr_t)out.data);
}

static void take_hubs(struct sealed *s, const struct snapshot *snapshot,
	const struct edge_subscription *sub, const char *hub)
{
	size_t n = snapshot->all[OBJ_SERVER].n, i;
	const struct server *server;
	enum belonging belongs;

	s->hubs = arena_alloc(s->arena, (n + 1) * sizeof(*s->hubs));
	s->certificates = arena_alloc(s->arena, (n + 1) * sizeof(*s->certificates));
	for (i = 0; i < n; i++) {
		server = SNAPSHOT_AT(snapshot, OBJ_SERVER, server, i);
		belongs = belonging_of(server, sub);
		if (belongs == BELONGS_NOT)
			continue;
		s->hubs[s->n_hubs].name = arena_strdup(s->arena, server->obj.name);
		s->hubs[s->n_hubs].former = belongs == BELONGS_FORMER;
		s->former |= belongs == BELONGS_FORMER && strcasecmp(server->obj.name, hub) == 0;
		try_to_seal(s, &s->hubs[s->n_hubs], &server->certificates);
		copy_blobs(s->arena, &server->certificates, &s->certificates[s->n_hubs++]);
	}
}

/* The hub all of whose certificates, and no others, it is sealed to. */
static const char *fits(const struct sealed *s, const struct blob *value)
{
	const struct blobs *of;
	size_t i, others;

	for (i = 0; i < s->n_hubs; i++) {
		of = &s->certificates[i];
		if (of->n > 0 && credential_recipients(value, of->v, of->n, &others) ==
				(int)of->n && others == 0)
			return s->hubs[i].name;
	}
	return NULL;
}

/* --- ours --- */

static int take_opened(struct sealed *s, const char *hub, struct account_value *value)
{
	struct sealed_own *own = &s->own[s->n_own];
	const char *base = edge_account_base(own->credential.account);

	own->account = dn_normalize(s->arena, own->credential.account);
	if (own->account == NULL || base == NULL || own->credential.password[0] == '\0')
		return err_set(NULL, ERR_PERM, 0, "no account");
	if (own->credential.kind == CREDENTIAL_BOOTSTRAP)
		value->bootstrap = own->account;
	/* one certificate may be two hubs' */
	if (strcasecmp(own->credential.hub, hub) != 0)
		return -1;
	own->base = arena_strdup(s->arena, base);
	return 0;
}

static void open_value(struct sealed *s, const char *hub, const struct blob *blob,
	struct account_value *value, struct tls_certificate *const *certificates, size_t n)
{
	struct sealed_own *own = &s->own[s->n_own];
	struct err e = { 0 };

	switch (credential_open(blob, certificates, n, &own->credential, &e)) {
	case CREDENTIAL_OPENED:
		if (take_opened(s, hub, value) == 0)
			s->n_own++;
		else
			credential_wipe(&own->credential);
		break;
	case CREDENTIAL_BROKEN:
		snprintf(s->problem, sizeof(s->problem), "%s", e.text);
		break;
	case CREDENTIAL_NOT_OURS:
		break;
	}
}

static int compare_own(const void *a, const void *b)
{
	const struct sealed_own *own = a, *other = b;
	const struct credential *x = &own->credential, *y = &other->credential;

	if (x->kind != y->kind)
		return x->kind == CREDENTIAL_ACCOUNT ? -1 : 1;
	if (x->from_s != y->from_s)
		return x->from_s > y->from_s ? -1 : 1;
	return account_name_compare(other->account, own->account);
}

static void say_problem(struct sealed *s, const struct edge_subscription *sub, const char *hub)
{
	const struct obj *former = belonging_former_site(sub);

	if (s->n == 0)
		snprintf(s->problem, sizeof(s->problem),
			"the subscription has no credentials: " SEALED_ANEW);
	else if (s->problem[0] == '\0')
		snprintf(s->problem, sizeof(s->problem), "none of the %zu credentials of the "
			"subscription opens with a key of %.100s; a hub%s%.50s that has an account "
			"on the edge makes one for it, or " SEALED_ANEW, s->n, hub,
			former != NULL ? " of " : "", former != NULL ? former->name : "");
}

struct sealed *sealed_new(const struct snapshot *snapshot, const struct edge_subscription *sub,
	const char *hub, struct tls_certificate *const *own, size_t n_own)
{
	struct sealed *s = xcalloc(1, sizeof(*s));
	size_t n = sub->credentials.n, i;
	struct account_value *values;
	struct blob *blobs;

	s->arena = arena_new();
	take_hubs(s, snapshot, sub, hub);
	values = arena_alloc(s->arena, n * sizeof(*values));
	blobs = arena_alloc(s->arena, n * sizeof(*blobs));
	s->own = arena_alloc(s->arena, n * sizeof(*s->own));
	s->values = values;
	s->blobs = blobs;
	s->n = n;
	for (i = 0; i < n; i++) {
		blobs[i].data = arena_memdup(s->arena, sub->credentials.v[i].data,
			sub->credentials.v[i].size);
		blobs[i].size = sub->credentials.v[i].size;
		sealed_digest(&blobs[i], values[i].digest);
		values[i].hub = fits(s, &blobs[i]);
		open_value(s, hub, &blobs[i], &values[i], own, n_own);
	}
	if (s->n_own == 0)
		say_problem(s, sub, hub);
	else
		qsort(s->own, s->n_own, sizeof(*s->own), compare_own);
	return s;
}

void sealed_free(struct sealed **sp)
{
	struct sealed *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	arena_free_wiped(&s->arena);
	free(s);
}
