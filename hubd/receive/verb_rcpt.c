/* verb_rcpt.c - RCPT TO: relay permission and, for our own domains, does the recipient exist? */
#include "hubd/receive/session.h"

#include <string.h>
#include <strings.h>

#include "hubd/track/counters.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/encapsulation.h"

/* postmaster at any accepted domain and without domain is always accepted (RFC 5321 4.5.1). */
static bool is_postmaster(const struct smtp_address *to)
{
	return smtp_address_local_length(to) == strlen("postmaster") &&
		strncasecmp(to->text, "postmaster", strlen("postmaster")) == 0;
}

/*
 * Servers of ours tell in the header whom they had it from: then the categorizer asks, and what is
 * refused gets a report.
 */
static bool is_outside(const struct session *s)
{
	return session_peer_server(s) == NULL && origin_is_outside(&s->tx->envelope->origin);
}

/* As the categorizer will find, wherever the address leads by mailRoutingAddress. */
static bool keeps_out(struct session *s, const struct smtp_address *to)
{
	const struct live *live = s->receiver->live;
	struct arena *a = arena_new();
	struct resolved *r = arena_alloc(a, sizeof(*r));
	bool refuses;

	route_resolve(live->table, live->recipients, to->text, 0, NULL, a, NULL, r);
	refuses = r->refuses_outside;
	recipient_info_clear(&r->info);
	arena_free(&a);
	return refuses;
}

/*
 * What the directory says of an address in a domain that is resolved by it. Replies and returns
 * false if it takes nothing from here, or must_exist and does not.
 */
static bool recipient_takes(struct session *s, const struct smtp_address *to, bool must_exist)
{
	struct recipient_info info;
	enum recipient_outcome outcome;
	bool may_refuse;

	recipients_find_plus(s->receiver->live->recipients,
		s->receiver->live->snapshot->org->plus_addressing, to->text, &info);
	outcome = info.outcome;
	may_refuse = info.refuse_outside_mail || *info.routing_address != '\0';
	recipient_info_clear(&info);
	if (outcome == RECIPIENT_NOT_LOADED)
		session_reply(s, 451, "4.3.0", "<%s>: recipients are not loaded yet", to->text);
	else if (must_exist && outcome == RECIPIENT_UNKNOWN)
		session_reply(s, 550, "5.1.1", "<%s>: no such recipient here", to->text);
	else if (must_exist && outcome == RECIPIENT_AMBIGUOUS)
		session_reply(s, 550, "5.1.4", "<%s>: more than one recipient has this address",
			to->text);
	else if (may_refuse && is_outside(s) && keeps_out(s, to))
		session_reply(s, 550, "5.7.1", "<%s>: takes no mail from outside", to->text);
	else
		return true;
	return false;
}

/*
 * What routing refuses is told at the door, and makes no report to a stranger. An edge is the MX of
 * external relay domains: without a connector of its own, mail for one would come back here.
 */
static bool can_be_routed(struct session *s, struct recipients *recipients,
	const struct smtp_address *to)
{
	const struct live *live = s->receiver->live;
	struct arena *a = arena_new();
	struct resolved *r = arena_alloc(a, sizeof(*r));
	const char *status = "", *text;
	bool allowed;

	route_resolve(live->table, recipients, to->text, 0, NULL, a, NULL, r);
	text = r->text;
	if (r->outcome == RESOLVED_REJECT) {
		status = r->status;
	} else if (r->outcome == RESOLVED_ROUTED && r->route.decision == ROUTE_REPORT) {
		status = r->route.status;
		text = r->route.text;
	}
	allowed = *status == '\0';
	if (!allowed)
		session_reply(s, 550, status, "<%s>: %s", to->text, text);
	recipient_info_clear(&r->info);
	arena_free(&a);
	return allowed;
}

static bool is_known(struct session *s, const struct smtp_address *to)
{
	struct recipient_info info;
	bool known;

	recipients_find(s->receiver->live->recipients, to->text, &info);
	known = info.outcome != RECIPIENT_UNKNOWN;
	recipient_info_clear(&info);
	return known;
}

bool session_is_of_other_type(struct session *s, const struct smtp_address *a)
{
	const struct accepted_domain *d;
	struct encapsulated e;

	d = snapshot_accepted_domain(s->receiver->live->snapshot, smtp_address_domain(a));
	return d != NULL && d->type == ACCEPTED_AUTHORITATIVE &&
		encapsulation_read(a->text, &e) != ENCAPSULATION_NONE && !is_known(s, a);
}

