/* pickup_file.c - one file on its way into the spool. See pickup.h.
 *
 * Looked at, opened, renamed, its header read and judged, the rest streamed into a draft, all in
 * one go unless the spool asks to wait; then the commit. What a look finds wrong is final only when
 * no writer can be about to mend it: a file that is open for writing is left alone, and one that
 * changed while it was read is given back.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "hubd/pickup/pickup_priv.h"
#include "hubd/receive/intake.h"
#include "hubd/track/counters.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum {
	PIECE = 64 * 1024,
	REPLAY_HEADER_MAX = 16 * 1024 * 1024,	/* 100,000 recipients fit */
	/* where the kernel cannot say whether somebody writes: quiet for so long */
	QUIET_S = 5,
	MAX_HOPS = 60, MAX_LOCAL_HOPS = 8,	/* as of Receive connectors */
};

struct pickup_file {
	struct pickup_file *prev, *next;
	struct pickup_folder *folder;
	char *name, *temp;
	int fd;
	struct stat st;
	bool trusted;
	struct arena *arena;		/* gone to the message when that is committed */
	struct envelope *env;
	bool body_given;
	struct intake *intake;
	uint64_t minute_ms;		/* in whose count it is */
	uint64_t at;			/* read so far */
	bool cr, in_line, eight_bit;	/* of what went into the intake */
	struct message *message;	/* being committed */
};

static void step(struct pickup_file *x);

/* --- the end of a file --- */

static void release(struct pickup_file *x)
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

static void over(struct pickup_file *x)
{
	struct pickup_folder *f = x->folder;

	release(x);
	folder_has_room(f);
	pickup_file_ended(f->pickup);
}

/* It stays where it is, which is said once. */
static void leave(struct pickup_folder *f, const char *name, const struct stat *st,
	const char *reason)
{
	if (folder_is_news(f, st))
		log_event(LOG_LEVEL_WARNING, "file-left", LOG_STR("path", f->path),
			LOG_STR("file", name), LOG_UINT("owner", st->st_uid),
			LOG_STR("reason", reason), LOG_END);
}

