/* fuzz_world.h - what a fuzzed session lives in: a small organization, a spool, a login service.
 *
 * Made at first use and kept; the spool begins anew every few hundred sessions. One thread beside
 * the spool's own. Every message that a session commits is read back and checked, then discarded.
 * No time passes by itself: a tarpit is over at once, timeouts come when they are asked for.
 */
#ifndef HUB_TESTS_FUZZ_WORLD_H
#define HUB_TESTS_FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct world_session;

/* A session's end is reached long before. */
enum { WORLD_MESSAGES_MAX = 4096 };

/* What one session did. */
struct world_result {
	char *text;		/* all it sent, malloc'ed, NUL-terminated */
	size_t length;
	uint32_t committed;
	uint32_t recipients[WORLD_MESSAGES_MAX];	/* of each message, in order */
};

enum world_timeout { WORLD_INACTIVE, WORLD_DEADLINE };

/*
 * Connectors, by number modulo their count: open to strangers; trusted without asking; for users
 * (AUTH without TLS); with small limits; TLS required; with a tarpit, and AUTH after TLS; with
 * rights denied; with few extensions; with every way to log in; the same for another hub. tls:
 * behind a STARTTLS that is none of the text, where the connector offers it; the client has a
 * certificate, which is nobody's but the hub's.
 */
struct world_session *world_connect(unsigned int connector, bool tls);
/* Sends, then waits until the session is idle or gone. */
void world_say(struct world_session *s, const void *data, size_t n);
/* The peer was silent too long, or the session has lasted too long. */
void world_time_out(struct world_session *s, enum world_timeout t);
/* Sends no more, reads to the end, checks that all is given back. */
void world_hang_up(struct world_session *s, struct world_result *r);

#endif
