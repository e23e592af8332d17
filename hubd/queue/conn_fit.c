/* conn_fit.c - which mail a connection may still carry when the directory has changed.
 *
 * A session was made by what the directory said of the organization, of this server and of the next
 * hop: how the peer is proven, how we prove ourselves, who we say we are, what the peer may see. As
 * long as all of these objects are as they were, mail that was routed with another configuration
 * would get the very same session, and may have this one. To whom servers of the organization pass
 * mail, and whose keys they believe, depends on all of them and on their sites.
 */
#include "hubd/queue/queue_priv.h"
#include "libhub/org/connector.h"

const struct obj *conn_hop(const struct queue_item *head)
{
	switch (head->decision) {
	case ROUTE_CONNECTOR:
		return &head->connector->obj;
	case ROUTE_MAILBOX:
		return &head->mailbox_server->obj;
	default:
		return NULL;
	}
}

static bool concerns_servers(const struct obj *hop)
{
	const struct send_connector *sc = (const void *)hop;

	return hop == NULL || hop->class->kind == OBJ_ROUTING_GROUP_CONNECTOR ||
		(hop->class->kind == OBJ_SEND_CONNECTOR && sc->auth == SMART_HOST_AUTH_HUB_SERVER);
}

static bool servers_are_alike(const struct snapshot *a, const struct snapshot *b)
{
	static const enum obj_kind kinds[] = { OBJ_SERVER, OBJ_SITE, OBJ_SITE_LINK };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!snapshot_kind_is_alike(a, b, kinds[i]))
			return false;
	return true;
}

bool conn_fits(struct queue_conn *qc, const struct snapshot *now)
{
	const struct snapshot *then = qc->live->snapshot;

	if (now == then || now->generation == qc->fits)
		return true;
	if (!snapshot_is_alike(then, now, &then->org->obj) ||
		!snapshot_is_alike(then, now, &qc->live->self->obj) ||
		(qc->hop != NULL && !snapshot_is_alike(then, now, qc->hop)) ||
		(concerns_servers(qc->hop) && !servers_are_alike(then, now)))
		return false;
	qc->fits = now->generation;
	return true;
}
