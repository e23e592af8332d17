/* content.c - DATA and BDAT: the bytes of a message, its verdict, its commit. */
#include "hubd/receive/session.h"

#include <string.h>

#include "hubd/track/counters.h"
#include "hubd/receive/author.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* Pieces of input looked at in one go. */
enum { PIECES = 8 };

/* A message on its way to the disk; outlives its session, if that ends first. */
struct submission {
	struct receiver *receiver;
	uint64_t session;
	struct message *message;
};

static void on_spool_room(void *ctx)
{
	struct session *s = ctx;

	stream_resume(s->stream);
	session_resume(s);
}

/* A hub of ours, by its key; an edge has no say in how we route. */
static bool is_from_hub(const struct session *s)
{
	const struct server *peer = session_peer_server(s);

	return peer != NULL && peer->role == ROLE_HUB;
}

static struct intake_limits limits_of(const struct session *s)
{
	const struct receive_connector *rc = s->connector;
	struct intake_limits l = {
		.arena = s->tx->arena,
		.max_size = session_size_limit(s),
		.max_header_size = rc->max_header_size,
		.max_hops = rc->max_hops,
		.max_local_hops = rc->max_local_hops,
		/* the configuration may change twice while the header comes, and take its texts */
		.own_name = arena_strdup(s->tx->arena, s->receiver->live->fqdn),
		.own_alias = session_fqdn(s),
		.accept = session_accepted_classes(s),
		.trust_exclusions = is_from_hub(s),
		.judge_author = s->principal == PRINCIPAL_USER &&
			!session_may(s, RIGHT_ACCEPT_ANY_SENDER) ? author_judge : NULL,
		.binary = s->tx->envelope->body == ENVELOPE_BODY_BINARYMIME,
	};

	return l;
}

void content_begin(struct session *s)
{
	struct intake_limits limits = limits_of(s);
	struct transaction *tx = s->tx;
	const struct envelope *env = tx->envelope;
	char id[SPOOL_ID_TEXT];
	struct trace t;

	tx->intake = intake_new(s->receiver->cfg.port, &limits, on_spool_room, s);
	t = (struct trace){
		.helo = s->helo,
		.peer_address = s->peer_address,
		.by = session_fqdn(s),
		.id = spool_id_text(intake_id(tx->intake), id),
		.tls_version = stream_tls_version(s->stream),
		.tls_cipher = stream_tls_cipher(s->stream),
		.tls_bits = stream_tls_bits(s->stream),
		.esmtp = s->extensions != 0,
		.authenticated = s->principal == PRINCIPAL_USER,
		.utf8 = env->smtputf8,
		.recipient = env->recipient_count == 1 ? env->recipients[0].address : NULL,
		.wall_s = clock_wall_s(),
	};
	intake_trace(tx->intake, &t);
	session_note(s, "receiving message", "%s", id);
	stream_set_input_limit(s->stream, STREAM_INPUT_BULK);
}

/*
 * DATA is the last of a group (RFC 2920 section 3.1). What came behind it is a message, and its
 * author need not be the client: it must not be read as commands.
 */
static void refuse_data(struct session *s, int code, const char *why)
{
	session_reply(s, code, "5.5.1", "%s", why);
	session_fault(s);
	if (!s->finished && stream_input_len(s->stream) != 0)
		session_shutdown(s, "4.7.0", "input behind a refused DATA");
}

void verb_data(struct session *s, const struct smtp_command *c)
{
	(void)c;
	if (s->tx == NULL) {
		refuse_data(s, 503, "no valid recipients");
	} else if (s->tx->envelope->recipient_count == 0) {
		refuse_data(s, 554, "no valid recipients");
	} else if (s->tx->intake != NULL) {
		refuse_data(s, 503, "DATA and BDAT do not mix");
	} else if (s->tx->envelope->body == ENVELOPE_BODY_BINARYMIME) {
		/* RFC 3030 section 3 */
		refuse_data(s, 503, "BINARYMIME goes with BDAT");
	} else {
		content_begin(s);
		s->phase = PHASE_DATA;
		session_reply(s, 354, NULL, "end with <CRLF>.<CRLF>");
	}
}

