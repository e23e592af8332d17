/* trace.h - the Received field that this hop adds (RFC 5321 section 4.4). Pure; any thread. */
#ifndef HUB_RECEIVE_TRACE_H
#define HUB_RECEIVE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
	const char *helo;		/* as the peer named itself */
	const char *peer_address;
	const char *by;			/* our name */
	const char *id;			/* spool id as text */
	const char *tls_version, *tls_cipher;	/* NULL without TLS */
	int tls_bits;
	bool esmtp, authenticated, utf8;
	const char *recipient;		/* the only one, or NULL */
	int64_t wall_s;
};

enum { TRACE_MAX = 1600 };

/* Writes the folded field with its CRLFs; returns its length, below TRACE_MAX. */
size_t trace_format(const struct trace *t, char buf[TRACE_MAX]);

#endif
