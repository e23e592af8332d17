/* certificate_check.h - Receive connectors whose certificate is missing. Pure; any thread.
 *
 * A connector whose hubFQDN no certificate is for still offers STARTTLS, with the server's own
 * certificate: who sends mail to it looks at the name seldom, and would send in clear otherwise.
 * But the administrator has to know. (12014 of the reference offers none then.)
 */
#ifndef HUB_CONFIG_CERTIFICATE_CHECK_H
#define HUB_CONFIG_CERTIFICATE_CHECK_H

#include "hubd/config/live.h"
#include "libhub/org/connector.h"

enum certificate_state {
	CERTIFICATE_OK,
	CERTIFICATE_OTHER_NAME,		/* the server's own is shown instead */
	CERTIFICATE_NONE,		/* no TLS, so nothing is accepted where it is required */
};

/* For this enabled connector of the server. */
enum certificate_state certificate_state(const struct live *live,
	const struct receive_connector *rc);
/* In words; NULL for CERTIFICATE_OK. */
const char *certificate_problem(enum certificate_state state);
/* Calls cb for each connector with a problem; name is that which no certificate is for. */
void certificate_check_each(const struct live *live,
	void (*cb)(const char *connector, const char *name, const char *problem, void *ctx),
	void *ctx);
/* Logs what is wrong now and was not before (NULL = at the start). */
void certificate_check_log(const struct live *live, const struct live *before);

#endif
