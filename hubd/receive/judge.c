/* judge.c - see session.h: who a session is, what that lets it do, and how its mail is judged. */
#include "hubd/receive/session.h"

#include <string.h>

#include "hubd/receive/mechanism.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

void session_judge(struct session *s)
{
	char text[PERMISSION_TEXT_MAX];

	s->rights = permission_rights(s->connector, s->principal);
	session_note(s, "Set Session Permissions", "%s: %s", principal_name(s->principal),
		permission_text(s->rights, text));
}

bool session_may(const struct session *s, enum right r)
{
	return (s->rights >> r & 1) != 0;
}

void session_forget_peer(struct session *s)
{
	if ((s->connector->auth >> AUTH_MECH_EXTERNAL & 1) != 0)
		s->principal = PRINCIPAL_EXTERNAL;
	else if ((s->connector->groups >> GROUP_LEGACY_SERVERS & 1) != 0 &&
		permission_is_legacy(s->receiver->live, s->peer_address))
		s->principal = PRINCIPAL_LEGACY;
	else
		s->principal = PRINCIPAL_ANONYMOUS;
	free(s->identity);
	free(s->identity_mail);
	free(s->domain);
	s->identity = s->identity_mail = s->domain = NULL;
}

uint32_t session_accepted_classes(const struct session *s)
{
	uint32_t classes = 0;

	if (session_may(s, RIGHT_ACCEPT_HEADERS_ORGANIZATION))
		classes |= FIREWALL_ORGANIZATION;
	if (session_may(s, RIGHT_ACCEPT_HEADERS_FOREST))
		classes |= FIREWALL_FOREST;
	if (session_may(s, RIGHT_ACCEPT_HEADERS_ROUTING))
		classes |= FIREWALL_ROUTING;
	return classes;
}

/* --- the origin of its mail --- */

static const struct {
	enum origin_as as;
	uint8_t mechanism;	/* of a user: how it logged in */
} judgements[PRINCIPALS] = {
	[PRINCIPAL_ANONYMOUS] = { ORIGIN_ANONYMOUS, ORIGIN_BY_NOTHING },
	[PRINCIPAL_USER] = { ORIGIN_INTERNAL, ORIGIN_BY_NOTHING },
	/* a server of ours says whom it had the message from; else nothing is known */
	[PRINCIPAL_HUB] = { ORIGIN_ANONYMOUS, ORIGIN_BY_KEY },
	[PRINCIPAL_EXTERNAL] = { ORIGIN_EXTERNAL, ORIGIN_BY_CONNECTOR },
	[PRINCIPAL_LEGACY] = { ORIGIN_EXTERNAL, ORIGIN_BY_ADDRESS },
	[PRINCIPAL_PARTNER] = { ORIGIN_PARTNER, ORIGIN_BY_DOMAIN_SECURITY },
};

static const uint8_t logins[MECHANISMS] = {
	[MECHANISM_PLAIN] = ORIGIN_BY_PLAIN,
	[MECHANISM_LOGIN] = ORIGIN_BY_LOGIN,
	[MECHANISM_SCRAM] = ORIGIN_BY_SCRAM_SHA_256,
	[MECHANISM_SCRAM_PLUS] = ORIGIN_BY_SCRAM_SHA_256_PLUS,
	[MECHANISM_GSSAPI] = ORIGIN_BY_GSSAPI,
	[MECHANISM_EXTERNAL] = ORIGIN_BY_CERTIFICATE,
};

/* Of a user; "" if the directory has none that SMTP can carry. */
static const char *own_address(const struct session *s, struct arena *a)
{
	struct smtp_address mail;
	struct err why;

	if (s->identity_mail == NULL || smtp_address_parse(&mail, s->identity_mail,
		strlen(s->identity_mail), SMTP_ADDRESS_UTF8, &why) != 0)
		return "";
	return arena_strndup(a, mail.text, mail.length);
}

/*
 * RFC 4954 section 5: AUTH= of a client that is not trusted with it counts as AUTH=<>, which says
 * nothing of a user who has just proven who it is. A trusted one says by AUTH=<> that it knows no
 * submitter, so its mail is as good as a stranger's.
 */
static void judge_submitter(const struct session *s, const struct smtp_command_mail *mail,
	struct origin *o, struct arena *a)
{
	if (!mail->auth_given) {
		o->submitter = own_address(s, a);
	} else if (session_may(s, RIGHT_ACCEPT_AUTHENTICATION_FLAG)) {
		if (smtp_address_is_null(&mail->auth))
			o->as = ORIGIN_ANONYMOUS;
		else
			o->submitter = arena_strndup(a, mail->auth.text, mail->auth.length);
	}
}

void session_judge_origin(const struct session *s, const struct smtp_command_mail *mail,
	struct origin *o, struct arena *a)
{
	bool partner = s->principal == PRINCIPAL_PARTNER && s->domain != NULL;

	*o = (struct origin){
		.as = judgements[s->principal].as,
		.mechanism = s->principal == PRINCIPAL_USER ? logins[s->mechanism] :
			judgements[s->principal].mechanism,
		.source = arena_strdup(a, s->receiver->live->fqdn),
		.domain = partner ? arena_strdup(a, s->domain) : "",
		.submitter = "",
		.arrived_ms = clock_wall_ms(),
	};
	judge_submitter(s, mail, o, a);
}

/* At an edge nobody logs in: what it calls internal is its own reports, or not to be believed. */
static enum origin_as told_as(const struct session *s, const struct origin *told)
{
	const struct server *peer = session_peer_server(s);

	if (told->as == ORIGIN_INTERNAL && peer != NULL && peer->role == ROLE_EDGE &&
		*s->tx->envelope->sender != '\0')
		return ORIGIN_ANONYMOUS;
	return told->as;
}

void session_take_origin(const struct session *s, const struct origin *told)
{
	struct origin *o = &s->tx->envelope->origin;
	struct arena *a = s->tx->arena;

	if (told == NULL)
		return;
	o->as = told_as(s, told);
	o->mechanism = told->mechanism;
	o->source = arena_strdup(a, told->source);
	o->domain = arena_strdup(a, told->domain);
	if (told->arrived_ms != 0)
		o->arrived_ms = told->arrived_ms;
}
