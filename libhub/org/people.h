/* people.h - keeps the recipients in step with the directory, and on disk. Main thread.
 *
 * A watch that goes on from its cookie (watch_keep_point), the recipients, their file. What a
 * refresh has not shown goes in steps, and the cookie counts as reached only then: what is known
 * never vanishes for a moment, and what is saved is never older than its cookie says.
 */
#ifndef HUB_ORG_PEOPLE_H
#define HUB_ORG_PEOPLE_H

#include "libhub/directory/watch.h"
#include "libhub/org/recipients.h"

struct people;

/* Strings are the caller's, alive with it. */
struct people_config {
	const struct directory_config *directory;
	const char *base;
	const char *epoch_dn;		/* the entry with hubEpoch */
	const char *path;		/* of the file, or NULL = none */
};

struct people_callbacks {
	void (*begun)(void *ctx);	/* a refresh */
	/*
	 * A refresh that shows all has not shown missing of so many. False: they stay, and it
	 * counts for nothing.
	 */
	bool (*believe)(size_t known, size_t missing, void *ctx);
	/* For the first time all that there are are known. */
	void (*loaded)(void *ctx);
	void (*state)(enum watch_state state, const char *text, void *ctx);
	void (*reached)(void *ctx);	/* see watch_ask */
};

struct people *people_new(struct loop *loop, struct resolver *resolver,
	const struct people_config *cfg, const struct people_callbacks *cbs, void *ctx);
/* Writes the file if it is behind. */
void people_free(struct people **p);

struct recipients *people_recipients(const struct people *p);	/* shared with all threads */
struct watch *people_watch(const struct people *p);		/* borrowed */

#endif
