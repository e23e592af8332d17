/* org_fixture.c - see org_fixture.h */
#include "org_fixture.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { RECIPIENTS_MAX = 100 };

struct recipients {
	struct recipient_info infos[RECIPIENTS_MAX];
	const char *addresses[RECIPIENTS_MAX];
	size_t n;
	bool loaded;
};

struct fixture {
	struct arena *arena;
	struct snapshot snapshot;
	struct organization org;
	const struct obj **objects[OBJ_KINDS];
	size_t room[OBJ_KINDS];
	struct rejection rejections[10];
	struct recipients recipients;
};

struct fixture *fixture_new(void)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	f->arena = arena_new();
	f->snapshot.org = &f->org;
	f->snapshot.rejections = f->rejections;
	f->recipients.loaded = true;
	return f;
}

void fixture_free(struct fixture **fp)
{
	int k;

	for (k = 0; k < OBJ_KINDS; k++)
		free((*fp)->objects[k]);
	arena_free(&(*fp)->arena);
	free(*fp);
	*fp = NULL;
}

static void *object_new(struct fixture *f, enum obj_kind kind, size_t size, const char *name)
{
	struct obj *obj = arena_alloc(f->arena, size);

	if (f->snapshot.all[kind].n == f->room[kind]) {
		f->room[kind] = 2 * f->room[kind] + 8;
		f->objects[kind] = xreallocarray(f->objects[kind], f->room[kind],
			sizeof(*f->objects[kind]));
		f->snapshot.all[kind].v = f->objects[kind];
	}
	obj->name = arena_strdup(f->arena, name);
	obj->dn = obj->ndn = obj->rdn = arena_printf(f->arena, "cn=%s,cn=Transport", name);
	obj->enabled = true;
	f->objects[kind][f->snapshot.all[kind].n++] = obj;
	return obj;
}

static const struct obj *object_find(const struct fixture *f, enum obj_kind kind, const char *name)
{
	size_t i;

	for (i = 0; i < f->snapshot.all[kind].n; i++)
		if (strcmp(f->objects[kind][i]->name, name) == 0)
			return f->objects[kind][i];
	return NULL;
}

static struct ref ref_to(struct fixture *f, enum obj_kind kind, const char *name)
{
	if (name == NULL)
		return (struct ref){ NULL, NULL, NULL };
	return (struct ref){ arena_strdup(f->arena, name), arena_strdup(f->arena, name),
		object_find(f, kind, name) };
}

static struct refs refs_to(struct fixture *f, enum obj_kind kind, const char *names)
{
	struct ref *v = arena_alloc(f->arena, (strlen(names) + 1) * sizeof(*v));
	char *copy = arena_strdup(f->arena, names), *name, *save = NULL;
	size_t n = 0;

	for (name = strtok_r(copy, ",", &save); name != NULL; name = strtok_r(NULL, ",", &save))
		v[n++] = ref_to(f, kind, name);
	return (struct refs){ v, n };
}

struct site *fixture_site(struct fixture *f, const char *name)
{
	struct site *site = object_new(f, OBJ_SITE, sizeof(*site), name);

	site->inbound_mail = true;
	return site;
}

struct site_link *fixture_link(struct fixture *f, const char *name, const char *sites,
	uint64_t cost)
{
	struct site_link *link = object_new(f, OBJ_SITE_LINK, sizeof(*link), name);

	link->sites = refs_to(f, OBJ_SITE, sites);
	link->cost = cost;
	return link;
}

struct server *fixture_hub(struct fixture *f, const char *name, const char *site)
{
	struct server *server = object_new(f, OBJ_SERVER, sizeof(*server), name);

	server->role = ROLE_HUB;
	server->site = ref_to(f, OBJ_SITE, site);
	return server;
}

struct server *fixture_edge(struct fixture *f, const char *name, const char *site)
{
	struct server *server = fixture_hub(f, name, site);
	struct edge_subscription *sub =
		object_new(f, OBJ_EDGE_SUBSCRIPTION, sizeof(*sub), name);

	server->role = ROLE_EDGE;
	sub->server = ref_to(f, OBJ_SERVER, name);
	sub->site = ref_to(f, OBJ_SITE, site);
	return server;
}

struct edge_subscription *fixture_subscription(struct fixture *f, const char *edge)
{
	return (void *)(uintptr_t)object_find(f, OBJ_EDGE_SUBSCRIPTION, edge);
}

struct mailbox_server *fixture_mailbox_server(struct fixture *f, const char *name,
	const char *site)
{
	struct mailbox_server *server =
		object_new(f, OBJ_MAILBOX_SERVER, sizeof(*server), name);

	server->site = ref_to(f, OBJ_SITE, site);
	server->fqdn = arena_printf(f->arena, "%s.example", name);
	return server;
}

