/* test_match.c - which Receive connector takes a connection (connector_match), and which may stand
 * beside each other (receive_sharing.h): by table, and by many random ones.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "hubd/receive/match.h"
#include "libhub/org/connector.h"
#include "org_text.h"
#include "socket_address.h"
#include "unit.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define SITE "cn=London,cn=Sites," BASE
#define SERVER(n) "cn=" n ",cn=Servers," BASE
#define WORLD "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: " SITE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: " SERVER("hub1") "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubServerSite: " SITE "\n\n" \
	"dn: " SERVER("hub2") "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n" \
	"hubServerSite: " SITE "\n\n"
#define CONNECTOR_OF(server, n) "dn: cn=" n "," SERVER(server) "\n" \
	"objectClass: hubReceiveConnector\ncn: " n "\n"
#define CONNECTOR(n) CONNECTOR_OF("hub1", n)

static const struct live *live_of(const struct snapshot *s)
{
	struct err e;
	const struct live *l = live_new(s, "hub1", NULL, NULL, NULL, &e);

	ck_assert_msg(l != NULL, "%s", e.text);
	return l;
}

/* --- by table --- */

static const char connectors[] = WORLD
	CONNECTOR("everyone") "hubUsage: Internet\n\n"
	CONNECTOR("inside") "hubRemoteIPRange: 10.0.0.0/8\nhubRemoteIPRange: 2001:db8::/32\n"
	"hubRemoteIPRange: 192.168.1.10-192.168.1.19\n"
	"hubBinding: 0.0.0.0:25\nhubBinding: [::]:25\n\n"
	CONNECTOR("subnet") "hubRemoteIPRange: 10.1.0.0/16\nhubRemoteIPRange: 2001:db8:1::/48\n"
	"hubBinding: 0.0.0.0:25\nhubBinding: [::]:25\n\n"
	CONNECTOR("one host") "hubRemoteIPRange: 10.1.0.7\nhubRemoteIPRange: 2001:db8:1::7\n"
	"hubBinding: 0.0.0.0:25\nhubBinding: [::]:25\n\n"
	CONNECTOR("second address") "hubBinding: 192.0.2.2:25\nhubBinding: [2001:db8::2]:25\n\n"
	CONNECTOR("second and inside") "hubBinding: 192.0.2.2:25\nhubRemoteIPRange: 10.0.0.0/8\n\n"
	CONNECTOR("limited") "hubBinding: 0.0.0.0:587\nhubRemoteIPRange: 10.0.0.0/8\n\n"
	CONNECTOR("implicit") "hubUsage: Client\nhubBinding: 0.0.0.0:465 tls\n"
	"hubBinding: 192.0.2.2:465\nhubBinding: [::]:465 tls\n\n"
	CONNECTOR("disabled") "hubEnabled: FALSE\nhubBinding: 0.0.0.0:25\n"
	"hubRemoteIPRange: 10.1.0.7\n\n"
	CONNECTOR_OF("hub2", "not ours") "hubBinding: 0.0.0.0:25\nhubRemoteIPRange: 10.1.0.7\n\n";

static const struct {
	const char *local, *peer, *expect;
	uint16_t port;
	bool tls;
} match_rows[] = {
	{ "192.0.2.1", "203.0.113.9", "everyone", 25, false },
	{ "192.0.2.1", "10.2.0.1", "inside", 25, false },
	{ "192.0.2.1", "10.1.2.3", "subnet", 25, false },
	{ "192.0.2.1", "10.1.0.7", "one host", 25, false },
	{ "192.0.2.1", "192.168.1.9", "everyone", 25, false },
	{ "192.0.2.1", "192.168.1.10", "inside", 25, false },
	{ "192.0.2.1", "192.168.1.19", "inside", 25, false },
	{ "192.0.2.1", "192.168.1.20", "everyone", 25, false },
	{ "192.0.2.2", "203.0.113.9", "second address", 25, false },
	{ "192.0.2.2", "10.1.0.7", "second and inside", 25, false },
	{ "192.0.2.1", "203.0.113.9", NULL, 26, false },
	{ "192.0.2.1", "10.9.9.9", "limited", 587, false },
	{ "192.0.2.1", "11.0.0.1", NULL, 587, false },
	{ "2001:db8::1", "2001:db9::1", "everyone", 25, false },
	{ "2001:db8::1", "2001:db8:2::1", "inside", 25, false },
	{ "2001:db8::1", "2001:db8:1::8", "subnet", 25, false },
	{ "2001:db8::1", "2001:db8:1::7", "one host", 25, false },
	{ "2001:db8::2", "2001:db8:1::7", "second address", 25, false },
	{ "192.0.2.1", "203.0.113.9", "implicit", 465, true },
	{ "192.0.2.2", "203.0.113.9", "implicit", 465, false },
	{ "2001:db8::2", "2001:db8:1::7", "implicit", 465, true },
};

