/* recipients_file.h - the recipients on disk, so that a server starts with a million in seconds.
 *
 * One file: all records, then what changed since, appended every two seconds; where the directory
 * watch has come to (its cookie) follows what it covers, so it is never ahead of it. When as much
 * was appended as there was, the file is written anew beside the old one. A file that ends early or
 * is damaged behind the first part is good up to there; otherwise it is refused as a whole.
 *
 * Main thread. Records are turned into bytes in steps of a few milliseconds; a helper thread
 * writes.
 */
#ifndef HUB_ORG_RECIPIENTS_FILE_H
#define HUB_ORG_RECIPIENTS_FILE_H

#include "libhub/base/loop.h"
#include "libhub/directory/watch.h"
#include "libhub/org/recipients.h"

/* What is in a file. */
struct recipients_file_content {
	struct watch_point point;	/* none: cookie size 0 */
	uint64_t size;			/* bytes up to which it is good */
	uint64_t base_size;		/* of its first part */
	bool damaged;			/* there are more that are not */
};

/*
 * Puts what the file has into r, which is empty. -1: nothing was put and e says why; e->sys is
 * ENOENT if there is none. base: the DN that it must be for.
 */
int recipients_file_load(const char *path, const char *base, struct recipients *r,
	struct recipients_file_content *out, struct err *e) MUST_CHECK;

struct recipients_file;

struct recipients_file_callbacks {
	/* Where the watch is; false if what is here is not in step with that (a sweep to do). */
	bool (*point)(struct watch_point *out, void *ctx);
	/* It was written (e NULL), or not: tried again later. */
	void (*written)(const struct err *e, void *ctx);
};

/*
 * Follows the changes of r from now on. content: what recipients_file_load gave, or NULL: written
 * by recipients_file_rewrite first.
 */
struct recipients_file *recipients_file_new(struct loop *loop, const char *path, const char *base,
	struct recipients *r, const struct recipients_file_content *content,
	const struct recipients_file_callbacks *cbs, void *ctx);
/* Writes what is not written yet, then forgets all. */
void recipients_file_free(struct recipients_file **f);
/* r is whole now and there is no file: all of it, turn by turn. Nothing if there is one. */
void recipients_file_begin(struct recipients_file *f);
/* The point has changed and has to be written even if nothing else did. */
void recipients_file_moved(struct recipients_file *f);

#endif
