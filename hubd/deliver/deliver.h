/* deliver.h - SMTP and LMTP as the transport of queues. One per worker, its thread.
 *
 * Registers itself for DNS and smart host connectors, relay within the organization, and mailbox
 * servers. A connection goes through its places (places.h) and their addresses until one accepts a
 * session; a relay then through those of the sites on the way (ladder.h). It sends what the queue
 * gives, keeps an idle session DELIVER_IDLE_MS for the next message, and ends. What a failure means
 * is decided in verdict.h.
 */
#ifndef HUB_DELIVER_DELIVER_H
#define HUB_DELIVER_DELIVER_H

#include "hubd/proof/prover.h"
#include "hubd/queue/queue.h"
#include "hubd/track/protocol_log.h"
#include "libhub/base/resolver.h"

enum {
	DELIVER_IDLE_MS = 2000,
	/*
	 * A connection carries no more messages after that time, however many it may: what DNS
	 * says has changed by then, or whom the smart hosts want spared.
	 */
	DELIVER_AGE_MS = 300 * 1000,
	DELIVER_CONNECT_MS = 30 * 1000,
	/*
	 * A server of the organization that is slower than this, to accept a connection and to get
	 * to where mail can be sent, does not answer: there are others to ask, and mail behind it.
	 */
	DELIVER_SERVER_CONNECT_MS = 10 * 1000,
	DELIVER_SERVER_ANSWER_MS = 20 * 1000,
	/* stream_set_silence, for others and for servers of the organization */
	DELIVER_SILENCE_S = 100,
	DELIVER_SERVER_SILENCE_S = 20,
};

struct deliver;

/* All of it must outlive it. */
struct deliver_config {
	struct queue_set *set;
	uint32_t worker;
	struct resolver *internal;	/* what asks the inside (or system's) DNS */
	struct protocol_log *log;	/* the Send protocol log, or NULL */
	struct prover *prover;		/* NULL only where nothing authenticates */
};

struct deliver *deliver_new(const struct deliver_config *cfg);
/* After queue_set_stop said done, and prover_join. Accepts a pointer to NULL; sets it to NULL. */
void deliver_free(struct deliver **d);
/* The internal resolver asks other servers from now on. */
void deliver_forget_dns(struct deliver *d);

#endif
