/* test_envelope.c - the envelope codec: what goes in comes out, and no blob can hurt. */
#include <stdio.h>
#include <string.h>

#include "hubd/spool/envelope.h"
#include "hubd/spool/firewall.h"
#include "libhub/base/mem.h"
#include "unit.h"

static struct arena *arena;

static void setup(void)
{
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(&arena);
}

static struct envelope *sample(void)
{
	static struct envelope_recipient to[] = {
		{ .address = "a@example.com", .orcpt = "rfc822;A+20b@example.com", .original =
			"b@x",
			.notify = ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY, .redirects = 2 },
		{ .address = "p\xc3\xa9@example.com" },
	};
	static struct envelope env = { .sender = "s@example.org", .envid = "id+3D1",
		.ret = ENVELOPE_RET_HDRS, .body = ENVELOPE_BODY_8BITMIME, .smtputf8 = true,
		.automatic = ENVELOPE_AUTOMATIC_FORWARD,
		.received_ms = 1795000000123, .expires_base_ms = -5, .original_size = 1ull << 40,
		.hops = 7, .message_id = "<1@x>", .subject = "Gr\xc3\xbc\xc3\x9f" "e",
		.connector = "Default", .peer_name = "mx.example.org", .peer_address =
		"2001:db8::1",
		.identity = "CN=hub1", .auth = ENVELOPE_AUTH_HUB };
	static const struct origin origin = { .as = ORIGIN_PARTNER,
		.mechanism = ORIGIN_BY_DOMAIN_SECURITY, .source = "edge1.contoso.com",
		.domain = "partner.example", .submitter = "s@partner.example",
		.arrived_ms = 1795000000001 };

	env.origin = origin;
	env.classes = FIREWALL_ROUTING | FIREWALL_ORGANIZATION;
	env.excluded = "To%20Internet; expires=1; lasts=60";
	env.recipients = to;
	env.recipient_count = 2;
	return &env;
}

static const void *encode(const struct envelope *env, size_t *size)
{
	struct err e = { 0 };
	const void *blob;

	ck_assert_msg(envelope_encode(env, arena, &blob, size, &e) == 0, "%s", e.text);
	return blob;
}

START_TEST(round_trip)
{
	const struct envelope *in = sample(), *out;
	const struct envelope_recipient *to;
	struct err e = { 0 };
	size_t size;
	const void *blob = encode(in, &size);

	out = envelope_decode(blob, size, arena, &e);
	ck_assert_msg(out != NULL, "%s", e.text);
	ck_assert_str_eq(out->sender, in->sender);
	ck_assert_str_eq(out->envid, in->envid);
	ck_assert_int_eq(out->ret, in->ret);
	ck_assert_int_eq(out->body, in->body);
	ck_assert(out->smtputf8);
	ck_assert(!out->require_tls);
	ck_assert_int_eq(out->automatic, ENVELOPE_AUTOMATIC_FORWARD);
	ck_assert_int_eq(out->received_ms, in->received_ms);
	ck_assert_int_eq(out->expires_base_ms, -5);
	ck_assert_uint_eq(out->original_size, in->original_size);
	ck_assert_uint_eq(out->hops, 7);
	ck_assert_str_eq(out->message_id, in->message_id);
	ck_assert_str_eq(out->subject, in->subject);
	ck_assert_str_eq(out->connector, in->connector);
	ck_assert_str_eq(out->linked_connector, "");
	ck_assert_str_eq(out->peer_name, in->peer_name);
	ck_assert_str_eq(out->peer_address, in->peer_address);
	ck_assert_str_eq(out->identity, in->identity);
	ck_assert_int_eq(out->auth, ENVELOPE_AUTH_HUB);
	ck_assert_str_eq(out->excluded, in->excluded);
	ck_assert_int_eq(out->origin.as, ORIGIN_PARTNER);
	ck_assert_uint_eq(out->origin.mechanism, ORIGIN_BY_DOMAIN_SECURITY);
	ck_assert_str_eq(out->origin.source, in->origin.source);
	ck_assert_str_eq(out->origin.domain, in->origin.domain);
	ck_assert_str_eq(out->origin.submitter, in->origin.submitter);
	ck_assert_int_eq(out->origin.arrived_ms, in->origin.arrived_ms);
	ck_assert_uint_eq(out->classes, in->classes);
	ck_assert_uint_eq(out->recipient_count, 2);
	to = out->recipients;
	ck_assert_str_eq(to[0].address, "a@example.com");
	ck_assert_str_eq(to[0].orcpt, "rfc822;A+20b@example.com");
	ck_assert_str_eq(to[0].original, "b@x");
	ck_assert_uint_eq(to[0].notify, ENVELOPE_NOTIFY_SUCCESS | ENVELOPE_NOTIFY_DELAY);
	ck_assert_uint_eq(to[0].redirects, 2);
	ck_assert_str_eq(to[1].address, "p\xc3\xa9@example.com");
	ck_assert_str_eq(to[1].orcpt, "");
	ck_assert_uint_eq(to[1].notify, 0);
}
END_TEST

static const unsigned char *behind_numbers(const unsigned char *p, unsigned n)
{
	for (; n > 0; n--)
		while ((*p++ & 0x80) != 0)
			;
	return p;
}

/*
 * The blob of that version, of an envelope without recipients, origin and excluded connectors:
 * numbers of the origin and empty texts at the end are left out.
 */
