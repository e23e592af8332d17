/* test_receive.c - hubd/receive without a network: permissions, matching, trace, rate. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "hubd/receive/listener.h"
#include "hubd/receive/permission.h"
#include "hubd/receive/rate.h"
#include "hubd/receive/trace.h"
#include "unit.h"

#define BIT(n) (1u << (n))

/* --- permissions --- */

static const struct {
	const char *name;
	uint32_t groups;
	struct grant grant, deny;
	enum principal principal;
	enum right right;
	bool may;
} permission_rows[] = {
	{ "a stranger submits where AnonymousUsers is listed", BIT(GROUP_ANONYMOUS), { 0, 0 },
		{ 0, 0 }, PRINCIPAL_ANONYMOUS, RIGHT_SUBMIT, true },
	{ "and nowhere else", BIT(GROUP_HUB_USERS) | BIT(GROUP_HUB_SERVERS), { 0, 0 }, { 0, 0 },
		PRINCIPAL_ANONYMOUS, RIGHT_SUBMIT, false },
	{ "a stranger does not relay", BIT(GROUP_ANONYMOUS), { 0, 0 }, { 0, 0 },
		PRINCIPAL_ANONYMOUS, RIGHT_ACCEPT_ANY_RECIPIENT, false },
	{ "unless that is granted", BIT(GROUP_ANONYMOUS),
		{ BIT(GROUP_ANONYMOUS), BIT(RIGHT_ACCEPT_ANY_RECIPIENT) }, { 0, 0 },
		PRINCIPAL_ANONYMOUS, RIGHT_ACCEPT_ANY_RECIPIENT, true },
	{ "a grant to others does not count", BIT(GROUP_ANONYMOUS),
		{ BIT(GROUP_PARTNERS), BIT(RIGHT_ACCEPT_ANY_RECIPIENT) }, { 0, 0 },
		PRINCIPAL_ANONYMOUS, RIGHT_ACCEPT_ANY_RECIPIENT, false },
	{ "a user relays", BIT(GROUP_HUB_USERS), { 0, 0 }, { 0, 0 }, PRINCIPAL_USER,
		RIGHT_ACCEPT_ANY_RECIPIENT, true },
	{ "unless that is denied", BIT(GROUP_HUB_USERS), { 0, 0 },
		{ BIT(GROUP_HUB_USERS), BIT(RIGHT_ACCEPT_ANY_RECIPIENT) }, PRINCIPAL_USER,
		RIGHT_ACCEPT_ANY_RECIPIENT, false },
	{ "denial beats a grant", BIT(GROUP_ANONYMOUS),
		{ BIT(GROUP_ANONYMOUS), BIT(RIGHT_ACCEPT_ANY_RECIPIENT) },
		{ BIT(GROUP_ANONYMOUS), BIT(RIGHT_ACCEPT_ANY_RECIPIENT) },
		PRINCIPAL_ANONYMOUS, RIGHT_ACCEPT_ANY_RECIPIENT, false },
	{ "a hub's organization headers count", BIT(GROUP_HUB_SERVERS), { 0, 0 }, { 0, 0 },
		PRINCIPAL_HUB, RIGHT_ACCEPT_HEADERS_ORGANIZATION, true },
	{ "those of an externally secured peer do not", BIT(GROUP_HUB_SERVERS), { 0, 0 },
		{ 0, 0 }, PRINCIPAL_EXTERNAL, RIGHT_ACCEPT_HEADERS_ORGANIZATION, false },
	{ "which relays all the same", BIT(GROUP_HUB_SERVERS), { 0, 0 }, { 0, 0 },
		PRINCIPAL_EXTERNAL, RIGHT_ACCEPT_ANY_RECIPIENT, true },
	{ "a partner submits where Partners is listed", BIT(GROUP_PARTNERS), { 0, 0 }, { 0, 0 },
		PRINCIPAL_PARTNER, RIGHT_SUBMIT, true },
	{ "not as a stranger does", BIT(GROUP_ANONYMOUS), { 0, 0 }, { 0, 0 }, PRINCIPAL_PARTNER,
		RIGHT_SUBMIT, false },
	{ "and does not relay", BIT(GROUP_PARTNERS), { 0, 0 }, { 0, 0 }, PRINCIPAL_PARTNER,
		RIGHT_ACCEPT_ANY_RECIPIENT, false },
};

START_TEST(permissions)
{
	struct receive_connector rc = { .groups = permission_rows[_i].groups,
		.grants = { &permission_rows[_i].grant, 1 },
		.denies = { &permission_rows[_i].deny, 1 } };
	uint32_t rights = permission_rights(&rc, permission_rows[_i].principal);

	ck_assert_msg(((rights >> permission_rows[_i].right & 1) != 0) == permission_rows[_i].may,
		"%s", permission_rows[_i].name);
}
END_TEST

/* --- matching --- */

static struct endpoint endpoint_of(const char *address, uint16_t port)
{
	struct endpoint e = { .text = address, .port = port };
	struct sockaddr_in *in = (void *)&e.addr;

	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	ck_assert_int_eq(inet_pton(AF_INET, address, &in->sin_addr), 1);
	return e;
}

static struct ip_range range_of(const char *lo, const char *hi)
{
	struct ip_range r = { .text = lo };

	r.lo[10] = r.lo[11] = r.hi[10] = r.hi[11] = 0xff;
	ck_assert_int_eq(inet_pton(AF_INET, lo, r.lo + 12), 1);
	ck_assert_int_eq(inet_pton(AF_INET, hi, r.hi + 12), 1);
	return r;
}

