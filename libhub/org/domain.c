/* domain.c - hubAcceptedDomain and hubRemoteDomain (hub-directory(7) section 7).
 *
 * As in address spaces, *.domain covers the domain itself.
 */
#include "libhub/org/domain.h"

#include <stdio.h>
#include <string.h>

#include "libhub/org/attr.h"

static const char *const types[] = { "Authoritative", "InternalRelay", "ExternalRelay", NULL };

static const struct attr_def accepted_domain_attrs[] = {
	A_TEXT(accepted_domain, domain_text, "hubDomain", ATTR_REQUIRED, 255),
	A_ENUM(accepted_domain, type, "hubDomainType", types, ACCEPTED_AUTHORITATIVE),
	A_FLAG_GIVEN(accepted_domain, recipient_validation, "hubRecipientValidation", false,
		recipient_validation_given),
	A_END
};

static const struct attr_def remote_domain_attrs[] = {
	A_TEXT(remote_domain, domain_text, "hubDomain", ATTR_REQUIRED, 255),
	A_FLAG(remote_domain, delivery_reports, "hubDeliveryReports", true),
	A_FLAG(remote_domain, ndr, "hubNDR", true),
	A_FLAG(remote_domain, auto_reply, "hubAutoReply", false),
	A_FLAG(remote_domain, auto_forward, "hubAutoForward", false),
	A_FLAG(remote_domain, trusted_mail, "hubTrustedMail", false),
	A_END
};

/* domain or *.domain; lower-cases *text. */
static int split_domain(struct arena *a, const char **text, const char **domain, bool *subtree,
	struct err *e)
{
	*text = value_lower(a, *text);
	*subtree = strncmp(*text, "*.", 2) == 0;
	*domain = *text + (*subtree ? 2 : 0);
	if (value_is_domain(*domain))
		return 0;
	return err_config(e, "hubDomain \"%.100s\": not domain or *.domain (A-labels)",
		*text);
}

static int accepted_domain_complete(void *obj, struct arena *a, struct err *e)
{
	struct accepted_domain *d = obj;

	if (!d->recipient_validation_given)
		d->recipient_validation = d->type == ACCEPTED_AUTHORITATIVE;
	return split_domain(a, &d->domain_text, &d->domain, &d->subtree, e);
}

static int remote_domain_complete(void *obj, struct arena *a, struct err *e)
{
	struct remote_domain *d = obj;

	if (strcmp(d->domain_text, "*") == 0) {
		d->domain = "";
		d->subtree = true;
		return 0;
	}
	return split_domain(a, &d->domain_text, &d->domain, &d->subtree, e);
}

/* These claims are also what snapshot_accepted_domain and snapshot_remote_domain look up. */
static const char *accepted_domain_claim(const void *obj, char *buf, size_t size)
{
	const struct accepted_domain *d = obj;

	snprintf(buf, size, "accepted %s", d->domain_text);
	return "hubDomain names a domain that another accepted domain has";
}

static const char *remote_domain_claim(const void *obj, char *buf, size_t size)
{
	const struct remote_domain *d = obj;

	snprintf(buf, size, "remote %s", d->domain_text);
	return "hubDomain names a domain that another remote domain has";
}

const struct obj_class accepted_domain_class = {
	.kind = OBJ_ACCEPTED_DOMAIN,
	.ldap_class = "hubAcceptedDomain",
	.noun = "accepted-domain",
	.container = "cn=accepted domains",
	.size = sizeof(struct accepted_domain),
	.attrs = accepted_domain_attrs,
	.complete = accepted_domain_complete,
	.claim = accepted_domain_claim,
};

const struct obj_class remote_domain_class = {
	.kind = OBJ_REMOTE_DOMAIN,
	.ldap_class = "hubRemoteDomain",
	.noun = "remote-domain",
	.container = "cn=remote domains",
	.size = sizeof(struct remote_domain),
	.attrs = remote_domain_attrs,
	.complete = remote_domain_complete,
	.claim = remote_domain_claim,
};
