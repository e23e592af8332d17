/* connection_priv.h - what connection.c gives to write.c; nobody else includes it. */
#ifndef HUB_DIRECTORY_CONNECTION_PRIV_H
#define HUB_DIRECTORY_CONNECTION_PRIV_H

#include "libhub/directory/connection.h"

/* Only after on_ready. */
LDAP *directory_handle(struct directory_connection *c);
/* Answers to the request of that id go to cb from now on. */
void directory_expect(struct directory_connection *c, int id, directory_message_cb *cb, void *ctx);

#endif
