/* outgoing.c - see outgoing.h */
#include "hubd/spool/outgoing.h"

#include <stdlib.h>

#include "libhub/base/mem.h"

int outgoing_open(struct outgoing *o, struct spool_port *port, uint64_t id, uint32_t strip,
	spool_ready_cb *on_ready, void *ctx, struct err *e)
{
	o->body = spool_body_open(port, id, on_ready, ctx, e);
	if (o->body == NULL)
		return -1;
	o->strip = strip;
	if (strip != 0 && o->firewall == NULL)
		o->firewall = xcalloc(1, sizeof(*o->firewall));
	if (strip != 0)
		firewall_init(o->firewall, strip);
	return 0;
}

ssize_t outgoing_read(struct outgoing *o, void *buf, size_t size, struct err *e)
{
	if (o->strip != 0)
		return firewall_read(o->firewall, o->body, buf, size, e);
	return spool_body_read(o->body, buf, size, e);
}

void outgoing_rewind(struct outgoing *o)
{
	if (o->strip != 0)
		firewall_init(o->firewall, o->strip);
	spool_body_rewind(o->body);
}

uint64_t outgoing_size(const struct outgoing *o)
{
	return spool_body_size(o->body);
}

void outgoing_close(struct outgoing *o)
{
	spool_body_close(&o->body);
}

void outgoing_deinit(struct outgoing *o)
{
	outgoing_close(o);
	free(o->firewall);
	o->firewall = NULL;
}
