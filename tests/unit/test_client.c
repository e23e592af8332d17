/* test_client.c - hubd/deliver/client against scripted peers: every state and its odd answers. */
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "hubd/deliver/client.h"
#include "hubd/spool/spool.h"
#include "libhub/base/mem.h"
#include "peer.h"
#include "unit.h"

enum { LOG_SIZE = 4000, BODY_WAITS = 1 };

enum {
	LMTP = 1, FORCE_HELO = 2, TLS_ALWAYS = 4, AUTH = 8, NEVER_TLS = 16,
	EIGHT = 32, BINARY = 64, UTF8 = 128, SLOW_BODY = 256, BAD_BODY = 512, ASCII = 1024,
	PREFIX = 2048, DSN = 4096, BIG_BODY = 8192,
	BAD_NAME = 16384, EIGHT_HEADER = 32768, UTF8_NAME = 65536, UTF8_SENDER = 131072,
	OTHER_DOMAIN = 262144, NO_SENDER = 524288,
};

/* Recipients r1@x, r2@x ...; log: what the owner was told, one entry a line. */
struct row {
	const char *name;
	unsigned int flags;
	unsigned int recipients, messages;
	const char *script;
	const char *log;
};

struct owner {
	struct client *client;
	struct peer *peer;
	const struct row *row;
	unsigned int left;
	struct envelope env;
	struct client_message msg;
	char log[LOG_SIZE];
	bool ended;
	/* the body */
	const char *body;
	size_t at, size;
	bool waited;
	struct event *ready;
};

static struct loop *l;
static struct prover *prover;

