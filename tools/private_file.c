/* private_file.c - see private_file.h */
#include "tools/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse_taken(const struct private_file *f, struct err *e)
{
	return err_set(e, ERR_CONFIG, 0, "%s is there: another one makes that file now, or was "
		"killed; remove it if none does", f->temporary);
}

int private_file_name(struct ctl *ctl, struct private_file *f, const char *path, bool replace,
	struct err *e)
{
	struct stat st;

	*f = (struct private_file){ path, arena_printf(ctl->arena, "%s.part", path), -1 };
	if (lstat(path, &st) == 0 && !replace)
		return err_set(e, ERR_CONFIG, 0, "%s is there already: give another name, or "
			"--force to write over it", path);
	return lstat(f->temporary, &st) == 0 ? refuse_taken(f, e) : 0;
}

int private_file_make(struct private_file *f, struct err *e)
{
	f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd >= 0)
		return 0;
	return errno == EEXIST ? refuse_taken(f, e) :
		err_set(e, ERR_CONFIG, errno, "%s", f->temporary);
}

static void close_file(struct private_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* The temporary name becomes the one; *renamed is false if it is there beside it. */
static int give_name(struct private_file *f, bool replace, bool *renamed)
{
	*renamed = true;
	if (replace)
		return rename(f->temporary, f->path);
	/* these never replace, whatever came since it was looked for; FAT has no link() */
	if (renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	*renamed = false;
	return link(f->temporary, f->path);
}

int private_file_publish(struct private_file *f, bool replace, struct err *e)
{
	bool renamed;

	if (give_name(f, replace, &renamed) != 0)
		return err_set(e, ERR_CONFIG, errno, "%s", f->path);
	/* after a rename the name is anybody's again */
	if (renamed)
		close_file(f);
	return 0;
}

void private_file_drop(struct private_file *f)
{
	if (f->fd >= 0)
		unlink(f->temporary);
	close_file(f);
}
