/* identity.h - the certificate and key this server shows, and the next ones. Main thread.
 *
 * Peers trust a key because it is in the directory (hub-routing(7) section 6a). So a key that
 * replaces one waits until the directory has it; a new certificate for the same key is taken at
 * once.
 */
#ifndef HUB_IDENTITY_H
#define HUB_IDENTITY_H

#include "hubd/config/settings.h"
#include "libhub/org/topology.h"
#include "libhub/tls/context.h"

struct identity {
	struct tls_context *server;	/* NULL without certificate */
	struct tls_context *client;
	struct tls_context *next_server, *next_client;	/* wait; NULL = nothing does */
};

/* Reads the files. -1 with the reason. id is zero before. */
int identity_load(struct identity *id, const struct settings *s, struct err *e) MUST_CHECK;
/* Reads them again, as the next ones; on failure nothing changes. */
int identity_reload(struct identity *id, const struct settings *s, struct err *e) MUST_CHECK;
/*
 * Takes the next ones if peers that follow self (this server's object, NULL = none yet) will know
 * them. True if server and client are others now.
 */
bool identity_settle(struct identity *id, const struct server *self);
void identity_deinit(struct identity *id);

#endif
