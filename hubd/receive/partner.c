/* partner.c - see partner.h */
#include "hubd/receive/partner.h"

#include <strings.h>

#include "hubd/track/counters.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

static const struct strings *listed_domains(const struct session *s)
{
	return &s->receiver->live->snapshot->org->tls_receive_domains;
}

static bool is_listed(const struct session *s, const char *domain)
{
	const struct strings *list = listed_domains(s);
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcasecmp(list->v[i], domain) == 0)
			return true;
	return false;
}

static bool proves(const struct session *s, const char *domain, struct err *e)
{
	return stream_peer_verify(s->stream, TLS_VERIFY_DOMAIN, domain, e) == 0;
}

static const char *proven_domain(const struct session *s)
{
	const struct strings *list = listed_domains(s);
	struct err e;
	size_t i;

	if (stream_peer_verify(s->stream, TLS_VERIFY_CERTIFICATE, NULL, &e) != 0)
		return NULL;
	for (i = 0; i < list->n; i++)
		if (proves(s, list->v[i], &e))
			return list->v[i];
	return NULL;
}

static void set_domain(struct session *s, const char *domain)
{
	free(s->domain);
	s->domain = domain != NULL ? xstrdup(domain) : NULL;
}

void partner_judge(struct session *s)
{
	s->partner_checked = s->receiver->lives;
	if (!s->connector->domain_secure)
		return;
	set_domain(s, proven_domain(s));
	if (s->principal == PRINCIPAL_PARTNER && s->domain == NULL) {
		session_forget_peer(s);
		session_judge(s);
	} else if (s->principal == PRINCIPAL_ANONYMOUS && s->domain != NULL &&
		permission_rights(s->connector, PRINCIPAL_PARTNER) != 0) {
		/* a connector that gives partners nothing does not know them */
		s->principal = PRINCIPAL_PARTNER;
		session_judge(s);
	}
	session_note(s, NULL, "%s%s", s->domain != NULL ? "certificate proves the domain " :
		"no listed domain is proven", s->domain != NULL ? s->domain : "");
}

static bool refuse(struct session *s, const char *domain, const char *why)
{
	bool tls = stream_is_tls(s->stream);

	counter_add(tls ? COUNTER_DOMAIN_SECURE_UNPROVEN : COUNTER_DOMAIN_SECURE_NO_TLS, 1);
	log_event(LOG_LEVEL_WARNING, "domain-secure-refused", LOG_UINT("session", s->id),
		LOG_STR("connector", s->connector->obj.name), LOG_STR("peer", s->peer_address),
		LOG_STR("domain", domain), LOG_STR("why", why), LOG_END);
	session_note(s, domain, "refused: %s", why);
	if (!tls)
		session_reply(s, 530, "5.7.0", "issue a STARTTLS command first: mail of %s is "
			"taken with mutual TLS only", domain);
	else
		session_reply(s, 550, "5.7.1", "mail of %s is taken with mutual TLS only: %s",
			domain, why);
	return false;
}

/* Ours have judged for themselves; everybody else has to be the domain's own server. */
static bool is_exempt(const struct session *s)
{
	return s->principal == PRINCIPAL_HUB || s->principal == PRINCIPAL_LEGACY;
}

bool partner_allows(struct session *s, const char *domain)
{
	struct err e;

	if (!s->connector->domain_secure || is_exempt(s))
		return true;
	if (s->partner_checked != s->receiver->lives && stream_is_tls(s->stream))
		partner_judge(s);
	if (!is_listed(s, domain))
		return true;
	if (!proves(s, domain, &e))
		return refuse(s, domain, e.text);
	/* of several that the certificate is for, this is the one that counts */
	set_domain(s, domain);
	counter_add(COUNTER_DOMAIN_SECURE_PROVEN, 1);
	return true;
}
