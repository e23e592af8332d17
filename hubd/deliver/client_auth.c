/* client_auth.c - AUTH (RFC 4954): the mechanism is chosen here, what is said comes from a proof
 * (hubd/proof/proof.h), made by another thread.
 *
 * By password the strongest mechanism that the peer offers; PLAIN and LOGIN tell it the password. A
 * peer may offer SCRAM and have no verifier of this user, so it is then told the password after
 * all: one that is no good could have offered nothing else.
 * Success counts only once the peer has done its own part (RFC 5802 section 3: it knows the
 * password, too). What a peer says here may repeat the credential: then it is not shown.
 */
#include <event2/buffer.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "hubd/deliver/client_priv.h"

/* RFC 4954 section 4: an initial response must fit into a command line. */
enum { COMMAND_MAX = 512 };

static const struct {
	uint32_t offer;
	enum proof_mechanism mechanism;
	bool bound;		/* needs a channel binding */
} by_password[] = {
	{ SMTP_MECH_SCRAM_SHA_256_PLUS, PROOF_SCRAM_PLUS, true },
	{ SMTP_MECH_SCRAM_SHA_256, PROOF_SCRAM, false },
	{ SMTP_MECH_PLAIN, PROOF_PLAIN, false },
	{ SMTP_MECH_LOGIN, PROOF_LOGIN, false },
};

/* --- the mechanism --- */

static bool is_scram(enum proof_mechanism m)
{
	return m == PROOF_SCRAM || m == PROOF_SCRAM_PLUS;
}

static bool choose_by_password(const struct client *c, bool bound, enum proof_mechanism *m)
{
	size_t i;

	for (i = 0; i < sizeof(by_password) / sizeof(by_password[0]); i++) {
		*m = by_password[i].mechanism;
		if ((c->caps.mechanisms & by_password[i].offer) != 0 &&
			(bound || !by_password[i].bound) &&
			(!c->scram_refused || !is_scram(*m)))
			return true;
	}
	return false;
}

static bool choose(const struct client *c, bool bound, enum proof_mechanism *m)
{
	*m = PROOF_GSSAPI;
	if (c->cfg.auth == CLIENT_AUTH_KERBEROS)
		return (c->caps.mechanisms & SMTP_MECH_GSSAPI) != 0;
	return choose_by_password(c, bound, m);
}

static enum step not_offered(struct client *c)
{
	if (!smtp_capability_has(&c->caps, SMTP_EXT_AUTH))
		return client_fail(c, EVENT_POLICY, NULL, "the peer does not offer AUTH%s",
			c->cfg.auth == CLIENT_AUTH_KERBEROS ?
			", and its key is not in the directory" : "");
	return client_fail(c, EVENT_POLICY, NULL, "the peer offers none of the mechanisms %s",
		c->cfg.auth == CLIENT_AUTH_KERBEROS ? "GSSAPI" :
		"SCRAM-SHA-256, PLAIN, LOGIN");
}

bool client_needs_auth(const struct client *c)
{
	return c->cfg.auth != CLIENT_AUTH_NONE && !c->proven;
}

void client_proven(struct client *c)
{
	c->proven = true;
}

/* --- what is said --- */

static void wipe_line(void *line)
{
	OPENSSL_cleanse(line, strlen(line));
	free(line);
}

/* shown and the secret, in a line that is wiped once it is with the kernel. */
static void say(struct client *c, const char *shown, const char *secret)
{
	char *line = xasprintf("%s%s\r\n", shown, secret);

	stream_write_ref(c->stream, line, strlen(line), wipe_line, line);
	c->owed++;
	client_log_secret(c, shown, strlen(secret));
}

/* RFC 4954 section 4: an empty initial response is "=", any other is an empty line. */
static void say_response(struct client *c)
{
	struct proof *p = c->proof;

	say(c, "", p->response != NULL ? p->response : "");
	proof_text_wipe(&p->response);
}

static bool goes_with_command(const struct proof *p)
{
	return p->mechanism != PROOF_LOGIN && p->response != NULL && *p->response != '\0' &&
		strlen("AUTH  \r\n") + strlen(proof_mechanism_names[p->mechanism]) +
		strlen(p->response) <= COMMAND_MAX;
}

static enum step begin(struct client *c)
{
	const char *name = proof_mechanism_names[c->proof->mechanism];
	char command[40];

	if (goes_with_command(c->proof)) {
		snprintf(command, sizeof(command), "AUTH %s ", name);
		say(c, command, c->proof->response);
		proof_text_wipe(&c->proof->response);
	} else {
		snprintf(command, sizeof(command), "AUTH %s", name);
		client_say(c, command);
		c->response_held = true;
	}
	return STEP_WAIT;
}

/* --- the proof --- */

static void post(struct client *c)
{
	c->proof_away = true;
	prover_post(c->cfg.prover, c->proof);
}

enum step client_auth_enter(struct client *c)
{
	unsigned char binding[STREAM_BINDING_SIZE];
	bool bound = stream_channel_binding(c->stream, binding);
	enum proof_mechanism m;

