/* fuzz_address.c - fuzz target for addresses, domains, and the texts that carry them.
 *
 * The first byte chooses: a for paths and mailboxes, d for domains and literals, x for xtext and
 * UTF-8. Canonical forms are stable, and what was encoded is decoded to the same.
 */
#include <stdint.h>
#include <string.h>

#include "fuzz_checks.h"
#include "libhub/base/err.h"
#include "libhub/smtp/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

static void try_address(const char *p, size_t n)
{
	uint32_t flags;
	struct smtp_address a;
	struct err e;
	size_t used;

	for (flags = 0; flags < 8; flags++) {
		if (smtp_path_parse(&a, p, n, &used, flags, &e) == 0) {
			BUG_ON(used > n || p[used - 1] != '>');
			check_address(&a);
		}
		if (smtp_address_parse(&a, p, n, flags, &e) == 0)
			check_address(&a);
	}
}

static void check_domain(const char *domain)
{
	char again[SMTP_DOMAIN_MAX + 1];
	struct err e;

	BUG_ON(strlen(domain) > SMTP_DOMAIN_MAX || strpbrk(domain, "\r\n @<>") != NULL);
	BUG_ON(smtp_domain_canonize(again, domain, strlen(domain), false, &e) != 0);
	BUG_ON(strcmp(domain, again) != 0);
}

static void try_domain(const char *p, size_t n)
{
	char domain[SMTP_DOMAIN_MAX + 1], unicode[SMTP_DOMAIN_MAX + 1];
	char literal[SMTP_DOMAIN_MAX + 1], again[SMTP_DOMAIN_MAX + 1];
	struct err e;
	bool plain = smtp_domain_canonize(domain, p, n, false, &e) == 0;

	if (plain)
		check_domain(domain);
	if (smtp_domain_canonize(unicode, p, n, true, &e) == 0) {
		check_domain(unicode);
		BUG_ON(plain && strcmp(domain, unicode) != 0);
	}
	if (smtp_literal_canonize(literal, p, n, &e) == 0) {
		BUG_ON(smtp_literal_canonize(again, literal, strlen(literal), &e) != 0);
		BUG_ON(strcmp(literal, again) != 0);
		BUG_ON(smtp_domain_canonize(again, p, n, true, &e) == 0);
	}
	smtp_hostname_is_valid(p, n);
}

static void try_xtext(const char *p, size_t n)
{
	char coded[3 * 300 + 1], plain[301], back[301];
	int length = smtp_xtext_decode(plain, sizeof(plain), p, n), again;

	if (length >= 0) {
		again = smtp_xtext_encode(coded, sizeof(coded), plain, (size_t)length);
		BUG_ON(again < length);
		BUG_ON(smtp_xtext_decode(back, sizeof(back), coded, (size_t)again) != length);
		BUG_ON(memcmp(plain, back, (size_t)length) != 0);
	}
	length = smtp_utf8_address_decode(plain, sizeof(plain), p, n);
	again = length < 0 ? -1 :
		smtp_utf8_address_encode(coded, sizeof(coded), plain, (size_t)length, true);
	if (again >= 0) {
		again = smtp_utf8_address_decode(back, sizeof(back), coded, (size_t)again);
		BUG_ON(again != length);
		BUG_ON(memcmp(plain, back, (size_t)length) != 0);
	}
	smtp_utf8_is_valid(p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (data[0] == 'a')
		try_address(p, size - 1);
	else if (data[0] == 'd')
		try_domain(p, size - 1);
	else if (data[0] == 'x')
		try_xtext(p, size - 1);
	return 0;
}
