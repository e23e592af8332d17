/* fuzz_world.h - what a fuzzed session lives in: a small organization, a spool, a login service.
 *
 * Made at first use and kept; the spool begins anew every few hundred sessions. One thread beside
 * the spool's own. Every message that a session commits is read back and checked, then discarded.
 */
#ifndef HUB_TESTS_FUZZ_WORLD_H
#define HUB_TESTS_FUZZ_WORLD_H

#include <stddef.h>
#include <stdint.h>

struct world_session;

/*
 * Connectors, by number modulo their count: open to strangers; trusted without asking; for users
 * (AUTH without TLS); with small limits.
 */
struct world_session *world_connect(unsigned int connector);
/* Sends, then waits until the session is idle or gone. */
void world_say(struct world_session *s, const void *data, size_t n);
/*
 * Sends no more, reads to the end, checks that all is given back. *text is malloc'ed, has a NUL
 * after *length bytes. Returns the number of messages committed.
 */
uint32_t world_hang_up(struct world_session *s, char **text, size_t *length);

#endif