/* Enough of hubAddressSpace for tests of routing; the real parser is libhub/org's. */
static struct address_space space_parse(struct fixture *f, char *text)
{
	struct address_space space = { .type = "SMTP", .cost = 1 };
	char *semicolon = strrchr(text, ';'), *colon = strchr(text, ':'), *key, *p;

	if (semicolon != NULL) {
		space.cost = (uint32_t)strtoul(semicolon + 1, NULL, 10);
		*semicolon = '\0';
	}
	if (colon != NULL) {
		*colon = '\0';
		space.type = text;
		text = colon + 1;
	}
	space.text = text;
	key = arena_strdup(f->arena, text);
	for (p = key; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (strcmp(key, "*") == 0) {
		space.match = SPACE_ALL;
	} else if (strcmp(key, "--") == 0) {
		space.match = SPACE_INBOUND;
	} else if (strcmp(space.type, "SMTP") == 0 && strncmp(key, "*.", 2) == 0) {
		space.match = SPACE_SUBTREE;
		key += 2;
	} else if (strcmp(space.type, "SMTP") != 0 && p[-1] == '*') {
		space.match = SPACE_PREFIX;
		p[-1] = '\0';
	}
	space.key = key;
	return space;
}

static void *pool_new(struct fixture *f, enum obj_kind kind, size_t size, const char *name,
	const char *spaces, const char *sources)
{
	struct pool_connector *pc = object_new(f, kind, size, name);
	struct address_space *v = arena_alloc(f->arena, (strlen(spaces) + 1) * sizeof(*v));
	char *copy = arena_strdup(f->arena, spaces), *text, *save = NULL;
	size_t n = 0;

	for (text = strtok_r(copy, "|", &save); text != NULL; text = strtok_r(NULL, "|", &save))
		v[n++] = space_parse(f, text);
	pc->spaces = (struct address_spaces){ v, n };
	pc->sources = refs_to(f, OBJ_SERVER, sources);
	return pc;
}

struct send_connector *fixture_send(struct fixture *f, const char *name, const char *spaces,
	const char *sources)
{
	struct send_connector *sc = pool_new(f, OBJ_SEND_CONNECTOR, sizeof(*sc), name, spaces,
		sources);

	sc->dns_routing = true;
	return sc;
}

struct foreign_connector *fixture_foreign(struct fixture *f, const char *name, const char *spaces,
	const char *sources)
{
	return pool_new(f, OBJ_FOREIGN_CONNECTOR, sizeof(struct foreign_connector), name, spaces,
		sources);
}

struct agent_connector *fixture_agent(struct fixture *f, const char *name, const char *spaces,
	const char *sources)
{
	return pool_new(f, OBJ_AGENT_CONNECTOR, sizeof(struct agent_connector), name, spaces,
		sources);
}

struct receive_connector *fixture_receive(struct fixture *f, const char *name, const char *server)
{
	struct receive_connector *rc = object_new(f, OBJ_RECEIVE_CONNECTOR, sizeof(*rc), name);

	rc->server = (const void *)object_find(f, OBJ_SERVER, server);
	return rc;
}

void fixture_smart_hosts(struct fixture *f, struct send_connector *sc, const char *hosts)
{
	struct smart_host *v = arena_alloc(f->arena, (strlen(hosts) + 1) * sizeof(*v));
	char *copy = arena_strdup(f->arena, hosts), *text, *save = NULL;
	size_t n = 0;

	for (text = strtok_r(copy, ",", &save); text != NULL; text = strtok_r(NULL, ",", &save))
		v[n++] = (struct smart_host){
			.text = text, .inbound = strcmp(text, "--") == 0 };
	sc->smart_hosts = (struct smart_hosts){ v, n };
	sc->dns_routing = false;
}

struct accepted_domain *fixture_accepted(struct fixture *f, const char *domain,
	enum accepted_type type)
{
	struct accepted_domain *d = object_new(f, OBJ_ACCEPTED_DOMAIN, sizeof(*d), domain);

