/* fuzz_checks.c - see fuzz_checks.h */
#include "fuzz_checks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"

struct sink sink_new(size_t room)
{
	return (struct sink){ xmalloc(room + 1), 0, room };
}

void sink_free(struct sink *s)
{
	free(s->text);
}

void sink_take(void *ctx, const char *p, size_t n)
{
	struct sink *s = ctx;

	BUG_ON(n == 0 || n > s->room - s->length);
	memcpy(s->text + s->length, p, n);
	s->length += n;
}

bool sink_same(const struct sink *a, const struct sink *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

void check_reply(const struct smtp_reply *r)
{
	char wire[SMTP_REPLY_WIRE_MAX], joined[SMTP_REPLY_JOINED_MAX];
	struct smtp_reply back;
	const char *p = wire, *end;
	struct err e;
	int rc = 1;

	smtp_reply_join(r, joined, sizeof(joined));
	BUG_ON(smtp_reply_format(r, true, wire) != strlen(wire));
	smtp_reply_begin(&back);
	while (*p != '\0') {
		end = strstr(p, "\r\n");
		BUG_ON(end == NULL || end - p > 510 || rc != 1);
		rc = smtp_reply_feed(&back, p, (size_t)(end - p), &e);
		p = end + 2;
	}
	BUG_ON(rc != 0 || back.code != r->code || back.lines != r->lines);
}

void check_address(const struct smtp_address *a)
{
	struct smtp_address back;
	struct err e = { 0 };

	BUG_ON(a->length > SMTP_ADDRESS_MAX || strlen(a->text) != a->length);
	BUG_ON(a->domain > a->length);
	BUG_ON(strpbrk(a->text, "\r\n") != NULL);
	BUG_ON(smtp_address_parse(&back, a->text, a->length, SMTP_ADDRESS_NULL
		| SMTP_ADDRESS_POSTMASTER | SMTP_ADDRESS_UTF8, &e) != 0);
	BUG_ON(!smtp_address_equal(a, &back) || a->domain != back.domain
		|| a->literal != back.literal);
}

bool cut_size(const char **p, size_t *n, size_t *piece)
{
	if (*n < 1)
		return false;
	*piece = (uint8_t)**p - (size_t)'0';
	if (*piece == 0 || *piece >= 208)
		*piece = 1;
	++*p;
	--*n;
	return true;
}
