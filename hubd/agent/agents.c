/* agents.c - what the connections of a worker share. See agents.h. */
#include "hubd/agent/agents.h"

#include "hubd/agent/conn.h"
#include "libhub/base/mem.h"

struct agents *agents_new(struct queue_set *set, const struct agents_config *cfg)
{
	struct agents *a = xcalloc(1, sizeof(*a));

	a->set = set;
	a->loop = queue_set_loop(set);
	a->processes = process_list_new(a->loop);
	a->folder = cfg->folder != NULL ? xstrdup(cfg->folder) : NULL;
	a->timeout_ms = cfg->timeout_ms;
	queue_set_transport(set, QUEUE_DELIVERY_AGENT, &agent_conn_transport, a);
	return a;
}

void agents_free(struct agents **ap)
{
	struct agents *a = *ap;

	if (a == NULL)
		return;
	process_list_free(&a->processes);
	free(a->folder);
	free(a);
	*ap = NULL;
}
