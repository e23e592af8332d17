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

const struct live *live_new(const struct snapshot *s, const char *server,
	struct recipients *recipients, struct tls_context *tls_server,
	struct tls_context *tls_client, struct err *e)
{
	const struct routing_table *table = routing_table_new(s, server, e);
	struct live_shared *l;

	if (table == NULL)
		return NULL;
	l = xcalloc(1, sizeof(*l));
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
	return &l->live;
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
	free(l);
}
