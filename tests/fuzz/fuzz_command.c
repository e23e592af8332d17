/* fuzz_command.c - fuzz target for one line of a client, with several sets of extensions announced.
 *
 * What is taken has canonical addresses and texts within their limits; what is refused has a reply
 * that is well formed.
 */
#include <stdint.h>
#include <string.h>

#include "fuzz_checks.h"
#include "libhub/base/err.h"
#include "libhub/smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

static void try_command(const char *p, size_t n)
{
	static const uint32_t sets[] = { UINT32_MAX, 0, SMTP_EXT_SIZE | SMTP_EXT_8BITMIME };
	struct smtp_command_context context = { 0, false, NULL };
	struct smtp_command c;
	struct smtp_reply r;
	size_t i;

	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		context.extensions = sets[i];
		context.utf8 = i == 0;
		context.default_domain = i == 1 ? "contoso.com" : NULL;
		if (smtp_command_parse(&c, p, n, &context, &r) != 0) {
			BUG_ON(r.code < 500);
			check_reply(&r);
			continue;
		}
		if (c.verb == SMTP_VERB_MAIL) {
			check_address(&c.mail.from);
			check_address(&c.mail.auth);
			BUG_ON(strlen(c.mail.envid) > SMTP_ENVID_MAX);
		} else if (c.verb == SMTP_VERB_RCPT) {
			check_address(&c.rcpt.to);
			BUG_ON(strlen(c.rcpt.orcpt) > SMTP_ORCPT_MAX);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size <= INPUT_MAX)
		try_command((const char *)data, size);
	return 0;
}
