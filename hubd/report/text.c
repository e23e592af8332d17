/* text.c - a report as a message, but for the original in it. See text.h. Layout by RFC 6522
 * (multipart/report), RFC 3464 (delivery-status) and RFC 6533 (where addresses or the original have
 * UTF-8).
 */
#include "hubd/report/text.h"

#include <string.h>

#include "hubd/report/field.h"
#include "hubd/report/words.h"
#include "libhub/smtp/address.h"

enum {
	/* bytes that make an encoded word of at most 75 (RFC 2047 section 2) in base64 */
	ENCODED_MAX = 45,
};

static enum queue_report_kind gravest(const struct report_parts *p)
{
	enum queue_report_kind kind = p->lines[0].kind;
	size_t i;

	for (i = 1; i < p->n; i++)
		if (p->lines[i].kind < kind)
			kind = p->lines[i].kind;
	return kind;
}

/* Bytes of UTF-8 text up to max that end with a character. */
static size_t whole_characters(const char *text, size_t n, size_t max)
{
	if (n <= max)
		return n;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void put_base64(FILE *f, const char *text, size_t n)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text;
	size_t i;

	for (i = 0; i < n; i += 3) {
		unsigned v = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) |
			(i + 2 < n ? p[i + 2] : 0);

		fputc(digits[v >> 18], f);
		fputc(digits[v >> 12 & 63], f);
		fputc(i + 1 < n ? digits[v >> 6 & 63] : '=', f);
		fputc(i + 2 < n ? digits[v & 63] : '=', f);
	}
}

/* UTF-8 in a header that has none elsewhere (RFC 2047). */
static void put_encoded(FILE *f, const char *text)
{
	size_t left = strlen(text), n;

	for (; left > 0; text += n, left -= n) {
		n = whole_characters(text, left, ENCODED_MAX);
		fputs("\r\n =?utf-8?B?", f);
		put_base64(f, text, n);
		fputs("?=", f);
	}
	fputs("\r\n", f);
}

/* Where the encoded word "=?charset?Q?text?=" that begins here has its "?="; NULL if it is cut. */
static const char *encoded_word_end(const char *word)
{
	const char *p = strchr(word + 2, '?');

	p = p != NULL ? strchr(p + 1, '?') : NULL;
	return p != NULL ? strstr(p + 1, "?=") : NULL;
}

/* The original's, which the envelope may have cut: not amidst a character or an encoded word. */
static size_t subject_length(const char *subject)
{
	size_t n = strlen(subject);
	const char *open, *end;

	if (n < ENVELOPE_SUMMARY_MAX)
		return n;
	while (n > 0 && ((unsigned char)subject[n - 1] & 0xc0) == 0x80)
		n--;
	if (n > 0 && (unsigned char)subject[n - 1] >= 0xc0)
		n--;
	for (open = end = subject; (open = strstr(open, "=?")) != NULL; open = end + 2) {
		end = encoded_word_end(open);
		if (end == NULL || end[2] != ' ')
			return (size_t)(open - subject);
	}
	return n;
}

static void put_subject(FILE *f, const struct report_parts *p)
{
	const struct report_kind_words *words = &report_kinds[gravest(p)];
	const char *whole = p->q->env->subject;
	char subject[ENVELOPE_TEXT_MAX], line[ENVELOPE_TEXT_MAX + 64];

	snprintf(subject, sizeof(subject), "%.*s", (int)subject_length(whole), whole);
	if (*subject == '\0' || !smtp_utf8_is_valid(subject, strlen(subject))) {
		field_put(f, "Subject", NULL, words->bare, false);
	} else if (smtp_is_ascii(subject)) {
		snprintf(line, sizeof(line), "%s%s", words->subject, subject);
		field_put_folded(f, "Subject", NULL, line, false);
	} else {
		fprintf(f, "Subject: %.*s", (int)strcspn(words->subject, " "), words->subject);
		put_encoded(f, subject);
	}
}

/* RFC 3834 section 3.1.5; a cut or strange Message-ID refers to nothing. */
static void put_references(FILE *f, const struct report_parts *p)
{
	const char *id = p->q->env->message_id;
	size_t n = strlen(id);

	if (n < 3 || n >= ENVELOPE_SUMMARY_MAX || id[0] != '<' || strchr(id, '>') != id + n - 1 ||
		strpbrk(id, " \t") != NULL || !smtp_is_ascii(id))
		return;
	field_put(f, "In-Reply-To", NULL, id, false);
	field_put(f, "References", NULL, id, false);
}

static void put_header(FILE *f, const struct report_parts *p)
{
	fprintf(f, "From: Mail Delivery System <%s>\r\nTo: <", p->from);
	field_put_clean(f, p->to, true);
	fputs(">\r\n", f);
	put_subject(f, p);
	field_put_date(f, "Date", p->now_s);
	field_put(f, "Message-ID", NULL, p->message_id, false);
	put_references(f, p);
	/* RFC 3834 section 5 */
	fprintf(f, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status;\r\n"
		"\tboundary=\"%s\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", p->boundary);
}

static void put_boundary(FILE *f, const struct report_parts *p)
{
	fprintf(f, "\r\n--%s\r\n", p->boundary);
}

static void put_people_part(FILE *f, const struct report_parts *p)
{
	size_t size;
	char *text = report_people_text(p, &size);
	bool ascii = smtp_is_ascii(text);

	fprintf(f, "Content-Type: text/plain; charset=%s\r\nContent-Transfer-Encoding: %s\r\n"
		"\r\n", ascii ? "us-ascii" : "utf-8", ascii ? "7bit" : "8bit");
	fwrite(text, 1, size, f);
	free(text);
}

static const char *original_type(const struct report_parts *p)
{
	if (p->q->env->smtputf8)
		return p->whole ? "message/global" : "message/global-headers";
	return p->whole ? "message/rfc822" : "text/rfc822-headers";
}

char *report_text(const struct report_parts *p, size_t *size)
{
	char *text;
	FILE *f = open_memstream(&text, size);

	BUG_ON(f == NULL);
	put_header(f, p);
	fputs("This is a report of delivery in MIME format.\r\n", f);
	put_boundary(f, p);
	put_people_part(f, p);
	put_boundary(f, p);
	report_put_machine_part(f, p);
	put_boundary(f, p);
	fprintf(f, "Content-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
		original_type(p));
	BUG_ON(fclose(f) != 0);
	return text;
}

char *report_tail(const struct report_parts *p, size_t *size)
{
	char *text;
	FILE *f = open_memstream(&text, size);

	BUG_ON(f == NULL);
	fprintf(f, "\r\n--%s--\r\n", p->boundary);
	BUG_ON(fclose(f) != 0);
	return text;
}
