/* firewall.h - the header firewall: which fields may cross a border of the organization.
 *
 * Three classes of fields are told apart, by the bits of enum send_right: those of the organization
 * (X-Hub-Organization-*), of the forest (X-Hub-Forest-*), and of routing (Received, Resent-*). On
 * the way in a session's rights decide, on the way out who the next hop is; the original that a
 * report brings back has none of them. An envelope keeps which classes its stored header has, so
 * that a message with nothing to take out goes out as it is stored.
 *
 * The values of the fields in origin.h and exclusion.h stand in the envelope, not in the stored
 * header, and are written anew for servers that may know them.
 *
 * struct firewall takes fields out while a stored message is read: only its header passes through
 * a buffer of its own. One owner, no thread.
 */
#ifndef HUB_SPOOL_FIREWALL_H
#define HUB_SPOOL_FIREWALL_H

#include "hubd/spool/spool.h"
#include "libhub/org/connector.h"
#include "libhub/smtp/header.h"

enum firewall_class {
	FIREWALL_ORGANIZATION = 1u << SEND_RIGHT_ORGANIZATION,
	FIREWALL_FOREST = 1u << SEND_RIGHT_FOREST,
	FIREWALL_ROUTING = 1u << SEND_RIGHT_ROUTING,
	FIREWALL_ALL = FIREWALL_ORGANIZATION | FIREWALL_FOREST | FIREWALL_ROUTING,
};

/* Rows of a table of rules for libhub/smtp/header.h; drop: bits of enum firewall_class. */
#define FIREWALL_RULES(drop)                                                            \
	{ "X-Hub-Organization-", ((drop) & FIREWALL_ORGANIZATION) != 0, false },        \
	{ "X-Hub-Forest-", ((drop) & FIREWALL_FOREST) != 0, false },                    \
	{ "Received", ((drop) & FIREWALL_ROUTING) != 0, true },                         \
	{ "Resent-", ((drop) & FIREWALL_ROUTING) != 0, false }

enum {
	FIREWALL_RULE_COUNT = 4,
	FIREWALL_PIECE = 4096,
};

/* The class of row i of FIREWALL_RULES. */
uint32_t firewall_class_of_rule(size_t i);

struct firewall {
	struct smtp_header_scan scan;
	size_t at, n;			/* what is left in out */
	/* a piece, a name that was held back, an empty line */
	char out[FIREWALL_PIECE + SMTP_HEADER_NAME_MAX + 4];
};

/* For the beginning of a body, also after spool_body_rewind. */
void firewall_init(struct firewall *f, uint32_t drop);
/* As spool_body_read, without the fields. */
ssize_t firewall_read(struct firewall *f, struct spool_body *b, void *buf, size_t size,
	struct err *e) MUST_CHECK;

#endif
