/* verb_mail.c - MAIL FROM: may this session begin a transaction with this sender? */
#include "hubd/receive/session.h"

#include <string.h>
#include <strings.h>

#include "hubd/receive/author.h"
#include "hubd/receive/partner.h"
#include "hubd/receive/peer_network.h"
#include "hubd/track/counters.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

/* May it send as that? Foreign: no. */
static enum author judge_sender(const struct session *s, const struct smtp_address *from)
{
	const struct accepted_domain *d;

	if (smtp_address_is_null(from))
		return AUTHOR_OWN;
	/* without that right a user is bound to the addresses of its own entry */
	if (s->principal == PRINCIPAL_USER)
		return session_may(s, RIGHT_ACCEPT_ANY_SENDER) ? AUTHOR_OWN :
			author_of(s, from->text);
	if (session_may(s, RIGHT_ACCEPT_AUTHORITATIVE_DOMAIN_SENDER))
		return AUTHOR_OWN;
	d = snapshot_accepted_domain(s->receiver->live->snapshot, smtp_address_domain(from));
	return d == NULL || d->type != ACCEPTED_AUTHORITATIVE ? AUTHOR_OWN : AUTHOR_FOREIGN;
}

static bool sender_allowed(struct session *s, const struct smtp_address *from)
{
	enum author author = judge_sender(s, from);

	if (author == AUTHOR_FOREIGN)
		session_reply(s, 550, "5.7.1", "not permitted to send as <%s>", from->text);
	else if (author == AUTHOR_NOT_KNOWN)
		session_reply(s, 451, "4.3.0", "<%s>: recipients are not loaded yet", from->text);
	if (author != AUTHOR_OWN)
		return false;
	/* its reports would leave by that type's connector: as much relay as a recipient there */
	if (!smtp_address_is_null(from) && !session_may(s, RIGHT_ACCEPT_ANY_RECIPIENT) &&
	    session_is_of_other_type(s, from)) {
		session_reply(s, 550, "5.7.1", "unable to relay reports to <%s>", from->text);
		return false;
	}
	return true;
}

/*
 * By User who has none is counted by address, or all strangers together would share one limit; by
 * All a message counts for its user and for its address.
 */
static bool within_rate(struct session *s)
{
	const struct receive_connector *rc = s->connector;
	char user[400], address[160], network[PEER_NETWORK_TEXT];
	const char *sources[2] = { NULL, NULL }, *name = s->identity;

	/* people may write their login name in many ways, which all lead to one address */
	if (s->identity_mail != NULL && *s->identity_mail != '\0')
		name = s->identity_mail;

	if (rc->message_rate == 0 || rc->message_rate_source == RATE_NONE)
		return true;
	if (rc->message_rate_source != RATE_IP_ADDRESS && name != NULL) {
		snprintf(user, sizeof(user), "%.64s|u|%.300s", rc->obj.name, name);
		sources[0] = user;
	}
	if (rc->message_rate_source != RATE_USER || name == NULL) {
		peer_network_text(stream_peer(s->stream), network);
		snprintf(address, sizeof(address), "%.64s|a|%.64s", rc->obj.name, network);
		sources[1] = address;
	}
	return rate_allow(s->receiver->cfg.rates, sources, rc->message_rate, clock_mono_ms());
}

static enum envelope_auth auth_kind(enum principal p)
{
	static const enum envelope_auth kinds[PRINCIPALS] = {
		[PRINCIPAL_ANONYMOUS] = ENVELOPE_AUTH_ANONYMOUS,
		[PRINCIPAL_USER] = ENVELOPE_AUTH_USER,
		[PRINCIPAL_HUB] = ENVELOPE_AUTH_HUB,
		[PRINCIPAL_EXTERNAL] = ENVELOPE_AUTH_EXTERNAL,
		[PRINCIPAL_LEGACY] = ENVELOPE_AUTH_EXTERNAL,
		[PRINCIPAL_PARTNER] = ENVELOPE_AUTH_PARTNER,
	};

	return kinds[p];
}

static enum envelope_body body_kind(enum smtp_body b)
{
	return b == SMTP_BODY_BINARYMIME ? ENVELOPE_BODY_BINARYMIME :
		b == SMTP_BODY_8BITMIME ? ENVELOPE_BODY_8BITMIME : ENVELOPE_BODY_7BIT;
}

static enum envelope_ret ret_kind(enum smtp_ret r)
{
	return r == SMTP_RET_FULL ? ENVELOPE_RET_FULL :
		r == SMTP_RET_HDRS ? ENVELOPE_RET_HDRS : ENVELOPE_RET_NONE;
}

static void begin(struct session *s, const struct smtp_command_mail *mail)
{
	struct transaction *tx = xcalloc(1, sizeof(*tx));
	const struct send_connector *linked = route_linked(s->receiver->live->table, s->connector);
	struct envelope *env;

	tx->arena = arena_new();
	env = arena_alloc(tx->arena, sizeof(*env));
	env->sender = arena_strndup(tx->arena, mail->from.text, mail->from.length);
	env->envid = arena_strdup(tx->arena, mail->envid);
	env->ret = ret_kind(mail->ret);
	env->body = body_kind(mail->body);
	env->smtputf8 = mail->utf8;
	env->received_ms = env->expires_base_ms = clock_wall_ms();
	env->connector = arena_strdup(tx->arena, s->connector->obj.name);
	env->linked_connector = linked != NULL ?
		arena_strdup(tx->arena, linked->pool.obj.name) : "";
	env->peer_name = arena_strdup(tx->arena, s->helo);
	env->peer_address = arena_strdup(tx->arena, s->peer_address);
	env->identity = s->identity != NULL ? arena_strdup(tx->arena, s->identity) : "";
	env->auth = auth_kind(s->principal);
	session_judge_origin(s, mail, &env->origin, tx->arena);
	tx->envelope = env;
	s->tx = tx;
}

static void refuse_size(struct session *s, uint64_t limit)
{
	counter_add(COUNTER_LIMIT_MESSAGE_SIZE, 1);
	session_reply(s, 552, "5.3.4", "message exceeds the size limit of %llu bytes",
		(unsigned long long)limit);
}

static void refuse_stranger(struct session *s)
{
	stranger_note(s);
	session_reply(s, 530, "5.7.1", "client was not authenticated");
}

static void refuse_rate(struct session *s)
{
	counter_add(COUNTER_LIMIT_MESSAGE_RATE, 1);
	session_shutdown(s, "4.4.2", "message submission rate exceeded");
}

static void take(struct session *s, const struct smtp_command_mail *mail)
{
	if (!within_rate(s)) {
		refuse_rate(s);
		return;
	}
	begin(s, mail);
	session_reply(s, 250, "2.1.0", "sender OK");
}

void verb_mail(struct session *s, const struct smtp_command *c)
{
	uint64_t limit;

	/* first: it may find that the session is a partner's, or no longer */
	if (!partner_allows(s, smtp_address_domain(&c->mail.from)))
		return;
	limit = session_size_limit(s);
	if (!session_may(s, RIGHT_SUBMIT))
		refuse_stranger(s);
	else if (limit != 0 && c->mail.size_given && c->mail.size > limit)
		refuse_size(s, limit);
	else if (sender_allowed(s, &c->mail.from))
		take(s, &c->mail);
}