	if (!choose(c, bound, &m))
		return not_offered(c);
	if (m == PROOF_GSSAPI && (c->cfg.peer_name == NULL || *c->cfg.peer_name == '\0'))
		return client_fail(c, EVENT_POLICY, NULL,
			"GSSAPI needs a smart host by name, not by address");
	c->proof = proof_new(c->cfg.proofs, c, m, c->cfg.user,
		m == PROOF_GSSAPI ? NULL : c->cfg.password, c->cfg.peer_name);
	if (bound)
		memcpy(c->proof->binding, binding, sizeof(binding));
	OPENSSL_cleanse(binding, sizeof(binding));
	c->proof_begun = c->response_held = false;
	post(c);
	return STEP_WAIT;
}

static enum step answered(struct client *c)
{
	const struct proof *p = c->proof;

	if (p->outcome == PROOF_FAILED || p->outcome == PROOF_UNAVAILABLE)
		return client_fail(c, EVENT_POLICY, NULL, "%s: %s",
			proof_mechanism_names[p->mechanism], p->text);
	if (p->outcome == PROOF_REFUSED) {
		client_say(c, "*");
		return STEP_WAIT;
	}
	if (!c->proof_begun) {
		c->proof_begun = true;
		return begin(c);
	}
	say_response(c);
	return STEP_WAIT;
}

void client_auth_answered(struct inbox_node *node, struct prover *prover)
{
	struct proof *p = INBOX_ENTRY(node, struct proof, node);
	struct client *c = p->owner;

	if (c == NULL) {
		prover_abandon(prover, &p);
		return;
	}
	c->proof_away = false;
	client_advance(c, answered(c));
}

void client_auth_end(struct client *c)
{
	if (c->proof != NULL && c->proof_away)
		c->proof->owner = NULL;
	else if (c->proof != NULL)
		prover_abandon(c->cfg.prover, &c->proof);
	c->proof = NULL;
	c->proof_away = false;
}

/* --- replies --- */

static enum step authenticated(struct client *c)
{
	const struct proof *p = c->proof;
	bool by_peer = is_scram(p->mechanism) || p->mechanism == PROOF_GSSAPI;

	if (p->outcome != PROOF_COMPLETE || c->response_held)
		return client_fail(c, EVENT_POLICY, NULL,
			by_peer ? "the peer has not proven who it is" :
			"the peer says welcome before it knows the password");
	client_note(c, NULL, "AUTH %s: authenticated%s%s",
		proof_mechanism_names[p->mechanism], p->user != NULL ? " as " : "",
		p->user != NULL ? p->user : "");
	client_auth_end(c);
	return client_next(c, CLIENT_READY);
}

/* The peer asks for more: of the proof, or what was too long to go with the command. */
static enum step challenged(struct client *c, const struct smtp_reply *r)
{
	size_t n = 0;
	const char *text = smtp_reply_line(r, 0, &n);

	if (c->response_held) {
		c->response_held = false;
		say_response(c);
		return STEP_WAIT;
	}
	if (c->proof->outcome != PROOF_MORE)
		return client_fail(c, EVENT_NONSENSE, NULL, "a challenge after everything is said");
	if (r->truncated)
		return client_fail(c, EVENT_NONSENSE, NULL, "the challenge is too long");
	proof_challenge_set(c->proof, text != NULL ? text : "", n);
	post(c);
	return STEP_WAIT;
}

static bool may_tell_password(const struct client *c, const struct smtp_reply *r)
{
	return smtp_reply_is_permanent(r) && is_scram(c->proof->mechanism) &&
		(c->caps.mechanisms & (SMTP_MECH_PLAIN | SMTP_MECH_LOGIN)) != 0;
}

enum step client_auth_reply(struct client *c, const struct smtp_reply *r)
{
	if (c->proof_away)
		return client_fail(c, EVENT_NONSENSE, NULL, "a reply that nothing asked for");
	if (r->code == 334)
		return challenged(c, r);
	/* 235 it should be, but the first digit decides (RFC 5321 section 4.2.1): some say 250 */
	if (smtp_reply_is_ok(r))
		return authenticated(c);
	if (may_tell_password(c, r)) {
		c->scram_refused = true;
		client_auth_end(c);
		return client_next(c, CLIENT_AUTH);
	}
	return client_fail(c, verdict_event_of(r->code), r, "refused");
}

/* --- what is never shown --- */

static bool holds(const char *text, size_t n, const void *secret, size_t size)
{
	return size != 0 && memmem(text, n, secret, size) != NULL;
}

static bool holds_base64(const char *text, size_t n, const void *secret, size_t size)
{
	char *base64 = xmalloc(4 * (size / 3 + 1) + 1);
	bool found;

	EVP_EncodeBlock((unsigned char *)base64, secret, (int)size);
	found = holds(text, n, base64, strlen(base64));
	wipe_line(base64);
	return found;
}

bool client_auth_hides(const struct client *c, const char *text, size_t n)
{
	const char *password = c->cfg.password;
	char *plain;
	size_t size;
	bool found;

	if (c->state != CLIENT_AUTH || c->cfg.auth != CLIENT_AUTH_PASSWORD || *password == '\0')
		return false;
	if (holds(text, n, password, strlen(password)) ||
		holds_base64(text, n, password, strlen(password)))
		return true;
	size = strlen(c->cfg.user) + strlen(password) + 2;
	plain = xasprintf("%c%s%c%s", 0, c->cfg.user, 0, password);
	found = holds_base64(text, n, plain, size);
	OPENSSL_cleanse(plain, size);
	free(plain);
	return found;
}
