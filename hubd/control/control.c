/* control.c - see control.h; requests are answered in request.c */
#include "hubd/control/control.h"

#include "hubd/control/control_priv.h"
#include "hubd/queue/admin.h"
#include "libhub/base/mem.h"
#include "libhub/tls/context.h"

static const struct snapshot *in_force(void *ctx)
{
	const struct control *c = ctx;

	return c->live != NULL ? c->live->snapshot : NULL;
}

struct control *control_new(const struct control_config *cfg, struct err *e)
{
	struct control *c = xcalloc(1, sizeof(*c));
	struct admin_endpoint_config endpoint = { .loop = cfg->loop, .resolver = cfg->resolver,
		.settings = &cfg->settings->common, .program = "hubd",
		.authenticator = cfg->authenticator, .tls = cfg->tls_server,
		.routes = control_routes, .snapshot = in_force, .ctx = c };

	c->cfg = *cfg;
	c->tls = cfg->tls_server != NULL ? tls_context_ref(cfg->tls_server) : NULL;
	c->queue_admin = queue_admin_new(cfg->queues, cfg->loop);
	c->endpoint = admin_endpoint_new(&endpoint, e);
	if (c->endpoint != NULL)
		return c;
	control_free(&c);
	return NULL;
}

void control_expect_live(struct control *c)
{
	c->expected++;
}

void control_set_live(struct control *c, const struct live *live)
{
	c->expected--;
	live_unref(&c->live);
	c->live = live_ref(live);
	if (live->tls_server == NULL)
		return;
	tls_context_unref(&c->tls);
	c->tls = tls_context_ref(live->tls_server);
	admin_endpoint_set_tls(c->endpoint, c->tls);
}

bool control_is_settled(const struct control *c)
{
	return c->expected == 0;
}

const struct snapshot *control_snapshot(const struct control *c)
{
	if (control_is_settled(c))
		return mirror_snapshot(c->cfg.mirror);
	return c->live != NULL ? c->live->snapshot : NULL;
}

void control_free(struct control **cp)
{
	struct control *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	admin_endpoint_free(&c->endpoint);
	queue_admin_free(&c->queue_admin);
	tls_context_unref(&c->tls);
	live_unref(&c->live);
	free(c);
}
