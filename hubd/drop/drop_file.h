/* drop_file.h - one file on its way into a drop directory. Blocks: not for a loop's thread.
 *
 * A file is written under a hidden name in the same folder (.hub-*.tmp), synced, given its name,
 * and the folder is synced: what ends in .eml is complete and stays. Its size is reserved before
 * the folder's quota is looked at, so that writers beside each other never exceed it together. A
 * hidden file that nobody holds a lock on was left by a crash and is removed.
 *
 * hubDropRoot may be reached by any path; the folder in it is no symbolic link, and is not made
 * here: whose it is and who may look into it is the administrator's to say. A file gets the
 * folder's permissions. One owner, one thread at a time.
 */
#ifndef HUB_DROP_DROP_FILE_H
#define HUB_DROP_DROP_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"

struct drop_file {
	/* for the caller to set; they must stay */
	const char *root;		/* hubDropRoot */
	const char *folder;		/* plain name in it */
	uint64_t quota;			/* bytes of all files of the folder; 0 = unlimited */
	/* ---- */
	int dir, fd;			/* -1 = not open */
	char temp[64];
	uint64_t written;
};

void drop_file_init(struct drop_file *f);
/*
 * Looks at the folder, and removes what a crash left. ERR_TEMP with errno, here and below: the
 * message may go later.
 */
int drop_folder_open(struct drop_file *f, struct err *e) MUST_CHECK;
/* The message will have at most that many bytes. ERR_PERM: it can never fit the quota. */
int drop_file_begin(struct drop_file *f, uint64_t size, struct err *e) MUST_CHECK;
int drop_file_write(struct drop_file *f, const void *p, size_t n, struct err *e) MUST_CHECK;
/* It is there, by that plain name, and stays. One of that name is replaced. */
int drop_file_finish(struct drop_file *f, const char *name, struct err *e) MUST_CHECK;
/* Nothing of what was begun stays. May be called at any time. */
void drop_file_abort(struct drop_file *f);
/* Ends everything. */
void drop_file_deinit(struct drop_file *f);

#endif
