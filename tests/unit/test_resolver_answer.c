/* test_resolver_answer.c - libhub/base/resolver_answer: which bytes of an answer count. */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/base/resolver_answer.h"
#include "unit.h"

#define HEADER(ns, ar) "\0\1\x81\x80\0\1\0\1\0" ns "\0" ar
#define QUESTION(type) "\1a\4test\0\0" type "\0\1"
#define ADDRESS "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
#define EXCHANGER "\xc0\x0c\0\xf\0\1\0\0\0\x3c\0\7\0\xa\2mx\xc0\xe"
#define ANSWER(ns, ar, rest) HEADER(ns, ar) QUESTION("\1") ADDRESS rest
#define MX_ANSWER(ns, ar, rest) HEADER(ns, ar) QUESTION("\xf") EXCHANGER rest
#define SERVER "\xc0\xe\0\2\0\1\0\0\0\x3c\0\5\2ns\xc0\xe"
#define OPTION "\0\0\x29\x10\0\0\0\0\0\0\0"
#define BYTES(text) text, sizeof(text) - 1

static int addr_of(const void *bytes, size_t n)
{
	/* so that a byte read behind it is seen */
	unsigned char *data = xmemdup(bytes, n);
	union resolver_sockaddr *addr = NULL;
	uint32_t ttl_s;
	size_t got;
	int rc;

	rc = resolver_answer_addr(data, (int)n, "a.test", AF_INET, 25, &addr, &got, &ttl_s);
	if (rc == ARES_SUCCESS) {
		const struct sockaddr_in *sin = (const void *)addr;

		ck_assert_uint_eq(got, 1);
		ck_assert_uint_eq(ttl_s, 60);
		ck_assert_uint_eq(ntohl(sin->sin_addr.s_addr), 0xc0000201);
	}
	free(addr);
	free(data);
	return rc;
}

static int mx_of(const void *bytes, size_t n)
{
	unsigned char *data = xmemdup(bytes, n);
	struct resolver_mx *mx = NULL;
	uint32_t ttl_s;
	bool null = false;
	size_t got;
	int rc;

	rc = resolver_answer_mx(data, (int)n, "a.test", &mx, &got, &null, &ttl_s);
	if (rc == ARES_SUCCESS) {
		ck_assert_uint_eq(got, 1);
		ck_assert(!null);
		ck_assert_str_eq(mx->host, "mx.test");
	}
	free(mx);
	free(data);
	return rc;
}

static const struct {
	int (*of)(const void *bytes, size_t n);
	const char *bytes;
	size_t n;
	int rc;
} rows[] = {
	{ addr_of, BYTES(ANSWER("\0", "\0", "")), ARES_SUCCESS },
	{ addr_of, BYTES(ANSWER("\1", "\1", SERVER OPTION)), ARES_SUCCESS },
	/* behind the message */
	{ addr_of, BYTES(ANSWER("\0", "\0", "x")), ARES_SUCCESS },
	{ addr_of, BYTES(ANSWER("\0", "\1", OPTION "\0")), ARES_SUCCESS },
	{ mx_of, BYTES(MX_ANSWER("\0", "\0", "")), ARES_SUCCESS },
	{ mx_of, BYTES(MX_ANSWER("\0", "\0", "\0\0")), ARES_SUCCESS },
	/* authority, additional: absent, cut, no name, too long */
	{ addr_of, BYTES(ANSWER("\1", "\0", "")), ARES_SUCCESS },
	{ addr_of, BYTES(ANSWER("\0", "\2", OPTION)), ARES_SUCCESS },
	{ addr_of, BYTES(ANSWER("\0", "\1", "\0\0\x29\x10")), ARES_SUCCESS },
	{ addr_of, BYTES(ANSWER("\1", "\1", "\x80" OPTION)), ARES_SUCCESS },
	{ mx_of, BYTES(MX_ANSWER("\0", "\1", "\0\0\x29\x10\0\0\0\0\0\xff\xff")), ARES_SUCCESS },
	/* what counts */
	{ addr_of, BYTES(HEADER("\0", "\0") QUESTION("\1") "\x80" ADDRESS), ARES_EBADRESP },
	{ mx_of, BYTES(ANSWER("\0", "\0", "")), ARES_ENODATA },
};

START_TEST(only_question_and_answers_count)
{
	ck_assert_int_eq(rows[_i].of(rows[_i].bytes, rows[_i].n), rows[_i].rc);
}
END_TEST

START_TEST(cut_anywhere)
{
	static const char addr[] = ANSWER("\0", "\0", ""), mx[] = MX_ANSWER("\0", "\0", "");
	size_t n;

	for (n = 1; n < sizeof(addr) - 1; n++)
		ck_assert_int_eq(addr_of(addr, n), ARES_EBADRESP);
	for (n = 1; n < sizeof(mx) - 1; n++)
		ck_assert_int_eq(mx_of(mx, n), ARES_EBADRESP);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("answers");

	tcase_add_loop_test(c, only_question_and_answers_count, 0,
		sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(c, cut_anywhere);
	return unit_run("resolver_answer", &c, 1);
}
