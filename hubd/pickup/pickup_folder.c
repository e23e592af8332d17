/* pickup_folder.c - one directory: opened, watched, looked through. See pickup.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "hubd/pickup/pickup_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { NAMES_MAX = 1000, EVENTS_SIZE = 16 * 1024, MINUTE_MS = 60 * 1000 };

const char *const pickup_kind_names[PICKUP_KINDS] = { "Pickup", "Replay" };

static void scan(struct pickup_folder *f);

/* --- what is wrong with it --- */

/* Said when it changes. */
static void tell(struct pickup_folder *f, const char *problem)
{
	if (f->problem != NULL && problem != NULL && strcmp(f->problem, problem) == 0)
		return;
	if (problem != NULL)
		log_event(LOG_LEVEL_ERROR, "mail-directory", LOG_STR("path", f->path),
			LOG_STR("directory", pickup_kind_names[f->kind]),
			LOG_STR("reason", problem), LOG_END);
	else if (f->problem != NULL)
		log_event(LOG_LEVEL_INFO, "mail-directory", LOG_STR("path", f->path),
			LOG_STR("directory", pickup_kind_names[f->kind]),
			LOG_STR("state", "usable again"), LOG_END);
	free(f->problem);
	f->problem = problem != NULL ? xstrdup(problem) : NULL;
}

static const char *problem_of(const struct stat *st)
{
	if (!S_ISDIR(st->st_mode))
		return "not a directory";
	if ((st->st_mode & S_IWOTH) != 0)
		return "everybody may write to it, and so could send as anybody";
	return NULL;
}

/* --- the kernel tells of changes --- */

static void unwatch(struct pickup_folder *f)
{
	if (f->watch != NULL)
		event_free(f->watch);
	if (f->inotify >= 0)
		close(f->inotify);
	f->watch = NULL;
	f->inotify = -1;
}

static void on_scan_due(void *ctx)
{
	struct pickup_folder *f = ctx;

	f->scan_due = false;
	if (!f->pickup->closed)
		scan(f);
}

/* Our own renames are events, too, but of names that are of no interest. */
static bool is_of_interest(const char *p, size_t n)
{
	const struct inotify_event *ev;
	size_t at;

	for (at = 0; at + sizeof(*ev) <= n; at += sizeof(*ev) + ev->len) {
		ev = (const void *)(p + at);
		if (ev->len == 0 || file_name_is_mail(ev->name))
			return true;
	}
	return false;
}

static void on_change(evutil_socket_t fd, short what, void *ctx)
{
	_Alignas(struct inotify_event) char buf[EVENTS_SIZE];
	struct pickup_folder *f = ctx;
	bool due = false;
	ssize_t n;

	(void)what;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		due = is_of_interest(buf, (size_t)n) || due;
	if (due && !f->scan_due)
		loop_defer(f->pickup->loop, on_scan_due, f);
	f->scan_due = f->scan_due || due;
}

/* Without it the poll still sees everything. */
static void watch(struct pickup_folder *f)
{
	char path[64];

	f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->inotify < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->dir);
	if (inotify_add_watch(f->inotify, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB) < 0) {
		unwatch(f);
		return;
	}
	f->watch = event_new(loop_base(f->pickup->loop), f->inotify, EV_READ | EV_PERSIST,
		on_change, f);
	BUG_ON(f->watch == NULL);
	event_add(f->watch, NULL);
}

/* --- open --- */

static void drop_names(struct pickup_folder *f)
{
	size_t i;

	for (i = 0; i < f->n_names; i++)
		free(f->names[i]);
	f->n_names = f->at = 0;
}

static void end_pass(struct pickup_folder *f)
{
	drop_names(f);
	if (f->listing != NULL)
		closedir(f->listing);
	f->listing = NULL;
	f->again = false;
}

/*
 * A file whose message is stored is not to come back, with its message, after a loss of power. What
 * is lost before this has run goes twice.
 */
static void sync_folder(struct pickup_folder *f)
{
	if (f->sync_due && f->dir >= 0 && fsync(f->dir) != 0)
		log_event(LOG_LEVEL_WARNING, "mail-directory", LOG_STR("path", f->path),
			LOG_STR("directory", pickup_kind_names[f->kind]),
			LOG_STR("state", "cannot be synced: files that were taken may come back"),
			LOG_STR("reason", strerror(errno)), LOG_END);
	f->sync_due = false;
}

static void on_sync_due(void *ctx)
{
	sync_folder(ctx);
}

void folder_sync_later(struct pickup_folder *f)
{
	if (!f->sync_due && !f->pickup->ended)
		loop_defer(f->pickup->loop, on_sync_due, f);
	f->sync_due = true;
}

static void shut(struct pickup_folder *f)
{
	end_pass(f);
	sync_folder(f);
	pickup_files_forget(f);
	unwatch(f);
	if (f->dir >= 0)
		close(f->dir);
	f->dir = -1;
	f->told_until = f->told_next = (struct timespec){ 0 };
}

static bool open_it(struct pickup_folder *f)
{
	const char *problem;

	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0 || fstat(f->dir, &f->st) != 0) {
		tell(f, strerror(errno));
		shut(f);
		return false;
	}
	problem = problem_of(&f->st);
	tell(f, problem);
	if (problem != NULL) {
		shut(f);
		return false;
	}
	watch(f);
	pickup_files_reclaim(f);
	return true;
}

/* It may have been moved, mounted upon, or opened to everybody since. */
static bool is_still_it(struct pickup_folder *f)
{
	struct stat st;

	if (stat(f->path, &st) != 0 || st.st_dev != f->st.st_dev || st.st_ino != f->st.st_ino ||
		problem_of(&st) != NULL)
		return false;
	f->st = st;
	return true;
}

