/* mechanism.h - which ways to log in a session is offered (hub-directory(7) section 4). */
#ifndef HUB_RECEIVE_MECHANISM_H
#define HUB_RECEIVE_MECHANISM_H

#include "hubd/receive/session.h"

enum mechanism {
	MECHANISM_PLAIN,
	MECHANISM_LOGIN,
	MECHANISM_SCRAM,
	MECHANISM_SCRAM_PLUS,
	MECHANISM_GSSAPI,
	MECHANISM_EXTERNAL,
	MECHANISMS
};

const char *mechanism_name(enum mechanism m);
/* MECHANISMS if there is none of that name. */
enum mechanism mechanism_find(const char *name, size_t n);
/* Bits of enum mechanism: none where nobody could log in. */
uint32_t mechanism_offer(const struct session *s);
/* Would one that is missing be offered after STARTTLS? */
bool mechanism_needs_tls(const struct session *s, enum mechanism m);
/* Is a client certificate good for anything on this connector? */
bool mechanism_wants_certificate(const struct receive_connector *rc);

#endif
