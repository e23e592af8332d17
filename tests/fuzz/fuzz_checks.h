/* fuzz_checks.h - what several fuzz targets look at: values of libhub/smtp, and what is given out.
 *
 * Each check aborts where a promise of the header is broken.
 */
#ifndef HUB_TESTS_FUZZ_CHECKS_H
#define HUB_TESTS_FUZZ_CHECKS_H

#include <stdbool.h>
#include <stddef.h>

#include "libhub/smtp/address.h"
#include "libhub/smtp/reply.h"

/* Collects output; more than its room is a broken promise. */
struct sink {
	char *text;
	size_t length;
	size_t room;
};

struct sink sink_new(size_t room);
void sink_free(struct sink *s);
/* An smtp_span_cb; ctx is the sink. */
void sink_take(void *ctx, const char *p, size_t n);
bool sink_same(const struct sink *a, const struct sink *b);

/* What a server sends is CRLF lines of at most 512 bytes, printable, all with one code. */
void check_reply(const struct smtp_reply *r);
/* A canonical address is an address, and its own canonical form. */
void check_address(const struct smtp_address *a);

/*
 * For streams: the first byte of the input is the size of the pieces it is fed in. False when
 * there is none.
 */
bool cut_size(const char **p, size_t *n, size_t *piece);

#endif
