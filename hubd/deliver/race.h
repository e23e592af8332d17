/* race.h - a connection to whichever of a host's addresses answers first. Owning loop's thread.
 *
 * RFC 8305 section 5: an attempt begins RACE_DELAY_MS after the one before it, or at once when that
 * failed; the first connection made is taken and all other attempts end. So a family that leads
 * nowhere costs that delay, and not the timeout of a connection.
 */
#ifndef HUB_DELIVER_RACE_H
#define HUB_DELIVER_RACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libhub/base/loop.h"

enum { RACE_DELAY_MS = 250, RACE_MAX = 8 };

struct race;

struct race_runner {
	const struct sockaddr *to;
	const struct sockaddr *source;	/* NULL = any */
};

enum { RACE_NOT_BEGUN = -1, RACE_NO_ANSWER = -2 };

struct race_result {
	int fd;				/* the callback owns it; -1 = none has connected */
	size_t winner;			/* of the runners, with fd */
	const int *errors;		/* of each of the others: errno, or RACE_... */
};

typedef void race_cb(const struct race_result *res, void *ctx);

/* 1 to RACE_MAX runners, whose addresses stay valid until the callback. timeout_ms: of each. */
struct race *race_start(struct loop *l, const struct race_runner *runners, size_t n,
	uint32_t timeout_ms, race_cb *cb, void *ctx);
/* No callback comes after it. Sets *r to NULL; accepts a pointer to NULL. */
void race_cancel(struct race **r);

#endif
