/* recipients_file.c - writing the file, see recipients_file.h
 *
 * All bytes go through one stream in the order of the changes. While the file is written anew the
 * walk over the records and the changes meanwhile share it: a record that changes after the walk
 * was there comes once more, and the later one counts.
 *
 * Bytes gather in out; the helper thread takes all of them at once and nothing else, so while it
 * writes the next ones gather. What fails to be written makes the file lag behind for good: it is
 * left as it is, good for its point, and written anew later.
 */
#include "libhub/org/recipients_file_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/inbox.h"
#include "libhub/base/mem.h"

enum {
	FLUSH_MS = 2000,		/* after a change */
	RETRY_MS = 10000,		/* after a failure */
	WALK_STEP = 500,		/* records between two looks at the clock */
	WALK_MS = 5,			/* one turn of the loop */
	CHUNK_SIZE = 256 * 1024,
	GATHER_MAX = 8 * 1024 * 1024,	/* the walk waits for the thread */
	APPEND_MIN = 16 * 1024 * 1024,	/* before the file is written anew */
};

enum file_state {
	FILE_NONE,			/* changes are not written: the file lags behind */
	FILE_FOLLOWED,
	FILE_WALKED,			/* written anew */
};

/* What the helper thread does at once. */
struct job {
	unsigned char *data;
	size_t size;
	bool last;			/* of a file that is written anew */
	struct err err;
	bool failed;
	struct inbox_node done;
};

struct recipients_file {
	struct loop *loop;
	char *path, *new_path, *base;
	struct recipients *r;
	struct recipients_file_callbacks cbs;
	void *ctx;
	struct inbox *inbox;
	struct event *flush_timer, *walk_timer;

	enum file_state state;
	struct codec_out out;
	bool in_chunk;			/* of changes, in out */
	bool moved;			/* the point has to be written */
	uint32_t walk_at;
	uint64_t walked;		/* records */
	bool walk_over;			/* the end is in out, or with the thread */
	uint64_t base_size, size;	/* of the file, with what is with the thread */

	int fd;				/* the thread's while busy */
	bool busy, threaded;
	pthread_t thread;
	struct job job;
};

static void set_timer(struct event *timer, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (long)(ms % 1000) * 1000 };

	evtimer_add(timer, &tv);
}

/* --- the helper thread --- */

static int write_all(struct recipients_file *f, const unsigned char *data, size_t size,
	struct err *e)
{
	ssize_t n;

