/* mime_field.h - what the two fields that frame a MIME entity say (RFC 2045 sections 5 and 6).
 *
 * Values come unfolded and may be damaged in any way; what cannot be understood is OPAQUE: such a
 * part can only be carried as it is. Pure values, no allocation.
 */
#ifndef HUB_SMTP_MIME_FIELD_H
#define HUB_SMTP_MIME_FIELD_H

#include <stdbool.h>
#include <stddef.h>

enum { SMTP_BOUNDARY_MAX = 128 };	/* RFC 2046 section 5.1.1 has 70 */

enum smtp_mime_kind {
	SMTP_MIME_TEXT,
	SMTP_MIME_DATA,		/* neither text nor anything below */
	SMTP_MIME_MULTIPART,	/* has a boundary */
	SMTP_MIME_MESSAGE,	/* message/rfc822 */
	SMTP_MIME_OPAQUE,
};

struct smtp_mime_type {
	enum smtp_mime_kind kind;
	bool digest;		/* multipart/digest: its parts are messages unless they say other */
	bool is_signed;		/* multipart/signed: no byte of it may change (RFC 1847) */
	size_t boundary_length;
	char boundary[SMTP_BOUNDARY_MAX];	/* not terminated */
};

enum smtp_mime_encoding {
	SMTP_MIME_7BIT,		/* also when there is no field */
	SMTP_MIME_8BIT,
	SMTP_MIME_BINARY,
	SMTP_MIME_ENCODED,	/* quoted-printable, base64, or one not known */
};

void smtp_mime_type_parse(struct smtp_mime_type *t, const char *p, size_t n);
enum smtp_mime_encoding smtp_mime_encoding_parse(const char *p, size_t n);

#endif
