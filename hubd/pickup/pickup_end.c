/* pickup_end.c - what becomes of a file: taken, put aside, given back. See pickup_file_priv.h.
 *
 * A file that was renamed and then can neither be removed nor renamed again (the file system has
 * become read-only) is stuck: it is said once, and tried again with each look at the folder.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "hubd/pickup/pickup_file_priv.h"
#include "hubd/track/counters.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

void file_release(struct pickup_file *x)
{
	struct pickup_folder *f = x->folder;

	DL_DELETE(f->files, x);
	f->n_files--;
	intake_free(&x->intake);
	arena_free(&x->arena);
	if (x->fd >= 0)
		close(x->fd);
	free(x->name);
	free(x->temp);
	free(x);
}

void file_over(struct pickup_file *x)
{
	struct pickup_folder *f = x->folder;

	file_release(x);
	folder_has_room(f);
	pickup_file_ended(f->pickup);
}

void file_leave(struct pickup_folder *f, const char *name, const struct stat *st,
	const char *reason)
{
	if (folder_is_news(f, st))
		log_event(LOG_LEVEL_WARNING, "file-left", LOG_STR("path", f->path),
			LOG_STR("file", name), LOG_UINT("owner", st->st_uid),
			LOG_STR("reason", reason), LOG_END);
}

bool file_put_aside(struct pickup_folder *f, const char *at, const char *name,
	const struct stat *st, const char *rule, const char *reason)
{
	if (file_name_move(f, at, name, ".bad") != 0)
		return false;
	counter_add(f->kind == PICKUP_KIND_PICKUP ? COUNTER_PICKUP_BAD : COUNTER_REPLAY_BAD, 1);
	log_event(LOG_LEVEL_WARNING, "badmail", LOG_STR("directory", pickup_kind_names[f->kind]),
		LOG_STR("path", f->path), LOG_STR("file", name), LOG_UINT("owner", st->st_uid),
		LOG_STR("rule", rule), LOG_STR("reason", reason), LOG_END);
	return true;
}

/* --- stuck --- */

struct pickup_stuck {
	struct pickup_stuck *prev, *next;
	char *temp, *name;
	const char *suffix;		/* it is to have; NULL = it is to be removed */
};

static int move_on(const struct pickup_folder *f, const char *temp, const char *name,
	const char *suffix)
{
	int rc = suffix == NULL ? unlinkat(f->dir, temp, 0) :
		file_name_move(f, temp, name, suffix);

	return rc != 0 && errno == ENOENT ? 0 : rc;
}

static void stuck(struct pickup_file *x, const char *suffix)
{
	struct pickup_stuck *s = xcalloc(1, sizeof(*s));
	struct pickup_folder *f = x->folder;

	log_event(LOG_LEVEL_ERROR, "file-stuck", LOG_STR("path", f->path),
		LOG_STR("file", x->temp), LOG_STR("wanted", suffix != NULL ? suffix : "removed"),
		LOG_STR("reason", strerror(errno)), LOG_END);
	s->temp = xstrdup(x->temp);
	s->name = xstrdup(x->name);
	s->suffix = suffix;
	DL_APPEND(f->stuck, s);
	f->n_stuck++;
}

static void unstick(struct pickup_folder *f, struct pickup_stuck *s)
{
	DL_DELETE(f->stuck, s);
	f->n_stuck--;
	free(s->temp);
	free(s->name);
	free(s);
}

void pickup_files_unstick(struct pickup_folder *f)
{
	struct pickup_stuck *s, *next;

	DL_FOREACH_SAFE(f->stuck, s, next) {
		if (move_on(f, s->temp, s->name, s->suffix) != 0)
			continue;
		log_event(LOG_LEVEL_INFO, "file-unstuck", LOG_STR("path", f->path),
			LOG_STR("file", s->temp), LOG_END);
		folder_sync_later(f);
		unstick(f, s);
	}
}

void pickup_files_forget(struct pickup_folder *f)
{
	struct pickup_stuck *s, *next;

	DL_FOREACH_SAFE(f->stuck, s, next)
		unstick(f, s);
}

/* --- each of its ends --- */

void file_bad(struct pickup_file *x, const char *rule, const char *reason)
{
	if (!file_put_aside(x->folder, x->temp, x->name, &x->st, rule, reason))
		stuck(x, ".bad");
	file_over(x);
}

void file_give_back(struct pickup_file *x, const char *reason)
{
	struct pickup_folder *f = x->folder;

	folder_rest(f);
	if (x->minute_ms == f->minute_ms && f->minute_count > 0)
		f->minute_count--;
	log_event(LOG_LEVEL_INFO, "file-left", LOG_STR("path", f->path),
		LOG_STR("file", x->name), LOG_STR("reason", reason), LOG_END);
	if (move_on(f, x->temp, x->name, ".eml") != 0)
		stuck(x, ".eml");
}

void file_return(struct pickup_file *x, const char *reason)
{
	file_give_back(x, reason);
	file_over(x);
}

void file_taken(struct pickup_file *x)
{
	if (move_on(x->folder, x->temp, x->name, NULL) != 0)
		stuck(x, NULL);
	else
		folder_sync_later(x->folder);
	file_over(x);
}

void pickup_files_return(struct pickup_folder *f)
{
	struct pickup_file *x, *next;

	DL_FOREACH_SAFE(f->files, x, next) {
		if (x->message != NULL)
			continue;
		file_give_back(x, "the server is stopping");
		file_release(x);
	}
}

/* --- after a crash --- */

void pickup_files_reclaim(struct pickup_folder *f)
{
	int fd = openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	char *name;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		name = file_name_of_temp(f, entry->d_name);
		if (name != NULL && file_name_move(f, entry->d_name, name, ".eml") == 0)
			log_event(LOG_LEVEL_WARNING, "file-again", LOG_STR("path", f->path),
				LOG_STR("file", name), LOG_STR("reason", "it was under way when "
				"the server ended; its message may have been taken"), LOG_END);
		free(name);
	}
	if (dir != NULL)
		closedir(dir);
}
