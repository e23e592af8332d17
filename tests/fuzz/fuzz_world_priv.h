/* fuzz_world_priv.h - between fuzz_world.c, the hub's side, and fuzz_client.c, the peer's. */
#ifndef HUB_TESTS_FUZZ_WORLD_PRIV_H
#define HUB_TESTS_FUZZ_WORLD_PRIV_H

#include "fuzz_world.h"
#include "hubd/receive/session.h"
#include "libhub/tls/pin.h"

struct world {
	struct loop *loop;
	struct event *turn_over;
	char folder[64];
	struct spool *spool;
	struct spool_port *port;
	struct recipients *recipients;
	struct tls_context *tls;
	struct ssl_ctx_st *user_tls, *hub_tls;		/* of clients with a certificate */
	char hub_pin[TLS_PIN_SIZE];
	const struct snapshot *snapshot;
	const struct live *live;
	struct rate_table *rates;
	struct inbox *logins, *departures;
	struct receiver *receiver;
	struct message *messages[WORLD_MESSAGES_MAX];	/* committed, not yet checked */
	size_t message_count;
	uint32_t departed, sessions;
};

extern struct world world;

/* Makes the world if there is none, and a new spool now and then. */
void world_begin_session(void);
/* One turn of the loop for what is ready, or turns for a moment while something is under way. */
void world_turn(bool waiting);
/* Checks and discards what was committed; returns the messages, and the recipients of each. */
uint32_t world_take_messages(uint32_t *recipients);

#endif
