/* private_file.h - a file that gets its name when it is complete, and replaces none by mistake.
 *
 * Until then it is PATH.part, which nobody shares and which replaces nothing: while it is there
 * no other begins, and what is left of somebody who was killed the user has to remove.
 */
#ifndef HUB_TOOLS_PRIVATE_FILE_H
#define HUB_TOOLS_PRIVATE_FILE_H

#include <stdbool.h>

#include "tools/ctl.h"

struct private_file {
	const char *path, *temporary;	/* side by side */
	int fd;				/* of what was made under the temporary name, or -1 */
};

/* Makes nothing yet. -1 and *e if path is there and not to go, or the temporary name is taken. */
int private_file_name(struct ctl *ctl, struct private_file *f, const char *path, bool replace,
	struct err *e) MUST_CHECK;
/* Mode 0600, empty; whoever writes the file does so to f->fd. -1 and *e, and nothing was made. */
int private_file_make(struct private_file *f, struct err *e) MUST_CHECK;
/* Then it is there as a whole; -1 and *e, and it is not. */
int private_file_publish(struct private_file *f, bool replace, struct err *e) MUST_CHECK;
/* Takes away the temporary name if it is ours, and closes. */
void private_file_drop(struct private_file *f);

#endif
