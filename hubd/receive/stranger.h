/* stranger.h - log lines about servers that show a key which is no server's of the organization.
 *
 * Most often the key is one of ours that the directory does not know yet, and the peer's mail waits
 * until it does. Peers retry, and anybody may make keys: in STRANGER_WINDOW_MS each key is told
 * once, and not more than STRANGER_LINES of them. What is left out is told by the next line. Of one
 * receiver, on its thread.
 */
#ifndef HUB_RECEIVE_STRANGER_H
#define HUB_RECEIVE_STRANGER_H

#include <stdbool.h>
#include <stdint.h>

enum { STRANGER_LINES = 20, STRANGER_WINDOW_MS = 60000, STRANGER_KEY_SIZE = 80 };

/* Begins as zeros. */
struct strangers {
	uint64_t until_ms;		/* the end of the window, by clock_mono_ms */
	char told[STRANGER_LINES][STRANGER_KEY_SIZE];
	uint32_t n;
	uint64_t left_out;		/* since the last line */
};

struct session;

/* May the key have a line now? Then it counts as told. */
bool strangers_admit(struct strangers *list, const char *key, uint64_t now_ms);
/* The session was refused what servers of the organization may: says so if it showed a key. */
void stranger_note(struct session *s);

#endif
