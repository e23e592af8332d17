/* address.h - mailboxes, paths and domains of RFC 5321, as values in canonical form.
 *
 * Canonical means: the domain in lower case and A-labels (so it is ASCII always); an address
 * literal with the address as inet_ntop writes it; the local part as it came, but with quotes only
 * where they are needed. Two equal addresses then have equal bytes. Limits (RFC 5321 §4.5.3.1):
 * local part 64, domain 255, all together 254 bytes (a path is 256 with its brackets). The local
 * part of an encapsulated address (encapsulation.h) may use what there is of these, as it must: the
 * RFC asks for no limits where they can be done without.
 * Input may hold any byte. Pure functions, no allocation but what libidn2 does for itself when a
 * domain has U-labels.
 */
#ifndef HUB_SMTP_ADDRESS_H
#define HUB_SMTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"

enum {
	SMTP_LOCAL_MAX = 64,
	SMTP_DOMAIN_MAX = 255,
	SMTP_LABEL_MAX = 63,
	SMTP_ADDRESS_MAX = 254,
	SMTP_ADDRESS_SIZE = 320,
};

/* What smtp_path_parse and smtp_address_parse may accept. */
enum smtp_address_flags {
	SMTP_ADDRESS_NULL = 1u << 0,		/* <>, of MAIL FROM */
	SMTP_ADDRESS_POSTMASTER = 1u << 1,	/* <postmaster> without domain, of RCPT TO */
	SMTP_ADDRESS_UTF8 = 1u << 2,		/* RFC 6531: UTF-8 local parts and U-labels */
	SMTP_ADDRESS_BARE = 1u << 3,		/* no domain, which the caller adds */
};

struct smtp_address {
	uint16_t length;	/* of text; 0: the null path */
	uint16_t domain;	/* offset of the domain in text; length when there is none */
	bool literal;		/* the domain is [192.0.2.1] or [IPv6:...] */
	bool utf8;		/* the input was not ASCII: needs SMTPUTF8 */
	char text[SMTP_ADDRESS_SIZE];	/* NUL-terminated; never holds a NUL, CR or LF inside */
};

/* Reads "<...>" at the start of p; a source route (RFC 5321 §4.1.2) is checked and dropped.
 * *used (may be NULL) is the bytes taken; without used, nothing may follow. 0, or -1 with the
 * reason in *e (ERR_PERM). *a is undefined after -1. */
int smtp_path_parse(struct smtp_address *a, const char *p, size_t n, size_t *used, uint32_t flags,
	struct err *e) MUST_CHECK;
/* Reads a mailbox without angle brackets; nothing may follow. */
int smtp_address_parse(struct smtp_address *a, const char *p, size_t n, uint32_t flags,
	struct err *e) MUST_CHECK;

/* Domain name in canonical form into out (SMTP_DOMAIN_MAX + 1 bytes); utf8 allows U-labels.
 * Address literals are not taken. */
int smtp_domain_canonize(char *out, const char *p, size_t n, bool utf8, struct err *e) MUST_CHECK;
/* Address literal with its brackets, in canonical form, into out (SMTP_DOMAIN_MAX + 1 bytes). */
int smtp_literal_canonize(char *out, const char *p, size_t n, struct err *e) MUST_CHECK;
/* Letters, digits, '-' and '_' in labels of 1 to 63, 255 in all, not made of digits and dots only.
 * The underscore is not RFC 5321 but real hosts have it. */
bool smtp_hostname_is_valid(const char *p, size_t n);

static inline bool smtp_address_is_null(const struct smtp_address *a)
{
	return a->length == 0;
}

/* "" when there is none. */
static inline const char *smtp_address_domain(const struct smtp_address *a)
{
	return a->text + a->domain;
}

/* Bytes of the local part, which text begins with. */
static inline size_t smtp_address_local_length(const struct smtp_address *a)
{
	return a->domain < a->length ? (size_t)a->domain - 1 : a->length;
}

bool smtp_address_equal(const struct smtp_address *a, const struct smtp_address *b);
/* As most of the world means it: without regard to ASCII case in the local part. */
bool smtp_address_equal_folded(const struct smtp_address *a, const struct smtp_address *b);

/* RFC 3461 §4. Both write a NUL and return the length without it, or -1 when out is too small or,
 * decoding, the input is not xtext. Decoded text may hold any byte, NUL included. */
int smtp_xtext_encode(char *out, size_t size, const char *p, size_t n);
int smtp_xtext_decode(char *out, size_t size, const char *p, size_t n);
/* RFC 6533 section 3, the text of an ORCPT of type utf-8. Decoding takes "\x{E4}" for what it
 * stands for; encoding writes so what is not ASCII, and with specials also blanks and what ORCPT
 * cannot carry. As above, and -1 as well when the input is not UTF-8. */
int smtp_utf8_address_decode(char *out, size_t size, const char *p, size_t n);
int smtp_utf8_address_encode(char *out, size_t size, const char *p, size_t n, bool specials);
/* Whether n bytes are well-formed UTF-8 (RFC 3629). */
bool smtp_utf8_is_valid(const char *p, size_t n);
bool smtp_is_ascii(const char *s);

#endif
