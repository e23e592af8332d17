/* recovered.h - the messages that the spool held at start, until workers run. Main thread. */
#ifndef HUB_RECOVERED_H
#define HUB_RECOVERED_H

#include "hubd/spool/message.h"
#include "hubd/spool/spool.h"
#include "hubd/worker.h"

/* Zero to begin with. */
struct recovered {
	struct message **messages;
	size_t n, room;
};

/* A spool_recover_cb; ctx is a struct recovered. What cannot be decoded stays in the spool. */
void recovered_take(const struct spool_recovered *found, void *ctx);
/* Gives all of them to the workers that will own them; r is empty afterwards. */
void recovered_hand_out(struct recovered *r, struct worker *const *workers, uint32_t n);

#endif
