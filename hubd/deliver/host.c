/* host.c - see host.h. Entries exist only for addresses in trouble. */
#include "hubd/deliver/host.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "hubd/queue/schedule.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum {
	HOSTS_MAX = 10000,
	/* a probe comes just before the queue's own retry, so that this finds the host again */
	PROBE_EARLIER_MS = 500,
};

struct key {
	unsigned char addr[16];
	uint16_t port;
	uint16_t family;
};

struct host {
	UT_hash_handle hh;
	struct key key;
	uint32_t failures;		/* in a row */
	uint64_t out_until_ms, clear_until_ms, slow_until_ms;
};

struct host_table {
	struct host *hosts;		/* oldest first */
};

static struct key key_of(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *v6 = (const void *)sa;
	const struct sockaddr_in *v4 = (const void *)sa;
	struct key k;

	memset(&k, 0, sizeof(k));
	k.family = sa->sa_family;
	if (sa->sa_family == AF_INET6) {
		memcpy(k.addr, &v6->sin6_addr, sizeof(k.addr));
		k.port = v6->sin6_port;
	} else if (sa->sa_family == AF_INET) {
		memcpy(k.addr, &v4->sin_addr, sizeof(v4->sin_addr));
		k.port = v4->sin_port;
	}
	return k;
}

static struct host *find(struct host_table *t, const struct sockaddr *sa)
{
	struct key k;
	struct host *h;

	if (t->hosts == NULL)
		return NULL;
	k = key_of(sa);
	HASH_FIND(hh, t->hosts, &k, sizeof(k), h);
	return h;
}

static void drop(struct host_table *t, struct host *h)
{
	HASH_DEL(t->hosts, h);
	free(h);
}

static struct host *make(struct host_table *t, const struct sockaddr *sa)
{
	struct host *h = find(t, sa);

	if (h != NULL)
		return h;
	if (HASH_COUNT(t->hosts) >= HOSTS_MAX)
		drop(t, t->hosts);
	h = xcalloc(1, sizeof(*h));
	h->key = key_of(sa);
	HASH_ADD(hh, t->hosts, key, sizeof(h->key), h);
	return h;
}

struct host_table *host_table_new(void)
{
	return xcalloc(1, sizeof(struct host_table));
}

void host_table_free(struct host_table **tp)
{
	if (*tp == NULL)
		return;
	while ((*tp)->hosts != NULL)
		drop(*tp, (*tp)->hosts);
	free(*tp);
	*tp = NULL;
}

void host_try(struct host_table *t, const struct sockaddr *sa)
{
	struct host *h = find(t, sa);

	if (h != NULL && h->failures > 0)
		h->out_until_ms = clock_mono_ms() + HOST_TRY_MS;
}

void host_failed(struct host_table *t, const struct sockaddr *sa, const struct server *self)
{
	struct host *h = make(t, sa);

	h->failures++;
	h->out_until_ms = clock_mono_ms() + schedule_retry_ms(self, h->failures) -
		PROBE_EARLIER_MS;
}

void host_good(struct host_table *t, const struct sockaddr *sa)
{
	struct host *h = find(t, sa);
	uint64_t now_ms = clock_mono_ms();

	if (h == NULL)
		return;
	h->failures = 0;
	h->out_until_ms = 0;
	if (h->clear_until_ms <= now_ms && h->slow_until_ms <= now_ms)
		drop(t, h);
}

bool host_is_out(struct host_table *t, const struct sockaddr *sa)
{
	const struct host *h = find(t, sa);

	return h != NULL && h->out_until_ms > clock_mono_ms();
}

void host_set_clear(struct host_table *t, const struct sockaddr *sa)
{
	make(t, sa)->clear_until_ms = clock_mono_ms() + HOST_CLEAR_MS;
}

bool host_is_clear(struct host_table *t, const struct sockaddr *sa)
{
	const struct host *h = find(t, sa);

	return h != NULL && h->clear_until_ms > clock_mono_ms();
}

void host_set_slow(struct host_table *t, const struct sockaddr *sa)
{
	make(t, sa)->slow_until_ms = clock_mono_ms() + HOST_SLOW_MS;
}

bool host_is_slow(struct host_table *t, const struct sockaddr *sa)
{
	const struct host *h = find(t, sa);

	return h != NULL && h->slow_until_ms > clock_mono_ms();
}
