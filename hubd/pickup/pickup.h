/* pickup.h - mail that comes as files: the pickup and the replay directory of this server.
 *
 * A thread of its own does everything, the calls that may block included, so a slow disk holds up
 * nobody else. It looks at a directory when the kernel tells of a change and every PICKUP_POLL_MS.
 * Only what is named *.eml is taken: it becomes *.SERVER.tmp, its message is stored and synced in
 * the spool, only then the file is removed, and the directory synced. After a crash in between the
 * message goes twice, which is better than never. A file that breaks a rule becomes *.bad, with the
 * rule in the log.
 *
 * Whoever may put a file there may write as anybody to anybody: the permissions of the directory
 * are the only guard, and one that everybody may write to is not read. What the organization's own
 * fields say counts only in a replay file of root or of the server's user that nobody else may
 * write to.
 */
#ifndef HUB_PICKUP_PICKUP_H
#define HUB_PICKUP_PICKUP_H

#include "hubd/config/live.h"
#include "hubd/spool/message.h"
#include "libhub/base/loop.h"

enum {
	PICKUP_POLL_MS = 5 * 1000,
	PICKUP_FILES = 32,		/* of a directory at a time */
};

struct pickup;

struct pickup_config {
	struct spool *spool;
	struct loop *main_loop;
	/* On the pickup's thread: the message is safe; the callee owns it. */
	void (*on_message)(struct message *m, void *ctx);
	void *ctx;
};

struct pickup *pickup_new(const struct pickup_config *cfg);
/* The rest on the main thread. */
int pickup_start(struct pickup *p, struct err *e) MUST_CHECK;
void pickup_set_live(struct pickup *p, const struct live *live);
/* Takes no more; cb(ctx) on the main loop when nothing is under way. */
void pickup_stop(struct pickup *p, void (*cb)(void *ctx), void *ctx);
/* Ends the thread. Before spool_close. */
void pickup_join(struct pickup *p);
/* After spool_close. Accepts a pointer to NULL; sets it to NULL. */
void pickup_free(struct pickup **p);

#endif
