/* item.c - making, splitting and freeing queue items; what a connection may be shared by. */
#include <string.h>

#include "hubd/queue/queue_priv.h"
#include "libhub/org/connector.h"

const char *const item_state_names[] = {
	[QUEUE_ITEM_READY] = "Ready",
	[QUEUE_ITEM_ACTIVE] = "Active",
	[QUEUE_ITEM_RETRY] = "Retry",
	[QUEUE_ITEM_SUSPENDED] = "Suspended",
};

static const char *keep(struct arena *a, const char *s)
{
	return s != NULL && *s != '\0' ? arena_strdup(a, s) : "";
}

static void copy_envelope(struct queue_item *item, const struct envelope *env,
	const uint32_t *index, const uint32_t *pick, uint32_t n)
{
	struct arena *a = item->arena;
	struct envelope *out = &item->env;
	uint32_t i;

	*out = *env;
	out->sender = keep(a, env->sender);
	out->envid = keep(a, env->envid);
	out->message_id = keep(a, env->message_id);
	out->subject = keep(a, env->subject);
	out->connector = keep(a, env->connector);
	out->linked_connector = keep(a, env->linked_connector);
	out->peer_name = keep(a, env->peer_name);
	out->peer_address = keep(a, env->peer_address);
	out->identity = keep(a, env->identity);
	out->excluded = keep(a, env->excluded);
	out->origin.source = keep(a, env->origin.source);
	out->origin.domain = keep(a, env->origin.domain);
	out->origin.submitter = keep(a, env->origin.submitter);
	out->recipients = arena_alloc(a, n * sizeof(*out->recipients));
	out->recipient_count = n;
	item->index = arena_alloc(a, n * sizeof(*item->index));
	for (i = 0; i < n; i++) {
		uint32_t from = pick != NULL ? pick[i] : i;
		const struct envelope_recipient *r = &env->recipients[from];

		item->index[i] = index != NULL ? index[from] : from;
		out->recipients[i] = *r;
		out->recipients[i].address = keep(a, r->address);
		out->recipients[i].orcpt = keep(a, r->orcpt);
		out->recipients[i].original = keep(a, r->original);
	}
}

/*
 * Two messages may share a connection only if everything that decides how the peer is proven and
 * how we prove ourselves is equal; it is part of the queue's identity.
 */
static const char *security_of(struct arena *a, const struct queue_item *item)
{
	const struct send_connector *sc;
	const char *message = item->env.require_tls ? " requiretls" : "";

	if (item->decision == ROUTE_RELAY)
		return "pinned";
	if (item->decision == ROUTE_MAILBOX)
		return arena_printf(a, "mailbox tls=%d%s", item->mailbox_server->require_tls,
			message);
	if (item->connector == NULL || item->connector->obj.class->kind != OBJ_SEND_CONNECTOR)
		return message;
	sc = (const struct send_connector *)(const void *)item->connector;
	return arena_printf(a, "tls=%d/%d/%s ignore=%d helo=%d auth=%d/%s partner=%d/%d%s",
		sc->require_tls, sc->tls_auth_level, sc->tls_domain != NULL ? sc->tls_domain : "",
		sc->ignore_starttls, sc->force_helo, sc->auth,
		sc->auth_user != NULL ? sc->auth_user : "", sc->domain_secure, sc->usage, message);
}

static void copy_route(struct queue_item *item, const struct route *route)
{
	struct arena *a = item->arena;

	item->decision = route->decision;
	item->key.type = route->queue.type;
	item->key.domain = keep(a, route->queue.domain);
	item->key.connector = keep(a, route->queue.connector);
	item->connector = route->connector;
	item->mailbox_server = route->mailbox_server;
	if (route->decision == ROUTE_RELAY) {
		item->next = route->next;
		item->fallback = route->fallback;
		item->fallback_count = route->fallback_count;
		item->ladder_at = route->ladder_at;
		item->bisect = route->bisect;
	}
	item->why = route->decision == ROUTE_UNREACHABLE ? keep(a, route->text) : "";
	item->excluded = "";
	item->security = security_of(a, item);
}

void item_set_error(struct queue_item *item, const char *status, const char *text)
{
	free(item->last_error);
	item->last_error = text != NULL && *text != '\0' ? xstrndup(text, QUEUE_TEXT_MAX) : NULL;
	snprintf(item->last_status, sizeof(item->last_status), "%s", status != NULL ? status : "");
}

