/* drop.c - see drop.h: connections, and what goes through them. */
#include "hubd/drop/drop.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "hubd/config/live.h"
#include "hubd/drop/drop_file.h"
#include "hubd/drop/drop_text.h"
#include "hubd/spool/outgoing.h"
#include "libhub/base/errands.h"
#include "libhub/base/mem.h"

struct drop {
	struct queue_set *set;
	struct loop *loop;
};

enum drop_phase {
	PHASE_OPEN,		/* the folder is looked at */
	PHASE_IDLE,
	PHASE_READ,		/* the buffer is filled from the spool */
	PHASE_WRITE,		/* the thread has the buffer */
	PHASE_UNDO,		/* the thread removes what was begun */
};

/* One connection of a queue. What the thread uses is in file, job and the buffer. */
struct drop_conn {
	struct drop *d;
	struct queue_conn *qc;
	const struct live *live;		/* qc's */
	const struct foreign_connector *connector;
	enum drop_phase phase;
	bool stopping;
	struct event *idle_timer;

	const struct queue_item *item;
	struct outgoing body;
	struct err body_err;			/* of PHASE_UNDO */

	struct errands *errands;
	struct errand errand;
	struct drop_file file;
	struct {
		bool first, last;
		uint64_t size;			/* of the whole message, at most */
		char name[DROP_NAME_MAX + 1];
		int rc;
		struct err err;
	} job;
	char *head;				/* the envelope's lines, before the body */
	size_t head_size, head_at;
	size_t used;
	char buffer[DROP_PIECE];
};

static void next_message(struct drop_conn *c);

/* --- the end --- */

static void release(void *ctx)
{
	struct drop_conn *c = ctx;

	errands_free(&c->errands);
	drop_file_deinit(&c->file);
	event_free(c->idle_timer);
	outgoing_deinit(&c->body);
	free(c);
}

static void message_over(struct drop_conn *c)
{
	outgoing_close(&c->body);
	free(c->head);
	c->head = NULL;
	c->item = NULL;
}

/* Nothing is with the thread. The inbox that called us cannot be freed under it. */
static void end(struct drop_conn *c, enum queue_conn_outcome outcome, const char *status,
	const char *text)
{
	struct queue_conn *qc = c->qc;

	message_over(c);
	event_del(c->idle_timer);
	loop_defer(c->d->loop, release, c);
	queue_conn_end(qc, outcome, status, text);
}

static void end_well(struct drop_conn *c)
{
	end(c, QUEUE_CONN_CLOSED, NULL, NULL);
}

/* RFC 3463 section 3.4: full, or not as it should be, or neither. */
static const char *status_of(const struct err *e)
{
	switch (e->sys) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return "4.3.1";
	case ENOENT:
	case ENOTDIR:
	case ELOOP:
	case EACCES:
	case EPERM:
	case EROFS:
		return "4.3.5";
	default:
		return "4.3.0";
	}
}

/* --- results --- */

static void decide(struct drop_conn *c, enum queue_verdict verdict, const char *status,
	const char *text, const char *hop_text)
{
	uint32_t i, n = c->item->env.recipient_count;
	struct queue_result *results = xcalloc(n, sizeof(*results));
	struct queue_hop hop = { .name = "", .text = hop_text };

	for (i = 0; i < n; i++) {
		results[i] = (struct queue_result){ .verdict = verdict, .text = text,
			.dsn_passed_on = !c->connector->relay_dsn_required };
		snprintf(results[i].status, sizeof(results[i].status), "%s", status);
	}
	message_over(c);
	queue_conn_done(c->qc, results, &hop);
	free(results);
}

static void dropped(struct drop_conn *c)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s/%s", c->file.root, c->file.folder, c->job.name);
	decide(c, QUEUE_VERDICT_RELAYED, "2.0.0", "written to the drop directory", path);
	next_message(c);
}

/* Every file will meet with the same, but for one that is too large by itself. */
static void not_dropped(struct drop_conn *c)
{
	const struct err *e = &c->job.err;

	if (e->class == ERR_PERM) {
		decide(c, QUEUE_VERDICT_FAILED, "5.3.4", e->text, "");
		next_message(c);
		return;
	}
	message_over(c);
	queue_conn_return(c->qc);
	end(c, QUEUE_CONN_FAILED, status_of(e), e->text);
}

/* --- the thread's part --- */

static struct drop_conn *conn_of(struct errand *e)
{
	return INBOX_ENTRY(e, struct drop_conn, errand);
}

static void run_open(struct errand *e)
{
	struct drop_conn *c = conn_of(e);

	c->job.rc = drop_folder_open(&c->file, &c->job.err);
}

static int write_piece(struct drop_conn *c)
{
	struct err *e = &c->job.err;

	if (c->job.first && drop_file_begin(&c->file, c->job.size, e) != 0)
		return -1;
	if (drop_file_write(&c->file, c->buffer, c->used, e) != 0)
		return -1;
	return c->job.last ? drop_file_finish(&c->file, c->job.name, e) : 0;
}

static void run_write(struct errand *e)
{
	struct drop_conn *c = conn_of(e);

	c->job.rc = write_piece(c);
	if (c->job.rc != 0)
		drop_file_abort(&c->file);
}

static void run_undo(struct errand *e)
{
	drop_file_abort(&conn_of(e)->file);
}

/* --- a message --- */

static void fill(struct drop_conn *c);

static void on_written(struct errand *e, void *ctx)
{
	struct drop_conn *c = conn_of(e);

	(void)ctx;
	if (c->job.rc != 0) {
		not_dropped(c);
	} else if (c->job.last) {
		dropped(c);
	} else {
		c->job.first = false;
		c->phase = PHASE_READ;
		c->used = 0;
		fill(c);
	}
}

