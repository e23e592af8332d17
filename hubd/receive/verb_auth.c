/* verb_auth.c - AUTH PLAIN (RFC 4616) and LOGIN, checked by an LDAP bind on the main thread. */
#include "hubd/receive/session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* Decoded responses are far below this; longer ones are refused before they are decoded. */
enum { RESPONSE_MAX = 1024 };

struct response {
	char text[RESPONSE_MAX];	/* followed by a NUL */
	size_t n;
};

/* Base64 in full quads only (RFC 4648 section 4): EVP_DecodeBlock overlooks blanks around it. */
static bool is_base64(const char *p, size_t n, size_t padding)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;

	for (i = 0; i < n - padding; i++)
		if (p[i] == '\0' || strchr(letters, p[i]) == NULL)
			return false;
	return n % 4 == 0;
}

/* False for anything that is not base64 or too long. */
static bool decode(const char *p, size_t n, struct response *out)
{
	unsigned char raw[RESPONSE_MAX];
	size_t padding = 0;
	int got;

	if (n == 1 && p[0] == '=')	/* RFC 4954 section 4: an empty response */
		n = 0;
	if (n / 4 * 3 >= sizeof(raw))
		return false;
	while (padding < 2 && padding < n && p[n - 1 - padding] == '=')
		padding++;
	if (!is_base64(p, n, padding))
		return false;
	got = EVP_DecodeBlock(raw, (const unsigned char *)p, (int)n);
	if (got < 0)
		return false;
	out->n = (size_t)got - padding;
	memcpy(out->text, raw, out->n);
	out->text[out->n] = '\0';
	OPENSSL_cleanse(raw, sizeof(raw));
	return true;
}

static void count_failure(struct session *s)
{
	uint64_t limit = s->connector->max_logon_failures;

	s->logon_failures++;
	if (limit != 0 && s->logon_failures >= limit)
		session_shutdown(s, "4.7.0", "too many failed logons");
}

static void refuse(struct session *s, int code, const char *enhanced, const char *text)
{
	s->phase = PHASE_COMMAND;
	session_reply(s, code, enhanced, "%s", text);
	count_failure(s);
}

static void check(struct session *s, const char *name, const char *password)
{
	struct login *l;

	s->phase = PHASE_COMMAND;
	/* an empty password would be an unauthenticated bind (RFC 4513 section 5.1.2) */
	if (*name == '\0' || *password == '\0') {
		refuse(s, 535, "5.7.8", "authentication credentials invalid");
		return;
	}
	l = login_new(s->receiver->logins, s->id, name, password);
	s->wait = WAIT_LOGIN;
	inbox_post(s->receiver->cfg.logins, &l->node);
}

/* authzid NUL authcid NUL password; an authzid must be empty or the authcid. */
static void plain_response(struct session *s, const struct response *r)
{
	const char *authzid = r->text, *authcid, *password, *end = r->text + r->n;

	authcid = memchr(authzid, '\0', r->n);
	password = authcid != NULL ? memchr(authcid + 1, '\0', (size_t)(end - authcid - 1)) : NULL;
	if (password == NULL || memchr(password + 1, '\0', (size_t)(end - password - 1)) != NULL) {
		refuse(s, 501, "5.5.2", "malformed PLAIN response");
		return;
	}
	authcid++;
	password++;
	if (*authzid != '\0' && strcmp(authzid, authcid) != 0)
		refuse(s, 535, "5.7.8", "acting as somebody else is not supported");
	else
		check(s, authcid, password);
}

static void login_response(struct session *s, const struct response *r)
{
	if (memchr(r->text, '\0', r->n) != NULL) {
		refuse(s, 501, "5.5.2", "malformed LOGIN response");
	} else if (s->phase == PHASE_AUTH_LOGIN_NAME) {
		free(s->auth_name);
		s->auth_name = xstrdup(r->text);
		s->phase = PHASE_AUTH_LOGIN_PASSWORD;
		session_challenge(s, "UGFzc3dvcmQ6");
	} else {
		check(s, s->auth_name, r->text);
	}
}

void auth_line(struct session *s, const char *line, size_t n)
{
	struct response r;

	if (n == 1 && line[0] == '*')
		refuse(s, 501, "5.7.0", "authentication cancelled");
	else if (!decode(line, n, &r))
		refuse(s, 501, "5.5.2", "the response is not base64, or too long");
	else if (s->phase == PHASE_AUTH_PLAIN)
		plain_response(s, &r);
	else
		login_response(s, &r);
	OPENSSL_cleanse(&r, sizeof(r));
}

static bool mechanism_is(const struct smtp_command_auth *a, const char *name)
{
	return a->mechanism_length == strlen(name) &&
		strncasecmp(a->mechanism, name, a->mechanism_length) == 0;
}

static void begin(struct session *s, const struct smtp_command_auth *a, enum session_phase phase,
	const char *challenge)
{
	s->phase = phase;
	if (a->initial != NULL)
		auth_line(s, a->initial, a->initial_length);
	else
		session_challenge(s, challenge);
}

/* AUTH was not offered: never, or not before STARTTLS. */
static void refuse_verb(struct session *s)
{
	if ((s->connector->auth >> AUTH_MECH_BASIC & 1) != 0 && !stream_is_tls(s->stream))
		session_reply(s, 538, "5.7.11", "encryption is required for authentication");
	else
		session_reply(s, 502, "5.5.1", "AUTH is not offered");
	session_fault(s);
}

void verb_auth(struct session *s, const struct smtp_command *c)
{
	if ((s->extensions & SMTP_EXT_AUTH) == 0)
		refuse_verb(s);
	else if (s->principal != PRINCIPAL_ANONYMOUS)
		session_reply(s, 503, "5.5.1", "already authenticated");
	else if (mechanism_is(&c->auth, "PLAIN"))
		begin(s, &c->auth, PHASE_AUTH_PLAIN, "");
	else if (mechanism_is(&c->auth, "LOGIN"))
		begin(s, &c->auth, PHASE_AUTH_LOGIN_NAME, "VXNlcm5hbWU6");
	else
		session_reply(s, 504, "5.5.4", "mechanism not supported");
}

static void accept_user(struct session *s, const struct login *l)
{
	s->principal = PRINCIPAL_USER;
	session_judge(s);
	if (!session_may(s, RIGHT_SUBMIT)) {
		s->principal = PRINCIPAL_ANONYMOUS;
		session_judge(s);
		refuse(s, 535, "5.7.1", "this connector is not for users");
		return;
	}
	free(s->identity);
	free(s->identity_mail);
	s->identity = xstrdup(l->name);
	s->identity_mail = xstrdup(l->mail);
	session_reply(s, 235, "2.7.0", "authentication successful");
}

void auth_answered(struct session *s, const struct login *l)
{
	s->wait = WAIT_NOTHING;
	s->running = true;	/* a shutdown here must not free the session under us */
	if (l->outcome == AUTHENTICATE_OK) {
		accept_user(s, l);
	} else if (l->outcome == AUTHENTICATE_UNAVAILABLE) {
		session_reply(s, 454, "4.7.0", "temporary authentication failure");
	} else {
		log_event(LOG_LEVEL_WARNING, "logon-failed", LOG_UINT("session", s->id),
			LOG_STR("peer", s->peer_address), LOG_STR("name", l->name),
			LOG_STR("why", l->text), LOG_END);
		refuse(s, 535, "5.7.8", "authentication credentials invalid");
	}
	s->running = false;
	if (s->wait == WAIT_NOTHING || s->finished)
		session_resume(s);
}
