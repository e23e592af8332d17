/* verb_auth.c - AUTH (RFC 4954): what a client says while it logs in, and what comes of it.
 *
 * Here are base64, PLAIN (RFC 4616) and LOGIN, which say everything at once, and the dialogue of
 * the others, whose responses only the login service understands (hubd/login). While the service
 * has the login, no line is looked at; an answer for a session that has ended finds none.
 */
#include "hubd/receive/mechanism.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "hubd/track/counters.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

struct response {
	char text[LOGIN_RESPONSE_MAX + 1];	/* followed by a NUL */
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
	size_t padding = 0;
	int got;

	out->n = 0;
	if (n / 4 * 3 > LOGIN_RESPONSE_MAX)
		return false;
	while (padding < 2 && padding < n && p[n - 1 - padding] == '=')
		padding++;
	if (!is_base64(p, n, padding))
		return false;
	got = EVP_DecodeBlock((unsigned char *)out->text, (const unsigned char *)p, (int)n);
	if (got < 0)
		return false;
	out->n = (size_t)got - padding;
	out->text[out->n] = '\0';
	return true;
}

static void count_failure(struct session *s)
{
	uint64_t limit = s->connector->max_logon_failures;

	s->logon_failures++;
	if (limit == 0 || s->logon_failures < limit)
		return;
	counter_add(COUNTER_LIMIT_LOGON_FAILURES, 1);
	session_shutdown(s, "4.7.0", "too many failed logons");
}

static void refuse(struct session *s, int code, const char *enhanced, const char *text)
{
	s->phase = PHASE_COMMAND;
	login_abandon(&s->login, s->receiver->cfg.logins);
	counter_add(COUNTER_LOGINS_REFUSED, 1);
	session_note(s, NULL, "AUTH %s: %s", mechanism_name(s->mechanism), text);
	session_reply(s, code, enhanced, "%s", text);
	count_failure(s);
}

/* One text for whatever is wrong with a name or its proof. */
static void refuse_proof(struct session *s)
{
	refuse(s, 535, "5.7.8", "authentication credentials invalid");
}

static void succeed(struct session *s)
{
	s->logged_in = true;
	counter_add(COUNTER_LOGINS_ACCEPTED, 1);
	session_note(s, NULL, "AUTH %s: logged in as %s", mechanism_name(s->mechanism),
		s->identity);
	session_reply(s, 235, "2.7.0", "authentication successful");
}

/* --- to the service --- */

/* The attempt of this session; made when the client first says something. */
static struct login *attempt(struct session *s, enum login_mechanism m)
{
	if (s->login == NULL)
		s->login = login_new(s->receiver->logins, s->id, m);
	return s->login;
}

static void post(struct session *s)
{
	struct login *l = s->login;

	s->login = NULL;
	s->phase = PHASE_COMMAND;
	s->wait = WAIT_LOGIN;
	inbox_post(s->receiver->cfg.logins, &l->node);
}

static void check_password(struct session *s, const char *name, const char *password)
{
	struct login *l;

	/* an empty password would be an unauthenticated bind (RFC 4513 section 5.1.2) */
	if (*name == '\0' || *password == '\0') {
		refuse_proof(s);
		return;
	}
	l = attempt(s, LOGIN_PASSWORD);
	if (l->name == NULL)
		l->name = xstrdup(name);
	l->password = xstrdup(password);
	post(s);
}

/* --- one function a mechanism: a response of the client --- */

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
		check_password(s, authcid, password);
}

static void login_response(struct session *s, const struct response *r)
{
	if (memchr(r->text, '\0', r->n) != NULL) {
		refuse(s, 501, "5.5.2", "malformed LOGIN response");
	} else if (s->login == NULL) {
		attempt(s, LOGIN_PASSWORD)->name = xstrdup(r->text);
		session_challenge(s, "UGFzc3dvcmQ6");
	} else {
		check_password(s, s->login->name, r->text);
	}
}

/* A hub is known by its key since the handshake; anybody else is whose certificate it is. */
static void external_response(struct session *s, const struct response *r)
{
	struct login *l;
	size_t n;

	if (memchr(r->text, '\0', r->n) != NULL) {
		refuse(s, 501, "5.5.2", "malformed EXTERNAL response");
	} else if (s->principal == PRINCIPAL_HUB) {
		s->phase = PHASE_COMMAND;
		if (r->n == 0 || strcasecmp(r->text, s->identity) == 0)
			succeed(s);
		else
			refuse_proof(s);
	} else {
		l = attempt(s, LOGIN_CERTIFICATE);
		l->name = xstrdup(r->text);
		l->certificate.data = stream_peer_certificate(s->stream, &n);
		l->certificate.size = n;
		post(s);
	}
}

static void relay_response(struct session *s, const struct response *r, enum login_mechanism m)
{
	const char *epoch = s->receiver->live->snapshot->org->epoch;
	bool first = s->login == NULL;
	struct login *l = attempt(s, m);

	if (first) {
		l->fqdn = xstrdup(session_fqdn(s));
		l->epoch = epoch != NULL ? xstrdup(epoch) : NULL;
		l->bound = m != LOGIN_GSSAPI && stream_channel_binding(s->stream, l->binding);
	}
	login_bytes_set(&l->response, r->text, r->n);
	post(s);
}

