/* projection.c - see projection.h */
#include "edgesyncd/projection.h"

#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/connector.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/topology.h"

struct projection {
	const struct snapshot *s;
	struct edge_entries *out;
	struct arena *arena;		/* of out */
	const char *base;
	const struct server *edge;	/* NULL if it is not in force */
	const struct site *site;
};

/* What goes of hubs, sites and the subscription; of other classes all that their table lets go. */
static const char *const server_attrs[] = {
	"hubEnabled", "hubRole", "hubServerSite", "hubFQDN", "hubAddress", "hubCertificate",
	"hubKeyDigest", NULL
};
static const char *const site_attrs[] = { "hubEnabled", "hubHubSite", "hubInboundMail", NULL };
static const char *const subscription_attrs[] = { "hubServerRef", "hubServerSite", NULL };

/* Where objects of a class stand on the edge, and which of their attributes. */
static const struct place {
	enum obj_kind kind;
	const char *container;
	const char *const *attrs;	/* NULL: as the table says */
} places[] = {
	{ OBJ_SEND_CONNECTOR, "cn=Connectors", NULL },
	{ OBJ_ACCEPTED_DOMAIN, "cn=Accepted Domains", NULL },
	{ OBJ_REMOTE_DOMAIN, "cn=Remote Domains", NULL },
	{ OBJ_SITE, "cn=Sites", site_attrs },
	{ OBJ_SERVER, "cn=Servers", server_attrs },
	{ OBJ_EDGE_SUBSCRIPTION, "cn=Edge Subscriptions", subscription_attrs },
};

static const struct place *place_of(enum obj_kind kind)
{
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i].kind == kind)
			return &places[i];
	return NULL;
}

/* Is the edge, by its name, among them? */
static bool names_edge(const struct projection *p, const struct refs *sources)
{
	size_t i;

	for (i = 0; i < sources->n; i++)
		if (sources->v[i].target != NULL && p->edge != NULL &&
		    sources->v[i].target == &p->edge->obj)
			return true;
	return false;
}

static bool goes(const struct projection *p, const struct obj *o)
{
	const struct server *server = (const void *)o;

	switch (o->class->kind) {
	case OBJ_SEND_CONNECTOR:
		return names_edge(p, &((const struct send_connector *)(const void *)o)->pool.
			sources);
	case OBJ_ACCEPTED_DOMAIN:
	case OBJ_REMOTE_DOMAIN:
		return true;
	case OBJ_SITE:
		return o == &p->site->obj;
	case OBJ_SERVER:
		return server->role == ROLE_HUB && o->enabled &&
			server->site.target == &p->site->obj;
	case OBJ_EDGE_SUBSCRIPTION:
		return ((const struct edge_subscription *)(const void *)o)->server.target ==
			&p->edge->obj;
	default:
		return false;
	}
}

/* The size of the first part of a DN, as written. */
static int first_part(const char *dn)
{
	const char *parent = dn_parent(dn);
	size_t size = *parent != '\0' ? (size_t)(parent - dn) : strlen(dn);

	while (size > 0 && (dn[size - 1] == ' ' || dn[size - 1] == ','))
		size--;
	return (int)size;
}

static const char *placed_dn(const struct projection *p, const struct obj *o)
{
	return arena_printf(p->arena, "%.*s,%s,%s", first_part(o->dn), o->dn,
		place_of(o->class->kind)->container, p->base);
}

/*
 * The edge's own server and what is below it stand there though they are not pushed. The Receive
 * connectors of an edge are in its own directory alone, so one that is named here is known by its
 * name only.
 */
static const char *own_dn(const struct projection *p, const struct ref *ref)
{
	const char *edge = placed_dn(p, &p->edge->obj);

	if (ref->target == &p->edge->obj)
		return edge;
	if (strcmp(dn_parent(ref->ndn), p->edge->obj.ndn) == 0)
		return arena_printf(p->arena, "%.*s,%s", first_part(ref->dn), ref->dn, edge);
	return NULL;
}

