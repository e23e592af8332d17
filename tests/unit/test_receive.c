/* test_receive.c - hubd/receive without a network: permissions, trace, rate. */
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
	TCase *permission = tcase_create("permission"), *rest = tcase_create("rest");
	TCase *const all[] = { permission, rest };

	tcase_add_loop_test(permission, permissions, 0,
		(int)(sizeof(permission_rows) / sizeof(permission_rows[0])));
	tcase_add_test(rest, trace_field);
	tcase_add_test(rest, trace_longest);
	tcase_add_test(rest, rate_counts_each_source);
	return unit_run("receive", all, sizeof(all) / sizeof(all[0]));
}
