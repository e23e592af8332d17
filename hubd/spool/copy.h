/* copy.h - a new message made from one that is in the spool: a report, an expanded group.
 *
 * Streams the stored body, or its header only, into a draft without holding it in memory or
 * blocking the loop. The port's thread.
 */
#ifndef HUB_SPOOL_COPY_H
#define HUB_SPOOL_COPY_H

#include "hubd/spool/spool.h"

struct spool_copy;

enum spool_copy_part {
	SPOOL_COPY_NOTHING,	/* only what the caller writes */
	SPOOL_COPY_HEADER,	/* up to the empty line, without it */
	SPOOL_COPY_BODY,	/* everything */
};

/* e is NULL when the new message id is durable. The copy is gone. */
typedef void spool_copy_cb(uint64_t id, uint64_t body_size, const struct err *e, void *ctx);

/* loop: the port's. */
struct spool_copy *spool_copy_new(struct spool_port *p, struct loop *loop, spool_copy_cb *cb,
	void *ctx);
uint64_t spool_copy_id(const struct spool_copy *c);
/* Text before and after the copied part; copied. */
void spool_copy_prefix(struct spool_copy *c, const void *data, size_t size);
void spool_copy_suffix(struct spool_copy *c, const void *data, size_t size);
/* Leaves out header fields of these classes (enum firewall_class) of what is copied. */
void spool_copy_strip(struct spool_copy *c, uint32_t classes);
/* SPOOL_COPY_HEADER ends at the latest somewhat behind so many bytes. */
void spool_copy_limit_header(struct spool_copy *c, size_t size);
/*
 * Copies that part of message id, then commits with the envelope (copied). cb comes exactly once,
 * never from inside this call, even when the original has left the spool (ERR_PERM).
 */
void spool_copy_start(struct spool_copy *c, uint64_t id, enum spool_copy_part part,
	const void *envelope, size_t envelope_size, uint32_t recipients);

#endif