/* Where the object of a reference stands on the edge; NULL if nowhere. */
static const char *rewritten(const struct projection *p, const struct ref *ref)
{
	const char *own = own_dn(p, ref);

	if (own != NULL)
		return own;
	return ref->target != NULL && goes(p, ref->target) ? placed_dn(p, ref->target) : NULL;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names != NULL; names++)
		if (strcasecmp(*names, name) == 0)
			return true;
	return false;
}

/* "server address" of another source is nobody's business here. */
static bool is_foreign_source(const struct projection *p, const struct blob *v)
{
	struct source_address source;
	struct err ignored;

	if (value_source_address(p->arena, (const char *)v->data, &source, &ignored) < 0)
		return true;
	return source.server != NULL && name_compare(source.server, p->edge->obj.name) != 0;
}

static struct refs refs_of(const struct obj *o, const struct attr_def *def)
{
	return def->kind == ATTR_REF ? (struct refs){ ATTR_OF(struct ref, o, def), 1 } :
		*ATTR_OF(struct refs, o, def);
}

static size_t take_refs(const struct projection *p, const struct obj *o,
	const struct attr_def *def, struct blob *out)
{
	struct refs refs = refs_of(o, def);
	size_t i, n = 0;

	for (i = 0; i < refs.n; i++) {
		const char *dn = refs.v[i].ndn != NULL ? rewritten(p, &refs.v[i]) : NULL;

		if (dn != NULL)
			out[n++] = (struct blob){ (const unsigned char *)dn, strlen(dn) };
	}
	return n;
}

static size_t take_sources(const struct projection *p, const struct entry_attr *from,
	struct blob *out)
{
	size_t i, n = 0;

	for (i = 0; i < from->n; i++)
		if (!is_foreign_source(p, &from->values[i]))
			out[n++] = from->values[i];
	return n;
}

/* The values that go; n 0 if none do. */
static struct entry_attr take_attr(const struct projection *p, const struct obj *o,
	const struct attr_def *def, const struct entry_attr *from)
{
	struct entry_attr out = { def->name, from->values, from->n };
	struct blob *values;

	if (def->kind != ATTR_REF && def->kind != ATTR_REFS && def->kind != ATTR_SOURCES)
		return out;
	/* one for ATTR_REF, which may have none */
	out.values = values = arena_alloc(p->arena, (from->n + 1) * sizeof(*values));
	out.n = def->kind == ATTR_SOURCES ? take_sources(p, from, values) :
		take_refs(p, o, def, values);
	return out;
}

static bool attr_goes(const struct obj *o, const struct attr_def *def)
{
	const struct place *place = place_of(o->class->kind);

	if (def == NULL || (def->flags & ATTR_HUB_ONLY) != 0)
		return false;
	return place == NULL || place->attrs == NULL || is_listed(place->attrs, def->name);
}

/* The attributes of the table, after the first n that are there. */
static void take_entry(const struct projection *p, const struct obj *o, struct entry *to,
	struct entry_attr *attrs)
{
	const struct entry *from = snapshot_entry(p->s, o);
	size_t i;

	for (i = 0; i < from->n; i++) {
		const struct attr_def *def = obj_class_attr(o->class, from->attrs[i].name);

		if (!attr_goes(o, def))
			continue;
		attrs[to->n] = take_attr(p, o, def, &from->attrs[i]);
		to->n += attrs[to->n].n != 0;
	}
	to->attrs = attrs;
}

static struct blob text_value(const char *text)
{
	return (struct blob){ (const unsigned char *)text, strlen(text) };
}