static void put_off(struct drop_conn *c)
{
	const struct err *e = &c->body_err;
	bool damaged = e->class != ERR_TEMP;

	decide(c, damaged ? QUEUE_VERDICT_FAILED : QUEUE_VERDICT_DEFERRED,
		damaged ? "5.3.0" : "4.3.0", e->text, "");
	next_message(c);
}

static void on_undone(struct errand *e, void *ctx)
{
	(void)ctx;
	put_off(conn_of(e));
}

static void take_head(struct drop_conn *c)
{
	size_t n = c->head_size - c->head_at, room = sizeof(c->buffer) - c->used;

	n = n < room ? n : room;
	memcpy(c->buffer + c->used, c->head + c->head_at, n);
	c->head_at += n;
	c->used += n;
}

/* Until the buffer is full, the message at its end, or the spool has to read first. */
static void fill(struct drop_conn *c)
{
	ssize_t got = 1;

	take_head(c);
	while (got > 0 && c->used < sizeof(c->buffer)) {
		got = outgoing_read(&c->body, c->buffer + c->used, sizeof(c->buffer) - c->used,
			&c->body_err);
		if (got > 0)
			c->used += (size_t)got;
	}
	if (got == SPOOL_BODY_WAIT)
		return;
	if (got < 0) {
		c->phase = PHASE_UNDO;
		errands_start(c->errands, &c->errand, run_undo, on_undone);
		return;
	}
	c->job.last = got == 0;
	c->phase = PHASE_WRITE;
	errands_start(c->errands, &c->errand, run_write, on_written);
}

static void on_body_ready(void *ctx)
{
	fill(ctx);
}

static void begin(struct drop_conn *c)
{
	const struct queue_item *item = c->item;

	if (item->env.require_tls) {
		/* RFC 8689 section 4.2.1: nothing tells how the file will be carried on */
		decide(c, QUEUE_VERDICT_FAILED, "5.7.30", "the sender requires TLS on the whole "
			"way, which a drop directory does not promise", "");
		next_message(c);
		return;
	}
	if (outgoing_open(&c->body, queue_set_port(c->d->set), item->id, item->env.classes &
		~(uint32_t)FIREWALL_ROUTING, on_body_ready, c, &c->body_err) != 0) {
		put_off(c);
		return;
	}
	c->head = drop_text(&item->env, c->connector->relay_dsn_required, &c->head_size);
	c->head_at = c->used = 0;
	c->job.first = true;
	c->job.size = c->head_size + outgoing_size(&c->body);
	drop_name(c->job.name, c->live->fqdn, item->id, &item->env, item->index[0]);
	c->phase = PHASE_READ;
	fill(c);
}

static void next_message(struct drop_conn *c)
{
	static const struct timeval idle = { DROP_IDLE_MS / 1000, 0 };
	bool over = c->stopping;

	c->item = over ? NULL : queue_conn_next(c->qc, &over);
	if (c->item != NULL) {
		begin(c);
	} else if (over) {
		end_well(c);
	} else {
		c->phase = PHASE_IDLE;
		event_add(c->idle_timer, &idle);
	}
}

static void on_idle(evutil_socket_t fd, short what, void *ctx)
{
	struct drop_conn *c = ctx;

	(void)fd;
	(void)what;
	loop_touch(c->d->loop);
	if (c->phase == PHASE_IDLE)
		end_well(c);
}

/* --- the transport --- */

static void on_opened(struct errand *e, void *ctx)
{
	struct drop_conn *c = conn_of(e);

	(void)ctx;
	if (c->job.rc != 0) {
		end(c, QUEUE_CONN_FAILED, status_of(&c->job.err), c->job.err.text);
		return;
	}
	queue_conn_up(c->qc);
	next_message(c);
}

static void start(void *ctx)
{
	struct drop_conn *c = ctx;
	struct err e;

	c->errands = errands_new(c->d->loop, "drop", NULL, &e);
	if (c->stopping)
		end_well(c);
	else if (c->errands == NULL)
		end(c, QUEUE_CONN_FAILED, "4.3.0", e.text);
	else if (c->file.root == NULL)
		end(c, QUEUE_CONN_FAILED, "4.3.5", "this server has no hubDropRoot");
	else
		errands_start(c->errands, &c->errand, run_open, on_opened);
}

static void *drop_open(struct queue_conn *qc, const struct queue_item *head, void *ctx)
{
	struct drop_conn *c = xcalloc(1, sizeof(*c));

	c->d = ctx;
	c->qc = qc;
	c->live = queue_conn_live(qc);
	c->connector = (const void *)head->connector;
	drop_file_init(&c->file);
	c->file.root = c->live->self->drop_root;
	c->file.folder = c->connector->drop_directory;
	c->file.quota = c->connector->drop_quota;
	c->idle_timer = evtimer_new(loop_base(c->d->loop), on_idle, c);
	BUG_ON(c->idle_timer == NULL);
	loop_defer(c->d->loop, start, c);
	return c;
}

static void drop_wake(void *conn)
{
	struct drop_conn *c = conn;

	event_del(c->idle_timer);
	next_message(c);
}

static void drop_stop(void *conn)
{
	struct drop_conn *c = conn;

	c->stopping = true;
	if (c->phase == PHASE_IDLE)
		end_well(c);
}

static const struct queue_transport transport = {
	.open = drop_open,
	.wake = drop_wake,
	.stop = drop_stop,
};

struct drop *drop_new(struct queue_set *set)
{
	struct drop *d = xcalloc(1, sizeof(*d));

	d->set = set;
	d->loop = queue_set_loop(set);
	queue_set_transport(set, QUEUE_FOREIGN_CONNECTOR, &transport, d);
	return d;
}

void drop_free(struct drop **d)
{
	free(*d);
	*d = NULL;
}
