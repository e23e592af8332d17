/* capability.h - what a server said it can do, read from its reply to EHLO or LHLO.
 *
 * A client keeps one per connection and reads it anew after STARTTLS (RFC 3207 §4.2). Keywords that
 * are not known here are passed over. A pure value.
 */
#ifndef HUB_SMTP_CAPABILITY_H
#define HUB_SMTP_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "libhub/smtp/extension.h"
#include "libhub/smtp/reply.h"

enum smtp_mechanism {
	SMTP_MECH_PLAIN = 1u << 0,
	SMTP_MECH_LOGIN = 1u << 1,
	SMTP_MECH_EXTERNAL = 1u << 2,
	SMTP_MECH_CRAM_MD5 = 1u << 3,
	SMTP_MECH_GSSAPI = 1u << 4,
	SMTP_MECH_XOAUTH2 = 1u << 5,
	SMTP_MECH_SCRAM_SHA_256 = 1u << 6,
	SMTP_MECH_SCRAM_SHA_256_PLUS = 1u << 7,
};

struct smtp_capability {
	uint32_t extensions;	/* enum smtp_extension */
	uint32_t mechanisms;	/* enum smtp_mechanism */
	uint64_t size_max;	/* bytes; 0: no limit was named */
	/* RFC 9422, 0: no limit was named: messages on a connection, recipients of a message, and
	 * domains of those */
	uint32_t mail_max, rcpt_max, rcpt_domain_max;
};

/* Reads a complete reply to EHLO. A malformed SIZE counts as SIZE without limit, as
 * does a malformed limit; the old "AUTH="
 * form is understood. */
void smtp_capability_parse(struct smtp_capability *c, const struct smtp_reply *ehlo);

static inline bool smtp_capability_has(const struct smtp_capability *c, uint32_t extensions)
{
	return (c->extensions & extensions) == extensions;
}

/* The bit of a SASL mechanism name in any case of letters, or 0 when it is not known. */
uint32_t smtp_mechanism_find(const char *name, size_t n);

#endif
