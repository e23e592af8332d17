/* machine.c - the delivery-status part: RFC 3464, in UTF-8 (RFC 6533 section 4) where an address of
 * it needs that. See text.h.
 */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "hubd/report/field.h"
#include "hubd/report/text.h"
#include "hubd/report/words.h"
#include "libhub/smtp/address.h"

/* Of all replies together, in bytes: each is cut when there are many. */
enum { REPLIES_MAX = 4 * 1024 * 1024, REPLY_MIN = 80 };

static bool needs_utf8(const struct report_parts *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!smtp_is_ascii(p->lines[i].address))
			return true;
	return false;
}

/* RFC 3464 section 2.1.2: a name, or an address literal. */
static void put_host(FILE *f, const char *field, const char *name)
{
	unsigned char binary[sizeof(struct in6_addr)];
	char literal[INET6_ADDRSTRLEN + 8];

	if (inet_pton(AF_INET, name, binary) == 1)
		snprintf(literal, sizeof(literal), "[%s]", name);
	else if (inet_pton(AF_INET6, name, binary) == 1)
		snprintf(literal, sizeof(literal), "[IPv6:%s]", name);
	else
		literal[0] = '\0';
	field_put(f, field, "dns", *literal != '\0' ? literal : name, false);
}

/* ENVID came as xtext (RFC 3461 section 5.3.5). */
static void put_envid(FILE *f, const char *envid)
{
	char text[ENVELOPE_TEXT_MAX];

	if (*envid != '\0' && smtp_xtext_decode(text, sizeof(text), envid, strlen(envid)) >= 0)
		field_put(f, "Original-Envelope-Id", NULL, text, false);
}

/* Where it came from, but not to strangers how it goes between our servers. */
static void put_received_from(FILE *f, const struct report_parts *p)
{
	const struct envelope *env = p->q->env;

	if (!p->within && env->auth == ENVELOPE_AUTH_HUB)
		return;
	if (smtp_hostname_is_valid(env->peer_name, strlen(env->peer_name)))
		put_host(f, "Received-From-MTA", env->peer_name);
	else if (*env->peer_address != '\0')
		put_host(f, "Received-From-MTA", env->peer_address);
}

/* ORCPT is "type;xtext" (RFC 3461 section 4.2), or "utf-8;" and text of RFC 6533 section 3. */
static void put_orcpt(FILE *f, const char *orcpt, bool utf8)
{
	const char *semi = strchr(orcpt, ';');
	char type[ENVELOPE_TEXT_MAX], text[3 * ENVELOPE_TEXT_MAX];
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
	snprintf(type, sizeof(type), "%.*s", (int)(semi - orcpt), orcpt);
	field_put(f, "Original-Recipient", type, text, utf8);
}

static void put_words(FILE *f, const struct report_parts *p, const struct report_line *l,
	bool utf8)
{
	size_t max = REPLIES_MAX / p->n > REPLY_MIN ? REPLIES_MAX / p->n : REPLY_MIN;
	size_t n = strlen(l->words);
	char *cut;

	if (n == 0)
		return;
	cut = n > max ? xstrndup(l->words, max) : NULL;
	field_put_folded(f, "Diagnostic-Code", l->from_peer ? "smtp" : "X-Hub-Transport",
		cut != NULL ? cut : l->words, utf8);
	free(cut);
}

static void put_recipient(FILE *f, const struct report_parts *p, const struct report_line *l,
	bool utf8)
{
	bool ended = l->kind != QUEUE_REPORT_DELAYED;

	fputs("\r\n", f);
	put_orcpt(f, l->orcpt, utf8);
	field_put(f, "Final-Recipient", smtp_is_ascii(l->address) ? "rfc822" : "utf-8", l->address,
		utf8);
	field_put(f, "Action", NULL, report_kinds[l->kind].action, false);
	field_put(f, "Status", NULL, l->status, false);
	if (*l->remote != '\0')
		put_host(f, "Remote-MTA", l->remote);
	put_words(f, p, l, utf8);
	field_put_date(f, "Last-Attempt-Date", p->now_s);
	if (ended)
		field_put(f, "Final-Log-ID", NULL, p->id, false);
	else
		field_put_date(f, "Will-Retry-Until", p->q->expires_ms / 1000);
}

void report_put_machine_part(FILE *f, const struct report_parts *p)
{
	bool utf8 = needs_utf8(p);
	size_t i;

	/* RFC 3464 section 2.1: the part in ASCII has no encoding */
	fprintf(f, "Content-Type: message/%s\r\n%s\r\n",
		utf8 ? "global-delivery-status" : "delivery-status",
		utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	put_envid(f, p->q->env->envid);
	put_host(f, "Reporting-MTA", p->reporting);
	put_received_from(f, p);
	field_put_date(f, "Arrival-Date", p->q->env->received_ms / 1000);
	for (i = 0; i < p->n; i++)
		put_recipient(f, p, &p->lines[i], utf8);
}