static void take_object(const struct projection *p, const struct obj *o)
{
	const struct entry *from = snapshot_entry(p->s, o);
	struct entry *to = arena_alloc(p->arena, sizeof(*to));
	struct entry_attr *attrs = arena_alloc(p->arena, (from->n + 2) * sizeof(*attrs));
	struct blob *class = arena_alloc(p->arena, sizeof(*class));
	const struct entry_attr *cn = entry_attr(from, "cn");

	*class = text_value(o->class->ldap_class);
	attrs[to->n++] = (struct entry_attr){ "objectClass", class, 1 };
	if (cn != NULL)
		attrs[to->n++] = (struct entry_attr){ "cn", cn->values, cn->n };
	to->dn = placed_dn(p, o);
	take_entry(p, o, to, attrs);
	/* directly below its container, where the snapshot has it too */
	edge_entries_put(p->out, to, o->rdn);
}

static void take_container(const struct projection *p, const char *container)
{
	struct blob values[2] = { text_value("hubContainer"), text_value(container + 3) };
	struct entry_attr attrs[2] = { { "objectClass", &values[0], 1 }, { "cn", &values[1], 1 } };
	const char *dn = arena_printf(p->arena, "%s,%s", container, p->base);

	edge_entries_add(p->out, &(struct entry){ .dn = dn, .attrs = attrs, .n = 2 });
}

static void take_kind(const struct projection *p, const struct place *place)
{
	const struct objects *all = &p->s->all[place->kind];
	size_t i;

	take_container(p, place->container);
	for (i = 0; i < all->n; i++)
		if (goes(p, all->v[i]))
			take_object(p, all->v[i]);
}

static const struct edge_subscription *find_subscription(const struct snapshot *s,
	const struct obj *edge)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_EDGE_SUBSCRIPTION].n; i++) {
		const struct edge_subscription *sub = SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION,
			edge_subscription, i);

		if (sub->server.target == edge)
			return sub;
	}
	return NULL;
}

static bool has_hubs(const struct projection *p)
{
	const struct objects *servers = &p->s->all[OBJ_SERVER];
	size_t i;

	for (i = 0; i < servers->n; i++)
		if (goes(p, servers->v[i]))
			return true;
	return false;
}

/* What has to be there before anything is said of the edge. */
static int find_edge(struct projection *p, const char *name, struct err *e)
{
	const struct obj *edge = snapshot_find(p->s, OBJ_SERVER, name);
	const struct edge_subscription *sub = edge != NULL ? find_subscription(p->s, edge) : NULL;

	if (snapshot_entry(p->s, &p->s->org->obj) == NULL)
		return err_set(e, ERR_TEMP, 0, "the organization has no valid entry of its own");
	if (sub == NULL || sub->site.target == NULL)
		return err_set(e, ERR_TEMP, 0, "%s has no valid subscription to a site", name);
	p->edge = (const void *)edge;
	p->site = (const void *)sub->site.target;
	/* moved to it ahead of its hubs: mail goes on to those that the edge knows */
	if (!has_hubs(p))
		return err_set(e, ERR_TEMP, 0, "site %s has no enabled hub: %s keeps those that it "
			"has", p->site->obj.name, name);
	return 0;
}

static void take_organization(const struct projection *p)
{
	const struct obj *o = &p->s->org->obj;
	const struct entry *from = snapshot_entry(p->s, o);
	struct entry *to = arena_alloc(p->arena, sizeof(*to));
	struct entry_attr *attrs = arena_alloc(p->arena, (from->n + 1) * sizeof(*attrs));

	to->dn = p->base;
	attrs[to->n++] = edge_entries_root_class;
	take_entry(p, o, to, attrs);
	edge_entries_put(p->out, to, "");
}

struct edge_entries *projection_new(const struct snapshot *s, const char *edge, const char *base,
	struct err *e)
{
	struct projection p = { .s = s };
	size_t i;

	if (find_edge(&p, edge, e) < 0)
		return NULL;
	p.out = edge_entries_new(base);
	p.out->s = snapshot_ref(s);
	p.arena = p.out->arena;
	p.base = p.out->base;
	take_organization(&p);
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		take_kind(&p, &places[i]);
	take_container(&p, EDGE_PUSH_DN);
	take_container(&p, EDGE_RECIPIENTS_DN);
	edge_entries_sort(p.out);
	return p.out;
}
