/* log_file.c - see log_file.h */
#include "hubd/track/log_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum { DAY_DIGITS = 8, NAME_SIZE = 128, HEADER_SIZE = 1024 };

/* One file of the log, as its folder shows it. */
struct entry {
	uint32_t day;		/* yyyymmdd */
	uint32_t number;
	uint64_t size;
	int64_t written_s;
};

struct entries {
	struct entry *v;
	size_t n, capacity;
};

struct log_file {
	struct log_file_config cfg;
	int fd;			/* -1: none is open */
	char *path;		/* the next four are of the file that is open */
	uint32_t day, number;
	ino_t inode;
	uint64_t size;
	bool has_lines;		/* more than its header */
	bool full;		/* a new one is needed even if the last has some room */
};

static int64_t now_ms(const struct log_file *f)
{
	return f->cfg.now_ms != NULL ? f->cfg.now_ms() : clock_wall_ms();
}

static uint32_t today(const struct log_file *f)
{
	time_t now = (time_t)(now_ms(f) / 1000);
	struct tm tm;

	gmtime_r(&now, &tm);
	return (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
}

/* --- the folder --- */

static void name_of(const struct log_file *f, uint32_t day, uint32_t number, char *out)
{
	snprintf(out, NAME_SIZE, "%s%08u-%u.log", f->cfg.prefix, day, number);
}

/* False for a name that is not one of this log's. */
static bool parse_name(const struct log_file *f, const char *name, struct entry *out)
{
	size_t prefix = strlen(f->cfg.prefix);
	char again[NAME_SIZE];

	if (strncmp(name, f->cfg.prefix, prefix) != 0 ||
		sscanf(name + prefix, "%8u-%9u.log", &out->day, &out->number) != 2)
		return false;
	name_of(f, out->day, out->number, again);
	return strcmp(name, again) == 0;
}

static int by_age(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->day != y->day)
		return x->day < y->day ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* What there is, the oldest first. */
static struct entries list(const struct log_file *f)
{
	struct entries all = { NULL, 0, 0 };
	DIR *folder = opendir(f->cfg.folder);
	struct dirent *d;
	struct entry one;
	struct stat st;

	while (folder != NULL && (d = readdir(folder)) != NULL) {
		if (!parse_name(f, d->d_name, &one) ||
			fstatat(dirfd(folder), d->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
			!S_ISREG(st.st_mode))
			continue;
		one.size = (uint64_t)st.st_size;
		one.written_s = st.st_mtim.tv_sec;
		if (all.n == all.capacity) {
			all.capacity = all.capacity == 0 ? 64 : all.capacity * 2;
			all.v = xrealloc(all.v, all.capacity * sizeof(*all.v));
		}
		all.v[all.n++] = one;
	}
	if (folder != NULL)
		closedir(folder);
	if (all.n != 0)
		qsort(all.v, all.n, sizeof(*all.v), by_age);
	return all;
}

static bool is_open(const struct log_file *f, const struct entry *e)
{
	return f->fd >= 0 && e->day == f->day && e->number == f->number;
}

static void remove_entry(const struct log_file *f, const struct entry *e)
{
	char name[NAME_SIZE], *path;

	name_of(f, e->day, e->number, name);
	path = xasprintf("%s/%s", f->cfg.folder, name);
	(void)unlink(path);
	free(path);
}

void log_file_tidy(struct log_file *f)
{
	struct entries all = list(f);
	int64_t oldest_s = now_ms(f) / 1000 - (int64_t)f->cfg.age_s;
	uint64_t total = f->cfg.file_size;	/* the open one grows that far */
	size_t i;

	for (i = 0; i < all.n; i++)
		total += is_open(f, &all.v[i]) ? 0 : all.v[i].size;
	for (i = 0; i < all.n; i++) {
		bool too_old = f->cfg.age_s != 0 && all.v[i].written_s < oldest_s;
		bool too_much = f->cfg.total_size != 0 && total > f->cfg.total_size;

		if (is_open(f, &all.v[i]) || (!too_old && !too_much))
			continue;
		remove_entry(f, &all.v[i]);
		total -= all.v[i].size;
	}
	free(all.v);
}

static int make_folder(const struct log_file *f, struct err *e)
{
	char *path = xstrdup(f->cfg.folder), *p;
	int rc = 0;

	for (p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		(void)mkdir(path, 0750);
		*p = '/';
	}
	if (mkdir(path, 0750) != 0 && errno != EEXIST)
		rc = err_set(e, ERR_TEMP, errno, "%s", path);
	free(path);
	return rc;
}

/* --- the file --- */

/* Leaves no part of text behind when it does not fit on the disk. */
static int write_whole(struct log_file *f, const char *text, size_t n, struct err *e)
{
	size_t done = 0;
	ssize_t rc;

	while (done < n) {
		rc = write(f->fd, text + done, n - done);
		if (rc >= 0) {
			done += (size_t)rc;
		} else if (errno != EINTR) {
			err_set(e, ERR_TEMP, errno, "%s", f->cfg.folder);
			if (ftruncate(f->fd, (off_t)f->size) != 0)
				log_file_close(f);
			return -1;
		}
	}
	f->size += n;
	return 0;
}

static int write_header(struct log_file *f, struct err *e)
{
	char when[32], header[HEADER_SIZE];
	int n;

	clock_rfc3339(now_ms(f), when, sizeof(when));
	n = snprintf(header, sizeof(header), "#Software: Hub Transport %s\n#Version: 1.0\n"
		"#Log-Type: %s\n#Date: %s\n#Fields: %s\n",
		PACKAGE_VERSION, f->cfg.type, when, f->cfg.fields);
	return write_whole(f, header, (size_t)n, e);
}

/* Can lines be added to this one, or was its last one torn? */
static bool ends_well(int fd, uint64_t size)
{
	char last;

	return size == 0 || (pread(fd, &last, 1, (off_t)size - 1) == 1 && last == '\n');
}

/* Opens a number of today; false in *usable: its lines are not to be followed by ours. */
static int open_number(struct log_file *f, uint32_t number, bool *usable, struct err *e)
{
	char name[NAME_SIZE];
	struct stat st;

	name_of(f, f->day, number, name);
	f->path = xasprintf("%s/%s", f->cfg.folder, name);
	f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (f->fd < 0 || fstat(f->fd, &st) != 0) {
		err_set(e, ERR_TEMP, errno, "%s", f->path);
		log_file_close(f);
		return -1;
	}
	f->number = number;
	f->inode = st.st_ino;
	f->size = (uint64_t)st.st_size;
	f->has_lines = f->size != 0;
	*usable = f->size < f->cfg.file_size && ends_well(f->fd, f->size);
	return 0;
}

/* The last number of today that the folder shows; 0 if there is none. */
static uint32_t last_number(const struct log_file *f)
{
	struct entries all = list(f);
	uint32_t number = 0;
	size_t i;

	for (i = 0; i < all.n; i++)
		if (all.v[i].day == f->day)
			number = all.v[i].number;
	free(all.v);
	return number;
}

/* Goes on with the last file of today, or begins the one after it. */
static int open_last(struct log_file *f, struct err *e)
{
	uint32_t last;
	bool usable = false;

	f->day = today(f);
	last = last_number(f);
	if (last != 0 && !f->full && open_number(f, last, &usable, e) != 0)
		return -1;
	if (!usable) {
		log_file_close(f);
		if (open_number(f, last + 1, &usable, e) != 0)
			return -1;
	}
	f->full = false;
	log_file_tidy(f);
	if (f->size != 0 || write_header(f, e) == 0)
		return 0;
	log_file_close(f);
	return -1;
}

/* Removed or renamed by somebody. */
static bool was_taken_away(const struct log_file *f)
{
	struct stat st;

	return stat(f->path, &st) != 0 || st.st_ino != f->inode;
}

/* --- contract --- */

struct log_file *log_file_new(const struct log_file_config *cfg)
{
	struct log_file *f = xcalloc(1, sizeof(*f));

	f->cfg = *cfg;
	f->cfg.folder = xstrdup(cfg->folder);
	f->fd = -1;
	return f;
}

void log_file_free(struct log_file **fp)
{
	struct log_file *f = *fp;

	if (f == NULL)
		return;
	log_file_close(f);
	free((char *)f->cfg.folder);
	free(f);
	*fp = NULL;
}

void log_file_close(struct log_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	free(f->path);
	f->path = NULL;
}

/* As many of the lines as fit into the file, one at least if it is new. */
static size_t that_fit(const struct log_file *f, const char *text, size_t n)
{
	uint64_t room = f->cfg.file_size > f->size ? f->cfg.file_size - f->size : 0;
	const char *end;

	if (n <= room)
		return n;
	end = memrchr(text, '\n', (size_t)room);
	if (end == NULL && !f->has_lines)
		end = memchr(text, '\n', n);
	return end == NULL ? 0 : (size_t)(end - text) + 1;
}

size_t log_file_write(struct log_file *f, const char *text, size_t n, struct err *e)
{
	size_t done = 0, some;

	if (f->fd >= 0 && (f->day != today(f) || was_taken_away(f)))
		log_file_close(f);
	while (done < n) {
		if (f->fd < 0 && (make_folder(f, e) != 0 || open_last(f, e) != 0))
			break;
		some = that_fit(f, text + done, n - done);
		if (some == 0) {
			f->full = true;
			log_file_close(f);
			continue;
		}
		if (write_whole(f, text + done, some, e) != 0)
			break;
		f->has_lines = true;
		done += some;
	}
	return done;
}