/* False, and errno: it cannot be renamed. */
static bool put_aside(struct pickup_folder *f, const char *at, const char *name,
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

static void stuck(const struct pickup_file *x, const char *rule)
{
	log_event(LOG_LEVEL_ERROR, "file-stuck", LOG_STR("path", x->folder->path),
		LOG_STR("file", x->temp), LOG_STR("rule", rule),
		LOG_STR("reason", strerror(errno)), LOG_END);
}

static void bad(struct pickup_file *x, const char *rule, const char *reason)
{
	if (!put_aside(x->folder, x->temp, x->name, &x->st, rule, reason))
		stuck(x, rule);
	over(x);
}

static void give_back(struct pickup_file *x, const char *reason)
{
	struct pickup_folder *f = x->folder;

	folder_rest(f);
	if (x->minute_ms == f->minute_ms && f->minute_count > 0)
		f->minute_count--;
	log_event(LOG_LEVEL_INFO, "file-left", LOG_STR("path", f->path),
		LOG_STR("file", x->name), LOG_STR("reason", reason), LOG_END);
	if (file_name_move(f, x->temp, x->name, ".eml") != 0)
		stuck(x, NULL);
}

/* --- into the spool --- */

static void log_received(const struct pickup_file *x)
{
	const struct envelope *env = x->message->envelope;
	char id[SPOOL_ID_TEXT];

	log_event(LOG_LEVEL_INFO, "received",
		LOG_STR("message", spool_id_text(x->message->id, id)),
		LOG_STR("from", env->sender), LOG_UINT("recipients", env->recipient_count),
		LOG_UINT("size", env->original_size), LOG_STR("connector", env->connector),
		LOG_STR("file", x->name), LOG_UINT("owner", x->st.st_uid),
		LOG_STR("message_id", *env->message_id != '\0' ? env->message_id : NULL),
		LOG_END);
}

static void on_committed(uint64_t id, const struct err *e, void *ctx)
{
	struct pickup_file *x = ctx;
	struct pickup_folder *f = x->folder;
	struct pickup *p = f->pickup;

	(void)id;
	if (e != NULL) {
		message_free(&x->message);
		if (e->class == ERR_PERM) {
			bad(x, "envelope", e->text);
			return;
		}
		give_back(x, e->text);
		over(x);
		return;
	}
	log_received(x);
	counter_add(f->kind == PICKUP_KIND_PICKUP ? COUNTER_PICKUP_MESSAGES :
		COUNTER_REPLAY_MESSAGES, 1);
	if (unlinkat(f->dir, x->temp, 0) != 0)
		stuck(x, NULL);
	if (p->ended)
		message_free(&x->message);
	else
		p->cfg.on_message(x->message, p->cfg.ctx);
	over(x);
}

static void take_origin(struct pickup_file *x)
{
	const struct origin *told = intake_origin(x->intake);
	struct origin *o = &x->env->origin;

	if (told == NULL)
		return;
	o->as = told->as;
	o->mechanism = told->mechanism;
	o->source = arena_strdup(x->arena, told->source);
	o->domain = arena_strdup(x->arena, told->domain);
	if (told->arrived_ms != 0)
		o->arrived_ms = told->arrived_ms;
}

static void complete(struct pickup_file *x)
{
	const struct smtp_header_scan *h = intake_header(x->intake);
	struct envelope *env = x->env;

	env->message_id = arena_strdup(x->arena, h->message_id);
	env->subject = arena_strdup(x->arena, h->subject);
	env->hops = h->received;
	env->original_size = intake_original_size(x->intake);
	env->automatic = intake_automatic(x->intake);
	env->excluded = intake_excluded(x->intake, x->arena);
	env->classes = intake_classes(x->intake);
	if (!x->body_given && x->eight_bit)
		env->body = ENVELOPE_BODY_8BITMIME;
	take_origin(x);
}

static void commit(struct pickup_file *x)
{
	struct spool_draft *draft;
	uint32_t recipients = x->env->recipient_count;
	const void *blob;
	size_t size;
	struct err e;

	complete(x);
	if (envelope_encode(x->env, x->arena, &blob, &size, &e) != 0) {
		bad(x, "envelope", e.text);
		return;
	}
	x->message = message_new(x->arena, x->env);
	x->message->id = intake_id(x->intake);
	x->message->body_size = intake_body_size(x->intake);
	x->arena = NULL;
	draft = intake_take_draft(x->intake);
	spool_draft_commit(&draft, blob, size, recipients, on_committed, x);
}

/* Somebody wrote, or gave it to another, since it was looked at. */
static bool has_changed(const struct pickup_file *x)
{
	struct stat st;

	return fstat(x->fd, &st) != 0 || st.st_size != x->st.st_size ||
		st.st_mtim.tv_sec != x->st.st_mtim.tv_sec ||
		st.st_mtim.tv_nsec != x->st.st_mtim.tv_nsec || st.st_mode != x->st.st_mode ||
		st.st_uid != x->st.st_uid || st.st_gid != x->st.st_gid;
}

static void finish(struct pickup_file *x)
{
	const struct smtp_reply *refusal;
	struct smtp_reply r;
	bool pause;

	if (has_changed(x) || x->at != (uint64_t)x->st.st_size) {
		give_back(x, "it changed while it was read");
		over(x);
		return;
	}
	/* text ends with a line's end */
	if (x->env->body != ENVELOPE_BODY_BINARYMIME && x->in_line)
		intake_chunk(x->intake, x->cr ? "\n" : "\r\n", x->cr ? 1 : 2, &pause);
	intake_end(x->intake);
	refusal = intake_verdict(x->intake, &r);
	if (refusal == NULL) {
		commit(x);
	} else if (refusal->code < 500) {
		give_back(x, refusal->text);
		over(x);
	} else {
		bad(x, "message", refusal->text);
	}
}

/* --- what is read --- */

static void look_for_8bit(struct pickup_file *x, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && !x->eight_bit; i++)
		x->eight_bit = (unsigned char)p[i] > 0x7f;
}

/* Lines that end by LF alone get their CR. */
static void feed_text(struct pickup_file *x, const char *p, size_t n, bool *pause)
{
	const char *end = p + n, *lf;
	bool wait = false;

	*pause = false;
	while (p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL) {
			intake_chunk(x->intake, p, (size_t)(end - p), &wait);
			x->cr = end[-1] == '\r';
			x->in_line = true;
			p = end;
		} else if (lf > p ? lf[-1] == '\r' : x->cr) {
			intake_chunk(x->intake, p, (size_t)(lf + 1 - p), &wait);
			x->cr = x->in_line = false;
			p = lf + 1;
		} else {
			intake_chunk(x->intake, p, (size_t)(lf - p), &wait);
			*pause = *pause || wait;
			intake_chunk(x->intake, "\r\n", 2, &wait);
			x->cr = x->in_line = false;
			p = lf + 1;
		}
		*pause = *pause || wait;
	}
}

static void feed(struct pickup_file *x, const char *p, size_t n, bool *pause)
{
	look_for_8bit(x, p, n);
	if (x->env->body == ENVELOPE_BODY_BINARYMIME)
		intake_chunk(x->intake, p, n, pause);
	else
		feed_text(x, p, n, pause);
}