	while (size > 0) {
		n = write(f->fd, data, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, ERR_TEMP, errno, "%.200s", f->path);
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int sync_folder(const char *path, struct err *e)
{
	char *copy = xstrdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) != 0)
		rc = err_set(e, ERR_TEMP, errno, "the folder of %.200s", path);
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

static int do_job(struct recipients_file *f, struct err *e)
{
	if (write_all(f, f->job.data, f->job.size, e) != 0)
		return -1;
	if (f->state == FILE_WALKED && !f->job.last)
		return 0;
	if (fdatasync(f->fd) != 0)
		return err_set(e, ERR_TEMP, errno, "%.200s", f->path);
	if (!f->job.last)
		return 0;
	if (rename(f->new_path, f->path) != 0)
		return err_set(e, ERR_TEMP, errno, "%.200s", f->path);
	return sync_folder(f->path, e);
}

static void *run_job(void *arg)
{
	struct recipients_file *f = arg;

	f->job.failed = do_job(f, &f->job.err) != 0;
	return NULL;
}

static void *run_thread(void *arg)
{
	struct recipients_file *f = arg;

	pthread_setname_np(pthread_self(), "recipients");
	run_job(f);
	inbox_post(f->inbox, &f->job.done);
	return NULL;
}

/* --- chunks --- */

static void end_chunk(struct recipients_file *f)
{
	if (f->in_chunk)
		codec_end(&f->out);
	f->in_chunk = false;
}

static void want_chunk(struct recipients_file *f)
{
	if (f->in_chunk && f->out.size - f->out.begin > CHUNK_SIZE)
		end_chunk(f);
	if (!f->in_chunk)
		codec_begin(&f->out, CHUNK_CHANGES);
	f->in_chunk = true;
}

static void put_point(struct recipients_file *f)
{
	struct watch_point p;

	if (!f->cbs.point(&p, f->ctx))
		return;
	end_chunk(f);
	codec_begin(&f->out, CHUNK_POINT);
	codec_put_bytes(&f->out, p.directory, strlen(p.directory) + 1);
	codec_put_bytes(&f->out, p.cookie.text, p.cookie.size);
	codec_end(&f->out);
	f->moved = false;
}

/* --- handing over to the thread --- */

/* What is here does not get to the file: it lags behind. */
static void give_up(struct recipients_file *f, const struct err *e)
{
	f->state = FILE_NONE;
	event_del(f->walk_timer);
	codec_out_deinit(&f->out);
	f->in_chunk = false;
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	unlink(f->new_path);
	f->cbs.written(e, f->ctx);
}

static void take_job(struct recipients_file *f, bool last)
{
	f->job = (struct job){ .data = f->out.data, .size = f->out.size, .last = last };
	f->size += f->out.size;
	f->out.data = NULL;
	codec_out_deinit(&f->out);
}

static void end_job(struct recipients_file *f)
{
	free(f->job.data);
	f->job.data = NULL;
	if (f->job.failed) {
		give_up(f, &f->job.err);
		return;
	}
	if (f->job.last) {
		f->state = FILE_FOLLOWED;
		f->base_size = f->size;
	}
	if (f->state == FILE_FOLLOWED)
		f->cbs.written(NULL, f->ctx);
}

/* Not while busy. */
static void hand_over(struct recipients_file *f)
{
	end_chunk(f);
	take_job(f, f->state == FILE_WALKED && f->walk_over);
	f->busy = true;
	f->threaded = pthread_create(&f->thread, NULL, run_thread, f) == 0;
	/* no thread to be had: late is better than never */
	if (!f->threaded)
		run_thread(f);
}

/* --- following --- */

static void plan_flush(struct recipients_file *f, uint64_t ms)
{
	if (!evtimer_pending(f->flush_timer, NULL))
		set_timer(f->flush_timer, ms);
}

static bool too_long(const struct recipients_file *f)
{
	uint64_t more = f->size - f->base_size;

	return more > APPEND_MIN && more > f->base_size;
}

static void walk_begin(struct recipients_file *f)
{
	struct err e = { 0 };

	if (f->fd >= 0)
		close(f->fd);
	f->fd = open(f->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	f->size = f->base_size = f->walked = 0;
	f->walk_at = 1;
	f->walk_over = false;
	f->state = FILE_WALKED;
	if (f->fd < 0) {
		err_set(&e, ERR_TEMP, errno, "%.200s", f->new_path);
		give_up(f, &e);
		plan_flush(f, RETRY_MS);
		return;
	}
	/* changes that wait there are in the records already */
	codec_out_deinit(&f->out);
	f->in_chunk = false;
	codec_put_bytes(&f->out, RECIPIENTS_FILE_MAGIC, strlen(RECIPIENTS_FILE_MAGIC));
	codec_begin(&f->out, CHUNK_HEAD);
	codec_put_bytes(&f->out, f->base, strlen(f->base));
	codec_end(&f->out);
	set_timer(f->walk_timer, 0);
}

static void walk_end(struct recipients_file *f)
{
	end_chunk(f);
	codec_begin(&f->out, CHUNK_END);
	codec_put_bytes(&f->out, &f->walked, sizeof(f->walked));
	codec_end(&f->out);
	put_point(f);
	f->walk_over = true;
}

static void walk(struct recipients_file *f, size_t max)
{
	const struct roster *roster = recipients_roster(f->r);
	struct roster_view v;

	for (; max > 0 && f->walk_at < roster_end(roster); max--, f->walk_at++) {
		if (!roster_has(roster, f->walk_at))
			continue;
		roster_look(roster, f->walk_at, &v);
		if (!v.has_uuid)
			continue;
		want_chunk(f);
		codec_put_record(&f->out, roster, f->walk_at);
		f->walked++;
	}
	if (f->walk_at >= roster_end(roster))
		walk_end(f);
}

static void on_walk_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct recipients_file *f = ctx;
	uint64_t until = clock_mono_ms() + WALK_MS;

	(void)fd;
	(void)what;
	loop_touch(f->loop);
	while (!f->walk_over && f->out.size < GATHER_MAX && clock_mono_ms() < until)
		walk(f, WALK_STEP);
	if (!f->busy && (f->walk_over || f->out.size >= GATHER_MAX / 8))
		hand_over(f);
	/* the end of the job goes on with it otherwise */
	if (!f->walk_over && f->out.size < GATHER_MAX)
		set_timer(f->walk_timer, 0);
}

static void flush(struct recipients_file *f)
{
	if (f->in_chunk || f->moved)
		put_point(f);
	if (f->out.size != 0)
		hand_over(f);
}

static void on_flush_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct recipients_file *f = ctx;

