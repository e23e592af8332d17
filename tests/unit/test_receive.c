/* test_receive.c - hubd/receive without a network: permissions, trace, rate. */
#include <string.h>

#include "hubd/receive/listener.h"
#include "hubd/receive/permission.h"
#include "hubd/receive/rate.h"
#include "hubd/receive/stranger.h"
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

static bool allow(struct rate_table *t, const char *one, const char *other, uint64_t limit,
	uint64_t now_ms)
{
	const char *const sources[2] = { one, other };

	return rate_allow(t, sources, limit, now_ms);
}

START_TEST(rate_counts_each_source)
{
	struct rate_table *t = rate_table_new();
	int i;

	for (i = 0; i < 5; i++)
		ck_assert(allow(t, "a", NULL, 5, 0));
	ck_assert(!allow(t, "a", NULL, 5, 0));
	ck_assert(allow(t, NULL, "b", 5, 0));
	/* one too many for either is none for both */
	ck_assert(!allow(t, "b", "a", 5, 0));
	for (i = 0; i < 4; i++)
		ck_assert(allow(t, "b", NULL, 5, 0));
	ck_assert(!allow(t, "b", NULL, 5, 0));
	rate_table_free(&t);
}
END_TEST

/* Whatever the pace, no minute sees more than the limit, and a full minute of silence clears it. */
START_TEST(rate_of_any_minute)
{
	enum { LIMIT = 10, TRIES = 20000, MINUTE_MS = 60000 };
	static uint64_t allowed[TRIES];
	struct rate_table *t = rate_table_new();
	uint64_t now = 1000003;
	size_t n = 0, i;

	srandom((unsigned int)_i);
	for (i = 0; i < TRIES; i++) {
		now += (uint64_t)random() % (_i % 2 == 0 ? 3000 : 9000);
		if (!allow(t, "a", NULL, LIMIT, now))
			continue;
		if (n >= LIMIT)
			ck_assert_uint_ge(now - allowed[n - LIMIT], MINUTE_MS);
		allowed[n++] = now;
	}
	/* and it is a limit a minute, not less: 65 seconds at worst */
	ck_assert_uint_gt(n, (now - 1000003) / (MINUTE_MS + RATE_STEP_MS) * LIMIT / 2);
	now += MINUTE_MS + RATE_STEP_MS;
	for (i = 0; i < LIMIT; i++)
		ck_assert(allow(t, "a", NULL, LIMIT, now));
	ck_assert(!allow(t, "a", NULL, LIMIT, now));
	rate_table_free(&t);
}
END_TEST

START_TEST(rate_at_once_after_65_seconds)
{
	struct rate_table *t = rate_table_new();

	ck_assert(allow(t, "a", NULL, 1, 4999));
	ck_assert(!allow(t, "a", NULL, 1, 60000));
	ck_assert(!allow(t, "a", NULL, 1, 64999));
	ck_assert(allow(t, "a", NULL, 1, 65000));
	rate_table_free(&t);
}
END_TEST

/* Many addresses cost no memory, and who was silent for longest is forgotten first. */
START_TEST(rate_table_is_bounded)
{
	struct rate_table *t = rate_table_new();
	char name[32];
	int i;

	for (i = 0; i < RATE_SOURCES_MAX + 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		ck_assert(allow(t, name, NULL, 1, 0));
		if (i == 50)
			ck_assert(!allow(t, "50", NULL, 1, 0));
	}
	ck_assert_uint_eq(rate_sources(t), RATE_SOURCES_MAX);
	ck_assert(!allow(t, "100", NULL, 1, 0));
	ck_assert(allow(t, "99", NULL, 1, 0));
	/* those of a minute ago go with whatever comes */
	for (i = 0; i < RATE_SOURCES_MAX; i++)
		ck_assert(allow(t, "now", NULL, RATE_SOURCES_MAX, 10 * 60000));
	ck_assert_uint_eq(rate_sources(t), 1);
	rate_table_free(&t);
}
END_TEST

START_TEST(strangers_are_told_of_seldom)
{
	struct strangers list = { 0 };
	char key[STRANGER_KEY_SIZE];
	int i;

	ck_assert(strangers_admit(&list, "sha256:00", 1000));
	ck_assert(!strangers_admit(&list, "sha256:00", 1000 + STRANGER_WINDOW_MS - 1));
	for (i = 1; i < STRANGER_LINES; i++) {
		snprintf(key, sizeof(key), "sha256:%02x", (unsigned int)i);
		ck_assert(strangers_admit(&list, key, 2000));
	}
	ck_assert(!strangers_admit(&list, "sha256:ff", 2000));
	ck_assert_uint_eq(list.left_out, 2);
	ck_assert(strangers_admit(&list, "sha256:00", 1000 + STRANGER_WINDOW_MS));
	ck_assert(strangers_admit(&list, "sha256:ff", 1000 + STRANGER_WINDOW_MS));
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
	tcase_add_loop_test(rest, rate_of_any_minute, 0, 6);
	tcase_add_test(rest, rate_at_once_after_65_seconds);
	tcase_add_test(rest, rate_table_is_bounded);
	tcase_add_test(rest, strangers_are_told_of_seldom);
	return unit_run("receive", all, sizeof(all) / sizeof(all[0]));
}