START_TEST(matching)
{
	struct builder *b = builder_new(BASE);
	struct sockaddr_storage local = socket_address(match_rows[_i].local, match_rows[_i].port),
		peer = socket_address(match_rows[_i].peer, 40000);
	const struct snapshot *s;
	const struct live *live;
	struct connector_match found;

	org_text_put(b, connectors);
	s = builder_build(b, NULL);
	ck_assert_msg(s->rejection_count == 0, "%s", s->rejection_count != 0 ?
		s->rejections[0].reason : "");
	live = live_of(s);
	found = connector_match(live, &local, &peer);
	if (match_rows[_i].expect == NULL) {
		ck_assert_ptr_null(found.connector);
	} else {
		ck_assert_ptr_nonnull(found.connector);
		ck_assert_str_eq(found.connector->obj.name, match_rows[_i].expect);
		ck_assert_int_eq(found.binding->tls, match_rows[_i].tls);
	}
	live_unref(&live);
	snapshot_unref(&s);
	builder_free(&b);
}
END_TEST

/* --- by chance --- */

enum { ROUNDS = 200, CONNECTORS = 8, PROBES = 300, SPAN = 32 };

static unsigned int seed;

static unsigned int any_below(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

/* Local addresses 192.0.2.1 to 3 and the wildcard, two ports, two families. */
static void print_binding(FILE *out)
{
	unsigned int host = any_below(4), port = 25 + any_below(2);
	bool v6 = any_below(2) != 0;
	const char *tls = any_below(4) == 0 ? " tls" : "";

	if (host == 0)
		fprintf(out, "hubBinding: %s:%u%s\n", v6 ? "[::]" : "0.0.0.0", port, tls);
	else if (v6)
		fprintf(out, "hubBinding: [2001:db8::%u]:%u%s\n", host, port, tls);
	else
		fprintf(out, "hubBinding: 192.0.2.%u:%u%s\n", host, port, tls);
}

/* Ranges of few neighbouring addresses, so that they meet often. */
static void print_range(FILE *out)
{
	unsigned int lo = any_below(SPAN), hi = lo + any_below(SPAN - lo), bits = any_below(6);

	switch (any_below(6)) {
	case 0:
		fprintf(out, "hubRemoteIPRange: 10.0.0.%u\n", lo);
		break;
	case 1:
		fprintf(out, "hubRemoteIPRange: 10.0.0.%u-10.0.0.%u\n", lo, hi);
		break;
	case 2:
		fprintf(out, "hubRemoteIPRange: 10.0.0.%u/%u\n", lo >> bits << bits, 32 - bits);
		break;
	case 3:
		fprintf(out, "hubRemoteIPRange: fd00::%x-fd00::%x\n", lo, hi);
		break;
	case 4:
		fprintf(out, "hubRemoteIPRange: fd00::%x/%u\n", lo >> bits << bits, 128 - bits);
		break;
	default:
		fprintf(out, "hubRemoteIPRange: %s\n", any_below(2) != 0 ? "0.0.0.0/0" : "::/0");
		break;
	}
}

static void print_connector(FILE *out, unsigned int n)
{
	unsigned int i, bindings = 1 + any_below(2), ranges = any_below(4);

	fprintf(out, CONNECTOR("%u") "hubAuthMechanism: Tls\n", n, n);
	if (any_below(3) == 0)
		fprintf(out, "hubBinding: 0.0.0.0:25\nhubBinding: [::]:25\n");
	else
		for (i = 0; i < bindings; i++)
			print_binding(out);
	for (i = 0; i < ranges; i++)
		print_range(out);
	if (any_below(10) == 0)
		fprintf(out, "hubEnabled: FALSE\n");
	fprintf(out, "\n");
}

/* A connector's claim to a connection: the exact address first, then the least addresses. */
struct claim {
	unsigned int fit;		/* 0 = none, 1 = wildcard, 2 = the address */
	uint64_t addresses;
};

static uint64_t low_bytes(const unsigned char b[16])
{
	uint64_t v = 0;
	size_t i;

	for (i = 8; i < 16; i++)
		v = v << 8 | b[i];
	return v;
}

static struct claim claim_of(const struct receive_connector *rc,
	const struct sockaddr_storage *local, const struct sockaddr_storage *peer)
{
	struct claim c = { 0, UINT64_MAX };
	char text[INET6_ADDRSTRLEN], expect[INET6_ADDRSTRLEN + 20];
	const struct sockaddr_in6 *v6 = (const void *)local;
	const struct sockaddr_in *v4 = (const void *)local;
	bool is6 = local->ss_family == AF_INET6, inside = rc->remotes.n == 0;
	uint64_t n;
	size_t i, length;

	inet_ntop(local->ss_family, is6 ? (const void *)&v6->sin6_addr :
		(const void *)&v4->sin_addr, text, sizeof(text));
	length = (size_t)snprintf(expect, sizeof(expect), is6 ? "[%s]:%u" : "%s:%u", text,
		(unsigned int)ntohs(is6 ? v6->sin6_port : v4->sin_port));
	for (i = 0; i < rc->bindings.n; i++) {
		const char *own = rc->bindings.v[i].text;

		if (strncmp(own, expect, length) == 0)
			c.fit = 2;
		else if (c.fit == 0 && strncmp(own, is6 ? "[::]" : "0.0.0.0", is6 ? 4 : 7) == 0 &&
			rc->bindings.v[i].port == ntohs(is6 ? v6->sin6_port : v4->sin_port))
			c.fit = 1;
	}
	for (i = 0; i < rc->remotes.n; i++) {
		if (!ip_range_contains(&rc->remotes.v[i], (const struct sockaddr *)peer))
			continue;
		inside = true;
		n = low_bytes(rc->remotes.v[i].hi) - low_bytes(rc->remotes.v[i].lo);
		c.addresses = n < c.addresses ? n : c.addresses;
	}
	c.fit = inside && rc->obj.enabled ? c.fit : 0;
	return c;
}

static void probe(const struct live *live)
{
	const struct snapshot *s = live->snapshot;
	struct objects all = snapshot_server_connectors(s, live->self);
	bool v6 = any_below(2) != 0;
	char text[40];
	struct sockaddr_storage local, peer;
	struct claim best = { 0, UINT64_MAX }, c;
	const struct obj *expect = NULL;
	struct connector_match found;
	unsigned int ties = 0;
	size_t i;

	snprintf(text, sizeof(text), v6 ? "2001:db8::%u" : "192.0.2.%u", 1 + any_below(4));
	local = socket_address(text, (uint16_t)(25 + any_below(3)));
	snprintf(text, sizeof(text), v6 ? "fd00::%x" : "10.0.0.%u", any_below(SPAN + 2));
	peer = socket_address(text, 40000);
	for (i = 0; i < all.n; i++) {
		c = claim_of((const void *)all.v[i], &local, &peer);
		if (c.fit == 0 || c.fit < best.fit || (c.fit == best.fit &&
			c.addresses > best.addresses))
			continue;
		ties = c.fit == best.fit && c.addresses == best.addresses ? ties + 1 : 0;
		best = c;
		expect = all.v[i];
	}
	/* what the rules let through leaves no choice */
	ck_assert_uint_eq(ties, 0);
	found = connector_match(live, &local, &peer);
	ck_assert_ptr_eq(found.connector, expect);
}

/* Names come in random order, and so do the connectors in the snapshot. */
START_TEST(one_and_only_one)
{
	unsigned int round, i, first, taken = 0, refused = 0;
	struct builder *b;
	const struct snapshot *s;
	const struct live *live;
	size_t size;
	char *text;
	FILE *out;

	seed = 20261122;
	for (round = 0; round < ROUNDS; round++) {
		out = open_memstream(&text, &size);
		fputs(WORLD, out);
		first = any_below(90);
		for (i = 0; i < CONNECTORS; i++)
			print_connector(out, (first + i * 37) % 100);
		fclose(out);
		b = builder_new(BASE);
		org_text_put(b, text);
		s = builder_build(b, NULL);
		taken += CONNECTORS - (unsigned int)s->rejection_count;
		refused += (unsigned int)s->rejection_count;
		live = live_of(s);
		for (i = 0; i < PROBES; i++)
			probe(live);
		live_unref(&live);
		snapshot_unref(&s);
		builder_free(&b);
		free(text);
	}
	/* the test would show nothing if all or none were refused */
	ck_assert_uint_gt(taken, 2 * ROUNDS);
	ck_assert_uint_gt(refused, ROUNDS / 2);
}
END_TEST

int main(void)
{
	TCase *all[] = { tcase_create("table"), tcase_create("random") };

	tcase_add_loop_test(all[0], matching, 0, (int)(sizeof(match_rows) / sizeof(match_rows[0])));
	tcase_add_test(all[1], one_and_only_one);
	tcase_set_timeout(all[1], 60);
	return unit_run("match", all, 2);
}