static const char *wanted_path(const struct pickup_folder *f)
{
	const struct server *self = f->pickup->live->self;

	return f->kind == PICKUP_KIND_PICKUP ? self->pickup_directory : self->replay_directory;
}

/* False: nothing can be taken now. Another one is opened when no file of this is under way. */
static bool make_ready(struct pickup_folder *f)
{
	const char *path = wanted_path(f);
	bool same = f->path != NULL && path != NULL && strcmp(f->path, path) == 0;

	if (same && f->dir >= 0 && is_still_it(f))
		return true;
	if (f->n_files != 0) {
		end_pass(f);
		return false;
	}
	shut(f);
	if (!same) {
		free(f->path);
		free(f->problem);
		f->problem = NULL;
		f->path = path != NULL ? xstrdup(path) : NULL;
	}
	return f->path != NULL && open_it(f);
}

/* --- names --- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void begin_pass(struct pickup_folder *f)
{
	int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	end_pass(f);
	f->told_until = f->told_next;
	f->listing = fd >= 0 ? fdopendir(fd) : NULL;
	if (f->listing != NULL)
		return;
	tell(f, strerror(errno));
	if (fd >= 0)
		close(fd);
}

/* The next NAMES_MAX, in their order. */
static void read_names(struct pickup_folder *f)
{
	struct dirent *entry = NULL;

	drop_names(f);
	if (f->names == NULL)
		f->names = xcalloc(NAMES_MAX, sizeof(*f->names));
	while (f->n_names < NAMES_MAX && (entry = readdir(f->listing)) != NULL)
		if (file_name_is_mail(entry->d_name))
			f->names[f->n_names++] = xstrdup(entry->d_name);
	if (entry == NULL) {
		closedir(f->listing);
		f->listing = NULL;
	}
	qsort(f->names, f->n_names, sizeof(*f->names), by_name);
}

/* hubPickupMaxMessagesPerMinute; 0 = any number. */
static bool within_rate(struct pickup_folder *f)
{
	uint64_t max = f->pickup->live->self->pickup_rate, now = clock_mono_ms();

	if (f->minute_ms == 0 || now >= f->minute_ms + MINUTE_MS || f->minute_max != max) {
		f->minute_ms = now;
		f->minute_max = max;
		f->minute_count = 0;
	}
	return max == 0 || f->minute_count < max;
}

void folder_rest(struct pickup_folder *f)
{
	f->rest_until_ms = clock_mono_ms() + PICKUP_POLL_MS;
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec > b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec > b->tv_nsec);
}

/* Each name is looked at once a list, so the latest change up to the list before says it all. */
bool folder_is_news(struct pickup_folder *f, const struct stat *st)
{
	if (is_later(&st->st_ctim, &f->told_next))
		f->told_next = st->st_ctim;
	return is_later(&st->st_ctim, &f->told_until);
}

static bool may_take(struct pickup_folder *f)
{
	return f->n_files + f->n_stuck < PICKUP_FILES && clock_mono_ms() >= f->rest_until_ms &&
		within_rate(f);
}

static void take_names(struct pickup_folder *f)
{
	while (f->at < f->n_names && may_take(f)) {
		loop_touch(f->pickup->loop);
		pickup_file_take(f, f->names[f->at++]);
	}
	if (f->at < f->n_names)
		return;
	if (f->listing != NULL) {
		folder_has_room(f);
	} else if (f->again && !f->scan_due) {
		f->scan_due = true;
		loop_defer(f->pickup->loop, on_scan_due, f);
	}
}

static void on_next_due(void *ctx)
{
	struct pickup_folder *f = ctx;

	f->next_due = false;
	if (f->pickup->closed || f->dir < 0)
		return;
	if (f->at == f->n_names && f->listing != NULL)
		read_names(f);
	take_names(f);
}

/* Not at once: the file may have ended within take_names. */
void folder_has_room(struct pickup_folder *f)
{
	if (f->next_due || f->pickup->ended)
		return;
	f->next_due = true;
	loop_defer(f->pickup->loop, on_next_due, f);
}

static void scan(struct pickup_folder *f)
{
	loop_touch(f->pickup->loop);
	if (!make_ready(f))
		return;
	pickup_files_unstick(f);
	/* those seen before come first */
	if (f->at < f->n_names || f->listing != NULL) {
		f->again = true;
	} else {
		begin_pass(f);
		if (f->listing != NULL)
			read_names(f);
	}
	take_names(f);
}

static void on_poll(evutil_socket_t fd, short what, void *ctx)
{
	struct pickup_folder *f = ctx;

	(void)fd;
	(void)what;
	scan(f);
}

/* --- life --- */

void folder_init(struct pickup_folder *f, struct pickup *p, enum pickup_kind kind)
{
	f->pickup = p;
	f->kind = kind;
	f->dir = f->inotify = -1;
	f->poll = event_new(loop_base(p->loop), -1, EV_PERSIST, on_poll, f);
	BUG_ON(f->poll == NULL);
}

void folder_deinit(struct pickup_folder *f)
{
	shut(f);
	event_free(f->poll);
	free(f->names);
	free(f->path);
	free(f->problem);
}

void folder_set_live(struct pickup_folder *f)
{
	static const struct timeval every = { PICKUP_POLL_MS / 1000, 0 };

	/* the one that was open may have files under way yet, and is shut when they have ended */
	if (wanted_path(f) == NULL && f->dir < 0)
		event_del(f->poll);
	else if (!event_pending(f->poll, EV_TIMEOUT, NULL))
		event_add(f->poll, &every);
	scan(f);
}

void folder_stop(struct pickup_folder *f)
{
	event_del(f->poll);
	unwatch(f);
	end_pass(f);
	pickup_files_return(f);
}
