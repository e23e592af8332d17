/* connection_priv.h - what connection.c gives to write.c; nobody else includes it. */
#ifndef HUB_DIRECTORY_CONNECTION_PRIV_H
#define HUB_DIRECTORY_CONNECTION_PRIV_H

#include "libhub/directory/connection.h"

/* Only after on_ready. */
LDAP *directory_handle(struct directory_connection *c);
/* The answer to the request of that id, of type result (LDAP_RES_*), goes to cb from now on. */
void directory_expect(struct directory_connection *c, int id, int result,
	directory_message_cb *cb, void *ctx);

#endif
