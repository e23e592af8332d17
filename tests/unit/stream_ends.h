/* stream_ends.h - two ends of a connection, for the tests of libhub/smtp/stream.
 *
 * Each end counts its events and stops the loop at every one; WAIT runs the loop until a condition
 * holds, and fails the test when that takes longer than a guard's patience.
 */
#ifndef HUB_TESTS_STREAM_ENDS_H
#define HUB_TESTS_STREAM_ENDS_H

#include "libhub/smtp/stream.h"
#include "unit.h"

enum { PATIENCE_S = 30 };

struct end {
	struct stream *s;
	int connected, readable, drained, tls, closed;
	enum stream_end reason;
	char text[100];
	bool close_in_readable, close_in_closed, close_in_tls, close_in_drained, pause_in_readable;
};

extern struct loop *loop;
extern struct event *ends_guard;
extern const struct stream_callbacks ends_callbacks;

#define WAIT(cond)                                                                               \
	do {                                                                                     \
		struct timeval tv = { .tv_sec = PATIENCE_S };                                    \
		event_add(ends_guard, &tv);                                                      \
		while (!(cond))                                                                  \
			loop_run(loop);                                                          \
		event_del(ends_guard);                                                           \
	} while (0)

/* A fixture: loop and guard. */
void ends_setup(void);
void ends_teardown(void);

/* A stream, and the bare socket of its peer. */
int ends_bare(struct end *e);
void ends_both(struct end *a, struct end *b);
void ends_say(int fd, const char *text);
/* Lets everything that was put off for the end of the turn happen. */
void ends_turn(void);
/* Takes what is there as a string. */
size_t ends_take(struct end *e, char *buf, size_t size);
/* total bytes through a small input limit; order and content kept, memory bounded. */
void ends_pump(struct end *from, struct end *to, size_t total);

#endif