static ssize_t read_at(const struct pickup_file *x, char *buf, size_t size, uint64_t at)
{
	ssize_t got;

	do {
		got = pread(x->fd, buf, size, (off_t)at);
	} while (got < 0 && errno == EINTR);
	return got;
}

static void step(struct pickup_file *x)
{
	char buf[PIECE];
	bool pause = false;
	ssize_t got;

	do {
		loop_touch(x->folder->pickup->loop);
		got = read_at(x, buf, sizeof(buf), x->at);
		if (got < 0) {
			give_back(x, strerror(errno));
			over(x);
			return;
		}
		if (got == 0) {
			finish(x);
			return;
		}
		x->at += (uint64_t)got;
		feed(x, buf, (size_t)got, &pause);
	} while (!pause);
}

static void on_spool_room(void *ctx)
{
	step(ctx);
}

/* --- the header --- */

static struct intake_limits limits_of(const struct pickup_file *x)
{
	const struct live *live = x->folder->pickup->live;
	uint32_t all = FIREWALL_ALL;

	return (struct intake_limits){
		.arena = x->arena,
		.max_size = live->snapshot->org->max_receive_size,
		.max_hops = MAX_HOPS, .max_local_hops = MAX_LOCAL_HOPS,
		.own_name = arena_strdup(x->arena, live->fqdn),
		.own_alias = arena_strdup(x->arena, live->fqdn),
		.accept = x->trusted ? all : x->folder->kind == PICKUP_KIND_REPLAY ?
			FIREWALL_ROUTING : 0,
		.trust_exclusions = x->trusted,
		.binary = x->env->body == ENVELOPE_BODY_BINARYMIME,
	};
}

/* Whom an administrator lets write to a directory is of ours; replayed mail came from outside. */
static void make_envelope(struct pickup_file *x, const struct file_header *h)
{
	const struct pickup_folder *f = x->folder;
	struct envelope *env = arena_alloc(x->arena, sizeof(*env));
	bool within = f->kind == PICKUP_KIND_PICKUP || x->trusted;

	*env = (struct envelope){
		.sender = h->sender, .envid = h->envid, .ret = h->ret, .body = h->body,
		.smtputf8 = h->smtputf8, .message_id = "", .subject = "",
		.received_ms = clock_wall_ms(), .connector = pickup_kind_names[f->kind],
		.linked_connector = "", .peer_name = h->helo, .peer_address = h->address,
		.identity = "", .auth = ENVELOPE_AUTH_LOCAL, .excluded = "",
		.recipients = h->recipients, .recipient_count = h->recipient_count,
	};
	env->expires_base_ms = env->received_ms;
	env->origin = (struct origin){ .as = within ? ORIGIN_INTERNAL : ORIGIN_EXTERNAL,
		.mechanism = ORIGIN_BY_FILE, .domain = "",
		.submitter = x->trusted ? h->submitter : "",
		.source = arena_strdup(x->arena, f->pickup->live->fqdn),
		.arrived_ms = env->received_ms };
	/* RFC 4954 section 5: AUTH=<>, as of a client that is believed, see judge.c */
	if (x->trusted && h->submitter_given && *h->submitter == '\0')
		env->origin.as = ORIGIN_ANONYMOUS;
	x->env = env;
	x->body_given = h->body_given;
}

static void put_trace(struct pickup_file *x)
{
	const struct live *live = x->folder->pickup->live;
	bool replay = x->folder->kind == PICKUP_KIND_REPLAY;
	char id[SPOOL_ID_TEXT], date[64], *field;

	clock_rfc5322(clock_wall_s(), date, sizeof(date));
	field = xasprintf("Received: from %s\r\n\tby %s with %s id %s;\r\n\t%s\r\n",
		replay ? live->fqdn : "localhost", live->fqdn,
		pickup_kind_names[x->folder->kind], spool_id_text(intake_id(x->intake), id), date);
	intake_trace_text(x->intake, field, strlen(field));
	free(field);
}

static struct file_header *read_header(struct pickup_file *x, const char *p, size_t n,
	const char **rule, struct err *e)
{
	const struct live *live = x->folder->pickup->live;
	const struct accepted_domain *d =
		(const void *)live->snapshot->org->default_domain.target;
	struct file_header_limits limits = { .max_recipients =
		x->folder->kind == PICKUP_KIND_PICKUP ?
		(uint32_t)live->self->pickup_max_recipients : 0 };
	struct file_header_defaults defaults;
	char date[64];

	clock_rfc5322(clock_wall_s(), date, sizeof(date));
	defaults.date = date;
	defaults.message_id = arena_printf(x->arena, "<%llx.%llx.%s@%s>",
		(unsigned long long)clock_wall_ms(), (unsigned long long)x->st.st_ino,
		x->folder->kind == PICKUP_KIND_PICKUP ? "pickup" : "replay",
		d != NULL ? d->domain : live->fqdn);
	return file_header_read(x->folder->kind, p, n, &limits, &defaults, x->arena, rule, e);
}

