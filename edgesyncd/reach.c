/* reach.c - see reach.h */
#include "edgesyncd/reach.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/tls/pin.h"

/* An answer of an edge is not larger, such as a bucket of a million recipients. */
enum { MESSAGE_MAX = 4 * 1024 * 1024 };
/* Of many that are sent at once, the last one may wait a while on a slow disk. */
enum { ANSWER_MS = 30000 };

static const char *uri_of_address(struct arena *a, const struct endpoint *at, unsigned int port)
{
	char text[INET6_ADDRSTRLEN];
	const void *bytes;

	if (at->addr.ss_family == AF_INET6) {
		bytes = &((const struct sockaddr_in6 *)(const void *)&at->addr)->sin6_addr;
		inet_ntop(AF_INET6, bytes, text, sizeof(text));
		return arena_printf(a, "ldaps://[%s]:%u", text, port);
	}
	bytes = &((const struct sockaddr_in *)(const void *)&at->addr)->sin_addr;
	inet_ntop(AF_INET, bytes, text, sizeof(text));
	return arena_printf(a, "ldaps://%s:%u", text, port);
}

static int take_uris(struct reach *r, const struct edge_subscription *sub, struct err *e)
{
	const struct server *edge = (const void *)sub->server.target;
	unsigned int port = (unsigned int)sub->directory_port;
	const char **uris;
	size_t i;

	if (edge == NULL)
		return err_set(e, ERR_CONFIG, 0, "hubServerRef names no server");
	if (edge->addresses.n == 0 && edge->fqdn == NULL)
		return err_set(e, ERR_CONFIG, 0, "%s has neither hubAddress nor hubFQDN",
			edge->obj.name);
	uris = arena_alloc(r->arena, (edge->addresses.n + 2) * sizeof(char *));
	for (i = 0; i < edge->addresses.n; i++)
		uris[r->n_uris++] = uri_of_address(r->arena, &edge->addresses.v[i], port);
	if (r->n_uris == 0)
		uris[r->n_uris++] = arena_printf(r->arena, "ldaps://%s:%u", edge->fqdn, port);
	r->uris = uris;
	return 0;
}

static int take_pins(struct reach *r, const struct edge_subscription *sub, struct err *e)
{
	const struct blobs *certificates = &sub->directory_certificates;
	const char **pins = arena_alloc(r->arena, (certificates->n + 1) * sizeof(char *));
	char pin[TLS_PIN_SIZE];
	size_t i, n = 0;

	err_set(e, ERR_CONFIG, 0, "there is no hubDirectoryCertificate to know the edge by");
	for (i = 0; i < certificates->n; i++)
		if (tls_pin_of_der(certificates->v[i].data, certificates->v[i].size, pin, e) == 0)
			pins[n++] = arena_strdup(r->arena, pin);
	r->pins = pins;
	return n > 0 ? 0 : -1;
}

struct reach *reach_new(const struct edge_subscription *sub, unsigned int silence_ms,
	struct err *e)
{
	struct reach *r = xcalloc(1, sizeof(*r));

	r->arena = arena_new();
	if (take_uris(r, sub, e) != 0 || take_pins(r, sub, e) != 0) {
		reach_free(&r);
		return NULL;
	}
	r->config = (struct directory_config){
		.uris = r->uris, .pins = r->pins, .silence_ms = silence_ms,
		.answer_ms = ANSWER_MS, .message_max = MESSAGE_MAX,
	};
	return r;
}

void reach_free(struct reach **rp)
{
	struct reach *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	arena_free(&r->arena);
	free(r);
}

static bool lists_are_alike(const char *const *a, const char *const *b)
{
	for (; *a != NULL && *b != NULL; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return *a == *b;
}

bool reach_is_alike(const struct reach *a, const struct reach *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return lists_are_alike(a->uris, b->uris) && lists_are_alike(a->pins, b->pins) &&
		a->config.silence_ms == b->config.silence_ms;
}