void verb_bdat(struct session *s, const struct smtp_command *c)
{
	struct transaction *tx = s->tx;

	if ((s->extensions & SMTP_EXT_CHUNKING) == 0) {
		/* what follows may be a chunk: it must not be read as commands */
		s->finished = true;
		session_reply(s, 502, "5.5.1", "CHUNKING is not offered");
		return;
	}
	/*
	 * Out of sequence the chunk follows all the same (RFC 3030 section 2) and must not be
	 * obeyed as commands: it is taken by a transaction that has failed already.
	 */
	if (tx == NULL)
		tx = s->tx = xcalloc(1, sizeof(*tx));
	else if (tx->intake == NULL && tx->envelope->recipient_count != 0)
		content_begin(s);
	tx->failed = tx->failed || tx->intake == NULL;
	tx->chunk_left = c->bdat.size;
	tx->chunk_last = c->bdat.last;
	s->phase = PHASE_BDAT;
}

static void log_refused(const struct session *s, const struct smtp_reply *r)
{
	log_event(LOG_LEVEL_WARNING, "refused", LOG_UINT("session", s->id),
		LOG_STR("from", s->tx->envelope->sender), LOG_STR("peer", s->peer_address),
		LOG_UINT("code", (uint64_t)r->code), LOG_STR("reply", r->text), LOG_END);
}

static void refuse(struct session *s, const struct smtp_reply *r)
{
	log_refused(s, r);
	session_reset(s);
	session_send(s, r);
}

static void log_received(const struct message *m)
{
	const struct envelope *env = m->envelope;
	char id[SPOOL_ID_TEXT];

	log_event(LOG_LEVEL_INFO, "received", LOG_STR("message", spool_id_text(m->id, id)),
		LOG_STR("from", env->sender), LOG_UINT("recipients", env->recipient_count),
		LOG_UINT("size", env->original_size), LOG_STR("connector", env->connector),
		LOG_STR("peer", env->peer_address), LOG_STR("helo", env->peer_name),
		LOG_STR("identity", *env->identity != '\0' ? env->identity : NULL),
		LOG_STR("message_id", *env->message_id != '\0' ? env->message_id : NULL),
		LOG_END);
}

static void on_committed(uint64_t id, const struct err *e, void *ctx)
{
	struct submission *sub = ctx;
	struct session *s = session_find(sub->receiver, sub->session);

	if (s != NULL && e == NULL) {
		acknowledge(s, id);
	} else if (s != NULL) {
		log_text(LOG_LEVEL_ERROR, "spool", "%s", e->text);
		session_reply(s, e->class == ERR_PERM ? 554 : 452,
			e->class == ERR_PERM ? "5.3.0" : "4.3.1",
			"insufficient storage, try again later");
	}
	if (e == NULL) {
		counter_add(COUNTER_RECEIVE_MESSAGES, 1);
		counter_add(COUNTER_RECEIVE_BYTES, sub->message->body_size);
		log_received(sub->message);
		sub->receiver->cfg.on_message(sub->message, sub->receiver->cfg.ctx);
	} else {
		message_free(&sub->message);
	}
	free(sub);
	if (s != NULL && s->wait == WAIT_COMMIT)
		session_resume(s);
}

/* Completes the envelope by what the header told. */
static void complete(const struct session *s)
{
	struct transaction *tx = s->tx;
	const struct smtp_header_scan *h = intake_header(tx->intake);
	struct envelope *env = tx->envelope;

	env->message_id = arena_strdup(tx->arena, h->message_id);
	env->subject = arena_strdup(tx->arena, h->subject);
	env->hops = h->received;
	env->original_size = intake_original_size(tx->intake);
	env->automatic = intake_automatic(tx->intake);
	env->excluded = intake_excluded(tx->intake, tx->arena);
	env->classes = intake_classes(tx->intake);
	session_take_origin(s, intake_origin(tx->intake));
}

