/* trace.c - see trace.h */
#include "hubd/receive/trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/err.h"

struct text {
	char *buf;
	size_t used;
};

static void add(struct text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add(struct text *t, const char *fmt, ...)
{
	size_t room = TRACE_MAX - t->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->used, room, fmt, ap);
	va_end(ap);
	/* every part is bounded by the caller's limits: helo and names 255, recipient 320 */
	BUG_ON(n < 0 || (size_t)n >= room);
	t->used += (size_t)n;
}

/* The names of RFC 3848 and RFC 6531 section 4.3. */
static const char *protocol(const struct trace *t)
{
	static const char *const names[2][2][2] = {
		{ { "ESMTP", "ESMTPA" }, { "ESMTPS", "ESMTPSA" } },
		{ { "UTF8SMTP", "UTF8SMTPA" }, { "UTF8SMTPS", "UTF8SMTPSA" } },
	};

	if (!t->esmtp)
		return "SMTP";
	return names[t->utf8][t->tls_version != NULL][t->authenticated];
}

size_t trace_format(const struct trace *t, char buf[TRACE_MAX])
{
	struct text out = { .buf = buf };
	bool v6 = strchr(t->peer_address, ':') != NULL;
	char date[64];

	add(&out, "Received: from %.255s ([%s%.64s])\r\n", t->helo, v6 ? "IPv6:" : "",
		t->peer_address);
	if (t->tls_version != NULL)
		add(&out, "\t(using %.32s with cipher %.64s (%d bits))\r\n", t->tls_version,
			t->tls_cipher != NULL ? t->tls_cipher : "unknown", t->tls_bits);
	add(&out, "\tby %.255s with %s id %.32s", t->by, protocol(t), t->id);
	if (t->recipient != NULL)
		add(&out, "\r\n\tfor <%.320s>", t->recipient);
	clock_rfc5322(t->wall_s, date, sizeof(date));
	add(&out, ";\r\n\t%s\r\n", date);
	return out.used;
}
