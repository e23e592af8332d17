/* session_reply.c - see session.h: what a session says to its peer, and how soon. */
#include "hubd/receive/session.h"

#include <stdarg.h>
#include <stdlib.h>

#include "hubd/track/counters.h"
#include "libhub/base/log.h"

static void on_held_long_enough(evutil_socket_t fd, short what, void *ctx)
{
	struct session *s = ctx;

	(void)fd;
	(void)what;
	if (s->wait != WAIT_DELIVERY) {
		session_resume(s);
		return;
	}
	counter_add(COUNTER_ACKNOWLEDGED_LATE, 1);
	session_note(s, NULL, "not delivered yet, acknowledged all the same");
	acknowledge_now(s);
}

void session_hold(struct session *s, enum session_wait wait, uint64_t delay_s)
{
	struct timeval delay = { .tv_sec = (time_t)delay_s };

	if (s->timer == NULL)
		s->timer = evtimer_new(loop_base(s->receiver->cfg.loop), on_held_long_enough, s);
	BUG_ON(s->timer == NULL);
	evtimer_add(s->timer, &delay);
	s->wait = wait;
}

/*
 * hubTarpitInterval: after a refusal a stranger waits for its next reply. The reply itself goes out
 * at once; what follows it is held back, which slows address harvesting just as well.
 */
static void tarpit_start(struct session *s, const struct smtp_reply *r)
{
	char text[SMTP_REPLY_JOINED_MAX];
	uint64_t delay_s = s->connector->tarpit_s;

	if (delay_s == 0 || s->wait != WAIT_NOTHING || s->principal != PRINCIPAL_ANONYMOUS ||
		session_may(s, RIGHT_BYPASS_ANTI_SPAM))
		return;
	session_hold(s, WAIT_TARPIT, delay_s);
	counter_add(COUNTER_RECEIVE_TARPITS, 1);
	session_note(s, NULL, "Tarpit for '%llu s' due to '%s'", (unsigned long long)delay_s,
		smtp_reply_join(r, text, sizeof(text)));
}

/* To the peer and to the log. */
static void session_write(struct session *s, const char *wire, size_t n)
{
	stream_write(s->stream, wire, n);
	session_log_sent(s, wire, n);
}

static void session_print(struct session *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void session_print(struct session *s, const char *fmt, ...)
{
	char *wire;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&wire, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	session_write(s, wire, (size_t)n);
	free(wire);
}

void session_send(struct session *s, const struct smtp_reply *r)
{
	char wire[SMTP_REPLY_WIRE_MAX];
	size_t n = smtp_reply_format(r, s->esmtp, wire);

	session_write(s, wire, n);
	if (smtp_reply_is_permanent(r) && !s->finished)
		tarpit_start(s, r);
}

void session_reply(struct session *s, int code, const char *enhanced, const char *fmt, ...)
{
	struct smtp_reply r;
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	smtp_reply_set(&r, code, enhanced, "%s", text);
	session_send(s, &r);
}

void session_shutdown(struct session *s, const char *enhanced, const char *text)
{
	s->finished = true;
	session_reply(s, 421, enhanced, "%s %s", session_fqdn(s), text);
	log_event(LOG_LEVEL_INFO, "session-closed", LOG_UINT("session", s->id),
		LOG_STR("peer", s->peer_address), LOG_STR("why", text), LOG_END);
	if (!s->running)
		session_end(s);
}

void session_refuse_stranger(struct session *s, const char *why)
{
	s->finished = true;
	session_reply(s, 554, "5.5.1", "%s %s", session_fqdn(s), why);
	counter_add(COUNTER_RECEIVE_NOT_MAIL, 1);
	log_event(LOG_LEVEL_INFO, "session-closed", LOG_UINT("session", s->id),
		LOG_STR("peer", s->peer_address), LOG_STR("why", why), LOG_END);
}

void session_challenge(struct session *s, const char *base64)
{
	session_print(s, "334 %s\r\n", base64);
}

void session_greet(struct session *s)
{
	s->greeted = true;
	if (s->connector->banner != NULL)
		session_print(s, "%s\r\n", s->connector->banner);
	else
		session_print(s, "220 %s ESMTP Hub Transport\r\n", session_fqdn(s));
}
