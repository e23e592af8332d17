/* command_params.c - the ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2, esmtp-param). */
#include "libhub/smtp/command_priv.h"

#include "libhub/smtp/chars_priv.h"

#include <string.h>
#include <strings.h>

enum {
	AUTH_VALUE_MAX = 500,	/* RFC 4954 §3 (6) */
	ORCPT_TYPE_MAX = 40,
};

/* One parameter as it stands in the line. */
struct param {
	const char *value;	/* NULL: there was no "=" */
	size_t length;
	struct smtp_args *in;
	union {
		struct smtp_command_mail *mail;
		struct smtp_command_rcpt *rcpt;
	};
};

struct param_row {
	const char *name;
	uint32_t extension;	/* without it the parameter is unknown */
	int (*parse)(struct param *p);	/* -1: reply is set */
};

static int bad(struct param *p, const char *text)
{
	smtp_reply_set(p->in->error, 501, "5.5.4", "%s", text);
	return -1;
}

static int not_offered(struct param *p, const char *what)
{
	smtp_reply_set(p->in->error, 555, "5.5.4", "not offered here: %s", what);
	return -1;
}

int smtp_args_number(uint64_t *value, const char *p, size_t n)
{
	uint64_t v = 0;
	size_t i;

	if (n == 0 || n > 20)
		return -1;
	for (i = 0; i < n; i++) {
		if (!smtp_is_digit(p[i]))
			return -1;
		if (__builtin_mul_overflow(v, 10u, &v)
			|| __builtin_add_overflow(v, (uint64_t)(p[i] - '0'), &v))
			return -1;
	}
	*value = v;
	return 0;
}

static bool value_is(const struct param *p, const char *word)
{
	return p->value != NULL && p->length == strlen(word)
		&& strncasecmp(p->value, word, p->length) == 0;
}

static int parse_size(struct param *p)
{
	if (p->value == NULL || smtp_args_number(&p->mail->size, p->value, p->length) != 0)
		return bad(p, "SIZE= needs a number of bytes");
	p->mail->size_given = true;
	return 0;
}

static int parse_body(struct param *p)
{
	if (value_is(p, "7BIT"))
		p->mail->body = SMTP_BODY_7BIT;
	else if (value_is(p, "8BITMIME"))
		p->mail->body = SMTP_BODY_8BITMIME;
	else if (value_is(p, "BINARYMIME"))
		p->mail->body = SMTP_BODY_BINARYMIME;
	else
		return bad(p, "BODY= takes 7BIT, 8BITMIME or BINARYMIME");
	if (p->mail->body == SMTP_BODY_8BITMIME &&
		(p->in->context->extensions & SMTP_EXT_8BITMIME) == 0)
		return not_offered(p, "BODY=8BITMIME");
	if (p->mail->body == SMTP_BODY_BINARYMIME &&
		(p->in->context->extensions & SMTP_EXT_BINARYMIME) == 0)
		return not_offered(p, "BODY=BINARYMIME");
	return 0;
}

static int parse_smtputf8(struct param *p)
{
	if (p->value != NULL)
		return bad(p, "SMTPUTF8 takes no value");
	p->mail->utf8 = true;
	return 0;
}

static int parse_ret(struct param *p)
{
	if (value_is(p, "FULL"))
		p->mail->ret = SMTP_RET_FULL;
	else if (value_is(p, "HDRS"))
		p->mail->ret = SMTP_RET_HDRS;
	else
		return bad(p, "RET= takes FULL or HDRS");
	return 0;
}

/* xtext whose decoded form is printable, as a report can show it. */
static bool is_printable_xtext(const char *p, size_t n)
{
	char text[SMTP_ORCPT_MAX + 1];
	int i, length = smtp_xtext_decode(text, sizeof(text), p, n);

	for (i = 0; i < length; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return length > 0;
}

static int parse_envid(struct param *p)
{
	if (p->value == NULL || p->length > SMTP_ENVID_MAX)
		return bad(p, "ENVID= needs a value of at most 100 characters");
	if (!is_printable_xtext(p->value, p->length))
		return bad(p, "ENVID= is not printable text in xtext");
	memcpy(p->mail->envid, p->value, p->length);
	p->mail->envid[p->length] = '\0';
	return 0;
}

/* RFC 4954 §5: a mailbox in xtext, or <>. */
static int parse_mail_auth(struct param *p)
{
	char text[AUTH_VALUE_MAX + 1];
	uint32_t flags = 0;
	struct err why;
	int n;

	if (p->value == NULL || p->length > AUTH_VALUE_MAX)
		return bad(p, "AUTH= needs a value of at most 500 characters");
	p->mail->auth_given = true;
	if (p->length == 2 && memcmp(p->value, "<>", 2) == 0)
		return 0;
	n = smtp_xtext_decode(text, sizeof(text), p->value, p->length);
	if (n < 0)
		return bad(p, "AUTH= is not xtext");
	if ((p->in->context->extensions & SMTP_EXT_SMTPUTF8) != 0)
		flags |= SMTP_ADDRESS_UTF8;
	if (smtp_address_parse(&p->mail->auth, text, (size_t)n, flags, &why) == 0)
		return 0;
	smtp_reply_set(p->in->error, 501, "5.5.4", "AUTH=: bad address: %s", why.text);
	return -1;
}

static int parse_notify(struct param *p)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} words[] = {
		{ "NEVER", SMTP_NOTIFY_NEVER }, { "SUCCESS", SMTP_NOTIFY_SUCCESS },
		{ "FAILURE", SMTP_NOTIFY_FAILURE }, { "DELAY", SMTP_NOTIFY_DELAY },
	};
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	struct param word = *p;
	const char *end, *comma;
	uint32_t notify = 0;
	size_t i;

	end = p->value != NULL ? p->value + p->length : NULL;
	for (; word.value != NULL; word.value = comma != NULL ? comma + 1 : NULL) {
		comma = memchr(word.value, ',', (size_t)(end - word.value));
		word.length = (size_t)((comma != NULL ? comma : end) - word.value);
		for (i = 0; i < WORDS && !value_is(&word, words[i].name); i++)
			;
		if (i == WORDS)
			return bad(p, "NOTIFY= takes NEVER, or SUCCESS,FAILURE,DELAY");
		notify |= words[i].bit;
	}
	if (notify == 0)
		return bad(p, "NOTIFY= needs a value");
	if ((notify & SMTP_NOTIFY_NEVER) != 0 && notify != SMTP_NOTIFY_NEVER)
		return bad(p, "NOTIFY=NEVER stands alone");
	p->rcpt->notify = notify;
	return 0;
}

