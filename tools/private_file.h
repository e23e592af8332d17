/* private_file.h - a file that gets its name when it is complete, and replaces none by mistake.
 *
 * Until then it is PATH.part: what is left of somebody who was killed the next one writes over.
 */
#ifndef HUB_TOOLS_PRIVATE_FILE_H
#define HUB_TOOLS_PRIVATE_FILE_H

#include <stdbool.h>

#include "tools/ctl.h"

struct private_file {
	const char *path, *temporary;	/* side by side */
};

/* Whoever writes the file does so to f->temporary. -1 and *e if path is there and not to go. */
int private_file_name(struct ctl *ctl, struct private_file *f, const char *path, bool replace,
	struct err *e) MUST_CHECK;
/* Then it is there as a whole; -1 and *e, and it is not. */
int private_file_publish(const struct private_file *f, bool replace, struct err *e) MUST_CHECK;
/* What is left of it under the temporary name. */
void private_file_drop(const struct private_file *f);

#endif
