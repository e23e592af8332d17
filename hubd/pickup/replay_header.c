/* replay_header.c - the envelope from lines before the message. See file_header.h.
 *
 * X-Sender and X-Receiver are read as what they are, the arguments of MAIL and RCPT. The block ends
 * with X-EndOfInjectedXHeaders or with the first field that is none of it; behind it the same names
 * are fields of the message like any other.
 */
#include <arpa/inet.h>
#include <string.h>

#include "hubd/pickup/file_header_priv.h"
#include "libhub/smtp/command.h"

enum { PARAMETERS = SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_BINARYMIME | SMTP_EXT_DSN |
	SMTP_EXT_SMTPUTF8 | SMTP_EXT_AUTH };

static int parse(struct reading *r, const char *verb, const struct field *f,
	struct smtp_command *c)
{
	const struct smtp_command_context context = { .extensions = PARAMETERS,
		.utf8 = r->out->smtputf8 };
	char line[SMTP_COMMAND_MAX];
	struct smtp_reply why;
	int n = snprintf(line, sizeof(line), "%s:%s", verb, f->value);

	if (n < 0 || (size_t)n >= sizeof(line))
		return file_rule(r, "envelope", "%s is longer than a command", f->name);
	if (smtp_command_parse(c, line, (size_t)n, &context, &why) != 0)
		return file_rule(r, "envelope", "%s: %.120s", f->name, why.text);
	return 0;
}

static enum envelope_body body_of(enum smtp_body b)
{
	return b == SMTP_BODY_BINARYMIME ? ENVELOPE_BODY_BINARYMIME :
		b == SMTP_BODY_8BITMIME ? ENVELOPE_BODY_8BITMIME : ENVELOPE_BODY_7BIT;
}

static int take_sender(struct reading *r, const struct field *f)
{
	struct file_header *h = r->out;
	struct smtp_command c;
	const struct smtp_command_mail *mail = &c.mail;

	if (r->has_sender)
		return file_rule(r, "envelope", "more than one X-Sender");
	if (parse(r, "MAIL FROM", f, &c) != 0)
		return -1;
	r->has_sender = true;
	h->sender = arena_strndup(r->arena, mail->from.text, mail->from.length);
	h->envid = arena_strdup(r->arena, mail->envid);
	h->ret = mail->ret == SMTP_RET_FULL ? ENVELOPE_RET_FULL :
		mail->ret == SMTP_RET_HDRS ? ENVELOPE_RET_HDRS : ENVELOPE_RET_NONE;
	h->body = body_of(mail->body);
	h->body_given = mail->body != SMTP_BODY_UNSPECIFIED;
	h->smtputf8 = mail->utf8;
	h->submitter_given = mail->auth_given;
	if (mail->auth_given)
		h->submitter = arena_strndup(r->arena, mail->auth.text, mail->auth.length);
	return 0;
}

static int take_receiver(struct reading *r, const struct field *f)
{
	struct envelope_recipient to = { .original = "" };
	struct smtp_command c;

	/* SMTPUTF8 of X-Sender says how the others are read */
	if (!r->has_sender)
		return file_rule(r, "envelope", "X-Receiver before X-Sender");
	if (parse(r, "RCPT TO", f, &c) != 0)
		return -1;
	to.address = arena_strndup(r->arena, c.rcpt.to.text, c.rcpt.to.length);
	to.orcpt = arena_strdup(r->arena, c.rcpt.orcpt);
	to.notify = c.rcpt.notify;	/* the same bits, see verb_rcpt.c */
	return file_add_recipient(r, &to);
}

static int take_created_by(struct reading *r, const struct field *f)
{
	if (*f->value == '\0')
		return file_rule(r, "envelope", "X-CreatedBy is empty");
	r->out->created_by = f->value;
	return 0;
}

static int take_end(struct reading *r, const struct field *f)
{
	if (*f->value == '\0' || f->value[strspn(f->value, "0123456789")] != '\0')
		return file_rule(r, "envelope", "X-EndOfInjectedXHeaders is no number");
	r->injected_over = true;
	return 0;
}

static int take_helo(struct reading *r, const struct field *f)
{
	if (strlen(f->value) > SMTP_DOMAIN_MAX)
		return file_rule(r, "envelope", "X-HeloDomain is longer than a domain");
	r->out->helo = f->value;
	return 0;
}

static int take_address(struct reading *r, const struct field *f)
{
	struct in6_addr any;

	if (inet_pton(AF_INET, f->value, &any) != 1 && inet_pton(AF_INET6, f->value, &any) != 1)
		return file_rule(r, "envelope", "X-SourceIPAddress is no address");
	r->out->address = f->value;
	return 0;
}

static int take_nothing(struct reading *r, const struct field *f)
{
	(void)r;
	(void)f;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct reading *r, const struct field *f);
} lines[] = {
	{ "X-Sender", take_sender }, { "X-Receiver", take_receiver },
	{ "X-Receiver-Address", take_nothing }, { "X-CreatedBy", take_created_by },
	{ "X-EndOfInjectedXHeaders", take_end }, { "X-HeloDomain", take_helo },
	{ "X-SourceIPAddress", take_address }, { "X-Source", take_nothing },
	{ "X-ExtendedMessageProps", take_nothing },
};

int replay_take(struct reading *r, const struct field *f)
{
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (field_is(f, lines[i].name))
			return lines[i].take(r, f) == 0 ? 1 : -1;
	r->injected_over = true;
	return 0;
}

int replay_end(struct reading *r)
{
	if (!r->has_sender)
		return file_rule(r, "envelope", "no X-Sender before the message's own header");
	if (r->out->recipient_count == 0)
		return file_rule(r, "envelope", "no X-Receiver before the message's own header");
	return 0;
}