static void note(struct owner *o, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void note(struct owner *o, const char *fmt, ...)
{
	size_t n = strlen(o->log);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(o->log + n, sizeof(o->log) - n, fmt, ap);
	va_end(ap);
}

/* --- the body --- */

static ssize_t body_read(void *src, void *buf, size_t size, struct err *e)
{
	static const struct timeval soon = { 0, 1000 };
	struct owner *o = src;
	size_t n = o->size - o->at < size ? o->size - o->at : size;

	if ((o->row->flags & SLOW_BODY) != 0 && !o->waited) {
		o->waited = true;
		event_add(o->ready, &soon);
		return SPOOL_BODY_WAIT;
	}
	o->waited = false;
	if ((o->row->flags & BAD_BODY) != 0)
		return err_set(e, ERR_PERM, 0, "damaged");
	if ((o->row->flags & SLOW_BODY) != 0 && n > 5)
		n = 5;
	memcpy(buf, o->body + o->at, n);
	o->at += n;
	return (ssize_t)n;
}

static void body_rewind(void *src)
{
	struct owner *o = src;

	o->at = 0;
}

static const struct client_source source = { body_read, body_rewind };

static void on_body_ready(evutil_socket_t fd, short what, void *ctx)
{
	struct owner *o = ctx;

	(void)fd;
	(void)what;
	if (o->client != NULL)
		client_body_ready(o->client);
}

/* --- the owner --- */

static void on_ready(struct client *c, void *ctx)
{
	struct owner *o = ctx;

	if (o->left == 0) {
		client_quit(c);
		return;
	}
	o->left--;
	o->at = 0;
	o->waited = false;
	client_send(c, &o->msg);
}

static void note_fact(struct owner *o, const struct client_fact *f)
{
	static const char *const events[EVENTS] = {
		[EVENT_TEMPORARY] = "temporary", [EVENT_PERMANENT] = "permanent",
		[EVENT_CLOSING] = "closing", [EVENT_LOST] = "lost",
		[EVENT_NONSENSE] = "nonsense", [EVENT_POLICY] = "policy",
		[EVENT_TOO_BIG] = "too big", [EVENT_NO_8BIT] = "no 8bit",
		[EVENT_NO_BINARY] = "no binary", [EVENT_NO_UTF8] = "no utf8",
		[EVENT_NO_UTF8_HEADER] = "no utf8 header",
		[EVENT_BAD_ADDRESS] = "bad address", [EVENT_DAMAGED] = "damaged",
	};

	if (f->ok)
		note(o, "ok %s", f->text);
	else
		note(o, "%s %s%s%s", stage_names[f->stage], events[f->event],
			f->from_peer ? " " : "", f->from_peer ? f->text : "");
}

static void on_sent(struct client *c, const struct client_fact *facts, void *ctx)
{
	struct owner *o = ctx;
	uint32_t i;

	(void)c;
	note(o, "sent: ");
	for (i = 0; i < o->env.recipient_count; i++) {
		note(o, "%s", i > 0 ? " | " : "");
		note_fact(o, &facts[i]);
	}
	note(o, "\n");
}

static void on_end(struct client *c, const struct client_fact *why, void *ctx)
{
	struct owner *o = ctx;

	(void)c;
	note(o, "end: ");
	note_fact(o, why);
	note(o, "\n");
	o->ended = true;
	client_free(&o->client);
}

static const struct client_callbacks events = { on_ready, on_sent, on_end };

static bool is_over(void *ctx)
{
	const struct owner *o = ctx;

	return o->ended && (peer_done(o->peer) || peer_trouble(o->peer) != NULL);
}

static void make_message(struct owner *o)
{
	static struct envelope_recipient rcpts[10];
	static const char *const names[] = { "r1@x", "r2@x", "r3@x", "r4@x" };
	static const char body[] = "Subject: t\r\n\r\n.dot\r\n", eight[] =
		"A: b\r\n\r\n\xc3\xa4\r\n", eight_header[] = "A: \xc3\xa4\r\n\r\n";
	static char big[200 * 1024];
	unsigned int f = o->row->flags, i;

	for (i = 0; i < o->row->recipients; i++)
		rcpts[i] = (struct envelope_recipient){ .address = names[i], .orcpt = "",
			.original = "",
			.notify = (f & DSN) != 0 ? ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY :
			0 };
	if ((f & BAD_NAME) != 0)
		rcpts[0].address = "r1@x>\r\nRCPT TO:<evil@x";
	if ((f & OTHER_DOMAIN) != 0)
		rcpts[0].address = "r1@z";
	if ((f & DSN) != 0)
		rcpts[0].original = "old+1@x";
	o->body = (f & EIGHT) != 0 && (f & ASCII) == 0 ? eight : body;
	if ((f & EIGHT_HEADER) != 0)
		o->body = eight_header;
	if ((f & UTF8_NAME) != 0)
		rcpts[0].address = "\xc3\xa4@x";
	o->size = strlen(o->body);
	if ((f & BIG_BODY) != 0) {
		for (i = 0; i < sizeof(big); i++)
			big[i] = "0123456\r\n"[i % 9 < 7 ? i % 7 : i % 9];
		o->body = big;
		o->size = sizeof(big) / 9 * 9;
	}
	o->env = (struct envelope){
		.sender = (f & NO_SENDER) != 0 ? "" :
			(f & UTF8_SENDER) != 0 ? "\xc3\xb6@y" : "s@y",
		.envid = (f & DSN) != 0 ? "E+2B1" : "",
		.ret = (f & DSN) != 0 ? ENVELOPE_RET_HDRS : ENVELOPE_RET_NONE,
		.body = (f & EIGHT) != 0 ? ENVELOPE_BODY_8BITMIME :
			(f & BINARY) != 0 ? ENVELOPE_BODY_BINARYMIME : ENVELOPE_BODY_7BIT,
		.smtputf8 = (f & UTF8) != 0,
		.recipients = rcpts, .recipient_count = o->row->recipients,
	};
	o->msg = (struct client_message){ .env = &o->env, .size = o->size,
		.prefix = (f & PREFIX) != 0 ? "X-P: 1\r\n" : "", .source = &source, .src = o };
}

static void on_proof(struct inbox_node *node, void *ctx)
{
	(void)ctx;
	client_auth_answered(node, prover);
}

static void open_prover(struct client_config *cfg)
{
	struct err e;

	prover = prover_new(NULL, &e);
	ck_assert_msg(prover != NULL && prover_start(prover, &e) == 0, "%s", e.text);
	cfg->auth = CLIENT_AUTH_PASSWORD;
	cfg->user = "user";
	cfg->password = "secret";
	cfg->prover = prover;
	cfg->proofs = inbox_new(l, on_proof, NULL);
}

static void play(const struct row *row)
{
	struct client_config cfg = {
		.lmtp = (row->flags & LMTP) != 0, .force_helo = (row->flags & FORCE_HELO) != 0,
		.name = "me", .tls = CLIENT_TLS_NEVER, .timeout_s = 1,
	};
	struct owner o = { .row = row, .left = row->messages };
	int fd;

	l = loop_new("test");
	if ((row->flags & AUTH) != 0)
		open_prover(&cfg);
	if ((row->flags & TLS_ALWAYS) != 0) {
		cfg.tls = CLIENT_TLS_ALWAYS;
		cfg.context = tls_context_new_client(NULL, NULL, NULL, NULL);
		ck_assert_ptr_nonnull(cfg.context);
	}
	o.ready = evtimer_new(loop_base(l), on_body_ready, &o);
	make_message(&o);
	o.peer = peer_new(l, row->script, &fd);
	o.client = client_new(l, &cfg, &events, &o);
	client_adopt(o.client, fd);
	if (await_for(l, is_over, &o, PATIENCE_MS) < 0)
		ck_abort_msg("%s: stuck; so far: %s; peer: %s", row->name, o.log,
			peer_trouble(o.peer) != NULL ? peer_trouble(o.peer) : "waits");
	if (peer_trouble(o.peer) != NULL)
		ck_abort_msg("%s: peer %s; log: %s", row->name, peer_trouble(o.peer), o.log);
	if (strcmp(o.log, row->log) != 0)
		ck_abort_msg("%s: got\n%sinstead of\n%s", row->name, o.log, row->log);
	peer_free(&o.peer);
	client_free(&o.client);
	event_free(o.ready);
	tls_context_unref(&cfg.context);
	if (prover != NULL) {
		prover_join(prover);
		inbox_free(&cfg.proofs);
		prover_free(&prover);
	}
	loop_free(&l);
}

#define HELLO "S 220 hi\nC EHLO me\n"
#define PLAIN HELLO "S 250 peer\n"
#define PIPED HELLO "S 250-peer\nS 250 PIPELINING\n"
#define CHUNKED HELLO "S 250-peer\nS 250-PIPELINING\nS 250 CHUNKING\n"
#define BODY "C Subject: t\nC \nC ..dot\nC .\n"
#define RAW_BODY "C Subject: t\nC \nC .dot\n"
#define CHUNK "C BDAT 65536\nD 65536\n"
#define BIG_CHUNKS CHUNKED "C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nS 250 ok\nS 250 ok\n" CHUNK CHUNK \
	CHUNK "C BDAT 8187 LAST\nD 8187\n"
#define EIGHTS HELLO "S 250-peer\nS 250 8BITMIME\n"
#define TO_R1 "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n"
#define EIGHT_IN_7 "C A: b\nC MIME-Version: 1.0\nC Content-Type: text/plain; " \
	"charset=unknown-8bit\nC Content-Transfer-Encoding: quoted-printable\nC \nC =C3=A4\n"
#define MAIL1 "C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC DATA\n"

static const struct row rows[] = {
	/* --- the way that is usual --- */
	{ "lock step", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\n"
		"C DATA\nS 354 go\n" BODY "S 250 2.0.0 taken\nC QUIT\nW\n",
		"sent: ok 250 2.0.0 taken\nend: ok \n" },
	{ "pipelined", 0, 2, 1, PIPED "C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC RCPT TO:<r2@x>\n"
		"C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 taken\nC QUIT\n",
		"sent: ok 250 taken | ok 250 taken\nend: ok \n" },
	{ "chunked: all in one go", 0, 1, 1, CHUNKED "C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\n"
		"C BDAT 20 LAST\n" RAW_BODY "S 250 ok\nS 250 ok\nS 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "chunks without pipelining", 0, 1, 1, HELLO "S 250-peer\nS 250 CHUNKING\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC BDAT 20 LAST\n" RAW_BODY
		"S 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "two messages on one connection", 0, 1, 2, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n"
		BODY "S 250 one\n" MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 two\n"
		"C QUIT\n",
		"sent: ok 250 one\nsent: ok 250 two\nend: ok \n" },
	{ "header put before", PREFIX, 1, 1, HELLO "S 250-peer\nS 250 SIZE 1000\n"
		"C MAIL FROM:<s@y> SIZE=28\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\n"
		"C DATA\nS 354 go\nC X-P: 1\n" BODY "S 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "body that comes slowly", SLOW_BODY, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n"
		BODY "S 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "body that comes slowly, in chunks", SLOW_BODY, 1, 1, CHUNKED
		"C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nS 250 ok\nS 250 ok\nC BDAT 5\nD 5\nR 2\n"
		"L 50 ok\n"
		"C BDAT 5\nD 5\nS 250 ok\nC BDAT 5\nD 5\nC BDAT 5\nD 5\nS 250 ok\nS 250 ok\n"
		"C BDAT 0 LAST\nS 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "big body", BIG_BODY, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\nD 204795\nC .\n"
		"S 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "big body in chunks", BIG_BODY, 1, 1, BIG_CHUNKS
		"S 250 ok\nS 250 ok\nS 250 ok\nS 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "DSN is passed on", DSN, 1, 1, HELLO "S 250-peer\nS 250 DSN\n"
		"C MAIL FROM:<s@y> RET=HDRS ENVID=E+2B1\nS 250 ok\n"
		"C RCPT TO:<r1@x> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;old+2B1@x\nS 250 ok\n"
		"C DATA\nS 354 go\n" BODY "S 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "DSN is not", DSN, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\n"
		"C DATA\nS 354 go\n" BODY "S 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },

	/* --- greeting and hello --- */
	{ "greeting in several lines and pieces", 0, 1, 0, "R 22\nL 0-hi\nR 220 the\nL re\n"
		"C EHLO me\nS 250 peer\nC QUIT\n", "end: ok \n" },
	{ "greeting 554", 0, 1, 1, "S 554 5.7.1 go away\nW\n",
		"end: greeting permanent 554 5.7.1 go away\n" },
	{ "greeting 421", 0, 1, 1, "S 421 4.3.2 busy\nW\n",
		"end: greeting closing 421 4.3.2 busy\n" },
	{ "greeting is no SMTP", 0, 1, 1, "S SSH-2.0-OpenSSH\nW\n", "end: greeting nonsense\n" },
	{ "greeting with an odd code", 0, 1, 1, "S 250 what\nW\n",
		"end: greeting nonsense 250 what\n" },
	{ "half a greeting", 0, 1, 1, "R 220 h\nX\n", "end: greeting lost\n" },
	{ "closed at once", 0, 1, 1, "X\n", "end: greeting lost\n" },
	{ "silence", 0, 1, 1, "W\n", "end: greeting lost\n" },
	{ "EHLO unknown: HELO", 0, 1, 1, HELLO "S 502 what\nC HELO me\nS 250 peer\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "EHLO put off", 0, 1, 1, HELLO "S 450 later\nW\n", "end: EHLO temporary 450 later\n" },
	{ "HELO refused as well", 0, 1, 1, HELLO "S 502 what\nC HELO me\nS 550 no\nW\n",
		"end: EHLO permanent 550 no\n" },
	{ "HELO only", FORCE_HELO, 1, 0, "S 220 hi\nC HELO me\nS 250 peer\nC QUIT\n",
		"end: ok \n" },
	{ "lost in EHLO's reply", 0, 1, 1, HELLO "S 250-peer\nX\n", "end: EHLO lost\n" },
	{ "nonsense in EHLO's reply", 0, 1, 1, HELLO "S 250-peer\nS 220 x\nW\n",
		"end: EHLO nonsense\n" },

	/* --- TLS and AUTH --- */
	{ "TLS needed, not offered", TLS_ALWAYS, 1, 1, PLAIN "W\n", "end: STARTTLS policy\n" },
	{ "TLS needed, refused", TLS_ALWAYS, 1, 1, HELLO "S 250-peer\nS 250 STARTTLS\nC STARTTLS\n"
		"S 454 4.7.0 no\nW\n", "end: STARTTLS temporary 454 4.7.0 no\n" },
	{ "TLS needed, EHLO unknown", TLS_ALWAYS, 1, 1, HELLO "S 502 no\nW\n",
		"end: EHLO permanent 502 no\n" },
	{ "something behind STARTTLS's reply", TLS_ALWAYS, 1, 1, HELLO
		"S 250-peer\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nS 250 injected\nW\n",
		"end: STARTTLS nonsense\n" },
	{ "AUTH PLAIN", AUTH, 1, 0, HELLO "S 250-peer\nS 250 AUTH LOGIN PLAIN\n"
		"C AUTH PLAIN AHVzZXIAc2VjcmV0\nS 235 ok\nC QUIT\n", "end: ok \n" },
	{ "AUTH PLAIN, an odd success", AUTH, 1, 0, HELLO "S 250-peer\nS 250 AUTH PLAIN\n"
		"C AUTH PLAIN AHVzZXIAc2VjcmV0\nS 250 ok\nC QUIT\n", "end: ok \n" },
	{ "AUTH LOGIN", AUTH, 1, 0, HELLO "S 250-peer\nS 250 AUTH LOGIN\nC AUTH LOGIN\n"
		"S 334 VXNlcg==\n"
		"C dXNlcg==\nS 334 UGFzcw==\nC c2VjcmV0\nS 235 ok\nC QUIT\n", "end: ok \n" },
	{ "AUTH refused", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH PLAIN\nP AUTH PLAIN\n"
		"S 535 5.7.8 wrong\nW\n", "end: AUTH permanent 535 5.7.8 wrong\n" },
	{ "AUTH LOGIN refused late", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH LOGIN\n"
		"C AUTH LOGIN\n"
		"S 334 x\nP dX\nS 334 x\nP c2\nS 535 wrong\nW\n",
			"end: AUTH permanent 535 wrong\n" },
	{ "AUTH not offered", AUTH, 1, 1, PLAIN "W\n", "end: AUTH policy\n" },
	{ "AUTH: endless challenge", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH PLAIN\n"
		"P AUTH PLAIN\n"
		"S 334 more\nW\n", "end: AUTH nonsense\n" },
	{ "AUTH: the strongest", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH LOGIN SCRAM-SHA-256-PLUS PLAIN SCRAM-SHA-256\n"
		"P AUTH SCRAM-SHA-256 \nS 454 4.7.0 later\nW\n",
		"end: AUTH temporary 454 4.7.0 later\n" },
	{ "AUTH: no verifier of this user", AUTH, 1, 0, HELLO "S 250-peer\n"
		"S 250 AUTH LOGIN PLAIN SCRAM-SHA-256\nP AUTH SCRAM-SHA-256 \nS 535 wrong\n"
		"C AUTH PLAIN AHVzZXIAc2VjcmV0\nS 235 ok\nC QUIT\n", "end: ok \n" },
	{ "AUTH: no verifier, and wrong", AUTH, 1, 0, HELLO "S 250-peer\n"
		"S 250 AUTH LOGIN SCRAM-SHA-256\nP AUTH SCRAM-SHA-256 \nS 535 wrong\n"
		"C AUTH LOGIN\nS 334 x\nP dX\nS 334 x\nP c2\nS 535 wrong\nW\n",
		"end: AUTH permanent 535 wrong\n" },
	{ "AUTH: no base64", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH SCRAM-SHA-256\n"
		"P AUTH SCRAM-SHA-256 \nS 334 ?\nW\n", "end: AUTH policy\n" },
	{ "AUTH: NUL in it", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH SCRAM-SHA-256\n"
		"P AUTH SCRAM-SHA-256 \nS 334 AAAA\nW\n", "end: AUTH policy\n" },
	{ "AUTH: another's nonce", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH SCRAM-SHA-256\n"
		"P AUTH SCRAM-SHA-256 \nS 334 cj1ub25jZSxzPWMyRnNkSE5oYkhRPSxpPTQwOTY=\nW\n",
		"end: AUTH policy\n" },
	{ "AUTH: refused in the challenge", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH SCRAM-SHA-256\nP AUTH SCRAM-SHA-256 \nS 334 ZT1pbnZhbGlkLXByb29m\n"
		"C *\nS 535 5.7.8 wrong\nW\n", "end: AUTH permanent 535 5.7.8 wrong\n" },
	{ "AUTH: rounds without end", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH SCRAM-SHA-256\n"
		"P AUTH SCRAM-SHA-256 \nS 334 cj1uLHM9YzJGc2RITmhiSFE9LGk9NDI5NDk2NzI5NQ==\nW\n",
		"end: AUTH policy\n" },
	{ "AUTH: welcome to whoever it is", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH SCRAM-SHA-256\nP AUTH SCRAM-SHA-256 \nS 235 welcome\nW\n",
		"end: AUTH policy\n" },
	{ "AUTH LOGIN: welcome without a password", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH LOGIN\nC AUTH LOGIN\nS 235 welcome\nW\n", "end: AUTH policy\n" },
	{ "AUTH: the password in the reply", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH PLAIN\nP AUTH PLAIN\nS 535 user's password is not secret\nW\n",
		"end: AUTH permanent 535 (the reply repeats the credential)\n" },
	{ "AUTH: the response in the reply", AUTH, 1, 1, HELLO "S 250-peer\n"
		"S 250 AUTH PLAIN\nP AUTH PLAIN\nS 501 what is AHVzZXIAc2VjcmV0?\nW\n",
		"end: AUTH permanent 501 (the reply repeats the credential)\n" },
	{ "AUTH: cut off", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH PLAIN\n"
		"P AUTH PLAIN\nX\n", "end: AUTH lost\n" },
	{ "AUTH: more than was asked for", AUTH, 1, 1, HELLO "S 250-peer\nS 250 AUTH PLAIN\n"
		"S 235 welcome\nW\n", "end: AUTH nonsense\n" },

	/* --- what the peer cannot take --- */
	{ "too big", 0, 1, 1, HELLO "S 250-peer\nS 250 SIZE 19\nC QUIT\n",
		"sent: MAIL too big\nend: ok \n" },
	{ "8-bit", EIGHT, 1, 1, PLAIN TO_R1 EIGHT_IN_7 "C .\nS 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "8-bit, slow body", EIGHT | SLOW_BODY, 1, 1, PLAIN TO_R1 EIGHT_IN_7
		"C .\nS 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "8-bit, chunked", EIGHT, 1, 1, CHUNKED "C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\n"
		"C BDAT 128 LAST\n" EIGHT_IN_7 "S 250 ok\nS 250 ok\nS 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "8-bit in the header", EIGHT | EIGHT_HEADER, 1, 1, PLAIN "C QUIT\n",
		"sent: MAIL no 8bit\nend: ok \n" },
	{ "8-bit in the header of a report", EIGHT | EIGHT_HEADER | NO_SENDER, 1, 1, PLAIN
		"C MAIL FROM:<>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n"
		"C A: \xc3\xa4\nC \nC .\nS 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "8-bit in the header, not declared", EIGHT_HEADER, 1, 1, PLAIN TO_R1
		"C A: \xc3\xa4\nC \nC .\nS 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "8-bit only in name", EIGHT | ASCII, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY "S 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "8-bit only in name, slow body", EIGHT | ASCII | SLOW_BODY, 1, 1, PLAIN
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 taken\nC QUIT\n", "sent: ok 250 taken\nend: ok \n" },
	{ "8-bit offered", EIGHT | ASCII, 1, 1, HELLO "S 250-peer\nS 250 8BITMIME\n"
		"C MAIL FROM:<s@y> BODY=8BITMIME\nS 550 no\nC QUIT\n",
		"sent: MAIL permanent 550 no\nend: ok \n" },
	{ "binary", BINARY, 1, 1, HELLO "S 250-peer\nS 250 CHUNKING\nC MAIL FROM:<s@y>\n"
		"S 550 no\nC QUIT\n", "sent: MAIL permanent 550 no\nend: ok \n" },
	{ "binary to 8-bit", BINARY, 1, 1, HELLO "S 250-peer\nS 250-SIZE\nS 250 8BITMIME\n"
		"C MAIL FROM:<s@y> BODY=8BITMIME\nS 550 no\nC QUIT\n",
		"sent: MAIL permanent 550 no\nend: ok \n" },
	{ "binary in the header", BINARY | EIGHT_HEADER, 1, 1, PLAIN "C QUIT\n",
		"sent: MAIL no binary\nend: ok \n" },
	{ "binary offered", BINARY, 1, 1, HELLO "S 250-peer\nS 250-CHUNKING\nS 250 BINARYMIME\n"
		"C MAIL FROM:<s@y> BODY=BINARYMIME\nS 550 no\nC QUIT\n",
		"sent: MAIL permanent 550 no\nend: ok \n" },
	{ "UTF-8 that is not needed", UTF8, 1, 1, PLAIN TO_R1 BODY "S 250 taken\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "UTF-8 in the header", UTF8 | EIGHT_HEADER, 1, 1, EIGHTS "C QUIT\n",
		"sent: MAIL no utf8 header\nend: ok \n" },
	{ "UTF-8 in the sender", UTF8 | UTF8_SENDER, 1, 1, EIGHTS "C QUIT\n",
		"sent: MAIL no utf8\nend: ok \n" },
	{ "UTF-8 in one recipient", UTF8 | UTF8_NAME, 2, 1, EIGHTS "C MAIL FROM:<s@y>\n"
		"S 250 ok\nC RCPT TO:<r2@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 taken\nC QUIT\n", "sent: RCPT no utf8 | ok 250 taken\nend: ok \n" },
	{ "UTF-8 offered", UTF8, 1, 1, HELLO "S 250-peer\nS 250 SMTPUTF8\n"
		"C MAIL FROM:<s@y> SMTPUTF8\nS 550 no\nC QUIT\n",
		"sent: MAIL permanent 550 no\nend: ok \n" },
	{ "address that breaks out", BAD_NAME, 1, 1, PLAIN "C QUIT\n",
		"sent: RCPT bad address\nend: ok \n" },
	{ "address that breaks out, lock step", BAD_NAME, 2, 1, PLAIN "C MAIL FROM:<s@y>\n"
		"S 250 ok\nC RCPT TO:<r2@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 taken\nC QUIT\n", "sent: RCPT bad address | ok 250 taken\nend: ok \n" },
	{ "address that breaks out, pipelined", BAD_NAME, 2, 1, PIPED "C MAIL FROM:<s@y>\n"
		"C RCPT TO:<r2@x>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 250 taken\nC QUIT\n", "sent: RCPT bad address | ok 250 taken\nend: ok \n" },
	{ "stored body is damaged", BAD_BODY, 1, 1, HELLO "S 250-peer\nS 250-8BITMIME\n"
		"S 250 PIPELINING\n" MAIL1 "S 250 ok\nS 250 ok\nS 354 go\nW\n",
		"sent: end of message damaged\nend: end of message damaged\n" },
	{ "stored body is damaged, as the look at it shows", BAD_BODY, 1, 1, PLAIN "W\n",
		"sent: MAIL damaged\nend: MAIL damaged\n" },

	/* --- RFC 9422: more recipients, or messages, than the peer takes at once --- */
	{ "two at once", 0, 3, 1, HELLO "S 250-peer\nS 250 LIMITS RCPTMAX=2\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC RCPT TO:<r2@x>\n"
		"S 550 no\nC DATA\nS 354 go\n" BODY "S 250 one\nC MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r3@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY "S 451 two\nC RSET\n"
		"S 250 ok\nC QUIT\n",
		"sent: ok 250 one | RCPT permanent 550 no | end of message temporary 451 two\n"
		"end: ok \n" },
	{ "one at once, pipelined, converted", EIGHT, 2, 1, HELLO "S 250-peer\nS 250-PIPELINING\n"
		"S 250 LIMITS RCPTMAX=1\n" MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" EIGHT_IN_7
		"C .\nS 250 one\nC MAIL FROM:<s@y>\nC RCPT TO:<r2@x>\nC DATA\nS 250 ok\n"
		"S 250 ok\nS 354 go\n" EIGHT_IN_7 "C .\nS 250 two\nC QUIT\n",
		"sent: ok 250 one | ok 250 two\nend: ok \n" },
	{ "the first is refused, the next goes on", 0, 2, 1, HELLO "S 250-peer\n"
		"S 250 LIMITS RCPTMAX=1\nC MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 550 no\n"
		"C RSET\nS 250 ok\nC MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r2@x>\nS 250 ok\n"
		"C DATA\nS 354 go\n" BODY "S 250 two\nC QUIT\n",
		"sent: RCPT permanent 550 no | ok 250 two\nend: ok \n" },
	{ "lost between two", 0, 2, 1, HELLO "S 250-peer\nS 250 LIMITS RCPTMAX=1\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 one\nC MAIL FROM:<s@y>\nX\n",
		"sent: ok 250 one | MAIL lost\nend: MAIL lost\n" },
	{ "one domain at once", OTHER_DOMAIN, 3, 1, HELLO "S 250-peer\n"
		"S 250 LIMITS RCPTDOMAINMAX=1\nC MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@z>\n"
		"S 250 ok\nC DATA\nS 354 go\n" BODY "S 250 one\nC MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r2@x>\nS 250 ok\nC RCPT TO:<r3@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 two\nC QUIT\n", "sent: ok 250 one | ok 250 two | ok 250 two\nend: ok \n" },
	{ "no more messages", 0, 2, 1, HELLO "S 250-peer\nS 250 LIMITS RCPTMAX=1 MAILMAX=1\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 one\nC QUIT\n", "sent: ok 250 one | MAIL closing\nend: ok \n" },
	{ "LMTP, two at once", LMTP, 3, 1, "S 220 hi\nC LHLO me\nS 250-peer\n"
		"S 250 LIMITS RCPTMAX=2\nC MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\n"
		"C RCPT TO:<r2@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY "S 250 one\nS 452 full\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r3@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 three\nC QUIT\n", "sent: ok 250 one | end of message temporary 452 full | "
		"ok 250 three\nend: ok \n" },

	/* --- RFC 5321 section 4.5.3.1.10: too many recipients, by the peer's replies --- */
	{ "too many, the rest follows", 0, 4, 1, PIPED "C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\n"
		"C RCPT TO:<r2@x>\nC RCPT TO:<r3@x>\nC RCPT TO:<r4@x>\nC DATA\nS 250 ok\n"
		"S 250 ok\nS 452 4.5.3 too many\nS 452 4.5.3 too many\nS 452 4.5.3 too many\n"
		"S 354 go\n" BODY "S 250 one\nC MAIL FROM:<s@y>\nC RCPT TO:<r2@x>\nC DATA\n"
		"S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 two\nC MAIL FROM:<s@y>\n"
		"C RCPT TO:<r3@x>\nC DATA\nS 250 ok\nS 550 no\nS 554 none\nC RSET\nS 250 ok\n"
		"C MAIL FROM:<s@y>\nC RCPT TO:<r4@x>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\n"
		BODY "S 250 four\nC QUIT\n",
		"sent: ok 250 one | ok 250 two | RCPT permanent 550 no | ok 250 four\nend: ok \n" },
	{ "too many, by other words", 0, 3, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r1@x>\nS 550 no\nC RCPT TO:<r2@x>\nS 250 ok\nC RCPT TO:<r3@x>\n"
		"S 552 too many\nC DATA\nS 354 go\n" BODY "S 250 two\nC MAIL FROM:<s@y>\n"
		"S 250 ok\nC RCPT TO:<r3@x>\nS 552 full\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: RCPT permanent 550 no | ok 250 two | RCPT permanent 552 full\nend: ok \n" },
	{ "too many, and the message is put off", 0, 2, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r1@x>\nS 250 ok\nC RCPT TO:<r2@x>\nS 451 4.5.3 too many\nC DATA\n"
		"S 354 go\n" BODY "S 451 later\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: end of message temporary 451 later | RCPT temporary 451 4.5.3 too many\n"
		"end: ok \n" },
	{ "full, not too many", 0, 3, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\n"
		"S 250 ok\nC RCPT TO:<r2@x>\nS 452 full\nC RCPT TO:<r3@x>\nS 452 4.2.2 full\n"
		"C DATA\nS 354 go\n" BODY "S 250 one\nC QUIT\n",
		"sent: ok 250 one | RCPT temporary 452 full | RCPT temporary 452 4.2.2 full\n"
		"end: ok \n" },
	{ "too many with LMTP", LMTP, 3, 1, "S 220 hi\nC LHLO me\nS 250 peer\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC RCPT TO:<r2@x>\n"
		"S 452 4.5.3 too many\nC RCPT TO:<r3@x>\nS 452 4.5.3 too many\nC DATA\n"
		"S 354 go\n" BODY "S 452 4.2.2 full\nC MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r2@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY "S 250 two\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r3@x>\nS 250 ok\nC DATA\nS 354 go\n"
		BODY "S 250 three\nC QUIT\n",
		"sent: end of message temporary 452 4.2.2 full | ok 250 two | ok 250 three\n"
		"end: ok \n" },

	/* --- a no before the end --- */
	{ "no at once with the 354", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\n"
		"C RCPT TO:<r1@x>\nS 250 ok\nC DATA\nS 354 go\nS 550 5.7.1 no\nW\n",
		"sent: end of message permanent 550 5.7.1 no\n"
		"end: end of message permanent 550 5.7.1 no\n" },

	/* --- MAIL --- */
	{ "MAIL put off, next message", 0, 1, 2, PLAIN "C MAIL FROM:<s@y>\nS 451 4.3.0 later\n"
		"C MAIL FROM:<s@y>\nS 550 no\nC QUIT\n",
		"sent: MAIL temporary 451 4.3.0 later\nsent: MAIL permanent 550 no\nend: ok \n" },
	{ "MAIL refused, pipelined", 0, 2, 1, PIPED
		"C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC RCPT TO:<r2@x>\nC DATA\n"
		"S 550 5.7.1 no\nS 503 bad\nS 503 bad\nS 503 bad\nC QUIT\n",
		"sent: MAIL permanent 550 5.7.1 no | MAIL permanent 550 5.7.1 no\nend: ok \n" },
	{ "MAIL refused, chunked", 0, 1, 1, CHUNKED
		"C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC BDAT 20 LAST\n" RAW_BODY
		"S 550 5.7.1 no\nS 503 bad\nS 503 bad\nC QUIT\n",
		"sent: MAIL permanent 550 5.7.1 no\nend: ok \n" },
	{ "MAIL 421", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS 421 bye\nX\n",
		"sent: MAIL closing 421 bye\nend: MAIL closing 421 bye\n" },
	{ "MAIL lost", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nX\n",
		"sent: MAIL lost\nend: MAIL lost\n" },
	{ "MAIL 354", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS 354 go\nW\n",
		"sent: MAIL nonsense 354 go\nend: MAIL nonsense 354 go\n" },
	{ "MAIL: no SMTP", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nS hello?\nW\n",
		"sent: MAIL nonsense\nend: MAIL nonsense\n" },
	{ "half a reply to MAIL", 0, 1, 1, PLAIN "C MAIL FROM:<s@y>\nR 25\nX\n",
		"sent: MAIL lost\nend: MAIL lost\n" },
	{ "421 while idle before MAIL", 0, 1, 2, PIPED MAIL1
		"S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 one\nS 421 enough\nX\n",
		"sent: ok 250 one\nsent: MAIL closing 421 enough\nend: MAIL closing 421 enough\n" },

	/* --- RCPT --- */
	{ "one of two refused", 0, 2, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\n"
		"S 550 5.1.1 who\nC RCPT TO:<r2@x>\nS 250 ok\nC DATA\nS 354 go\n" BODY
		"S 250 taken\nC QUIT\n",
		"sent: RCPT permanent 550 5.1.1 who | ok 250 taken\nend: ok \n" },
	{ "all refused", 0, 2, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\n"
		"S 550 5.1.1 who\nC RCPT TO:<r2@x>\nS 451 4.2.0 later\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: RCPT permanent 550 5.1.1 who | RCPT temporary 451 4.2.0 later\nend: ok \n" },
	{ "all refused, pipelined, DATA too", 0, 1, 1, PIPED MAIL1
		"S 250 ok\nS 550 5.1.1 who\nS 554 no valid recipients\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: RCPT permanent 550 5.1.1 who\nend: ok \n" },
	{ "all refused, pipelined, but 354", 0, 1, 1, PIPED MAIL1
		"S 250 ok\nS 550 5.1.1 who\nS 354 go\nC .\nS 554 no\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: RCPT permanent 550 5.1.1 who\nend: ok \n" },
	{ "all refused, chunked", 0, 1, 1, CHUNKED
		"C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC BDAT 20 LAST\n" RAW_BODY
		"S 250 ok\nS 550 5.1.1 who\nS 503 none\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: RCPT permanent 550 5.1.1 who\nend: ok \n" },
	{ "421 at the second RCPT", 0, 3, 1, PLAIN "C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\n"
		"S 550 5.1.1 who\nC RCPT TO:<r2@x>\nS 421 bye\nX\n",
		"sent: RCPT permanent 550 5.1.1 who | RCPT closing 421 bye | RCPT closing 421 bye\n"
		"end: RCPT closing 421 bye\n" },
	{ "lost at RCPT", 0, 1, 1, PIPED MAIL1 "S 250 ok\nX\n",
		"sent: RCPT lost\nend: RCPT lost\n" },

	/* --- DATA and what follows --- */
	{ "DATA refused", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 451 4.3.1 full\n"
		"C RSET\nS 250 ok\nC QUIT\n", "sent: DATA temporary 451 4.3.1 full\nend: ok \n" },
	{ "DATA 250", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 250 what\nW\n",
		"sent: DATA nonsense 250 what\nend: DATA nonsense 250 what\n" },
	{ "DATA 421", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 421 bye\nX\n",
		"sent: DATA closing 421 bye\nend: DATA closing 421 bye\n" },
	{ "message refused", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 554 5.6.0 spam\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: end of message permanent 554 5.6.0 spam\nend: ok \n" },
	{ "message refused, RSET too", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 554 5.6.0 spam\nC RSET\nS 500 what\nW\n",
		"sent: end of message permanent 554 5.6.0 spam\nend: MAIL permanent 500 what\n" },
	{ "lost after the message", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\n"
		"S 354 go\n" BODY "X\n",
		"sent: end of message lost\nend: end of message lost\n" },
	{ "421 after the message", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 421 4.3.2 down\nX\n", "sent: end of message closing 421 4.3.2 down\n"
		"end: end of message closing 421 4.3.2 down\n" },
	{ "354 after the message", 0, 1, 1, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 354 more\nW\n",
		"sent: end of message nonsense 354 more\nend: end of message nonsense 354 more\n" },
	{ "one reply too many", 0, 1, 2, PIPED MAIL1 "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 250 taken\nS 250 once more\nW\n",
		"sent: ok 250 taken\nsent: MAIL nonsense\nend: MAIL nonsense\n" },
	{ "two greetings", 0, 1, 1, "S 220 hi\nS 220 hi\nW\n", "end: EHLO nonsense\n" },
	{ "taken before it is sent", 0, 1, 1, PIPED MAIL1
		"S 250 ok\nS 250 ok\nS 354 go\nS 250 taken\nW\n",
		"sent: end of message nonsense\nend: end of message nonsense\n" },
	{ "taken in the middle", SLOW_BODY, 1, 1, PIPED MAIL1
		"S 250 ok\nS 250 ok\nS 354 go\nS 250 taken\nW\n",
		"sent: end of message nonsense\nend: end of message nonsense\n" },
	{ "one reply too many before BDAT's", 0, 1, 1, CHUNKED "C MAIL FROM:<s@y>\n"
		"C RCPT TO:<r1@x>\nC BDAT 20 LAST\n" RAW_BODY
		"S 250 ok\nS 250 ok\nS 250 ok\nS 250 taken\nW\n",
		"sent: end of message nonsense\nend: end of message nonsense\n" },
	{ "421 behind BDAT's", 0, 1, 1, CHUNKED "C MAIL FROM:<s@y>\n"
		"C RCPT TO:<r1@x>\nC BDAT 20 LAST\n" RAW_BODY
		"S 250 ok\nS 250 ok\nS 250 taken\nS 421 bye\nC QUIT\n",
		"sent: ok 250 taken\nend: ok \n" },
	{ "big body refused in a chunk", BIG_BODY, 1, 1, BIG_CHUNKS
		"S 552 5.3.4 big\nS 503 no\nS 503 no\nS 503 no\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: DATA permanent 552 5.3.4 big\nend: ok \n" },
	{ "refused in a chunk, lock step", BIG_BODY, 1, 1, HELLO "S 250-peer\nS 250 CHUNKING\n"
		"C MAIL FROM:<s@y>\nS 250 ok\nC RCPT TO:<r1@x>\nS 250 ok\nC BDAT 65536\nD 65536\n"
		"S 250 ok\nC BDAT 65536\nD 65536\nS 452 4.3.1 full\nC RSET\nS 250 ok\nC QUIT\n",
		"sent: DATA temporary 452 4.3.1 full\nend: ok \n" },

	/* --- LMTP --- */
	{ "LMTP, mixed replies", LMTP, 3, 1, "S 220 hi\nC LHLO me\nS 250-peer\nS 250 PIPELINING\n"
		"C MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC RCPT TO:<r2@x>\nC RCPT TO:<r3@x>\nC DATA\n"
		"S 250 ok\nS 250 ok\nS 550 5.1.1 who\nS 250 ok\nS 354 go\n" BODY
		"S 250 2.0.0 one\nS 452 4.2.2 full\nC QUIT\n",
		"sent: ok 250 2.0.0 one | RCPT permanent 550 5.1.1 who | "
		"end of message temporary 452 4.2.2 full\nend: ok \n" },
	{ "LMTP, chunked", LMTP, 2, 1, "S 220 hi\nC LHLO me\nS 250-peer\nS 250-PIPELINING\n"
		"S 250 CHUNKING\nC MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC RCPT TO:<r2@x>\n"
		"C BDAT 20 LAST\n" RAW_BODY "S 250 ok\nS 250 ok\nS 250 ok\nS 250 one\nS 250 two\n"
		"C QUIT\n",
		"sent: ok 250 one | ok 250 two\nend: ok \n" },
	{ "LMTP, chunked: a reply too many", LMTP | BIG_BODY, 2, 2, "S 220 hi\nC LHLO me\n"
		"S 250-peer\nS 250-PIPELINING\nS 250 CHUNKING\nC MAIL FROM:<s@y>\n"
		"C RCPT TO:<r1@x>\nC RCPT TO:<r2@x>\nS 250 ok\nS 250 ok\nS 250 ok\n" CHUNK CHUNK
		CHUNK "C BDAT 8187 LAST\nD 8187\nS 250 ok\nS 250 ok\nS 250 ok\nS 250 one\n"
		"S 250 two\nS 250 three\nW\n", "sent: ok 250 one | ok 250 two\n"
		"sent: MAIL nonsense | MAIL nonsense\nend: MAIL nonsense\n" },
	{ "LMTP, lost between the replies", LMTP, 2, 1, "S 220 hi\nC LHLO me\nS 250-peer\n"
		"S 250 PIPELINING\nC MAIL FROM:<s@y>\nC RCPT TO:<r1@x>\nC RCPT TO:<r2@x>\nC DATA\n"
		"S 250 ok\nS 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 one\nX\n",
		"sent: ok 250 one | end of message lost\nend: end of message lost\n" },
	{ "LMTP without LHLO", LMTP, 1, 1, "S 220 hi\nC LHLO me\nS 500 what\nW\n",
		"end: EHLO permanent 500 what\n" },
};

START_TEST(test_session)
{
	play(&rows[_i]);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("session");

	tcase_add_loop_test(tc, test_session, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	return unit_run("client", &tc, 1);
}
