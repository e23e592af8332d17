/* control.c - see control.h; requests are answered in request.c */
#include "edgesyncd/control_priv.h"

#include "libhub/base/mem.h"

static const struct snapshot *in_force(void *ctx)
{
	const struct control *c = ctx;

	return mirror_snapshot(c->cfg.mirror);
}

struct control *control_new(const struct control_config *cfg, struct err *e)
{
	struct control *c = xcalloc(1, sizeof(*c));
	struct admin_endpoint_config endpoint = { .loop = cfg->loop, .resolver = cfg->resolver,
		.settings = &cfg->settings->common, .program = "edgesyncd",
		.authenticator = cfg->authenticator, .tls = cfg->tls, .routes = control_routes,
		.snapshot = in_force, .ctx = c };

	c->cfg = *cfg;
	c->endpoint = admin_endpoint_new(&endpoint, e);
	if (c->endpoint != NULL)
		return c;
	control_free(&c);
	return NULL;
}

void control_set_tls(struct control *c, struct tls_context *tls)
{
	admin_endpoint_set_tls(c->endpoint, tls);
}

void control_free(struct control **cp)
{
	struct control *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	admin_endpoint_free(&c->endpoint);
	free(c);
}