static const void *as_version(int version, const struct envelope *env, size_t *size)
{
	const unsigned char *blob = encode(env, size), *origin, *rest;
	size_t texts = version == 2 ? 3 : 4, head, tail;
	unsigned char *old;

	origin = behind_numbers(blob + 1, 5);
	rest = behind_numbers(origin, 2);
	head = (size_t)(origin - blob);
	tail = *size - (size_t)(rest - blob) - texts;
	*size = head + tail;
	old = arena_alloc(arena, *size);
	memcpy(old, blob, head);
	memcpy(old + head, rest, tail);
	/* the count of recipients is the last byte, like an empty text */
	old[0] = (unsigned char)version;
	return old;
}

/* What servers of before wrote: no excluded connectors, no origin. */
START_TEST(older_versions)
{
	struct envelope *env = sample(), *out;
	struct err e = { 0 };
	const void *old;
	size_t size;

	env->recipient_count = 0;
	env->excluded = NULL;
	env->origin = (struct origin){ 0 };
	old = as_version(_i, env, &size);
	out = envelope_decode(old, size, arena, &e);
	ck_assert_msg(out != NULL, "%s", e.text);
	ck_assert_str_eq(out->identity, env->identity);
	ck_assert_str_eq(out->excluded, "");
	ck_assert_uint_eq(out->classes, FIREWALL_ROUTING);
	ck_assert_str_eq(out->origin.source, "");
	ck_assert_str_eq(out->origin.submitter, "");
	ck_assert_int_eq(out->origin.arrived_ms, out->received_ms);
	ck_assert_int_eq(out->origin.as, ORIGIN_ANONYMOUS);
	env->auth = ENVELOPE_AUTH_USER;
	old = as_version(_i, env, &size);
	out = envelope_decode(old, size, arena, &e);
	env->auth = ENVELOPE_AUTH_HUB;
	ck_assert_int_eq(out->origin.as, ORIGIN_INTERNAL);
}
END_TEST

START_TEST(empty_texts)
{
	struct envelope env = { 0 }, *out;
	struct err e = { 0 };
	size_t size;
	const void *blob = encode(&env, &size);

	out = envelope_decode(blob, size, arena, &e);
	ck_assert_ptr_nonnull(out);
	ck_assert_str_eq(out->sender, "");
	ck_assert_str_eq(out->identity, "");
	ck_assert_uint_eq(out->recipient_count, 0);
}
END_TEST

START_TEST(summaries_are_cut_between_characters)
{
	struct envelope *env = sample(), *out;
	char subject[300];
	struct err e = { 0 };
	const void *blob;
	size_t size;

	/* 199 bytes, then a character of two: it does not fit */
	memset(subject, 'x', 199);
	strcpy(subject + 199, "\xc3\xa9tail");
	env->subject = subject;
	blob = encode(env, &size);
	out = envelope_decode(blob, size, arena, &e);
	ck_assert_uint_eq(strlen(out->subject), 199);
}
END_TEST

START_TEST(limits_are_kept)
{
	struct envelope *env = sample();
	char text[ENVELOPE_TEXT_MAX + 2];
	struct err e = { 0 };
	const void *blob;
	size_t size;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	env->sender = text;
	ck_assert_int_eq(envelope_encode(env, arena, &blob, &size, &e), -1);
	ck_assert_int_eq(e.class, ERR_PERM);
	ck_assert_ptr_nonnull(strstr(e.text, "sender"));
	text[ENVELOPE_TEXT_MAX] = '\0';
	ck_assert_int_eq(envelope_encode(env, arena, &blob, &size, &e), 0);
	env->sender = "";
	env->recipient_count = ENVELOPE_RECIPIENTS_MAX + 1;
	ck_assert_int_eq(envelope_encode(env, arena, &blob, &size, &e), -1);
}
END_TEST

START_TEST(every_cut_is_refused)
{
	size_t size, n;
	const void *blob = encode(sample(), &size);
	struct err e = { 0 };
	void *part;

	for (n = 0; n < size; n++) {
		/* in memory of exactly that size: the sanitizer sees a read behind it */
		part = xmemdup(blob, n);
		ck_assert_ptr_null(envelope_decode(part, n, arena, &e));
		ck_assert_int_eq(e.class, ERR_PERM);
		free(part);
	}
	part = arena_alloc(arena, size + 1);
	memcpy(part, blob, size);
	ck_assert_ptr_null(envelope_decode(part, size + 1, arena, &e));
}
END_TEST

/* Whatever one wrong byte makes of it: an envelope within its limits, or a reason. */
START_TEST(every_wrong_byte_is_survived)
{
	size_t size, at;
	const void *blob = encode(sample(), &size);
	struct envelope *out;
	struct arena *own;
	struct err e;
	unsigned char *bad;
	int value;

	for (at = 0; at < size; at++) {
		for (value = 0; value < 256; value++) {
			bad = xmemdup(blob, size);
			bad[at] = (unsigned char)value;
			own = arena_new();
			memset(&e, 0, sizeof(e));
			out = envelope_decode(bad, size, own, &e);
			ck_assert(out != NULL || e.class == ERR_PERM);
			ck_assert_uint_lt(arena_size(own), 64 * 1024);
			if (out != NULL)
				ck_assert_uint_le(strlen(out->subject), ENVELOPE_SUMMARY_MAX);
			arena_free(&own);
			free(bad);
		}
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("envelope");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, round_trip);
	tcase_add_loop_test(tc, older_versions, 1, 3);
	tcase_add_test(tc, empty_texts);
	tcase_add_test(tc, summaries_are_cut_between_characters);
	tcase_add_test(tc, limits_are_kept);
	tcase_add_test(tc, every_cut_is_refused);
	tcase_add_test(tc, every_wrong_byte_is_survived);
	return unit_run("envelope", &tc, 1);
}
