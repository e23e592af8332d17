/* origin.h - how a message came into the organization, as the first server of ours judged it.
 *
 * Hubs tell each other in header fields, which stand in the envelope while a message is stored and
 * never leave the organization (firewall.h). Pure; any thread.
 *
 *	X-Hub-Organization-AuthAs: Internal
 *	X-Hub-Organization-AuthSource: hub1.contoso.com
 *	X-Hub-Organization-AuthMechanism: 01
 *	X-Hub-Organization-AuthDomain: partner.example
 *	X-Hub-Organization-OriginalArrivalTime: 2026-11-21T18:00:00.123Z
 */
#ifndef HUB_SPOOL_ORIGIN_H
#define HUB_SPOOL_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/mem.h"

enum origin_as {
	ORIGIN_ANONYMOUS,	/* anybody */
	ORIGIN_INTERNAL,	/* a user, or a server of ours */
	ORIGIN_EXTERNAL,	/* whom the administrator declares trusted, without proof */
	ORIGIN_PARTNER,		/* another organization, by Domain Security */
	ORIGIN_KINDS
};

/* What the judgement rests on. The values are on the wire and in hub-directory(7) section 4. */
enum origin_mechanism {
	ORIGIN_BY_NOTHING = 0x00,
	ORIGIN_BY_PLAIN = 0x01,
	ORIGIN_BY_LOGIN = 0x02,
	ORIGIN_BY_SCRAM_SHA_256 = 0x03,
	ORIGIN_BY_CERTIFICATE = 0x04,	/* AUTH EXTERNAL */
	ORIGIN_BY_GSSAPI = 0x05,
	ORIGIN_BY_KEY = 0x06,		/* a server's key, pinned in the directory */
	ORIGIN_BY_DOMAIN_SECURITY = 0x07,
	ORIGIN_MADE_HERE = 0x08,	/* reports */
	ORIGIN_BY_SCRAM_SHA_256_PLUS = 0x09,
	ORIGIN_BY_CONNECTOR = 0x10,	/* ExternalAuthoritative */
	ORIGIN_BY_ADDRESS = 0x11,	/* a target server of a routing group */
	ORIGIN_BY_FILE = 0x12,		/* a file in the pickup or replay directory */
};

enum {
	ORIGIN_NAME_MAX = 255,
	/* all five fields; names are no longer */
	ORIGIN_TEXT_MAX = 5 * 48 + 2 * ORIGIN_NAME_MAX + 64,
};

struct origin {
	enum origin_as as;
	uint8_t mechanism;		/* enum origin_mechanism, or what a later version knows */
	const char *source;		/* name of the server that judged; "" = not said */
	const char *domain;		/* a partner's; "" = none */
	const char *submitter;		/* RFC 4954 section 5: who sent it; "" = not known */
	int64_t arrived_ms;		/* wall clock at that server; 0 = not said */
};

/* What a peer says, one field after the other; the first of a name counts. */
struct origin_claim {
	struct origin origin;
	unsigned seen;
	bool bad;			/* a value that is none */
};

enum origin_field {
	ORIGIN_FIELD_AS,
	ORIGIN_FIELD_SOURCE,
	ORIGIN_FIELD_MECHANISM,
	ORIGIN_FIELD_DOMAIN,
	ORIGIN_FIELD_ARRIVED,
	ORIGIN_FIELDS
};

#define ORIGIN_PREFIX "X-Hub-Organization-"
#define ORIGIN_NAME_AS ORIGIN_PREFIX "AuthAs"
#define ORIGIN_NAME_SOURCE ORIGIN_PREFIX "AuthSource"
#define ORIGIN_NAME_MECHANISM ORIGIN_PREFIX "AuthMechanism"
#define ORIGIN_NAME_DOMAIN ORIGIN_PREFIX "AuthDomain"
#define ORIGIN_NAME_ARRIVED ORIGIN_PREFIX "OriginalArrivalTime"
#define ORIGIN_NAME_SIZE ORIGIN_PREFIX "OriginalSize"

/* Texts go into the arena. */
void origin_claim_add(struct origin_claim *c, enum origin_field f, const char *value,
	struct arena *a);
/* Does it say who judged and what? Else nothing of it is believed. */
bool origin_claim_is_whole(const struct origin_claim *c);

/* Is it from a stranger to the organization, whom hubRefuseOutsideMail keeps out? */
bool origin_is_outside(const struct origin *o);
/* The header fields, complete lines; source: for an origin that does not say. Returns their size,
 * below size, which is at least ORIGIN_TEXT_MAX. */
size_t origin_format(const struct origin *o, const char *source, char *buf, size_t size);

#endif
