/* admission.c - see admission.h */
#include "hubd/receive/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "hubd/receive/match.h"
#include "hubd/receive/peer_network.h"
#include "hubd/receive/refusal.h"
#include "hubd/track/counters.h"
#include "libhub/base/mem.h"

/* Connections of one source on one connector. Source "" counts the connector as a whole. */
struct slot {
	UT_hash_handle hh;
	uint64_t connections;
	struct slot *connector;	/* the connector's own slot */
	char key[];
};

struct admission {
	const struct live *live;
	struct slot *slots;
	struct inbox *departures;	/* read when somebody comes: only then they count */
	struct refusals *refusals;
	struct inbox *const *receivers;
	size_t receiver_count, next_receiver;
	atomic_uint_fast64_t connections;
};

/* --- accounting --- */

static struct slot *slot_get(struct admission *a, const char *connector, const char *source)
{
	char key[512];
	struct slot *s;
	size_t n;

	n = (size_t)snprintf(key, sizeof(key), "%.300s|%.64s", connector, source);
	HASH_FIND(hh, a->slots, key, n, s);
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + n + 1);
		memcpy(s->key, key, n);
		HASH_ADD_KEYPTR(hh, a->slots, s->key, n, s);
	}
	return s;
}

static void slot_drop(struct admission *a, struct slot *s)
{
	if (--s->connections != 0)
		return;
	HASH_DEL(a->slots, s);
	free(s);
}

static void on_departure(struct inbox_node *node, void *ctx)
{
	struct arrival *arrival = INBOX_ENTRY(node, struct arrival, node);
	struct admission *a = ctx;
	struct slot *source = arrival->slot, *connector = source->connector;

	slot_drop(a, source);
	slot_drop(a, connector);
	atomic_fetch_sub(&a->connections, 1);
	free(arrival);
}

/* --- limits --- */

/* What a limit says to those beyond it. */
struct refusal {
	const char *why;	/* NULL = come in */
	enum counter counter;
};

/* Of the connections that are left to all, a part for each source, but one at least. */
static uint64_t share_of_what_is_left(const struct receive_connector *rc, uint64_t taken)
{
	uint64_t share = (rc->max_connections - taken) * rc->max_percent_per_source / 100;

	return share != 0 ? share : 1;
}

/* 0 = unlimited everywhere; the slots do not count this connection yet. */
static struct refusal over_limit(const struct receive_connector *rc, const struct slot *connector,
	const struct slot *source)
{
	uint64_t taken = connector->connections, own = source->connections;

	if (rc->max_connections != 0 && taken >= rc->max_connections)
		return (struct refusal){ "too many concurrent connections",
			COUNTER_LIMIT_CONNECTIONS };
	if (rc->max_per_source != 0 && own >= rc->max_per_source)
		return (struct refusal){ "too many concurrent connections from your address",
			COUNTER_LIMIT_PER_SOURCE };
	if (rc->max_connections != 0 && rc->max_percent_per_source < 100 &&
		own >= share_of_what_is_left(rc, taken))
		return (struct refusal){ "too large a share of connections from your address",
			COUNTER_LIMIT_PERCENT_PER_SOURCE };
	return (struct refusal){ NULL, COUNTERS };
}

/* --- coming in --- */

static void source_text(const struct sockaddr_storage *peer, char *buf, size_t size)
{
	const struct sockaddr_in6 *in6 = (const void *)peer;
	const struct sockaddr_in *in = (const void *)peer;

	inet_ntop(peer->ss_family, peer->ss_family == AF_INET ? (const void *)&in->sin_addr :
		(const void *)&in6->sin6_addr, buf, (socklen_t)size);
}

static void turn_away(struct admission *a, int fd, const char *source,
	const struct connector_match *match, const char *why)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "421 4.3.2 %s\r\n", why);

	/* a fresh socket takes this much without blocking; if not, it is only courtesy */
	if (match->binding == NULL || !match->binding->tls)
		(void)!send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
	refusals_log(a->refusals, source,
		match->connector != NULL ? match->connector->obj.name : NULL, why);
	close(fd);
}

static void hand_out(struct admission *a, int fd, const char *source,
	const struct connector_match *match, struct slot *slot)
{
	struct arrival *arrival = xcalloc(1, sizeof(*arrival));

	arrival->fd = fd;
	arrival->live = live_ref(a->live);
	arrival->connector = match->connector;
	arrival->tls = match->binding->tls;
	arrival->slot = slot;
	snprintf(arrival->source, sizeof(arrival->source), "%s", source);
	atomic_fetch_add(&a->connections, 1);
	inbox_post(a->receivers[a->next_receiver], &arrival->node);
	a->next_receiver = (a->next_receiver + 1) % a->receiver_count;
}

void admission_take(struct admission *a, int fd, const struct sockaddr_storage *peer,
	const struct sockaddr_storage *local)
{
	struct connector_match match = connector_match(a->live, local, peer);
	struct slot *connector, *own;
	struct refusal refusal;
	char source[64], network[PEER_NETWORK_TEXT];

	inbox_read(a->departures);
	source_text(peer, source, sizeof(source));
	peer_network_text(peer, network);
	if (match.connector == NULL) {
		turn_away(a, fd, source, &match, "no connector for your address");
		return;
	}
	connector = slot_get(a, match.connector->obj.rdn, "");
	own = slot_get(a, match.connector->obj.rdn, network);
	own->connector = connector;
	refusal = over_limit(match.connector, connector, own);
	connector->connections++;
	own->connections++;
	if (refusal.why == NULL) {
		hand_out(a, fd, source, &match, own);
		return;
	}
	counter_add(refusal.counter, 1);
	turn_away(a, fd, source, &match, refusal.why);
	slot_drop(a, own);
	slot_drop(a, connector);
}

/* --- life --- */

struct admission *admission_new(struct loop *loop)
{
	struct admission *a = xcalloc(1, sizeof(*a));

	a->departures = inbox_new_unwatched(on_departure, a);
	a->refusals = refusals_new(loop);
	return a;
}

void admission_free(struct admission **ap)
{
	struct admission *a = *ap;

	if (a == NULL)
		return;
	inbox_free(&a->departures);
	refusals_free(&a->refusals);
	live_unref(&a->live);
	free(a);
	*ap = NULL;
}

void admission_set_receivers(struct admission *a, struct inbox *const *receivers, size_t n)
{
	a->receivers = receivers;
	a->receiver_count = n;
}

void admission_set_live(struct admission *a, const struct live *live)
{
	live_unref(&a->live);
	a->live = live_ref(live);
}

struct inbox *admission_departures(struct admission *a)
{
	return a->departures;
}

uint64_t admission_connections(const struct admission *a)
{
	uint64_t counted = atomic_load(&a->connections), gone = inbox_length(a->departures);

	/* more may have come and gone in between */
	return counted > gone ? counted - gone : 0;
}
