/* encapsulation.h - addresses of other types than SMTP, as they travel through SMTP (IMCEA form).
 *
 *	FAX:+1 23/4	<->	IMCEAFAX-+2B1+2023_4@contoso.com
 *
 * Behind "IMCEA" stands the type, letters and digits; behind the hyphen the address: letters,
 * digits, '=' and '-' stand for themselves, '_' for '/', and "+XX" for any other byte of printable
 * ASCII, by its two hexadecimal digits. The domain is one of ours, and says only where the address
 * is opened. Pure; any thread.
 */
#ifndef HUB_SMTP_ENCAPSULATION_H
#define HUB_SMTP_ENCAPSULATION_H

#include "libhub/smtp/address.h"

enum { ENCAPSULATED_TYPE_MAX = 32 };

struct encapsulated {
	char type[ENCAPSULATED_TYPE_MAX + 1];	/* in capitals: "FAX" */
	char text[SMTP_ADDRESS_MAX + 1];	/* "+1 23/4" */
};

enum encapsulation {
	ENCAPSULATION_NONE,	/* an ordinary address */
	ENCAPSULATION_WHOLE,
	ENCAPSULATION_BROKEN,	/* a bad type or code, no text; or type SMTP, which is none */
};

/* address: as smtp_address has it, with its domain or without. *out only when whole. */
enum encapsulation encapsulation_read(const char *address, struct encapsulated *out);
/* The address into out; -1 when the type or the text cannot be encapsulated, or is too long. */
int encapsulation_write(char out[SMTP_ADDRESS_SIZE], const char *type, const char *text,
	const char *domain) MUST_CHECK;

#endif