static void copy_progress(struct queue_item *item, const struct queue_item *from,
	const uint32_t *pick)
{
	item->suspended = from->suspended;
	item->removing = from->removing;
	item->remove_silently = from->remove_silently;
	item->delay_reported = from->delay_reported;
	item->retry_count = from->retry_count;
	item->retry_at_ms = from->retry_at_ms;
	item_set_error(item, from->last_status, from->last_error);
	refusals_copy(item, from, pick);
}

static bool same_queue(const struct queue_item *a, const struct queue_item *b)
{
	return a->key.type == b->key.type && strcmp(a->key.domain, b->key.domain) == 0 &&
		strcmp(a->key.connector, b->key.connector) == 0 &&
		strcmp(a->security, b->security) == 0;
}

struct queue_item *queue_item_new(const struct live *live, uint64_t id, uint64_t body_size,
	const struct envelope *env, const uint32_t *index, const uint32_t *pick, uint32_t n,
	const struct route *route, const struct queue_item *from)
{
	struct arena *a = arena_new();
	struct queue_item *item = arena_alloc(a, sizeof(*item));

	BUG_ON(n == 0 || route->decision == ROUTE_REPORT);
	item->arena = a;
	item->live = live_ref(live);
	item->id = id;
	item->body_size = body_size;
	copy_envelope(item, env, index, pick, n);
	copy_route(item, route);
	if (from != NULL) {
		copy_progress(item, from, pick);
		/* who put it off has no say in how long it waits for another */
		if (!same_queue(item, from))
			item->retry_at_ms = 0;
	}
	return item;
}

void queue_item_exclude(struct queue_item *item, const char *excluded, int64_t reroute_at_ms)
{
	item->excluded = keep(item->arena, excluded);
	item->reroute_at_ms = reroute_at_ms;
}

void queue_item_note_recovery(struct queue_item *item, int64_t written_ms)
{
	uint64_t delay_s = item->live->self->delay_notification_s;

	item->delay_reported = delay_s != 0 &&
		item->env.expires_base_ms + (int64_t)delay_s * 1000 <= written_ms;
}

struct queue_item *queue_item_new_probe(const struct live *live,
	const struct pool_connector *connector, const struct queue_key *key)
{
	struct route route = { .decision = ROUTE_CONNECTOR, .connector = connector, .queue = *key };
	struct arena *a = arena_new();
	struct queue_item *item = arena_alloc(a, sizeof(*item));

	item->arena = a;
	item->live = live_ref(live);
	item->probe = true;
	copy_route(item, &route);
	return item;
}

struct queue_item *item_split(const struct queue_item *item, const uint32_t *pick, uint32_t n)
{
	struct arena *a = arena_new();
	struct queue_item *out = arena_alloc(a, sizeof(*out));

	out->arena = a;
	out->live = live_ref(item->live);
	out->id = item->id;
	out->body_size = item->body_size;
	copy_envelope(out, &item->env, item->index, pick, n);
	out->decision = item->decision;
	out->key.type = item->key.type;
	out->key.domain = keep(a, item->key.domain);
	out->key.connector = keep(a, item->key.connector);
	out->security = keep(a, item->security);
	out->connector = item->connector;
	out->mailbox_server = item->mailbox_server;
	out->next = item->next;
	out->fallback = item->fallback;
	out->fallback_count = item->fallback_count;
	out->ladder_at = item->ladder_at;
	out->bisect = item->bisect;
	out->why = keep(a, item->why);
	out->excluded = keep(a, item->excluded);
	out->reroute_at_ms = item->reroute_at_ms;
	copy_progress(out, item, pick);
	return out;
}

void queue_item_free(struct queue_item **itemp)
{
	struct queue_item *item = *itemp;
	struct arena *a;

	if (item == NULL)
		return;
	*itemp = NULL;
	live_unref(&item->live);
	free(item->last_error);
	free(item->refusals);
	a = item->arena;
	arena_free(&a);
}

int64_t queue_item_expires_ms(const struct queue_item *item, const struct live *live)
{
	return item->env.expires_base_ms + (int64_t)live->self->message_expiration_s * 1000;
}
