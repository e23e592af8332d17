/* spawn.h - an agent's program becomes a process. Blocks: not for a loop's thread.
 *
 * The file must belong to root or to our account and be writable by nobody else. What it runs as,
 * and with what, is said in process.h.
 */
#ifndef HUB_AGENT_SPAWN_H
#define HUB_AGENT_SPAWN_H

#include <sys/types.h>

#include "libhub/base/err.h"

/* Descriptors are the caller's to close; talk and errors do not block. */
struct spawned {
	pid_t pid;		/* the caller's to reap */
	int pidfd;
	int talk;		/* our end of its socket */
	int errors;		/* the end of its standard error to read from */
};

/* Starts folder/name. -1: nothing is left of it; *e, for people. */
int spawn_agent(const char *folder, const char *name, struct spawned *out, struct err *e)
	MUST_CHECK;

#endif
