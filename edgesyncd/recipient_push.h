/* recipient_push.h - the recipients of one edge: digests of what stands there, and its rounds.
 *
 * Between attach and detach it keeps a digest of each bucket (128 KB) and the place in the change
 * log up to which the edge knows. A round reads, edits and writes the buckets of the addresses that
 * changed since; a round with ROUND_READ hashes everything and compares all buckets, for which its
 * caller lets one edge at a time have its turn. Owning loop only.
 */
#ifndef HUB_EDGESYNCD_RECIPIENT_PUSH_H
#define HUB_EDGESYNCD_RECIPIENT_PUSH_H

#include "edgesyncd/change_log.h"
#include "edgesyncd/push_round.h"
#include "libhub/org/replica_marker.h"

struct recipient_push;

struct recipient_push *recipient_push_new(struct loop *loop, const struct change_log *log);
/* Detaches. Sets *p to NULL; accepts a pointer to NULL. */
void recipient_push_free(struct recipient_push **p);

/* In so long a comparison has to have 64 buckets more of the edge, or all; 0 = 30 s. */
void recipient_push_set_pace(struct recipient_push *p, unsigned int pace_ms);

void recipient_push_attach(struct recipient_push *p, struct directory_connection *c,
	const char *base, const char *holder);
void recipient_push_detach(struct recipient_push *p);

/* Only while attached, one at a time. Without ROUND_READ, only if recipient_push_follows. */
void recipient_push_start(struct recipient_push *p, const struct recipients *r,
	unsigned int flags, const struct round_callbacks *cbs, void *ctx);
/*
 * What r says from now on is not to be believed yet. A round that has not taken all that it needs
 * of it ends soon, with ROUND_AGAIN: it has written nothing. One that has it goes on: that was all
 * there was when it was taken, nobody with something newer can have written since without the
 * lease, and half of it would be in force nowhere.
 */
void recipient_push_unsettled(struct recipient_push *p);
/* Does it know what stands there, and is all that has changed since in the log? */
bool recipient_push_follows(const struct recipient_push *p);
/* Of the log; UINT64_MAX: it needs nothing of it. */
uint64_t recipient_push_place(const struct recipient_push *p);

/*
 * Instead of a round: does the edge know the address (folded)? error: why that cannot be said, or
 * NULL.
 */
typedef void recipient_push_verified_cb(bool known, const char *error, void *ctx);
void recipient_push_verify(struct recipient_push *p, const char *folded,
	recipient_push_verified_cb *cb, void *ctx);

struct recipients_known {
	bool known;			/* what should stand there, as of the place in the log */
	bool in_step;			/* all that has changed until now stands there */
	const char *here;		/* its digest; "" */
	const struct replica_marker *marker;	/* as it stands there; NULL = not known */
	size_t count;			/* addresses that stand there */
};
void recipient_push_known(const struct recipient_push *p, struct recipients_known *out);

#endif
