/* reply.c - making, writing and reading replies. */
#include "libhub/smtp/reply.h"

#include "libhub/smtp/chars_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	WIRE_LINE_MAX = 510,	/* 512 with CRLF */
	/* text stops here, so that every line break, and the NUL, still has its place */
	TEXT_ROOM = SMTP_REPLY_TEXT_MAX - SMTP_REPLY_LINES_MAX,
};

/* Appends n bytes as printable ASCII. */
static void append(struct smtp_reply *r, const char *p, size_t n)
{
	size_t i, room = r->length < TEXT_ROOM ? TEXT_ROOM - r->length : 0;

	if (n > room) {
		n = room;
		r->truncated = true;
	}
	for (i = 0; i < n; i++)
		r->text[r->length + i] = p[i] >= 0x20 && p[i] < 0x7f ? p[i] : '?';
	r->length = (uint16_t)(r->length + n);
	r->text[r->length] = '\0';
}

/* Begins another line of the text; always fits. */
static void append_break(struct smtp_reply *r)
{
	BUG_ON(r->length + 1 >= SMTP_REPLY_TEXT_MAX);
	r->text[r->length++] = '\n';
	r->text[r->length] = '\0';
}

static void append_format(struct smtp_reply *r, const char *fmt, va_list ap)
{
	char line[WIRE_LINE_MAX];
	int n = vsnprintf(line, sizeof(line), fmt, ap);

	BUG_ON(n < 0);
	append(r, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
	r->lines++;
}

void smtp_reply_begin(struct smtp_reply *r)
{
	r->code = 0;
	r->enhanced = (struct smtp_enhanced){ 0, 0, 0 };
	r->lines = 0;
	r->truncated = false;
	r->complete = false;
	r->length = 0;
	r->text[0] = '\0';
}

void smtp_reply_set(struct smtp_reply *r, int code, const char *enhanced, const char *fmt, ...)
{
	va_list ap;

	smtp_reply_begin(r);
	BUG_ON(code < 200 || code > 599);
	r->code = code;
	if (enhanced != NULL)
		BUG_ON(smtp_enhanced_parse(&r->enhanced, enhanced, strlen(enhanced)) == 0);
	va_start(ap, fmt);
	append_format(r, fmt, ap);
	va_end(ap);
	r->complete = true;
}

void smtp_reply_add_line(struct smtp_reply *r, const char *fmt, ...)
{
	va_list ap;

	BUG_ON(r->code == 0);
	if (r->lines >= SMTP_REPLY_LINES_MAX)
		return;
	append_break(r);
	va_start(ap, fmt);
	append_format(r, fmt, ap);
	va_end(ap);
}

const char *smtp_reply_line(const struct smtp_reply *r, unsigned n, size_t *length)
{
	const char *p = r->text, *end;

	while (n-- > 0) {
		p = strchr(p, '\n');
		if (p == NULL)
			return NULL;
		p++;
	}
	end = strchrnul(p, '\n');
	*length = (size_t)(end - p);
	return p;
}

static size_t enhanced_print(const struct smtp_enhanced *x, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%u.%u.%u ", (unsigned)x->class, (unsigned)x->subject,
		(unsigned)x->detail);

	BUG_ON(n < 0 || (size_t)n >= size);
	return (size_t)n;
}

size_t smtp_reply_format(const struct smtp_reply *r, bool with_enhanced, char *buf)
{
	char prefix[16];
	const char *p = r->text, *end;
	size_t length = 0, prefix_length = 0, n;
	bool last;

	if (with_enhanced && r->enhanced.class != 0)
		prefix_length = enhanced_print(&r->enhanced, prefix, sizeof(prefix));
	do {
		end = strchrnul(p, '\n');
		last = *end == '\0';
		n = (size_t)(end - p);
		if (n > WIRE_LINE_MAX - 4 - prefix_length)
			n = WIRE_LINE_MAX - 4 - prefix_length;
		/* 100 lines of prefix and the text always fit; see the limits in reply.h */
		BUG_ON(length + 4 + prefix_length + n + 2 >= SMTP_REPLY_WIRE_MAX);
		length += (size_t)sprintf(buf + length, "%03d%c", r->code, last ? ' ' : '-');
		memcpy(buf + length, prefix, prefix_length);
		memcpy(buf + length + prefix_length, p, n);
		length += prefix_length + n;
		memcpy(buf + length, "\r\n", 3);
		length += 2;
		p = end + 1;
	} while (!last);
	return length;
}

const char *smtp_reply_status(const struct smtp_reply *r, char *buf)
{
	struct smtp_enhanced x = r->enhanced;
	int n;

	if (x.class == 0)
		x.class = (uint8_t)(r->code / 100);
	n = snprintf(buf, SMTP_STATUS_SIZE, "%u.%u.%u", (unsigned)x.class, (unsigned)x.subject,
		(unsigned)x.detail);
	BUG_ON(n < 0 || n >= SMTP_STATUS_SIZE);
	return buf;
}

