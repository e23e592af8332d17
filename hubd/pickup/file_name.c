/* file_name.c - names of files: x.eml, x.SERVER.tmp while it is under way, x.bad.
 *
 * A file of another program that is named x.tmp is not ours to touch, so the server's own name
 * stands in those that are; two servers may share a directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hubd/pickup/pickup_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

#define MAIL ".eml"
#define TEMP ".tmp"

enum { SUFFIX = 4 };

static bool ends(const char *name, size_t n, const char *suffix)
{
	size_t length = strlen(suffix);

	return n > length && memcmp(name + n - length, suffix, length) == 0;
}

/* Hidden files are being made by somebody. */
bool file_name_is_mail(const char *name)
{
	return *name != '.' && ends(name, strlen(name), MAIL);
}

static size_t base_length(const char *name)
{
	size_t n = strlen(name);

	return ends(name, n, MAIL) ? n - SUFFIX : n;
}

char *file_name_temp(const struct pickup_folder *f, const char *name)
{
	return xasprintf("%.*s.%s" TEMP, (int)base_length(name), name,
		f->pickup->live->self->obj.name);
}

char *file_name_of_temp(const struct pickup_folder *f, const char *temp)
{
	char *own = xasprintf(".%s" TEMP, f->pickup->live->self->obj.name), *name = NULL;
	size_t n = strlen(temp);

	if (*temp != '.' && ends(temp, n, own))
		name = xasprintf("%.*s" MAIL, (int)(n - strlen(own)), temp);
	free(own);
	return name;
}

static char *with_time(const char *name, const char *suffix)
{
	int64_t now_ms = clock_wall_ms();
	time_t now_s = (time_t)(now_ms / 1000);
	char stamp[32];
	struct tm tm;

	gmtime_r(&now_s, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
	return xasprintf("%.*s%s%03d%s", (int)base_length(name), name, stamp,
		(int)(now_ms % 1000), suffix);
}

int file_name_rename(const struct pickup_folder *f, const char *from, const char *to)
{
	int rc = renameat2(f->dir, from, f->dir, to, RENAME_NOREPLACE);
	struct stat st;

	if (rc == 0 || errno != EINVAL)
		return rc;
	/* NFS knows no such flag */
	if (fstatat(f->dir, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (errno == ENOENT)
		return renameat(f->dir, from, f->dir, to);
	return -1;
}

int file_name_move(const struct pickup_folder *f, const char *from, const char *name,
	const char *suffix)
{
	char *to = xasprintf("%.*s%s", (int)base_length(name), name, suffix);
	int rc = file_name_rename(f, from, to), saved;

	if (rc != 0 && errno == EEXIST) {
		free(to);
		to = with_time(name, suffix);
		rc = file_name_rename(f, from, to);
	}
	saved = errno;
	free(to);
	errno = saved;
	return rc;
}
