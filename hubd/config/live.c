/* live.c - see live.h */
#include "hubd/config/live.h"

#include <stdatomic.h>
#include <unistd.h>

#include "libhub/base/mem.h"
#include "libhub/tls/context.h"

struct live_shared {
	struct live live;		/* first: what callers see */
	atomic_uint refs;
	char host_name[256];
};

static struct live_shared *shared(const struct live *l)
{
	return (struct live_shared *)(uintptr_t)l;
}

struct failed_shared {
	struct failed_set set;		/* first: what callers see */
	atomic_uint refs;
	struct arena *arena;
};

static struct failed_shared *failed_shared(const struct failed_set *f)
{
	return (struct failed_shared *)(uintptr_t)f;
}

const struct failed_set *failed_set_new(const char *const *names, size_t n, uint64_t generation)
{
	struct failed_shared *f = xcalloc(1, sizeof(*f));
	const char **copies;
	size_t i;

	f->arena = arena_new();
	atomic_init(&f->refs, 1);
	copies = arena_alloc(f->arena, n * sizeof(*copies));
	for (i = 0; i < n; i++)
		copies[i] = arena_strdup(f->arena, names[i]);
	f->set.connectors = (struct route_excluded){ copies, n };
	f->set.generation = generation;
	return &f->set;
}

const struct failed_set *failed_set_ref(const struct failed_set *f)
{
	atomic_fetch_add_explicit(&failed_shared(f)->refs, 1, memory_order_relaxed);
	return f;
}

void failed_set_unref(const struct failed_set **fp)
{
	struct failed_shared *f;

	if (*fp == NULL)
		return;
	f = failed_shared(*fp);
	*fp = NULL;
	if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) != 1)
		return;
	arena_free(&f->arena);
	free(f);
}

/* Takes over the reference to table. */
static struct live_shared *shared_new(const struct routing_table *table, const struct snapshot *s,
	struct recipients *recipients, struct tls_context *tls_server,
	struct tls_context *tls_client)
{
	struct live_shared *l = xcalloc(1, sizeof(*l));

	atomic_init(&l->refs, 1);
	l->live.table = table;
	l->live.snapshot = snapshot_ref(s);
	l->live.self = routing_table_self(table);
	l->live.recipients = recipients;
	/* without a certificate in the settings there is no server context */
	l->live.tls_server = tls_server != NULL ? tls_context_ref(tls_server) : NULL;
	l->live.tls_client = tls_client != NULL ? tls_context_ref(tls_client) : NULL;
	l->live.fqdn = l->live.self->fqdn;
	if (l->live.fqdn == NULL) {
		if (gethostname(l->host_name, sizeof(l->host_name) - 1) != 0)
			l->host_name[0] = '\0';
		l->live.fqdn = l->host_name;
	}
	return l;
}

const struct live *live_new(const struct snapshot *s, const char *server,
	struct recipients *recipients, struct tls_context *tls_server,
	struct tls_context *tls_client, struct err *e)
{
	const struct routing_table *table = routing_table_new(s, server, e);

	if (table == NULL)
		return NULL;
	return &shared_new(table, s, recipients, tls_server, tls_client)->live;
}

const struct live *live_with_failed(const struct live *l, const struct failed_set *failed)
{
	struct live_shared *copy = shared_new(routing_table_ref(l->table), l->snapshot,
		l->recipients, l->tls_server, l->tls_client);

	copy->live.failed = failed != NULL ? failed_set_ref(failed) : NULL;
	return &copy->live;
}

bool live_routes_alike(const struct live *a, const struct live *b)
{
	return a->snapshot == b->snapshot && a->failed == b->failed;
}

bool live_has_failed(const struct live *l, const char *connector)
{
	size_t i;

	for (i = 0; l->failed != NULL && i < l->failed->connectors.n; i++)
		if (name_compare(l->failed->connectors.names[i], connector) == 0)
			return true;
	return false;
}

static uint64_t failed_generation(const struct live *l)
{
	return l->failed != NULL ? l->failed->generation : 0;
}

bool live_is_older(const struct live *a, const struct live *b)
{
	return a->snapshot->generation < b->snapshot->generation ||
		failed_generation(a) < failed_generation(b);
}

const struct live *live_ref(const struct live *l)
{
	atomic_fetch_add_explicit(&shared(l)->refs, 1, memory_order_relaxed);
	return l;
}

void live_unref(const struct live **lp)
{
	struct live_shared *l;

	if (*lp == NULL)
		return;
	l = shared(*lp);
	*lp = NULL;
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
		return;
	routing_table_unref(&l->live.table);
	snapshot_unref(&l->live.snapshot);
	tls_context_unref(&l->live.tls_server);
	tls_context_unref(&l->live.tls_client);
	failed_set_unref(&l->live.failed);
	free(l);
}
