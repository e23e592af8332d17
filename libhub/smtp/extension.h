/* extension.h - the SMTP service extensions known here, as bits of a set.
 *
 * The server passes the set that it announced to the command parser; the client gets the set that
 * the peer announced from capability.h. A pure value.
 */
#ifndef HUB_SMTP_EXTENSION_H
#define HUB_SMTP_EXTENSION_H

#include <stddef.h>
#include <stdint.h>

enum smtp_extension {
	SMTP_EXT_PIPELINING = 1u << 0,		/* RFC 2920 */
	SMTP_EXT_SIZE = 1u << 1,		/* RFC 1870 */
	SMTP_EXT_8BITMIME = 1u << 2,		/* RFC 6152 */
	SMTP_EXT_BINARYMIME = 1u << 3,		/* RFC 3030 */
	SMTP_EXT_CHUNKING = 1u << 4,		/* RFC 3030 */
	SMTP_EXT_DSN = 1u << 5,			/* RFC 3461 */
	SMTP_EXT_SMTPUTF8 = 1u << 6,		/* RFC 6531 */
	SMTP_EXT_ENHANCEDSTATUSCODES = 1u << 7,	/* RFC 2034 */
	SMTP_EXT_AUTH = 1u << 8,		/* RFC 4954 */
	SMTP_EXT_STARTTLS = 1u << 9,		/* RFC 3207 */
	SMTP_EXT_LIMITS = 1u << 10,		/* RFC 9422 */
};

/* The EHLO keyword of one extension (exactly one bit), a constant. */
const char *smtp_extension_name(uint32_t extension);
/* The bit of an EHLO keyword in any case of letters, or 0 when it is not known. */
uint32_t smtp_extension_find(const char *keyword, size_t n);

#endif
