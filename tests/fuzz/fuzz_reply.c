/* fuzz_reply.c - fuzz target for what a server answers us: replies, and what EHLO offers. */
#include <stdint.h>
#include <string.h>

#include "fuzz_checks.h"
#include "libhub/base/err.h"
#include "libhub/smtp/capability.h"
#include "libhub/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

static void try_reply(const char *p, size_t n)
{
	const char *lf, *end = p + n;
	struct smtp_capability c;
	struct smtp_reply r;
	struct err e;
	int rc = 1;

	smtp_reply_begin(&r);
	for (; rc == 1 && p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL)
			lf = end;
		rc = smtp_reply_feed(&r, p, (size_t)(lf - p), &e);
	}
	if (rc != 0)
		return;
	BUG_ON(strlen(r.text) != r.length);
	check_reply(&r);
	smtp_capability_parse(&c, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= INPUT_MAX)
		try_reply((const char *)data, size);
	return 0;
}
