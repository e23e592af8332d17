/* pickup_content.c - what a file has, into the spool. See pickup_file_priv.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hubd/pickup/pickup_file_priv.h"
#include "hubd/track/counters.h"
#include "libhub/base/log.h"

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
			file_bad(x, "envelope", e->text);
			return;
		}
		file_return(x, e->text);
		return;
	}
	log_received(x);
	counter_add(f->kind == PICKUP_KIND_PICKUP ? COUNTER_PICKUP_MESSAGES :
		COUNTER_REPLAY_MESSAGES, 1);
	if (p->ended)
		message_free(&x->message);
	else
		p->cfg.on_message(x->message, p->cfg.ctx);
	file_taken(x);
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
		file_bad(x, "envelope", e.text);
		return;
	}
	x->message = message_new(x->arena, x->env);
	x->message->id = intake_id(x->intake);
	x->message->body_size = intake_body_size(x->intake);
	x->arena = NULL;
	draft = intake_take_draft(x->intake);
	spool_draft_commit(&draft, blob, size, recipients, on_committed, x);
}

static void finish(struct pickup_file *x)
{
	const struct smtp_reply *refusal;
	struct smtp_reply r;
	bool pause;

	if (file_has_changed(x) || x->at != (uint64_t)x->st.st_size) {
		file_return(x, "it changed while it was read");
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
		file_return(x, refusal->text);
	} else {
		file_bad(x, "message", refusal->text);
	}
}

/* --- what is read --- */

void file_look_for_8bit(struct pickup_file *x, const char *p, size_t n)
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
	file_look_for_8bit(x, p, n);
	if (x->env->body == ENVELOPE_BODY_BINARYMIME)
		intake_chunk(x->intake, p, n, pause);
	else
		feed_text(x, p, n, pause);
}

ssize_t file_read_at(const struct pickup_file *x, char *buf, size_t size, uint64_t at)
{
	ssize_t got;

	do {
		got = pread(x->fd, buf, size, (off_t)at);
	} while (got < 0 && errno == EINTR);
	return got;
}

void file_step(struct pickup_file *x)
{
	char buf[PICKUP_PIECE];
	bool pause = false;
	ssize_t got;

	do {
		loop_touch(x->folder->pickup->loop);
		got = file_read_at(x, buf, sizeof(buf), x->at);
		if (got < 0) {
			file_return(x, strerror(errno));
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
