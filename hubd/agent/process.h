/* process.h - one running agent: started, listened to, ended. The loop's thread.
 *
 * It is the leader of a session of its own, has standard input and output on one socket, standard
 * error on a pipe whose lines are logged (some of them), no other descriptor, none of our signals'
 * settings, none of our environment, / as its directory, and no capability; of a hubd that is root
 * it runs as nobody. When it ends, what it left in its process group is killed, and it is reaped.
 */
#ifndef HUB_AGENT_PROCESS_H
#define HUB_AGENT_PROCESS_H

#include "libhub/base/loop.h"

struct process;
struct process_list;

struct process_list *process_list_new(struct loop *loop);
/* Kills what is left. Accepts a pointer to NULL; sets it to NULL. */
void process_list_free(struct process_list **l);

/*
 * Exactly one call of started, never from inside process_start: socket is our end of its socket,
 * the caller's to close, not blocking; or -1, *e says why, for people, and there is no process any
 * more. Then ended, once, how being "exit status 0" or "signal 9", valid during the call. None
 * comes after process_release.
 */
struct process_calls {
	void (*started)(int socket, const struct err *e, void *ctx);
	void (*ended)(const char *how, void *ctx);
};

/*
 * Starts folder/name, which must belong to root or to our account and be writable by nobody else.
 * calls must stay. NULL: no thread that could start it; *e.
 */
struct process *process_start(struct process_list *l, const char *folder, const char *name,
	const struct process_calls *calls, void *ctx, struct err *e);
/*
 * Nobody cares any more: it is killed after grace_ms if it has not ended, and at once if it is not
 * started yet. Sets *p to NULL.
 */
void process_release(struct process **p, unsigned int grace_ms);

#endif