static void commit(struct session *s)
{
	struct transaction *tx = s->tx;
	struct submission *sub = xcalloc(1, sizeof(*sub));
	struct spool_draft *draft;
	const void *blob;
	size_t size;
	struct err e;

	complete(s);
	if (envelope_encode(tx->envelope, tx->arena, &blob, &size, &e) != 0) {
		free(sub);
		session_reset(s);
		session_reply(s, 554, "5.3.0", "%s", e.text);
		return;
	}
	sub->receiver = s->receiver;
	sub->session = s->id;
	sub->message = message_new(tx->arena, tx->envelope);
	sub->message->id = intake_id(tx->intake);
	sub->message->body_size = intake_body_size(tx->intake);
	draft = intake_take_draft(tx->intake);
	tx->arena = NULL;		/* the message owns it now */
	spool_draft_commit(&draft, blob, size, tx->envelope->recipient_count, on_committed, sub);
	session_reset(s);
	s->wait = WAIT_COMMIT;
}

void content_finish(struct session *s)
{
	struct smtp_reply r;
	const struct smtp_reply *refusal;

	s->phase = PHASE_COMMAND;
	intake_end(s->tx->intake);
	refusal = intake_verdict(s->tx->intake, &r);
	if (refusal != NULL)
		refuse(s, refusal);
	else
		commit(s);
}

static void wait_for_room(struct session *s)
{
	s->wait = WAIT_SPOOL;
	stream_pause(s->stream);
}

/* True when the end of the message was seen. */
static bool feed_data(struct session *s, const struct iovec *piece, size_t *taken)
{
	bool pause, ended;
	size_t used;

	ended = intake_data(s->tx->intake, piece->iov_base, piece->iov_len, &used, &pause);
	*taken = used;
	if (pause && !ended)
		wait_for_room(s);
	return ended;
}

static bool take_data(struct session *s)
{
	struct iovec pieces[PIECES];
	size_t n = stream_peek(s->stream, pieces, PIECES), i, taken, total = 0;
	bool ended = false;

	/* nothing is taken while the spool asks to wait: its answer is lost with the draft's end */
	for (i = 0; i < n && !ended && s->wait == WAIT_NOTHING; i++) {
		ended = feed_data(s, &pieces[i], &taken);
		total += taken;
	}
	stream_consume(s->stream, total);
	if (ended)
		content_finish(s);
	return total != 0;
}

/* A chunk of a transaction that has failed: out of sequence, or behind one that was refused. */
static void refuse_chunk(struct session *s)
{
	struct transaction *tx = s->tx;
	bool sequence = tx->intake == NULL;

	if (tx->chunk_last || tx->envelope == NULL)
		session_reset(s);
	session_reply(s, 503, "5.5.1", sequence ? "no valid recipients" :
		"the message was refused already");
	if (sequence)
		session_fault(s);
}

/* Not the last one: what is wrong with the message so far need not wait for the rest. */
static void judge_chunk(struct session *s)
{
	struct smtp_reply r;

	if (intake_verdict(s->tx->intake, &r) == NULL) {
		session_reply(s, 250, "2.0.0", "chunk received");
		return;
	}
	log_refused(s, &r);
	s->tx->failed = true;
	session_send(s, &r);
}

static void end_chunk(struct session *s)
{
	struct transaction *tx = s->tx;

	s->phase = PHASE_COMMAND;
	if (tx->failed)
		refuse_chunk(s);
	else if (tx->chunk_last)
		content_finish(s);
	else
		judge_chunk(s);
}

static bool take_chunk(struct session *s)
{
	struct transaction *tx = s->tx;
	struct iovec piece;
	bool pause = false;
	size_t n;

	if (tx->chunk_left == 0) {
		end_chunk(s);
		return true;
	}
	if (stream_peek(s->stream, &piece, 1) == 0)
		return false;
	n = piece.iov_len < tx->chunk_left ? piece.iov_len : (size_t)tx->chunk_left;
	if (!tx->failed)
		intake_chunk(tx->intake, piece.iov_base, n, &pause);
	stream_consume(s->stream, n);
	tx->chunk_left -= n;
	if (pause)
		wait_for_room(s);
	return true;
}

bool content_feed(struct session *s)
{
	return s->phase == PHASE_DATA ? take_data(s) : take_chunk(s);
}