static void take_response(struct session *s, const struct response *r)
{
	switch ((enum mechanism)s->mechanism) {
	case MECHANISM_PLAIN:
		plain_response(s, r);
		break;
	case MECHANISM_LOGIN:
		login_response(s, r);
		break;
	case MECHANISM_SCRAM:
		relay_response(s, r, LOGIN_SCRAM);
		break;
	case MECHANISM_SCRAM_PLUS:
		relay_response(s, r, LOGIN_SCRAM_PLUS);
		break;
	case MECHANISM_GSSAPI:
		relay_response(s, r, LOGIN_GSSAPI);
		break;
	case MECHANISM_EXTERNAL:
		external_response(s, r);
		break;
	case MECHANISMS:
		BUG_ON(true);
	}
}

void auth_line(struct session *s, const char *line, size_t n)
{
	struct response r;

	if (n == 1 && line[0] == '*')
		refuse(s, 501, "5.7.0", "authentication cancelled");
	else if (!decode(line, n, &r))
		refuse(s, 501, "5.5.2", "the response is not base64, or too long");
	else
		take_response(s, &r);
	OPENSSL_cleanse(&r, sizeof(r));
}

void auth_broken_line(struct session *s, enum stream_line what)
{
	if (what == STREAM_LINE_TOO_LONG)
		refuse(s, 500, "5.5.6", "line too long");
	else
		refuse(s, 500, "5.5.2", "bare CR or LF: lines end by CRLF");
}

/* --- the command --- */

static void begin(struct session *s, const struct smtp_command_auth *a)
{
	/* RFC 4954 section 4: "=" is an empty initial response */
	bool empty = a->initial_length == 1 && a->initial[0] == '=';

	BUG_ON(s->login != NULL);
	s->phase = PHASE_AUTH;
	if (a->initial != NULL)
		auth_line(s, a->initial, empty ? 0 : a->initial_length);
	else
		session_challenge(s, s->mechanism == MECHANISM_LOGIN ? "VXNlcm5hbWU6" : "");
}

/* Not offered: never, not before STARTTLS, or not to this client. */
static void refuse_mechanism(struct session *s, enum mechanism m)
{
	if (m < MECHANISMS && mechanism_needs_tls(s, m))
		session_reply(s, 538, "5.7.11", "encryption is required for authentication");
	else if ((s->extensions & SMTP_EXT_AUTH) == 0)
		session_reply(s, 502, "5.5.1", "AUTH is not offered");
	else
		session_reply(s, 504, "5.5.4", "mechanism not supported");
	if ((s->extensions & SMTP_EXT_AUTH) == 0)
		session_fault(s);
}

void verb_auth(struct session *s, const struct smtp_command *c)
{
	enum mechanism m = mechanism_find(c->auth.mechanism, c->auth.mechanism_length);

	if (s->logged_in) {
		session_reply(s, 503, "5.5.1", "already authenticated");
	} else if ((s->extensions & SMTP_EXT_AUTH) == 0 || m == MECHANISMS ||
		(s->mechanisms >> m & 1) == 0) {
		refuse_mechanism(s, m);
	} else {
		s->mechanism = (uint8_t)m;
		begin(s, &c->auth);
	}
}

/* --- from the service --- */

static void challenge(struct session *s, struct login *l)
{
	/* base64 of what gsasl gives, which no client makes larger than a response */
	char *text = xmalloc(l->challenge.size / 3 * 4 + 4 + 1);

	EVP_EncodeBlock((unsigned char *)text, l->challenge.data, (int)l->challenge.size);
	s->login = l;
	s->phase = PHASE_AUTH;
	session_challenge(s, text);
	free(text);
}

static void accept_user(struct session *s, const struct login *l)
{
	enum principal before = s->principal;

	s->principal = PRINCIPAL_USER;
	session_judge(s);
	if (!session_may(s, RIGHT_SUBMIT)) {
		s->principal = before;
		session_judge(s);
		refuse(s, 535, "5.7.1", "this connector is not for users");
		return;
	}
	free(s->identity);
	free(s->identity_mail);
	s->identity = xstrdup(l->user);
	s->identity_mail = xstrdup(l->mail);
	succeed(s);
}

static void refuse_login(struct session *s, const struct login *l)
{
	log_event(LOG_LEVEL_WARNING, "logon-failed", LOG_UINT("session", s->id),
		LOG_STR("peer", s->peer_address),
		LOG_STR("mechanism", mechanism_name(s->mechanism)),
		LOG_STR("name", l->name), LOG_STR("why", l->text), LOG_END);
	if (l->outcome == LOGIN_MALFORMED)
		refuse(s, 501, "5.5.2", "the response is not of this mechanism");
	else
		refuse_proof(s);
}

static void report_unavailable(struct session *s, const struct login *l)
{
	counter_add(COUNTER_LOGINS_UNAVAILABLE, 1);
	log_event(LOG_LEVEL_WARNING, "logon-unavailable", LOG_UINT("session", s->id),
		LOG_STR("peer", s->peer_address),
		LOG_STR("mechanism", mechanism_name(s->mechanism)), LOG_STR("why", l->text),
		LOG_END);
	session_reply(s, 454, "4.7.0", "temporary authentication failure");
}

void auth_answered(struct session *s, struct login *l)
{
	s->wait = WAIT_NOTHING;
	s->running = true;	/* a shutdown here must not free the session under us */
	switch (l->outcome) {
	case LOGIN_CHALLENGE:
		challenge(s, l);
		l = NULL;
		break;
	case LOGIN_OK:
		accept_user(s, l);
		break;
	case LOGIN_REFUSED:
	case LOGIN_MALFORMED:
		refuse_login(s, l);
		break;
	case LOGIN_UNAVAILABLE:
		report_unavailable(s, l);
		break;
	}
	login_abandon(&l, s->receiver->cfg.logins);
	s->running = false;
	if (s->wait == WAIT_NOTHING || s->finished)
		session_resume(s);
}
