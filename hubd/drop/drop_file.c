/* drop_file.c - see drop_file.h */
#include "hubd/drop/drop_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_PREFIX ".hub-"
#define TEMP_SUFFIX ".tmp"

enum { NAME_TRIES = 8, PATH_SHOWN = 150 };

void drop_file_init(struct drop_file *f)
{
	*f = (struct drop_file){ .dir = -1, .fd = -1 };
}

static int fail(const struct drop_file *f, const char *what, struct err *e)
{
	return err_set(e, ERR_TEMP, errno, "%s in %.*s/%.*s", what, PATH_SHOWN, f->root, PATH_SHOWN,
		f->folder);
}

/* --- the folder --- */

typedef void each_cb(struct drop_file *f, const char *name, const struct stat *st, void *ctx);

/* Every regular file; one that goes away meanwhile is not there. */
static int each_file(struct drop_file *f, each_cb *cb, void *ctx)
{
	int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), saved;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (dir == NULL) {
		saved = errno;
		if (fd >= 0)
			close(fd);
		errno = saved;
		return -1;
	}
	while ((entry = readdir(dir)) != NULL)
		if (fstatat(f->dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode))
			cb(f, entry->d_name, &st, ctx);
	closedir(dir);
	return 0;
}

static bool is_temp(const char *name)
{
	size_t n = strlen(name), head = strlen(TEMP_PREFIX), tail = strlen(TEMP_SUFFIX);

	return n > head + tail && strncmp(name, TEMP_PREFIX, head) == 0 &&
		strcmp(name + n - tail, TEMP_SUFFIX) == 0;
}

/* Whoever writes one holds its lock. */
static void remove_left(struct drop_file *f, const char *name, const struct stat *st, void *ctx)
{
	int fd;

	(void)st;
	(void)ctx;
	if (!is_temp(name))
		return;
	fd = openat(f->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		(void)unlinkat(f->dir, name, 0);
	close(fd);
}

/* Anew for each file: folders are moved, and file systems mounted on them. */
static int open_folder(struct drop_file *f, struct err *e)
{
	int root, saved;

	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
	root = open(f->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_set(e, ERR_TEMP, errno, "hubDropRoot %.*s", PATH_SHOWN, f->root);
	f->dir = openat(root, f->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	saved = errno;
	close(root);
	errno = saved;
	if (f->dir < 0)
		return err_set(e, ERR_TEMP, errno, "drop directory %.*s/%.*s", PATH_SHOWN, f->root,
			PATH_SHOWN, f->folder);
	return 0;
}

int drop_folder_open(struct drop_file *f, struct err *e)
{
	if (open_folder(f, e) != 0)
		return -1;
	if (each_file(f, remove_left, NULL) != 0)
		return fail(f, "cannot read what is", e);
	return 0;
}

/* --- the file --- */

/* 1 = the name is taken, or was taken away before it was locked. */
static int try_temp(struct drop_file *f)
{
	uint64_t number;
	struct stat st;

	BUG_ON(getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number));
	snprintf(f->temp, sizeof(f->temp), TEMP_PREFIX "%016" PRIx64 TEMP_SUFFIX, number);
	f->fd = openat(f->dir, f->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	if (f->fd < 0)
		return errno == EEXIST ? 1 : -1;
	if (flock(f->fd, LOCK_EX | LOCK_NB) == 0 && fstat(f->fd, &st) == 0 && st.st_nlink == 1)
		return 0;
	close(f->fd);
	f->fd = -1;
	return 1;
}

static int make_temp(struct drop_file *f)
{
	int i, rc = 1;

	for (i = 0; i < NAME_TRIES && rc == 1; i++)
		rc = try_temp(f);
	return rc == 0 ? 0 : -1;
}

static void add_size(struct drop_file *f, const char *name, const struct stat *st, void *ctx)
{
	uint64_t *sum = ctx;

	(void)f;
	(void)name;
	*sum += (uint64_t)st->st_size;
}

static int check_quota(struct drop_file *f, uint64_t size, struct err *e)
{
	uint64_t sum = 0;

	if (f->quota == 0)
		return 0;
	if (size > f->quota)
		return err_set(e, ERR_PERM, 0, "message of %" PRIu64 " bytes is larger than "
			"hubDropQuota of %" PRIu64, size, f->quota);
	if (each_file(f, add_size, &sum) != 0)
		return fail(f, "cannot add up what is", e);
	if (sum <= f->quota)
		return 0;
	return err_set(e, ERR_TEMP, EDQUOT, "hubDropQuota of %" PRIu64 " bytes: %" PRIu64
		" lie in %.*s/%.*s, and %" PRIu64 " are to come", f->quota, sum - size, PATH_SHOWN,
		f->root, PATH_SHOWN, f->folder, size);
}

/* Who may look into the folder may read what is dropped there, whatever our umask says. */
static int set_mode(const struct drop_file *f)
{
	struct stat st;

	if (fstat(f->dir, &st) != 0)
		return -1;
	return fchmod(f->fd, (st.st_mode & 0666) | 0600);
}

int drop_file_begin(struct drop_file *f, uint64_t size, struct err *e)
{
	f->written = 0;
	if (open_folder(f, e) != 0)
		return -1;
	if (make_temp(f) != 0)
		return fail(f, "cannot make a file", e);
	if (set_mode(f) != 0 || ftruncate(f->fd, (off_t)size) != 0)
		return fail(f, "cannot prepare a file", e);
	return check_quota(f, size, e);
}

int drop_file_write(struct drop_file *f, const void *p, size_t n, struct err *e)
{
	const char *from = p;
	ssize_t done;

	while (n > 0) {
		done = write(f->fd, from, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return fail(f, "cannot write", e);
		from += done;
		n -= (size_t)done;
		f->written += (uint64_t)done;
	}
	return 0;
}

int drop_file_finish(struct drop_file *f, const char *name, struct err *e)
{
	int fd = f->fd;

	if (ftruncate(fd, (off_t)f->written) != 0 || fsync(fd) != 0)
		return fail(f, "cannot sync a file", e);
	if (renameat(f->dir, f->temp, f->dir, name) != 0)
		return fail(f, "cannot name a file", e);
	f->fd = -1;
	/* its lock is of no use any more */
	close(fd);
	if (fsync(f->dir) != 0)
		return fail(f, "cannot sync the folder", e);
	return 0;
}

void drop_file_abort(struct drop_file *f)
{
	if (f->fd < 0)
		return;
	(void)unlinkat(f->dir, f->temp, 0);
	close(f->fd);
	f->fd = -1;
}

void drop_file_deinit(struct drop_file *f)
{
	drop_file_abort(f);
	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
}
