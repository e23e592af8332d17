/* verb_ehlo.c - EHLO and HELO: the greeting, and what this session is offered. */
#include "hubd/receive/mechanism.h"

#include <inttypes.h>

#include "libhub/base/mem.h"

/* hubExtension choices that depend on nothing else. */
static const struct {
	enum smtp_extension_choice choice;
	enum smtp_extension extension;
} plain[] = {
	{ EXT_PIPELINING, SMTP_EXT_PIPELINING },
	{ EXT_8BITMIME, SMTP_EXT_8BITMIME },
	{ EXT_ENHANCEDSTATUSCODES, SMTP_EXT_ENHANCEDSTATUSCODES },
	{ EXT_DSN, SMTP_EXT_DSN },
	{ EXT_CHUNKING, SMTP_EXT_CHUNKING },
	{ EXT_BINARYMIME, SMTP_EXT_BINARYMIME },
	{ EXT_SMTPUTF8, SMTP_EXT_SMTPUTF8 },
	{ EXT_SIZE, SMTP_EXT_SIZE },
	{ EXT_LIMITS, SMTP_EXT_LIMITS },
};

static bool has_auth(const struct receive_connector *rc, enum auth_mechanism m)
{
	return (rc->auth >> m & 1) != 0;
}

static bool offers_starttls(const struct session *s)
{
	return !stream_is_tls(s->stream) && s->arrival->live->tls_server != NULL &&
		(has_auth(s->connector, AUTH_MECH_TLS) ||
			has_auth(s->connector, AUTH_MECH_HUB_SERVER));
}

static uint32_t offer(const struct session *s)
{
	uint32_t set = 0;
	size_t i;

	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if ((s->connector->extensions >> plain[i].choice & 1) != 0)
			set |= plain[i].extension;
	/* RFC 3030 section 3: BINARYMIME means nothing without CHUNKING */
	if ((set & SMTP_EXT_CHUNKING) == 0)
		set &= ~(uint32_t)SMTP_EXT_BINARYMIME;
	if (offers_starttls(s))
		set |= SMTP_EXT_STARTTLS;
	if (s->mechanisms != 0)
		set |= SMTP_EXT_AUTH;
	return set;
}

static void announce_auth(const struct session *s, struct smtp_reply *r)
{
	char line[200];
	size_t n = (size_t)snprintf(line, sizeof(line), "AUTH");
	enum mechanism m;

	for (m = 0; m < MECHANISMS; m++)
		if ((s->mechanisms >> m & 1) != 0)
			n += (size_t)snprintf(line + n, sizeof(line) - n, " %s",
				mechanism_name(m));
	smtp_reply_add_line(r, "%s", line);
}

static void announce(struct session *s, const struct smtp_command_helo *helo)
{
	struct smtp_reply r;
	size_t i;

	smtp_reply_set(&r, 250, NULL, "%s greets %s [%s]", session_fqdn(s), helo->name,
		s->peer_address);
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		if ((s->extensions & plain[i].extension) == 0)
			continue;
		if (plain[i].extension == SMTP_EXT_SIZE)
			smtp_reply_add_line(&r, "SIZE %" PRIu64, session_size_limit(s));
		else if (plain[i].extension == SMTP_EXT_LIMITS)
			smtp_reply_add_line(&r, "LIMITS RCPTMAX=%" PRIu64,
				session_recipient_limit(s));
		else
			smtp_reply_add_line(&r, "%s", smtp_extension_name(plain[i].extension));
	}
	if ((s->extensions & SMTP_EXT_STARTTLS) != 0)
		smtp_reply_add_line(&r, "STARTTLS");
	if ((s->extensions & SMTP_EXT_AUTH) != 0)
		announce_auth(s, &r);
	session_send(s, &r);
}

void verb_ehlo(struct session *s, const struct smtp_command *c)
{
	session_reset(s);
	free(s->helo);
	s->helo = xstrdup(c->helo.name);
	s->esmtp = false;
	s->extensions = 0;
	if (c->verb == SMTP_VERB_HELO) {
		session_reply(s, 250, NULL, "%s", session_fqdn(s));
		return;
	}
	s->mechanisms = mechanism_offer(s);
	s->extensions = offer(s);
	announce(s, &c->helo);
	s->esmtp = (s->extensions & SMTP_EXT_ENHANCEDSTATUSCODES) != 0;
}
