/* server.h - what is special about servers: connectors made with them, keys, passwords. */
#ifndef HUB_TOOLS_SERVER_H
#define HUB_TOOLS_SERVER_H

#include "tools/args.h"
#include "tools/change.h"

/* hubServer with its Receive connectors "Default NAME" and "Client NAME", by hub-directory(7). */
enum ctl_status server_new(struct org *org, const struct args *args);
/* If c gives certificates and no digests, adds the digests of their keys. */
int server_add_key_digests(const struct org *org, struct change *c, struct err *e) MUST_CHECK;
/* Has the directory hash and store the password by which the server binds. */
enum ctl_status server_set_password(struct org *org, const char *dn, const char *file);

#endif
