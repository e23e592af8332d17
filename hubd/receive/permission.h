/* permission.h - who a session is, and what it may do. Pure; any thread.
 *
 * A session begins as anonymous and is judged again after STARTTLS and AUTH. Its rights are those
 * of its principal's permission group, if the Receive connector lists that group, plus hubGrant,
 * less hubDeny (hub-directory(7) section 4).
 */
#ifndef HUB_RECEIVE_PERMISSION_H
#define HUB_RECEIVE_PERMISSION_H

#include "hubd/config/live.h"
#include "libhub/org/connector.h"

enum principal {
	PRINCIPAL_ANONYMOUS,
	PRINCIPAL_USER,		/* name and password checked by the directory */
	PRINCIPAL_HUB,		/* an enabled hubServer, by its pinned key */
	PRINCIPAL_EXTERNAL,	/* the connector is ExternalAuthoritative */
	PRINCIPAL_LEGACY,	/* a target server of a routing group connector, by address */
	PRINCIPAL_PARTNER,	/* another organization, by its certificate (Domain Security) */
	PRINCIPALS
};

const char *principal_name(enum principal p);
/* Bits of enum right. */
uint32_t permission_rights(const struct receive_connector *rc, enum principal p);

enum { PERMISSION_TEXT_MAX = 320 };

/* Their names, separated by blanks, or "None"; gives buf. */
const char *permission_text(uint32_t rights, char buf[PERMISSION_TEXT_MAX]);

/* Is the server, known by its key, believed as one of ours? An edge only while it is subscribed. */
bool permission_is_member(const struct live *live, const struct server *server);

/*
 * Does the routing group send to this server from that address? So say two-way routing group
 * connectors (hubBidirectional) of which it is a source server.
 */
bool permission_is_legacy(const struct live *live, const char *address);

#endif