	(void)fd;
	(void)what;
	/* the end of the job plans it again; the walk writes by itself */
	if (f->busy || f->state == FILE_WALKED)
		return;
	if (f->state == FILE_NONE || too_long(f))
		walk_begin(f);
	else
		flush(f);
}

static void join(struct recipients_file *f)
{
	if (f->threaded)
		pthread_join(f->thread, NULL);
	f->threaded = false;
	f->busy = false;
}

static void on_done(struct inbox_node *node, void *ctx)
{
	struct recipients_file *f = ctx;

	(void)node;
	if (!f->busy)
		return;
	join(f);
	end_job(f);
	if (f->state == FILE_WALKED)
		set_timer(f->walk_timer, 0);
	else if (f->state == FILE_NONE)
		plan_flush(f, RETRY_MS);
	else if (f->out.size != 0 || f->moved || too_long(f))
		plan_flush(f, FLUSH_MS);
}

static void on_change(uint32_t id, const unsigned char uuid[16], void *ctx)
{
	struct recipients_file *f = ctx;

	if (f->state == FILE_NONE)
		return;
	want_chunk(f);
	if (id != 0)
		codec_put_record(&f->out, recipients_roster(f->r), id);
	else
		codec_put_delete(&f->out, uuid);
	plan_flush(f, FLUSH_MS);
}

void recipients_file_begin(struct recipients_file *f)
{
	/* at once: until then a restart without directory would know nobody */
	if (f->state == FILE_NONE && !f->busy)
		plan_flush(f, 0);
}

void recipients_file_moved(struct recipients_file *f)
{
	f->moved = true;
	if (f->state != FILE_NONE)
		plan_flush(f, FLUSH_MS);
}

/* --- life --- */

/* Goes on behind what is good in the file. */
static void open_old(struct recipients_file *f, const struct recipients_file_content *content)
{
	f->fd = open(f->path, O_WRONLY | O_CLOEXEC);
	if (f->fd >= 0 && ftruncate(f->fd, (off_t)content->size) == 0 &&
	    lseek(f->fd, 0, SEEK_END) == (off_t)content->size) {
		f->state = FILE_FOLLOWED;
		f->size = content->size;
		f->base_size = content->base_size;
		return;
	}
	/* written anew, as if there had been none */
	plan_flush(f, FLUSH_MS);
}

struct recipients_file *recipients_file_new(struct loop *loop, const char *path, const char *base,
	struct recipients *r, const struct recipients_file_content *content,
	const struct recipients_file_callbacks *cbs, void *ctx)
{
	struct recipients_file *f = xcalloc(1, sizeof(*f));

	f->loop = loop;
	f->path = xstrdup(path);
	f->new_path = xasprintf("%s.new", path);
	f->base = xstrdup(base);
	f->r = r;
	f->cbs = *cbs;
	f->ctx = ctx;
	f->fd = -1;
	codec_out_init(&f->out);
	f->inbox = inbox_new(loop, on_done, f);
	f->flush_timer = evtimer_new(loop_base(loop), on_flush_timer, f);
	f->walk_timer = evtimer_new(loop_base(loop), on_walk_timer, f);
	BUG_ON(f->flush_timer == NULL || f->walk_timer == NULL);
	if (content != NULL)
		open_old(f, content);
	recipients_journal(r, on_change, f);
	return f;
}

/* The rest at once, on this thread. */
static void write_rest(struct recipients_file *f)
{
	if (f->busy) {
		join(f);
		end_job(f);
	}
	if (f->state == FILE_NONE && evtimer_pending(f->flush_timer, NULL))
		walk_begin(f);
	if (f->state == FILE_WALKED && !f->walk_over)
		walk(f, SIZE_MAX);
	else if (f->state == FILE_FOLLOWED && (f->in_chunk || f->moved))
		put_point(f);
	if (f->state == FILE_NONE || f->out.size == 0)
		return;
	end_chunk(f);
	take_job(f, f->state == FILE_WALKED);
	run_job(f);
	end_job(f);
}

void recipients_file_free(struct recipients_file **fp)
{
	struct recipients_file *f = *fp;

	if (f == NULL)
		return;
	*fp = NULL;
	recipients_journal(f->r, NULL, NULL);
	write_rest(f);
	f->busy = false;
	inbox_free(&f->inbox);
	event_free(f->flush_timer);
	event_free(f->walk_timer);
	if (f->fd >= 0)
		close(f->fd);
	codec_out_deinit(&f->out);
	free(f->path);
	free(f->new_path);
	free(f->base);
	free(f);
}