/* utf-8-addr-xtext, and with raw utf-8-addr-unitext, of RFC 6533 §3, as a report can show it. */
static bool is_utf8_address_text(const char *p, size_t n, bool raw)
{
	char text[SMTP_ORCPT_MAX + 1];
	size_t i;
	int length;

	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] < 0x21 || p[i] == 0x7f || p[i] == '='
			|| ((unsigned char)p[i] >= 0x80 && !raw))
			return false;
	length = smtp_utf8_address_decode(text, sizeof(text), p, n);
	for (i = 0; (int)i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return length > 0;
}

static bool is_type(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!smtp_is_alnum(p[i]) && p[i] != '-')
			return false;
	return n > 0 && n <= ORCPT_TYPE_MAX;
}

/* RFC 3461 §4.2: addr-type ";" xtext. */
static int parse_orcpt(struct param *p)
{
	const char *semicolon, *rest;
	size_t n;
	bool good;

	if (p->value == NULL || p->length > SMTP_ORCPT_MAX)
		return bad(p, "ORCPT= needs a value of at most 500 characters");
	semicolon = memchr(p->value, ';', p->length);
	if (semicolon == NULL || !is_type(p->value, (size_t)(semicolon - p->value)))
		return bad(p, "ORCPT= does not begin with an address type and a semicolon");
	rest = semicolon + 1;
	n = (size_t)(p->value + p->length - rest);
	if ((size_t)(semicolon - p->value) == 5 && strncasecmp(p->value, "utf-8", 5) == 0)
		good = is_utf8_address_text(rest, n,
			(p->in->context->extensions & SMTP_EXT_SMTPUTF8) != 0);
	else
		good = is_printable_xtext(rest, n);
	if (!good)
		return bad(p, "ORCPT= is not printable text in xtext");
	memcpy(p->rcpt->orcpt, p->value, p->length);
	p->rcpt->orcpt[p->length] = '\0';
	return 0;
}

static const struct param_row mail_rows[] = {
	{ "SIZE", SMTP_EXT_SIZE, parse_size },
	{ "BODY", SMTP_EXT_8BITMIME | SMTP_EXT_BINARYMIME, parse_body },
	{ "SMTPUTF8", SMTP_EXT_SMTPUTF8, parse_smtputf8 },
	{ "RET", SMTP_EXT_DSN, parse_ret },
	{ "ENVID", SMTP_EXT_DSN, parse_envid },
	{ "AUTH", SMTP_EXT_AUTH, parse_mail_auth },
};

static const struct param_row rcpt_rows[] = {
	{ "NOTIFY", SMTP_EXT_DSN, parse_notify },
	{ "ORCPT", SMTP_EXT_DSN, parse_orcpt },
};

/* The row of a parameter name that is open to this client, or NULL. */
static const struct param_row *find_row(const struct param_row *rows, size_t n_rows,
	const char *name, size_t n, uint32_t extensions)
{
	size_t i;

	for (i = 0; i < n_rows; i++)
		if (strlen(rows[i].name) == n && strncasecmp(rows[i].name, name, n) == 0
			&& (rows[i].extension & extensions) != 0)
			return &rows[i];
	return NULL;
}

/* Walks the words of the line; p has the target. */
static int parse_all(struct param *p, const struct param_row *rows, size_t n_rows)
{
	const struct param_row *row;
	const char *word, *equals;
	uint32_t seen = 0;
	size_t n, name;

	while ((word = smtp_args_word(p->in, &n)) != NULL) {
		equals = memchr(word, '=', n);
		name = equals != NULL ? (size_t)(equals - word) : n;
		p->value = equals != NULL ? equals + 1 : NULL;
		p->length = equals != NULL ? n - name - 1 : 0;
		row = find_row(rows, n_rows, word, name, p->in->context->extensions);
		if (row == NULL) {
			smtp_reply_set(p->in->error, 555, "5.5.4", "parameter not known here: %.*s",
				name < 64 ? (int)name : 64, word);
			return -1;
		}
		if ((seen & 1u << (row - rows)) != 0) {
			smtp_reply_set(p->in->error, 501, "5.5.4", "parameter given twice: %s",
				row->name);
			return -1;
		}
		seen |= 1u << (row - rows);
		if (row->parse(p) != 0)
			return -1;
	}
	return 0;
}

int smtp_mail_params_parse(struct smtp_command_mail *m, struct smtp_args *in)
{
	struct param p = { .in = in, .mail = m };

	return parse_all(&p, mail_rows, sizeof(mail_rows) / sizeof(mail_rows[0]));
}

int smtp_rcpt_params_parse(struct smtp_command_rcpt *r, struct smtp_args *in)
{
	struct param p = { .in = in, .rcpt = r };

	return parse_all(&p, rcpt_rows, sizeof(rcpt_rows) / sizeof(rcpt_rows[0]));
}
