/* resolve.c - one address to a route, a group, or a refusal (hub-routing(7) section 4)
 *
 * Nothing here knows messages: the categorizer and explain both call it for one address at a time.
 * An address is looked up as it is written, without its +detail only where that is switched on.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libhub/routing/next_hop.h"
#include "libhub/routing/trace.h"
#include "libhub/smtp/encapsulation.h"

/* Rewrites by mailRoutingAddress before the chain counts as a loop (section 4). */
enum { RESOLVE_STEPS_MAX = 20 };

static const char not_loaded[] = "the recipients of the directory are not loaded yet";

struct resolve {
	const struct routing_table *t;
	struct recipients *recipients;
	uint64_t size;
	const struct route_excluded *excluded;
	struct arena *arena;
	struct route_trace *trace;
	struct resolved *out;
	const char *domain;		/* of out->address, lower case */
	bool for_postmaster;		/* as it came */
	bool postmaster_tried;
};

/* Whether the address at hand has to be resolved once more. */
enum step { STEP_DONE, STEP_AGAIN };

static enum step reject(struct resolve *r, const char *status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static enum step reject(struct resolve *r, const char *status, const char *fmt, ...)
{
	va_list ap;

	r->out->outcome = RESOLVED_REJECT;
	snprintf(r->out->status, sizeof(r->out->status), "%s", status);
	va_start(ap, fmt);
	vsnprintf(r->out->text, sizeof(r->out->text), fmt, ap);
	va_end(ap);
	return STEP_DONE;
}

static enum step defer(struct resolve *r, const char *text)
{
	r->out->outcome = RESOLVED_DEFER;
	snprintf(r->out->status, sizeof(r->out->status), "4.3.0");
	snprintf(r->out->text, sizeof(r->out->text), "%s", text);
	return STEP_DONE;
}

static void address_set(struct resolve *r, const char *address)
{
	snprintf(r->out->address, sizeof(r->out->address), "%s", address);
}

/* TYPE:text, such as FAX:+1 234. No ordinary address has a colon outside quotes or brackets. */
static const char *address_type(const char *address, struct arena *a, const char **text)
{
	size_t n = 0, i;
	char *type;

	while (isalnum((unsigned char)address[n]) || address[n] == '-')
		n++;
	if (n == 0 || address[n] != ':')
		return NULL;
	type = arena_strndup(a, address, n);
	for (i = 0; i < n; i++)
		type[i] = (char)toupper((unsigned char)type[i]);
	*text = address + n + 1;
	return type;
}

static void text_lower(char *text)
{
	for (; *text != '\0'; text++)
		*text = (char)tolower((unsigned char)*text);
}

static bool is_postmaster(const char *address)
{
	static const char name[] = "postmaster";
	size_t n = sizeof(name) - 1;

	return strncasecmp(address, name, n) == 0 && (address[n] == '\0' || address[n] == '@');
}

/*
 * postmaster without a mailbox of its own goes to hubPostmaster. It must be accepted always, so
 * without one it waits until an administrator sets it.
 */
static enum step to_postmaster(struct resolve *r)
{
	const char *postmaster = r->t->snapshot->org->postmaster;

	if (postmaster == NULL || r->postmaster_tried) {
		r->out->outcome = RESOLVED_ROUTED;
		route_init(&r->out->route);
		if (postmaster == NULL)
			route_set_unreachable(&r->out->route, "hubPostmaster is not set");
		else
			route_set_unreachable(&r->out->route,
				"hubPostmaster %s leads to no mailbox", postmaster);
		return STEP_DONE;
	}
	r->postmaster_tried = true;
	address_set(r, postmaster);
	return STEP_AGAIN;
}

static void find(struct resolve *r, struct recipient_info *info)
{
	recipients_find_plus(r->recipients, r->t->snapshot->org->plus_addressing, r->out->address,
		info);
}

/*
 * Whoever stands in for postmaster takes mail from anybody (RFC 5321 section 4.5.1), also where the
 * address was rewritten by the hub before.
 */
static bool is_refusal(const struct resolve *r, const struct recipient_info *info)
{
	const char *postmaster = r->t->snapshot->org->postmaster;

	return info->refuse_outside_mail && !r->for_postmaster &&
		(postmaster == NULL || strcasecmp(postmaster, r->out->address) != 0);
}

static enum step unknown(struct resolve *r)
{
	if (is_postmaster(r->out->address))
		return to_postmaster(r);
	return reject(r, "5.1.1", "no recipient has the address %s", r->out->address);
}

static enum step by_connector(struct resolve *r)
{
	r->out->outcome = RESOLVED_ROUTED;
	route_external(r->t, "SMTP", r->domain, r->size, r->excluded, r->arena, r->trace,
		&r->out->route);
	return STEP_DONE;
}

/* By the address spaces of another type; text in lower or upper case, as it was written. */
static enum step by_type(struct resolve *r, const char *type, const char *text)
{
	r->out->outcome = RESOLVED_ROUTED;
	route_external(r->t, type, text, r->size, r->excluded, r->arena, r->trace,
		&r->out->route);
	return STEP_DONE;
}

/*
 * TYPE:text travels encapsulated, in the default domain or in the one that it was rewritten from.
 * Without either it stays as it is: somebody asks, nothing is to travel.
 */
static enum step by_other_type(struct resolve *r, const char *type, const char *text)
{
	const struct accepted_domain *dflt =
		(const void *)r->t->snapshot->org->default_domain.target;
	const char *domain = dflt != NULL ? dflt->domain : r->domain;
	char address[SMTP_ADDRESS_SIZE];

	text = arena_strdup(r->arena, text);
	if (domain != NULL && encapsulation_write(address, type, text, domain) == 0)
		address_set(r, address);
	else if (r->domain != NULL)
		return reject(r, "5.1.2", "%s cannot be encapsulated", r->out->address);
	return by_type(r, type, text);
}

/* An address of our domain that the directory does not know may be one of another type. */
static enum step unknown_here(struct resolve *r)
{
	struct encapsulated *e = arena_alloc(r->arena, sizeof(*e));

	switch (encapsulation_read(r->out->address, e)) {
	case ENCAPSULATION_NONE:
		break;
	case ENCAPSULATION_WHOLE:
		return by_type(r, e->type, e->text);
	case ENCAPSULATION_BROKEN:
		return reject(r, "5.1.2", "%s is no encapsulated address of another type",
			r->out->address);
	}
	return unknown(r);
}

/* The person's mailbox: the address is rewritten where it is delivered, see route.h. */
static enum step to_mailbox(struct resolve *r, const struct recipient_info *info)
{
	const struct mailbox_server *home = NULL;

	if (info->mail_host[0] == '\0' && info->routing_address[0] != '\0') {
		address_set(r, info->routing_address);
		return STEP_AGAIN;
	}
	if (info->mail_host[0] == '\0')
		return reject(r, "5.1.1", "%s has no mailHost", r->out->address);
	home = snapshot_mailbox_server(r->t->snapshot, info->mail_host);
	if (home == NULL)
		return reject(r, "5.1.1", "mailHost %s of %s is no mailbox server",
			info->mail_host, r->out->address);
	r->out->outcome = RESOLVED_ROUTED;
	snprintf(r->out->mailbox, sizeof(r->out->mailbox), "%s", info->mail);
	text_lower(r->out->mailbox);
	route_mailbox(r->t, home, r->size, r->arena, r->trace, &r->out->route);
	if (r->out->route.decision == ROUTE_MAILBOX && info->routing_address[0] != '\0')
		address_set(r, info->routing_address);
	return STEP_DONE;
}

/* The enabled hub that a group names to expand it; NULL: whoever has the message may. */
static const struct server *expansion_server(const struct snapshot *s, const char *ndn)
{
	size_t i;

	for (i = 0; *ndn != '\0' && i < s->all[OBJ_SERVER].n; i++) {
		const struct server *server = SNAPSHOT_AT(s, OBJ_SERVER, server, i);

		if (strcmp(server->obj.ndn, ndn) == 0)
			return server->obj.enabled && server->role == ROLE_HUB ? server : NULL;
	}
	return NULL;
}

/* Groups within it are opened by the same hub, whatever they name: so each member comes once. */
static enum step to_group(struct resolve *r, struct recipient_info *info)
{
	const struct server *hub = expansion_server(r->t->snapshot, info->expansion_server);

	if (hub == NULL || hub == r->t->self) {
		r->out->outcome = RESOLVED_GROUP;
		r->out->info = *info;
		return STEP_DONE;
	}
	r->out->outcome = RESOLVED_ROUTED;
	route_to_hub(r->t, hub, r->size, r->arena, &r->out->route);
	recipient_info_clear(info);
	return STEP_DONE;
}

/* An address of an authoritative or internal relay domain. */
static enum step by_directory(struct resolve *r, bool authoritative)
{
	struct recipient_info info = { 0 };
	enum step step = STEP_DONE;

	find(r, &info);
	if (is_refusal(r, &info))
		r->out->refuses_outside = true;
	switch (info.outcome) {
	case RECIPIENT_NOT_LOADED:
		step = defer(r, not_loaded);
		break;
	case RECIPIENT_UNKNOWN:
		step = authoritative ? unknown_here(r) : by_connector(r);
		break;
	case RECIPIENT_AMBIGUOUS:
		step = reject(r, "5.1.4", "two entries claim the address %s", r->out->address);
		break;
	case RECIPIENT_MAILBOX:
		step = to_mailbox(r, &info);
		break;
	case RECIPIENT_GROUP:
		return to_group(r, &info);
	}
	recipient_info_clear(&info);
	return step;
}

static bool is_encapsulated(const char *address)
{
	struct encapsulated e;

	return encapsulation_read(address, &e) == ENCAPSULATION_WHOLE;
}

/* An edge knows only whether a recipient exists, and hands everything of ours to a hub. */
static enum step on_edge(struct resolve *r, const struct accepted_domain *accepted)
{
	struct recipient_info info = { 0 };

	if (accepted->recipient_validation && r->recipients != NULL &&
	    !is_postmaster(r->out->address) && !is_encapsulated(r->out->address)) {
		enum recipient_outcome outcome;

		find(r, &info);
		outcome = info.outcome;
		recipient_info_clear(&info);
		if (outcome == RECIPIENT_NOT_LOADED)
			return defer(r, not_loaded);
		if (outcome == RECIPIENT_UNKNOWN)
			return unknown(r);
	}
	r->out->outcome = RESOLVED_ROUTED;
	route_inbound(r->t, r->domain, r->size, r->excluded, r->arena, r->trace,
		&r->out->route);
	return STEP_DONE;
}

static enum step by_domain(struct resolve *r)
{
	const struct accepted_domain *accepted =
		snapshot_accepted_domain(r->t->snapshot, r->domain);
	bool edge = r->t->self->role == ROLE_EDGE;

	if (accepted == NULL)
		return by_connector(r);
	if (accepted->type == ACCEPTED_EXTERNAL_RELAY) {
		/* Its MX is this edge: by * it would come back. */
		if (edge && !route_has_own_space(r->t, r->domain))
			return reject(r, "5.4.4", "no connector of its own for the external relay "
				"domain %s", r->domain);
		return by_connector(r);
	}
	if (edge)
		return on_edge(r, accepted);
	if (r->recipients == NULL)
		return defer(r, "recipients were not examined");
	return by_directory(r, accepted->type == ACCEPTED_AUTHORITATIVE);
}

static enum step resolve_step(struct resolve *r)
{
	const char *text, *type = address_type(r->out->address, r->arena, &text), *at;

	if (type != NULL && strcmp(type, "SMTP") != 0)
		return by_other_type(r, type, text);
	if (type != NULL) {
		address_set(r, arena_strdup(r->arena, text));
		return STEP_AGAIN;
	}
	at = strrchr(r->out->address, '@');
	if (at == NULL && is_postmaster(r->out->address))
		return to_postmaster(r);
	if (at == NULL || at == r->out->address || at[1] == '\0')
		return reject(r, "5.1.3", "not an address: %s", r->out->address);
	r->domain = value_lower(r->arena, at + 1);
	return by_domain(r);
}

void route_resolve(const struct routing_table *t, struct recipients *recipients,
	const char *address, uint64_t size, const struct route_excluded *excluded,
	struct arena *a, struct route_trace *trace, struct resolved *out)
{
	struct resolve r = {
		.t = t, .recipients = recipients, .size = size, .excluded = excluded,
		.arena = a, .trace = trace, .out = out,
	};
	unsigned int steps;

	*out = (struct resolved){ 0 };
	if (strlen(address) > RECIPIENT_TEXT_MAX) {
		reject(&r, "5.1.3", "address longer than %d bytes", RECIPIENT_TEXT_MAX);
		return;
	}
	address_set(&r, address);
	r.for_postmaster = is_postmaster(address);
	for (steps = 0; resolve_step(&r) == STEP_AGAIN; steps++) {
		if (steps == RESOLVE_STEPS_MAX) {
			reject(&r, "5.4.6", "more than %d steps of mailRoutingAddress from %s",
				RESOLVE_STEPS_MAX, address);
			return;
		}
	}
}
