/* private_file.c - see private_file.h */
#include "tools/private_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

int private_file_name(struct ctl *ctl, struct private_file *f, const char *path, bool replace,
	struct err *e)
{
	struct stat st;

	*f = (struct private_file){ path, arena_printf(ctl->arena, "%s.part", path) };
	if (lstat(path, &st) == 0 && !replace)
		return err_set(e, ERR_CONFIG, 0, "%s is there already: give another name, or "
			"--force to write over it", path);
	return 0;
}

int private_file_publish(const struct private_file *f, bool replace, struct err *e)
{
	/* link() never replaces, whatever came since it was looked for */
	int rc = replace ? rename(f->temporary, f->path) : link(f->temporary, f->path);

	return rc == 0 ? 0 : err_set(e, ERR_CONFIG, errno, "%s", f->path);
}

void private_file_drop(const struct private_file *f)
{
	if (f->temporary != NULL)
		unlink(f->temporary);
}
