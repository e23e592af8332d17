/* file_name.c - names of files: x.eml, x.SERVER.tmp while it is under way, x.bad.
 *
 * A file of another program that is named x.tmp is not ours to touch, so the server's own name
 * stands in those that are; two servers may share a directory. In SERVER a dot, which would make
 * it the tail of another server's, and a slash are written as %2E and %2F, and % as %25.
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

enum {
	SUFFIX = 4,
	MARK = 9,			/* of what was cut: "~" and eight digits */
	SERVER_MAX = 80,		/* bytes of our name in temporary names */
};

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

/* FNV-1a, so that names that begin alike stay apart. */
static uint32_t hash_of(const char *p, size_t n)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 16777619u;
	return h;
}

/* The n bytes at p, or what fits into max with a mark of the rest; no character is cut in two. */
static char *fitting(const char *p, size_t n, size_t max)
{
	size_t kept = max - MARK;

	if (n <= max)
		return xstrndup(p, n);
	while (kept > 0 && ((unsigned char)p[kept] & 0xc0) == 0x80)
		kept--;
	return xasprintf("%.*s~%08x", (int)kept, p, (unsigned int)hash_of(p, n));
}

/* The name without its suffix, and rest. */
static char *name_with(const char *name, const char *rest)
{
	char *base = fitting(name, base_length(name), NAME_MAX - strlen(rest));
	char *whole = xasprintf("%s%s", base, rest);

	free(base);
	return whole;
}

static char *escaped(const char *server)
{
	char *name = xmalloc(3 * strlen(server) + 1), *out = name;

	for (; *server != '\0'; server++) {
		if (strchr("./%", *server) != NULL)
			out += snprintf(out, 4, "%%%02X", (unsigned int)*server);
		else
			*out++ = *server;
	}
	*out = '\0';
	return name;
}

/* ".SERVER.tmp" */
static char *temp_suffix(const struct pickup_folder *f)
{
	char *server = escaped(f->pickup->live->self->obj.name);
	char *cut = fitting(server, strlen(server), SERVER_MAX);
	char *suffix = xasprintf(".%s" TEMP, cut);

	free(cut);
	free(server);
	return suffix;
}

char *file_name_temp(const struct pickup_folder *f, const char *name)
{
	char *suffix = temp_suffix(f), *temp = name_with(name, suffix);

	free(suffix);
	return temp;
}

char *file_name_of_temp(const struct pickup_folder *f, const char *temp)
{
	char *own = temp_suffix(f), *name = NULL;
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
	char stamp[32], rest[64];
	struct tm tm;

	gmtime_r(&now_s, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
	snprintf(rest, sizeof(rest), "%s%03d%s", stamp, (int)(now_ms % 1000), suffix);
	return name_with(name, rest);
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
	char *to = name_with(name, suffix);
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