static bool recipient_allowed(struct session *s, const struct smtp_address *to)
{
	const struct accepted_domain *d;
	bool edge, other, must_exist;

	if (is_postmaster(to) && to->domain >= to->length)
		return true;
	d = snapshot_accepted_domain(s->receiver->live->snapshot, smtp_address_domain(to));
	other = session_is_of_other_type(s, to);
	/* which domains are ours is not known before the first push is complete */
	if (d == NULL && s->receiver->live->snapshot->unpushed) {
		session_reply(s, 451, "4.3.0", "<%s>: the organization has not been here yet",
			to->text);
		return false;
	}
	if ((d == NULL || other) && !session_may(s, RIGHT_ACCEPT_ANY_RECIPIENT)) {
		stranger_note(s);
		session_reply(s, 550, "5.7.1", "unable to relay");
		return false;
	}
	if (other)
		return can_be_routed(s, s->receiver->live->recipients, to);
	edge = s->receiver->live->self->role == ROLE_EDGE;
	if (d != NULL && d->type == ACCEPTED_EXTERNAL_RELAY && edge)
		return can_be_routed(s, NULL, to);
	if (d == NULL || d->type == ACCEPTED_EXTERNAL_RELAY || is_postmaster(to))
		return true;
	/* another hub has answered for it already: what is unknown here gets a report */
	must_exist = d->type == ACCEPTED_AUTHORITATIVE && d->recipient_validation &&
		s->principal != PRINCIPAL_HUB;
	return (!must_exist && (edge || !is_outside(s))) || recipient_takes(s, to, must_exist);
}

uint64_t session_recipient_limit(const struct session *s)
{
	uint64_t connector = s->connector->max_recipients,
		 org = s->receiver->live->snapshot->org->max_recipients, limit;

	if (s->principal == PRINCIPAL_HUB)
		return ENVELOPE_RECIPIENTS_MAX;
	limit = connector == 0 || (org != 0 && org < connector) ? org : connector;
	return limit == 0 || limit > ENVELOPE_RECIPIENTS_MAX ? ENVELOPE_RECIPIENTS_MAX : limit;
}

static void add(struct session *s, const struct smtp_command_rcpt *rcpt)
{
	struct transaction *tx = s->tx;
	struct envelope *env = tx->envelope;
	struct envelope_recipient *grown;

	if (env->recipient_count == tx->capacity) {
		tx->capacity = tx->capacity == 0 ? 4 : tx->capacity * 2;
		grown = arena_alloc(tx->arena, tx->capacity * sizeof(*grown));
		if (env->recipient_count != 0)
			memcpy(grown, env->recipients, env->recipient_count * sizeof(*grown));
		env->recipients = grown;
	}
	env->recipients[env->recipient_count++] = (struct envelope_recipient){
		.address = arena_strndup(tx->arena, rcpt->to.text, rcpt->to.length),
		.orcpt = arena_strdup(tx->arena, rcpt->orcpt),
		.original = "",
		/* the same bits as SMTP's, checked below */
		.notify = rcpt->notify,
	};
}

_Static_assert((int)SMTP_NOTIFY_NEVER == (int)ENVELOPE_NOTIFY_NEVER &&
	(int)SMTP_NOTIFY_SUCCESS == (int)ENVELOPE_NOTIFY_SUCCESS &&
	(int)SMTP_NOTIFY_FAILURE == (int)ENVELOPE_NOTIFY_FAILURE &&
	(int)SMTP_NOTIFY_DELAY == (int)ENVELOPE_NOTIFY_DELAY,
	"NOTIFY bits are passed on as they are");

void verb_rcpt(struct session *s, const struct smtp_command *c)
{
	if (s->tx == NULL) {
		session_reply(s, 503, "5.5.1", "send MAIL first");
		session_fault(s);
	} else if (s->tx->intake != NULL) {
		session_reply(s, 503, "5.5.1", "not between BDAT chunks");
		session_fault(s);
	} else if (s->tx->envelope->recipient_count >= session_recipient_limit(s)) {
		counter_add(COUNTER_LIMIT_RECIPIENTS, 1);
		session_reply(s, 452, "4.5.3", "too many recipients");
	} else if (recipient_allowed(s, &c->rcpt.to)) {
		add(s, &c->rcpt);
		session_reply(s, 250, "2.1.5", "recipient OK");
	}
}