static void begin_content(struct pickup_file *x, const struct file_header *h)
{
	struct intake_limits limits;
	bool pause;

	make_envelope(x, h);
	limits = limits_of(x);
	x->intake = intake_new(x->folder->pickup->port, &limits, on_spool_room, x);
	put_trace(x);
	look_for_8bit(x, h->head, h->head_size);
	intake_chunk(x->intake, h->head, h->head_size, &pause);
	x->at = h->size;
	/* with a pause on_resume comes, which goes on as well */
	if (!pause)
		step(x);
}

static uint64_t header_max(const struct pickup_file *x)
{
	uint64_t max = x->folder->pickup->live->self->pickup_max_header;

	if (x->folder->kind == PICKUP_KIND_REPLAY || max == 0 || max > REPLAY_HEADER_MAX)
		return REPLAY_HEADER_MAX;
	return max;
}

/* The file's first bytes up to the end of its header, malloc'd; NULL: it was decided. */
static char *load_header(struct pickup_file *x, size_t *size)
{
	uint64_t max = header_max(x);
	size_t room = PIECE, n = 0;
	char *buf = NULL;
	ssize_t got;

	do {
		room = n == room ? room * 2 : room;
		buf = xrealloc(buf, room);
		got = read_at(x, buf + n, room - n, n);
		if (got < 0)
			break;
		n += (size_t)got;
		*size = file_header_find_end(buf, n);
	} while (*size == 0 && got > 0 && n <= max);
	if (got < 0) {
		give_back(x, strerror(errno));
		over(x);
	} else if (*size > max || (*size == 0 && n > max)) {
		bad(x, "header-size", "the header is larger than the limit");
	} else if (*size == 0) {
		bad(x, "empty-line", "no empty line ends the header");
	} else {
		return buf;
	}
	free(buf);
	return NULL;
}

static void begin(struct pickup_file *x)
{
	struct file_header *h;
	const char *rule;
	size_t size = 0;
	struct err e;
	char *buf = load_header(x, &size);

	if (buf == NULL)
		return;
	h = read_header(x, buf, size, &rule, &e);
	free(buf);
	if (h == NULL)
		bad(x, rule, e.text);
	else
		begin_content(x, h);
}

/* --- may it be taken? --- */

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
	if (has_changed(x) || is_being_written(x->fd, &x->st))
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
			leave(f, name, st, strerror(errno));
		free(temp);
		return false;
	}
	x = file_new(f, name, temp, fd, st);
	why_not = why_not_the_same(x);
	if (why_not == NULL) {
		begin(x);
	} else {
		give_back(x, why_not);
		release(x);
	}
	return true;
}

static bool put_aside_or_leave(struct pickup_folder *f, const char *name, const struct stat *st,
	const char *rule, const char *reason)
{
	bool moved = put_aside(f, name, name, st, rule, reason);

	if (!moved && errno != ENOENT)
		leave(f, name, st, strerror(errno));
	return moved;
}

/* True: it was begun with, and fd is the file's. */
static bool take_open(struct pickup_folder *f, const char *name, int fd, const struct stat *st,
	bool *gone)
{
	const char *rule, *reason;

	*gone = false;
	switch (look_at(f, fd, st, &rule, &reason)) {
	case LOOK_TAKE:
		return *gone = start(f, name, fd, st);
	case LOOK_BAD:
		*gone = put_aside_or_leave(f, name, st, rule, reason);
		break;
	case LOOK_LEAVE:
		break;
	}
	return false;
}

bool pickup_file_take(struct pickup_folder *f, const char *name)
{
	struct stat st, opened;
	bool gone = false;
	int fd;

	if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return true;
	if (!S_ISREG(st.st_mode))
		return put_aside_or_leave(f, name, &st, "file-type", "not a regular file");
	fd = openat(f->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT)
			leave(f, name, &st, strerror(errno));
		return false;
	}
	if (fstat(fd, &opened) != 0 || opened.st_ino != st.st_ino || opened.st_dev != st.st_dev ||
		!take_open(f, name, fd, &opened, &gone))
		close(fd);
	return gone;
}

void pickup_files_return(struct pickup_folder *f)
{
	struct pickup_file *x, *next;

	DL_FOREACH_SAFE(f->files, x, next) {
		if (x->message != NULL)
			continue;
		give_back(x, "the server is stopping");
		release(x);
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