/* A number of up to three digits without leading zero; bytes taken. */
static size_t read_number(uint16_t *value, const char *p, size_t n)
{
	size_t i;

	*value = 0;
	for (i = 0; i < n && i < 3 && smtp_is_digit(p[i]); i++)
		*value = (uint16_t)(*value * 10 + (p[i] - '0'));
	return i > 1 && p[0] == '0' ? 0 : i;
}

size_t smtp_enhanced_parse(struct smtp_enhanced *x, const char *p, size_t n)
{
	struct smtp_enhanced found;
	size_t at = 2, taken;

	if (n < 5 || (p[0] != '2' && p[0] != '4' && p[0] != '5') || p[1] != '.')
		return 0;
	found.class = (uint8_t)(p[0] - '0');
	taken = read_number(&found.subject, p + at, n - at);
	at += taken;
	if (taken == 0 || at >= n || p[at] != '.')
		return 0;
	at++;
	taken = read_number(&found.detail, p + at, n - at);
	at += taken;
	if (taken == 0 || (at < n && p[at] != ' ' && p[at] != '\t'))
		return 0;
	*x = found;
	return at;
}

/* For messages: the beginning of a line, printable. */
static const char *excerpt(const char *line, size_t n, char *buf, size_t size)
{
	size_t i;

	for (i = 0; i < n && i < size - 1; i++)
		buf[i] = line[i] >= 0x20 && line[i] < 0x7f ? line[i] : '?';
	buf[i] = '\0';
	return buf;
}

/* The code of a line, or -1. */
static int read_code(const char *line, size_t n)
{
	if (n < 3 || line[0] < '2' || line[0] > '5' || !smtp_is_digit(line[1])
		|| !smtp_is_digit(line[2]))
		return -1;
	if (n > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\t')
		return -1;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/* Takes the text behind the code, less an enhanced code that fits it. */
static void take_text(struct smtp_reply *r, const char *p, size_t n)
{
	struct smtp_enhanced x;
	size_t taken;

	while (n > 0 && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\r'))
		n--;
	while (n > 0 && (*p == ' ' || *p == '\t'))
		p++, n--;
	taken = smtp_enhanced_parse(&x, p, n);
	/* RFC 2034 §4: the class is the first digit of the code; else it is just text */
	if (taken > 0 && x.class == r->code / 100) {
		if (r->enhanced.class == 0)
			r->enhanced = x;
		p += taken;
		n -= taken;
		while (n > 0 && (*p == ' ' || *p == '\t'))
			p++, n--;
	}
	append(r, p, n);
}

int smtp_reply_feed(struct smtp_reply *r, const char *line, size_t n, struct err *e)
{
	char shown[60];
	int code;

	BUG_ON(r->complete);
	if (n > SMTP_REPLY_LINE_MAX)
		return err_set(e, ERR_TEMP, 0, "reply line of %zu bytes, longest allowed is %d", n,
			SMTP_REPLY_LINE_MAX);
	if (r->lines >= SMTP_REPLY_LINES_MAX)
		return err_set(e, ERR_TEMP, 0, "reply of more than %d lines", SMTP_REPLY_LINES_MAX);
	code = read_code(line, n);
	if (code < 0)
		return err_set(e, ERR_TEMP, 0, "not an SMTP reply: \"%s\"",
			excerpt(line, n, shown, sizeof(shown)));
	if (r->lines > 0 && code != r->code)
		return err_set(e, ERR_TEMP, 0, "reply begins with code %d and goes on with %d",
			r->code, code);
	r->code = code;
	if (r->lines++ > 0)
		append_break(r);
	if (n > 4)
		take_text(r, line + 4, n - 4);
	r->complete = n < 4 || line[3] != '-';
	return r->complete ? 0 : 1;
}

const char *smtp_reply_join(const struct smtp_reply *r, char *buf, size_t size)
{
	static const char cut[] = " [...]";
	char enhanced[16] = "";
	const char *p;
	size_t length, begin;
	int n;

	BUG_ON(size == 0);
	if (r->enhanced.class != 0)
		enhanced_print(&r->enhanced, enhanced, sizeof(enhanced));
	n = snprintf(buf, size, "%03d %s", r->code, enhanced);
	begin = length = (size_t)n < size ? (size_t)n : size - 1;
	for (p = r->text; *p != '\0' && length + 2 < size; p++) {
		if (*p == '\n' && (p[1] == '\n' || p[1] == '\0' || length == begin))
			continue;
		if (*p == '\n') {
			buf[length++] = ';';
			buf[length++] = ' ';
		} else {
			buf[length++] = *p;
		}
	}
	while (length > 0 && buf[length - 1] == ' ')
		length--;
	buf[length] = '\0';
	if (r->truncated && length + sizeof(cut) <= size)
		memcpy(buf + length, cut, sizeof(cut));
	return buf;
}
