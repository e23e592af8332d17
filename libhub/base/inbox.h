/* inbox.h - how threads talk: a queue of owned values that wakes its reader's loop.
 *
 * Any thread posts; the loop that made the inbox reads. A posted node belongs to the receiver; it
 * is the sender's own struct with a struct inbox_node in it, so posting allocates nothing. Order of
 * one sender is kept. Posting to a reader that is already awake costs no system call. However much
 * was posted, the loop gets INBOX_PER_TURN in one turn; what is left, in the next.
 */
#ifndef HUB_BASE_INBOX_H
#define HUB_BASE_INBOX_H

#include "libhub/base/loop.h"

enum { INBOX_PER_TURN = 256 };

struct inbox_node {
	struct inbox_node *next;
};

struct inbox;

/* Runs on the reader's loop, once per node; the callee owns node from now on. */
typedef void inbox_cb(struct inbox_node *node, void *ctx);

struct inbox *inbox_new(struct loop *reader, inbox_cb *cb, void *ctx);
/* One that wakes nobody: its reader looks when it needs what is there. Posting costs no call. */
struct inbox *inbox_new_unwatched(inbox_cb *cb, void *ctx);
/* Reader's thread: hands over what is there. */
void inbox_read(struct inbox *ib);
/* Nodes not yet handed over. Any thread. */
size_t inbox_length(struct inbox *ib);
/* Reader's thread, after the last sender is gone; nodes left are handed to cb first. */
void inbox_free(struct inbox **ib);
/* Any thread. */
void inbox_post(struct inbox *ib, struct inbox_node *node);

/* node -> struct that holds it */
#define INBOX_ENTRY(node, type, member)                                                          \
	((type *)(void *)((char *)(node) - offsetof(type, member)))

#endif
