/* text.c - see text.h. Layout by RFC 3462 (multipart/report), RFC 3464 (delivery-status) and RFC
 * 6533 (where addresses or the original have UTF-8).
 */
#include "hubd/report/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/clock.h"
#include "libhub/smtp/address.h"

static const struct {
	const char *subject, *action, *opening, *closing;
} kinds[] = {
	[QUEUE_REPORT_FAILED] = { "Undeliverable: your message could not be delivered", "failed",
		"Your message could not be delivered to these recipients:",
		"No further attempt will be made. If the reason above does not help you, ask "
		"your\r\n"
		"mail administrator and show this report." },
	[QUEUE_REPORT_DELAYED] = { "Delayed: your message has not been delivered yet", "delayed",
		"Your message has not been delivered to these recipients yet:",
		"You need not send it again. Further attempts will be made." },
	[QUEUE_REPORT_DELIVERED] = { "Delivered: your message has arrived", "delivered",
		"Your message was delivered to these recipients:",
		"You receive this because a report of success was asked for." },
	[QUEUE_REPORT_RELAYED] = { "Relayed: your message was handed on", "relayed",
		"Your message was handed on for these recipients, to a system that sends no "
		"reports\r\n"
		"of success:",
		"You receive this because a report of success was asked for." },
};

/* Texts of peers and senders end up in header-like lines: no line ends, no control bytes. */
static void put_clean(FILE *f, const char *s)
{
	for (; *s != '\0'; s++)
		fputc((unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s, f);
}

/* Fields of a plain delivery-status part are ASCII. */
static void put_field(FILE *f, const char *s, bool utf8)
{
	for (; *s != '\0'; s++)
		fputc((unsigned char)*s < ' ' || *s == 0x7f ? ' ' :
			(unsigned char)*s > 0x7f && !utf8 ? '?' : *s, f);
}

static bool has_utf8_recipient(const struct report_request *q, const struct report_parts *p)
{
	size_t i;

	for (i = 0; i < p->due_n; i++)
		if (!smtp_is_ascii(q->env->recipients[q->v[p->due[i]].i].address))
			return true;
	return false;
}

static void put_header(FILE *f, const struct report_request *q, const struct report_parts *p)
{
	char date[64];

	clock_rfc5322(p->now_s, date, sizeof(date));
	fprintf(f, "From: Mail Delivery System <%s>\r\nTo: <", p->from);
	put_clean(f, p->to);
	fprintf(f, ">\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: %s\r\n", kinds[q->kind].subject,
		date,
		p->message_id);
	/* RFC 3834 section 5 */
	fprintf(f, "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status;\r\n"
		"\tboundary=\"%s\"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", p->boundary);
}

static void put_people_part(FILE *f, const struct report_request *q, const struct report_parts *p)
{
	size_t i;

	fprintf(f, "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 8bit\r\n\r\nThis is the mail system at %s.\r\n\r\n"
		"%s\r\n\r\n",
		p->boundary, p->reporting, kinds[q->kind].opening);
	for (i = 0; i < p->due_n; i++) {
		const struct queue_report_recipient *r = &q->v[p->due[i]];

		fputs("  ", f);
		put_clean(f, q->env->recipients[r->i].address);
		fputs("\r\n    ", f);
		if (r->from_peer && *q->remote != '\0')
			fprintf(f, "%s said: ", q->remote);
		put_clean(f, r->diagnostic);
		fputs("\r\n", f);
	}
	fprintf(f, "\r\n%s\r\n\r\n", kinds[q->kind].closing);
}

/* ENVID came as xtext (RFC 3461 section 5.3.5). */
static void put_envid(FILE *f, const char *envid)
{
	char text[ENVELOPE_TEXT_MAX];

	if (*envid == '\0' || smtp_xtext_decode(text, sizeof(text), envid, strlen(envid)) < 0)
		return;
	fputs("Original-Envelope-Id: ", f);
	put_clean(f, text);
	fputs("\r\n", f);
}

/* ORCPT is "type;xtext" (RFC 3461 section 4.2), or "utf-8;" and text of RFC 6533 section 3. */
static void put_orcpt(FILE *f, const char *orcpt, bool utf8)
{
	const char *semi = strchr(orcpt, ';');
	char text[3 * ENVELOPE_TEXT_MAX];
	int n;

	if (semi == NULL)
		return;
	if (strncasecmp(orcpt, "utf-8;", 6) != 0)
		n = smtp_xtext_decode(text, sizeof(text), semi + 1, strlen(semi + 1));
	else if (utf8)
		n = smtp_utf8_address_decode(text, sizeof(text), semi + 1, strlen(semi + 1));
	else
		n = smtp_utf8_address_encode(text, sizeof(text), semi + 1, strlen(semi + 1), false);
	if (n < 0)
		return;
	fprintf(f, "Original-Recipient: %.*s; ", (int)(semi - orcpt), orcpt);
	put_clean(f, text);
	fputs("\r\n", f);
}

static void put_recipient(FILE *f, const struct report_request *q, const struct report_parts *p,
	const struct queue_report_recipient *r, bool utf8)
{
	const struct envelope_recipient *to = &q->env->recipients[r->i];
	char date[64];

	fputs("\r\n", f);
	put_orcpt(f, to->orcpt, utf8);
	fprintf(f, "Final-Recipient: %s; ", smtp_is_ascii(to->address) ? "rfc822" : "utf-8");
	put_clean(f, to->address);
	fprintf(f, "\r\nAction: %s\r\nStatus: %s\r\n", kinds[q->kind].action, r->status);
	if (*q->remote != '\0')
		fprintf(f, "Remote-MTA: dns; %s\r\n", q->remote);
	fprintf(f, "Diagnostic-Code: %s; ", r->from_peer ? "smtp" : "X-Hub-Transport");
	put_field(f, r->diagnostic, utf8);
	clock_rfc5322(p->now_s, date, sizeof(date));
	fprintf(f, "\r\nLast-Attempt-Date: %s\r\n", date);
	if (q->kind == QUEUE_REPORT_DELAYED) {
		clock_rfc5322(q->expires_ms / 1000, date, sizeof(date));
		fprintf(f, "Will-Retry-Until: %s\r\n", date);
	}
}

static void put_machine_part(FILE *f, const struct report_request *q, const struct report_parts *p)
{
	bool utf8 = has_utf8_recipient(q, p);
	char date[64];
	size_t i;

	clock_rfc5322(q->env->received_ms / 1000, date, sizeof(date));
	fprintf(f, "--%s\r\nContent-Type: message/%s\r\n%s\r\n", p->boundary,
		utf8 ? "global-delivery-status" : "delivery-status",
		utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	put_envid(f, q->env->envid);
	fprintf(f, "Reporting-MTA: dns; %s\r\nArrival-Date: %s\r\n", p->reporting, date);
	for (i = 0; i < p->due_n; i++)
		put_recipient(f, q, p, &q->v[p->due[i]], utf8);
}

static const char *original_type(const struct report_request *q, const struct report_parts *p)
{
	if (q->env->smtputf8)
		return p->whole ? "message/global" : "message/global-headers";
	return p->whole ? "message/rfc822" : "text/rfc822-headers";
}

char *report_text(const struct report_request *q, const struct report_parts *p, size_t *size)
{
	char *text;
	FILE *f = open_memstream(&text, size);

	BUG_ON(f == NULL);
	put_header(f, q, p);
	put_people_part(f, q, p);
	put_machine_part(f, q, p);
	fprintf(f, "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
		p->boundary, original_type(q, p));
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