	d->subtree = strncmp(domain, "*.", 2) == 0;
	d->domain = arena_strdup(f->arena, domain + (d->subtree ? 2 : 0));
	d->type = (int)type;
	d->recipient_validation = type == ACCEPTED_AUTHORITATIVE;
	return d;
}

struct organization *fixture_organization(struct fixture *f)
{
	return &f->org;
}

void fixture_reject(struct fixture *f, const char *dn, const char *object_class, bool last_good)
{
	f->rejections[f->snapshot.rejection_count++] = (struct rejection){
		arena_strdup(f->arena, dn), object_class, "broken for the test", last_good };
}

static int object_order(const void *a, const void *b)
{
	const struct obj *x = *(const struct obj *const *)a, *y = *(const struct obj *const *)b;

	return name_compare(x->name, y->name);
}

const struct snapshot *fixture_snapshot(struct fixture *f)
{
	uint32_t i;
	int k;

	for (k = 0; k < OBJ_KINDS; k++)
		if (f->snapshot.all[k].n != 0)
			qsort(f->objects[k], f->snapshot.all[k].n, sizeof(*f->objects[k]),
				object_order);
	for (i = 0; i < f->snapshot.all[OBJ_SITE].n; i++)
		((struct site *)(uintptr_t)f->objects[OBJ_SITE][i])->index = i;
	for (i = 0; i < f->snapshot.all[OBJ_SERVER].n; i++)
		((struct server *)(uintptr_t)f->objects[OBJ_SERVER][i])->index = i;
	return &f->snapshot;
}

struct recipients *fixture_recipients(struct fixture *f)
{
	return &f->recipients;
}

void fixture_person(struct fixture *f, const char *address, const char *routing_address,
	const char *mail_host)
{
	struct recipients *r = &f->recipients;
	struct recipient_info *info = &r->infos[r->n];

	BUG_ON(r->n == RECIPIENTS_MAX);
	r->addresses[r->n++] = arena_strdup(f->arena, address);
	info->outcome = RECIPIENT_MAILBOX;
	snprintf(info->mail, sizeof(info->mail), "%s", address);
	snprintf(info->routing_address, sizeof(info->routing_address), "%s", routing_address);
	snprintf(info->mail_host, sizeof(info->mail_host), "%s", mail_host);
}

void fixture_recipient(struct fixture *f, const char *address, enum recipient_outcome outcome)
{
	fixture_person(f, address, "", "");
	f->recipients.infos[f->recipients.n - 1].outcome = outcome;
}

void fixture_recipients_unload(struct fixture *f)
{
	f->recipients.loaded = false;
}

/* What follows stands for libhub/org, for the snapshots and recipients made above. */

const struct snapshot *snapshot_ref(const struct snapshot *s)
{
	return s;
}

void snapshot_unref(const struct snapshot **s)
{
	*s = NULL;
}

const struct obj *snapshot_find(const struct snapshot *s, enum obj_kind kind, const char *name)
{
	size_t i;

	for (i = 0; i < s->all[kind].n; i++)
		if (strcasecmp(s->all[kind].v[i]->name, name) == 0)
			return s->all[kind].v[i];
	return NULL;
}

const struct mailbox_server *snapshot_mailbox_server(const struct snapshot *s, const char *host)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_MAILBOX_SERVER].n; i++) {
		const struct mailbox_server *m =
			SNAPSHOT_AT(s, OBJ_MAILBOX_SERVER, mailbox_server, i);

		if (strcasecmp(m->fqdn, host) == 0 || strcasecmp(m->obj.name, host) == 0)
			return m;
	}
	return NULL;
}

static bool domain_covers(const struct accepted_domain *d, const char *domain)
{
	size_t n = strlen(domain), m = strlen(d->domain);

	if (strcmp(domain, d->domain) == 0)
		return true;
	return d->subtree && n > m && domain[n - m - 1] == '.' &&
		strcmp(domain + n - m, d->domain) == 0;
}

const struct accepted_domain *snapshot_accepted_domain(const struct snapshot *s,
	const char *domain)
{
	const struct accepted_domain *best = NULL;
	size_t i;

	for (i = 0; i < s->all[OBJ_ACCEPTED_DOMAIN].n; i++) {
		const struct accepted_domain *d =
			SNAPSHOT_AT(s, OBJ_ACCEPTED_DOMAIN, accepted_domain, i);

		if (!domain_covers(d, domain))
			continue;
		if (best == NULL || strlen(d->domain) > strlen(best->domain) ||
		    (strcmp(d->domain, best->domain) == 0 && !d->subtree))
			best = d;
	}
	return best;
}

void recipients_find(struct recipients *r, const char *address, struct recipient_info *out)
{
	size_t i;

	*out = (struct recipient_info){ .outcome = RECIPIENT_UNKNOWN };
	if (!r->loaded)
		out->outcome = RECIPIENT_NOT_LOADED;
	for (i = 0; i < r->n; i++)
		if (strcasecmp(r->addresses[i], address) == 0)
			*out = r->infos[i];
}

void recipient_info_clear(struct recipient_info *info)
{
	info->members = NULL;
	info->member_count = 0;
}