static const struct {
	const char *local, *peer, *expect;
	uint16_t port;
} match_rows[] = {
	{ "192.0.2.1", "203.0.113.9", "everyone", 25 },
	{ "192.0.2.1", "10.1.2.3", "inside", 25 },
	{ "192.0.2.1", "10.1.0.7", "one host", 25 },
	{ "192.0.2.2", "10.1.0.7", "second address", 25 },
	{ "192.0.2.2", "203.0.113.9", "second address", 25 },
	{ "192.0.2.1", "203.0.113.9", NULL, 26 },
	{ "192.0.2.1", "10.9.9.9", "limited", 587 },
	{ "192.0.2.1", "11.0.0.1", NULL, 587 },
};

START_TEST(matching)
{
	static const struct server self, other;
	struct endpoint any = endpoint_of("0.0.0.0", 25), second = endpoint_of("192.0.2.2", 25),
			submission = endpoint_of("0.0.0.0", 587);
	struct ip_range inside = range_of("10.0.0.0", "10.255.255.255"),
			one = range_of("10.1.0.7", "10.1.0.7");
	struct receive_connector rcs[] = {
		{ .obj = { .name = "everyone", .enabled = true }, .server = &self,
			.bindings = { &any, 1 } },
		{ .obj = { .name = "inside", .enabled = true }, .server = &self,
			.bindings = { &any, 1 }, .remotes = { &inside, 1 } },
		{ .obj = { .name = "one host", .enabled = true }, .server = &self,
			.bindings = { &any, 1 }, .remotes = { &one, 1 } },
		{ .obj = { .name = "second address", .enabled = true }, .server = &self,
			.bindings = { &second, 1 } },
		{ .obj = { .name = "limited", .enabled = true }, .server = &self,
			.bindings = { &submission, 1 }, .remotes = { &inside, 1 } },
		{ .obj = { .name = "disabled", .enabled = false }, .server = &self,
			.bindings = { &any, 1 }, .remotes = { &one, 1 } },
		{ .obj = { .name = "not ours", .enabled = true }, .server = &other,
			.bindings = { &any, 1 }, .remotes = { &one, 1 } },
	};
	const struct obj *objects[7];
	struct snapshot s = { .all[OBJ_RECEIVE_CONNECTOR] = { objects, 7 } };
	struct live live = { .snapshot = &s, .self = &self };
	struct endpoint local = endpoint_of(match_rows[_i].local, match_rows[_i].port),
			peer = endpoint_of(match_rows[_i].peer, 40000);
	const struct receive_connector *found;
	int i;

	/* the answer does not depend on the order of the entries */
	for (i = 0; i < 7; i++)
		objects[i] = &rcs[(i + _i) % 7].obj;
	found = listener_match(&live, &local.addr, &peer.addr);
	if (match_rows[_i].expect == NULL)
		ck_assert_ptr_null(found);
	else
		ck_assert_str_eq(found->obj.name, match_rows[_i].expect);
}
END_TEST

/* --- trace --- */

START_TEST(trace_field)
{
	struct trace t = { .helo = "client.example", .peer_address = "2001:db8::1",
		.by = "hub.example", .id = "0000000000000001", .tls_version = "TLSv1.3",
		.tls_cipher = "TLS_AES_256_GCM_SHA384", .tls_bits = 256, .esmtp = true,
		.authenticated = true, .recipient = "a@b.example", .wall_s = 0 };
	char buf[TRACE_MAX];
	size_t n = trace_format(&t, buf);

	ck_assert_uint_eq(n, strlen(buf));
	ck_assert_ptr_nonnull(strstr(buf, "from client.example ([IPv6:2001:db8::1])\r\n\t"));
	ck_assert_ptr_nonnull(strstr(buf, "with ESMTPSA id 0000000000000001\r\n"
		"\tfor <a@b.example>;"));
	ck_assert_ptr_nonnull(strstr(buf, "1970"));
	ck_assert_str_eq(buf + n - 2, "\r\n");
	t.esmtp = false;
	t.tls_version = NULL;
	trace_format(&t, buf);
	ck_assert_ptr_nonnull(strstr(buf, "with SMTP id"));
	ck_assert_ptr_null(strstr(buf, "TLS"));
}
END_TEST

/* The longest of everything still fits. */
START_TEST(trace_longest)
{
	char name[512], buf[TRACE_MAX];
	struct trace t = { .helo = name, .peer_address = name, .by = name, .id = name,
		.tls_version = name, .tls_cipher = name, .esmtp = true, .recipient = name };

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ck_assert_uint_lt(trace_format(&t, buf), TRACE_MAX);
}
END_TEST

/* --- rate --- */

START_TEST(rate_counts_each_source)
{
	struct rate_table *t = rate_table_new();
	int i;

	for (i = 0; i < 5; i++)
		ck_assert(rate_allow(t, "a", 5));
	ck_assert(!rate_allow(t, "a", 5));
	ck_assert(rate_allow(t, "b", 5));
	rate_table_free(&t);
}
END_TEST

int main(void)
{
	TCase *permission = tcase_create("permission"), *match = tcase_create("match"),
	      *rest = tcase_create("rest");
	TCase *const all[] = { permission, match, rest };

	tcase_add_loop_test(permission, permissions, 0,
		(int)(sizeof(permission_rows) / sizeof(permission_rows[0])));
	tcase_add_loop_test(match, matching, 0,
		(int)(sizeof(match_rows) / sizeof(match_rows[0])));
	tcase_add_test(rest, trace_field);
	tcase_add_test(rest, trace_longest);
	tcase_add_test(rest, rate_counts_each_source);
	return unit_run("receive", all, sizeof(all) / sizeof(all[0]));
}
