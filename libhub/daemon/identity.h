/* identity.h - the certificates and keys this server shows, and the next ones. Main thread.
 *
 * The first certificate of the settings is how this server is known to others of the organization:
 * they trust a key because it is in the directory (hub-routing(7) section 6a). So a key that
 * replaces one waits until the directory has it, and of several in the files that one is shown
 * which the directory names; a new certificate for the same key is taken at once. All the others
 * are shown to those who ask for a name in them.
 *
 * Files are read when the daemon starts and at SIGHUP, contexts made from what was read: that costs
 * half a millisecond a certificate.
 */
#ifndef HUB_DAEMON_IDENTITY_H
#define HUB_DAEMON_IDENTITY_H

#include "libhub/daemon/common_settings.h"
#include "libhub/org/topology.h"
#include "libhub/tls/context.h"

/* What was read from the files of the settings. */
struct identity_files {
	struct tls_certificate **certificates;
	size_t n;
	struct tls_authorities *authorities;
};

struct identity {
	struct tls_context *server;	/* NULL without certificate */
	struct tls_context *client;
	struct identity_files files;
	struct tls_certificate *own;	/* NULL without certificate */
	struct tls_tickets *tickets;
	const char *waiting;		/* key that waits for the directory, NULL = none does */
	bool stale;			/* contexts are made of something else */
};

/*
 * Reads the files of the settings, and revocation lists (crl: file or folder, or NULL). -1 with the
 * reason. id is zero before.
 */
int identity_load(struct identity *id, const struct common_settings *s, const char *crl,
	struct err *e) MUST_CHECK;
/* Could they be loaded? If not the reason names the line of the settings. */
int identity_check(const struct common_settings *s, const char *crl, struct err *e) MUST_CHECK;
/* Reads them again, to be settled; on failure nothing changes. */
int identity_reload(struct identity *id, const struct common_settings *s, const char *crl,
	struct err *e) MUST_CHECK;
/* Other keys for session tickets, to be settled. Every TLS_TICKET_KEY_LIFE_S. */
void identity_rotate_tickets(struct identity *id);
/*
 * Takes what peers that follow self (this server's object, NULL = none yet) will know. True if
 * server and client are others now.
 */
bool identity_settle(struct identity *id, const struct server *self);
void identity_deinit(struct identity *id);

#endif
