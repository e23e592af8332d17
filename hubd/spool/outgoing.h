/* outgoing.h - the body of a stored message on its way out, without what may not leave.
 *
 * What every way out shares: the header firewall stands between the spool and whoever carries the
 * message on, if the message has anything that it would take out. Zeroed it is ready for use, for
 * one message after the other; one owner, no thread.
 */
#ifndef HUB_SPOOL_OUTGOING_H
#define HUB_SPOOL_OUTGOING_H

#include "hubd/spool/firewall.h"

struct outgoing {
	struct spool_body *body;	/* NULL = none is open */
	uint32_t strip;			/* enum firewall_class */
	struct firewall *firewall;	/* made when first needed, and kept */
};

/*
 * The body of message id, without the fields of the classes in strip. on_ready as of
 * spool_body_open. -1: it cannot be read now; *e.
 */
int outgoing_open(struct outgoing *o, struct spool_port *port, uint64_t id, uint32_t strip,
	spool_ready_cb *on_ready, void *ctx, struct err *e) MUST_CHECK;
/* As spool_body_read. */
ssize_t outgoing_read(struct outgoing *o, void *buf, size_t size, struct err *e) MUST_CHECK;
void outgoing_rewind(struct outgoing *o);
/* Bytes, at most. */
uint64_t outgoing_size(const struct outgoing *o);
/* May be called at any time. */
void outgoing_close(struct outgoing *o);
/* The last call. */
void outgoing_deinit(struct outgoing *o);

#endif
