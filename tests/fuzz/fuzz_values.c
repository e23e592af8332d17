/* fuzz_values.c - fuzz target for the structured values of directory attributes (libhub/org).
 *
 * The first byte chooses the kind (see the end of this file), the rest is the text up to a NUL.
 * Canonical forms are stable, ranges hold their own ends, orders are orders.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/org/dn.h"
#include "libhub/org/value.h"
#include "libhub/org/x400.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14 };

static void try_endpoint(struct arena *a, const char *text)
{
	struct endpoint one, again;
	struct err e;

	if (value_endpoint(a, text, false, &one, &e) != 0) {
		BUG_ON(value_endpoint(a, text, true, &one, &e) == 0);
		return;
	}
	BUG_ON(value_endpoint(a, one.text, one.port != 0, &again, &e) != 0);
	BUG_ON(strcmp(one.text, again.text) != 0 || one.port != again.port);
	BUG_ON(memcmp(&one.addr, &again.addr, sizeof(one.addr)) != 0);
}

static void try_smart_host(struct arena *a, const char *text)
{
	struct smart_host one, again;
	struct err e;

	if (value_smart_host(a, text, &one, &e) != 0)
		return;
	BUG_ON(value_smart_host(a, one.text, &again, &e) != 0);
	BUG_ON(strcmp(one.text, again.text) != 0 || one.port != again.port);
	BUG_ON(one.inbound != again.inbound || (one.name == NULL) != (again.name == NULL));
	BUG_ON(!one.inbound && one.name == NULL && one.addr.ss_family == AF_UNSPEC);
}

static struct sockaddr_in6 address(const unsigned char bytes[16])
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

	memcpy(&in6.sin6_addr, bytes, 16);
	return in6;
}

static void try_range(struct arena *a, const char *text)
{
	struct sockaddr_in6 lo, hi;
	struct ip_range one, again;
	struct err e;

	if (value_ip_range(a, text, &one, &e) != 0)
		return;
	BUG_ON(memcmp(one.lo, one.hi, 16) > 0);
	lo = address(one.lo);
	hi = address(one.hi);
	BUG_ON(!ip_range_contains(&one, (const void *)&lo));
	/* an IPv6 range may end at a mapped address, which is of a peer that speaks IPv4 */
	BUG_ON(!ip_range_contains(&one, (const void *)&hi) &&
		!(one.v6 && IN6_IS_ADDR_V4MAPPED(&hi.sin6_addr)));
	BUG_ON(value_ip_range(a, one.text, &again, &e) != 0 || strcmp(one.text, again.text) != 0);
	BUG_ON(!ip_range_within(&one, &again) || !ip_range_within(&again, &one));
	BUG_ON(!ip_range_overlaps(&one, &again) || one.v6 != again.v6);
}

static void try_space(struct arena *a, const char *text)
{
	struct address_space one;
	struct err e;

	if (value_address_space(a, text, &one, &e) != 0)
		return;
	BUG_ON(one.cost < 1 || one.cost > 100 || one.type[0] == '\0');
	BUG_ON(one.match != SPACE_ALL && one.match != SPACE_PREFIX && one.key[0] == '\0');
}

static void try_grant(const char *text)
{
	struct grant g;
	struct err e;

	if (value_grant(text, &g, &e) == 0)
		BUG_ON(g.groups == 0 || g.rights == 0);
}

static void try_source(struct arena *a, const char *text)
{
	struct source_address s;
	struct err e;

	if (value_source_address(a, text, &s, &e) == 0)
		BUG_ON(s.addr.ss_family != AF_INET && s.addr.ss_family != AF_INET6);
}

static void try_dn(struct arena *a, const char *text)
{
	const char *one = dn_normalize(a, text), *again;

	(void)dn_parent(text);
	if (one == NULL)
		return;
	again = dn_normalize(a, one);
	BUG_ON(again == NULL || strcmp(one, again) != 0);
	again = dn_relative(a, one, one);
	BUG_ON(again == NULL || *again != '\0');
	BUG_ON(dn_relative(a, one, "") == NULL);
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* Two names in one text, divided by '|'. */
static void try_names(struct arena *a, char *text)
{
	char *other = strchr(text, '|');
	const char *folded = name_fold(a, text);
	struct err e;

	BUG_ON(name_compare(text, text) != 0 || name_compare(folded, text) != 0);
	BUG_ON(strcmp(name_fold(a, folded), folded) != 0);
	BUG_ON(x400_check(text, &e) != 0 && e.text[0] == '\0');
	(void)value_is_domain(text);
	if (other == NULL)
		return;
	*other++ = '\0';
	BUG_ON(sign(name_compare(text, other)) !=
		sign(strcmp(name_fold(a, text), name_fold(a, other))));
	BUG_ON(sign(name_compare(text, other)) != -sign(name_compare(other, text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a;
	char *text;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	a = arena_new();
	text = arena_strndup(a, (const char *)data + 1, size - 1);
	switch (data[0]) {
	case 'e':
		try_endpoint(a, text);
		break;
	case 'h':
		try_smart_host(a, text);
		break;
	case 'r':
		try_range(a, text);
		break;
	case 's':
		try_space(a, text);
		break;
	case 'g':
		try_grant(text);
		break;
	case 'o':
		try_source(a, text);
		break;
	case 'd':
		try_dn(a, text);
		break;
	case 'n':
		/* a directory holds UTF-8 in names: decode.c refuses others */
		if (value_is_text(text, strlen(text)))
			try_names(a, text);
		break;
	}
	arena_free(&a);
	return 0;
}
