/* envelope.h - what is known of a message besides its body. Pure values; any thread.
 *
 * Strings are NUL-terminated and live in the arena of whoever made the envelope; a decoded envelope
 * owns nothing outside the arena given to envelope_decode. NULL and "" are the same on encoding;
 * decoding gives "" for an absent text, never NULL. Limits bound what a blob may cost in memory.
 */
#ifndef HUB_SPOOL_ENVELOPE_H
#define HUB_SPOOL_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hubd/spool/origin.h"
#include "libhub/base/err.h"
#include "libhub/base/mem.h"

enum {
	ENVELOPE_TEXT_MAX = 1024,	/* any text; an address is at most 320, ORCPT 500 */
	ENVELOPE_SUMMARY_MAX = 200,	/* Message-ID and Subject, cut to this on encoding */
	ENVELOPE_RECIPIENTS_MAX = 100000,
	ENVELOPE_BLOB_MAX = 16 * 1024 * 1024,
};

enum envelope_body { ENVELOPE_BODY_7BIT, ENVELOPE_BODY_8BITMIME, ENVELOPE_BODY_BINARYMIME };

/* RFC 3461 section 4.3 */
enum envelope_ret { ENVELOPE_RET_NONE, ENVELOPE_RET_FULL, ENVELOPE_RET_HDRS };

/* RFC 3461 section 4.1; no bit set = parameter absent (which means failure and delay). */
enum envelope_notify {
	ENVELOPE_NOTIFY_NEVER = 1,
	ENVELOPE_NOTIFY_SUCCESS = 2,
	ENVELOPE_NOTIFY_FAILURE = 4,
	ENVELOPE_NOTIFY_DELAY = 8,
};

/* How the submitting side proved who it is. */
enum envelope_auth {
	ENVELOPE_AUTH_ANONYMOUS,
	ENVELOPE_AUTH_USER,		/* a person or program that logged in */
	ENVELOPE_AUTH_HUB,		/* a hub of the organization */
	ENVELOPE_AUTH_PARTNER,		/* a partner by its certificate */
	ENVELOPE_AUTH_EXTERNAL,		/* trusted by its connector ("externally secured") */
	ENVELOPE_AUTH_LOCAL,		/* made here: reports, pickup */
	ENVELOPE_AUTH_KINDS
};

/* Written by no person, as the header says (RFC 3834, RFC 2156). */
enum envelope_automatic {
	ENVELOPE_AUTOMATIC_NO,
	ENVELOPE_AUTOMATIC_REPLY,
	ENVELOPE_AUTOMATIC_FORWARD,
	ENVELOPE_AUTOMATIC_KINDS
};

struct envelope_recipient {
	const char *address;		/* without <>; as it is to be delivered */
	const char *orcpt;		/* RFC 3461 ORCPT parameter as received, "" if none */
	const char *original;		/* address before a rewriting, "" if never rewritten */
	uint32_t notify;		/* enum envelope_notify bits */
	uint32_t redirects;		/* times it was redirected: loops end by a limit */
};

struct envelope {
	const char *sender;		/* without <>; "" = null reverse path */
	const char *envid;		/* RFC 3461 ENVID, "" if none */
	enum envelope_ret ret;
	enum envelope_body body;
	bool smtputf8;			/* RFC 6531 */
	bool require_tls;		/* RFC 8689 */
	int64_t received_ms;		/* wall clock at reception here */
	int64_t expires_base_ms;	/* the clock of expiry starts here; normally received_ms */
	uint64_t original_size;		/* bytes as first received; what size limits compare */
	uint32_t hops;			/* Received lines counted on arrival */

	enum envelope_automatic automatic;

	/* from the header, for people and tracking */
	const char *message_id;
	const char *subject;

	/* arrival */
	const char *connector;		/* Receive connector */
	const char *linked_connector;	/* Send connector it dictates, "" if none */
	const char *peer_name;		/* HELO or EHLO argument */
	const char *peer_address;	/* IP address as text */
	const char *identity;		/* authenticated name, "" if anonymous */
	enum envelope_auth auth;
	const char *excluded;		/* connectors to go around, see exclusion.h; "" if none */

	/* the header firewall */
	struct origin origin;
	uint32_t classes;		/* enum firewall_class: what the stored header has */

	struct envelope_recipient *recipients;
	uint32_t recipient_count;
};

/* A blob in arena; its size in *size. -1 (ERR_PERM) if a limit above is exceeded. */
int envelope_encode(const struct envelope *env, struct arena *arena, const void **blob,
	size_t *size, struct err *e) MUST_CHECK;
/* Never trusts the blob; NULL and *e (ERR_PERM, with the reason) if it is not exactly one. */
struct envelope *envelope_decode(const void *blob, size_t size, struct arena *arena,
	struct err *e) MUST_CHECK;

#endif
