/* pickup_look.c - may a file be taken? See pickup_file_priv.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "hubd/pickup/pickup_file_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

/* Where the kernel cannot say whether somebody writes: quiet for so long. */
enum { QUIET_S = 5 };

bool file_has_changed(const struct pickup_file *x)
{
	struct stat st;

	return fstat(x->fd, &st) != 0 || st.st_size != x->st.st_size ||
		st.st_mtim.tv_sec != x->st.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != x->st.st_mtim.tv_nsec || st.st_mode != x->st.st_mode ||
		st.st_uid != x->st.st_uid || st.st_gid != x->st.st_gid;
}

enum look { LOOK_TAKE, LOOK_LEAVE, LOOK_BAD };

/*
 * A lease for reading is given on a file that nobody has open for writing. Without the right to
 * ask (the file is another's), and where there is none (NFS), time has to tell.
 */
static bool is_being_written(int fd, const struct stat *st)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		(void)fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	if (errno == EAGAIN)
		return true;
	return clock_wall_s() < st->st_mtim.tv_sec + QUIET_S &&
		clock_wall_s() >= st->st_mtim.tv_sec;
}

static enum look look_at(const struct pickup_folder *f, int fd, const struct stat *st,
	const char **rule, const char **reason)
{
	uint64_t max = f->pickup->live->snapshot->org->max_receive_size;

	if (is_being_written(fd, st))
		return LOOK_LEAVE;
	*rule = "message";
	*reason = "far larger than hubMaxReceiveSize";
	if (max != 0 && (uint64_t)st->st_size > max + REPLAY_HEADER_MAX)
		return LOOK_BAD;
	*rule = "permissions";
	if ((st->st_mode & S_IWOTH) != 0)
		*reason = "everybody may write to it";
	else if ((st->st_mode & S_IWGRP) != 0 && st->st_gid != f->st.st_gid)
		*reason = "a group that the directory is not of may write to it";
	else if (st->st_nlink > 1 && clock_wall_s() < st->st_ctim.tv_sec + QUIET_S)
		/* link and unlink is how some deliver */
		return LOOK_LEAVE;
	else if (st->st_nlink > 1)
		*reason = "it has another name";
	else
		return LOOK_TAKE;
	return LOOK_BAD;
}

/* What was looked at is an open file, what was renamed is a name. */
static const char *why_not_the_same(const struct pickup_file *x)
{
	struct stat st;

	if (fstatat(x->folder->dir, x->temp, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		st.st_dev != x->st.st_dev || st.st_ino != x->st.st_ino)
		return "another file took its name";
	if (file_has_changed(x) || is_being_written(x->fd, &x->st))
		return "it changed while it was looked at";
	return NULL;
}

static struct pickup_file *file_new(struct pickup_folder *f, const char *name, char *temp, int fd,
	const struct stat *st)
{
	struct pickup_file *x = xcalloc(1, sizeof(*x));

	x->folder = f;
	x->name = xstrdup(name);
	x->temp = temp;
	x->fd = fd;
	x->st = *st;
	x->trusted = f->kind == PICKUP_KIND_REPLAY && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
		(st->st_uid == 0 || st->st_uid == geteuid());
	x->arena = arena_new();
	DL_APPEND(f->files, x);
	f->n_files++;
	f->minute_count++;
	x->minute_ms = f->minute_ms;
	return x;
}

/* False: it cannot be renamed, and fd stays the caller's. */
static bool start(struct pickup_folder *f, const char *name, int fd, const struct stat *st)
{
	char *temp = file_name_temp(f, name);
	const char *why_not;
	struct pickup_file *x;

	if (file_name_rename(f, name, temp) != 0) {
		if (errno != ENOENT)
			file_leave(f, name, st, strerror(errno));
		free(temp);
		return false;
	}
	x = file_new(f, name, temp, fd, st);
	why_not = why_not_the_same(x);
	if (why_not == NULL) {
		file_begin(x);
	} else {
		file_give_back(x, why_not);
		file_release(x);
	}
	return true;
}

static void put_aside_or_leave(struct pickup_folder *f, const char *name, const struct stat *st,
	const char *rule, const char *reason)
{
	if (!file_put_aside(f, name, name, st, rule, reason) && errno != ENOENT)
		file_leave(f, name, st, strerror(errno));
}

/* True: it was begun with, and fd is the file's. */
static bool take_open(struct pickup_folder *f, const char *name, int fd, const struct stat *st)
{
	const char *rule, *reason;

	switch (look_at(f, fd, st, &rule, &reason)) {
	case LOOK_TAKE:
		return start(f, name, fd, st);
	case LOOK_BAD:
		put_aside_or_leave(f, name, st, rule, reason);
		break;
	case LOOK_LEAVE:
		break;
	}
	return false;
}

void pickup_file_take(struct pickup_folder *f, const char *name)
{
	struct stat st, opened;
	int fd;

	if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (!S_ISREG(st.st_mode)) {
		put_aside_or_leave(f, name, &st, "file-type", "not a regular file");
		return;
	}
	fd = openat(f->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT)
			file_leave(f, name, &st, strerror(errno));
		return;
	}
	if (fstat(fd, &opened) != 0 || opened.st_ino != st.st_ino || opened.st_dev != st.st_dev ||
		!take_open(f, name, fd, &opened))
		close(fd);
}
