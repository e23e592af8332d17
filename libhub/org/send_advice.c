/* send_advice.c - see send_advice.h
 *
 * What cannot work as it is written, and is safe: the connector stays in force and its mail waits,
 * where without it another connector would take the mail.
 */
#include "libhub/org/send_advice.h"

const char *send_advice(const struct send_connector *c, struct arena *a)
{
	size_t i;

	if (c->auth == SMART_HOST_AUTH_HUB_SERVER && c->ignore_starttls)
		return arena_printf(a, "%s: hubIgnoreSTARTTLS does not hold: hubSmartHostAuth "
			"HubServer needs TLS", c->pool.obj.dn);
	if (c->auth != SMART_HOST_AUTH_BASIC_TLS || c->tls_domain != NULL)
		return NULL;
	for (i = 0; i < c->smart_hosts.n; i++)
		if (c->smart_hosts.v[i].name == NULL)
			return arena_printf(a, "%s: hubSmartHost \"%s\" has no name, which "
				"hubSmartHostAuth BasicAuthRequireTLS needs for the certificate, "
				"and hubTLSDomain is missing", c->pool.obj.dn,
				c->smart_hosts.v[i].text);
	return NULL;
}
