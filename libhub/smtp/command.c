/* command.c - the verb and the arguments of a command line. Parameters of MAIL and RCPT are in
 * command_params.c.
 */
#include "libhub/smtp/command.h"

#include "libhub/smtp/chars_priv.h"
#include "libhub/smtp/command_priv.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static int parse_helo(struct smtp_command *c, struct smtp_args *in);
static int parse_mail(struct smtp_command *c, struct smtp_args *in);
static int parse_rcpt(struct smtp_command *c, struct smtp_args *in);
static int parse_bdat(struct smtp_command *c, struct smtp_args *in);
static int parse_auth(struct smtp_command *c, struct smtp_args *in);
static int parse_text(struct smtp_command *c, struct smtp_args *in);
static int parse_needed_text(struct smtp_command *c, struct smtp_args *in);
static int parse_nothing(struct smtp_command *c, struct smtp_args *in);

static const struct {
	const char *name;
	int (*parse)(struct smtp_command *c, struct smtp_args *in);
} verbs[SMTP_VERBS] = {
	[SMTP_VERB_UNKNOWN] = { "UNKNOWN", NULL },
	[SMTP_VERB_EHLO] = { "EHLO", parse_helo },
	[SMTP_VERB_HELO] = { "HELO", parse_helo },
	[SMTP_VERB_LHLO] = { "LHLO", parse_helo },
	[SMTP_VERB_MAIL] = { "MAIL", parse_mail },
	[SMTP_VERB_RCPT] = { "RCPT", parse_rcpt },
	[SMTP_VERB_DATA] = { "DATA", parse_nothing },
	[SMTP_VERB_BDAT] = { "BDAT", parse_bdat },
	[SMTP_VERB_RSET] = { "RSET", parse_nothing },
	[SMTP_VERB_NOOP] = { "NOOP", parse_text },
	[SMTP_VERB_VRFY] = { "VRFY", parse_needed_text },
	[SMTP_VERB_EXPN] = { "EXPN", parse_needed_text },
	[SMTP_VERB_HELP] = { "HELP", parse_text },
	[SMTP_VERB_QUIT] = { "QUIT", parse_nothing },
	[SMTP_VERB_STARTTLS] = { "STARTTLS", parse_nothing },
	[SMTP_VERB_AUTH] = { "AUTH", parse_auth },
};

const char *smtp_verb_name(enum smtp_verb verb)
{
	BUG_ON((unsigned)verb >= SMTP_VERBS);
	return verbs[verb].name;
}

void smtp_args_skip_blanks(struct smtp_args *in)
{
	while (in->p < in->end && (*in->p == ' ' || *in->p == '\t'))
		in->p++;
}

const char *smtp_args_word(struct smtp_args *in, size_t *n)
{
	const char *word;

	smtp_args_skip_blanks(in);
	word = in->p;
	while (in->p < in->end && *in->p != ' ' && *in->p != '\t')
		in->p++;
	*n = (size_t)(in->p - word);
	return *n > 0 ? word : NULL;
}

static enum smtp_verb find_verb(const char *word, size_t n)
{
	int v;

	for (v = SMTP_VERB_UNKNOWN + 1; v < SMTP_VERBS; v++)
		if (strlen(verbs[v].name) == n && strncasecmp(verbs[v].name, word, n) == 0)
			return (enum smtp_verb)v;
	return SMTP_VERB_UNKNOWN;
}

static int parse_nothing(struct smtp_command *c, struct smtp_args *in)
{
	if (in->p == in->end)
		return 0;
	smtp_reply_set(in->error, 501, "5.5.4", "%s takes no argument", smtp_verb_name(c->verb));
	return -1;
}

static int parse_text(struct smtp_command *c, struct smtp_args *in)
{
	c->text.p = in->p;
	c->text.length = (size_t)(in->end - in->p);
	return 0;
}

static int parse_needed_text(struct smtp_command *c, struct smtp_args *in)
{
	if (in->p < in->end)
		return parse_text(c, in);
	smtp_reply_set(in->error, 501, "5.5.4", "%s needs an argument", smtp_verb_name(c->verb));
	return -1;
}

/*
 * Wrong, but common and clear: an address without brackets, an IPv6 address without its tag, as
 * JavaMail writes it also with a zone.
 */
static bool take_loose_address(struct smtp_command_helo *helo, const char *word, size_t n)
{
	static const char tag[] = "IPv6:";
	char literal[sizeof("[IPv6:]") + INET6_ADDRSTRLEN];
	bool six = memchr(word, ':', n) != NULL;
	const char *zone;
	int length;

	if (n >= 2 && word[0] == '[' && word[n - 1] == ']') {
		word++;
		n -= 2;
	}
	zone = six ? memchr(word, '%', n) : NULL;
	if (zone != NULL)
		n = (size_t)(zone - word);
	if (n >= INET6_ADDRSTRLEN)
		return false;
	length = snprintf(literal, sizeof(literal), "[%s%.*s]",
		six && strncasecmp(word, tag, strlen(tag)) != 0 ? tag : "", (int)n, word);
	return smtp_literal_canonize(helo->name, literal, (size_t)length, NULL) == 0;
}

/* A host may well be called 4711, as containers are after part of their digest. */
static bool take_number(struct smtp_command_helo *helo, const char *word, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!smtp_is_digit(word[i]))
			return false;
	if (n > SMTP_LABEL_MAX)
		return false;
	memcpy(helo->name, word, n);
	helo->name[n] = '\0';
	return true;
}

/* A domain or an address literal, RFC 5321 §4.1.1.1; what real clients send after it is let by. */
static int parse_helo(struct smtp_command *c, struct smtp_args *in)
{
	struct err why;
	const char *word;
	size_t n;
	int rc;

	word = smtp_args_word(in, &n);
	if (word == NULL) {
		smtp_reply_set(in->error, 501, "5.5.4", "%s needs the name of the client",
			smtp_verb_name(c->verb));
		return -1;
	}
	if (n > 1 && word[n - 1] == '.')	/* as in zone files */
		n--;
	c->helo.literal = take_loose_address(&c->helo, word, n);
	if (c->helo.literal || take_number(&c->helo, word, n))
		return 0;
	rc = *word == '[' ? smtp_literal_canonize(c->helo.name, word, n, &why)
		: smtp_domain_canonize(c->helo.name, word, n, false, &why);
	if (rc == 0)
		return 0;
	smtp_reply_set(in->error, 501, "5.5.4", "%s: %s", smtp_verb_name(c->verb), why.text);
	return -1;
}

/* "FROM:" or "TO:" with blanks around, before the path. */
static int skip_keyword(struct smtp_args *in, const char *keyword, enum smtp_verb verb)
{
	size_t n = strlen(keyword);

	if ((size_t)(in->end - in->p) >= n && strncasecmp(in->p, keyword, n) == 0) {
		in->p += n;
		smtp_args_skip_blanks(in);
		if (in->p < in->end && *in->p == ':') {
			in->p++;
			smtp_args_skip_blanks(in);
			return 0;
		}
	}
	smtp_reply_set(in->error, 501, "5.5.4", "%s is written %s %s:<address>",
		smtp_verb_name(verb), smtp_verb_name(verb), keyword);
	return -1;
}

/* <postmaster> stays alone where it may: it has a meaning of its own (RFC 5321 section 4.5.1). */
static int complete_address(struct smtp_address *a, const char *domain, uint32_t flags,
	struct err *why)
{
	size_t n = domain != NULL ? strlen(domain) : 0;

	if (smtp_address_is_null(a) || a->domain < a->length || n == 0
		|| ((flags & SMTP_ADDRESS_POSTMASTER) != 0
			&& strcasecmp(a->text, "postmaster") == 0))
		return 0;
	if (a->length + 1 + n > SMTP_ADDRESS_MAX)
		return err_set(why, ERR_PERM, 0, "address is longer than %d bytes",
			SMTP_ADDRESS_MAX);
	a->text[a->length] = '@';
	memcpy(a->text + a->length + 1, domain, n + 1);
	a->domain = (uint16_t)(a->length + 1);
	a->length = (uint16_t)(a->domain + n);
	return 0;
}

static int parse_path(struct smtp_address *a, struct smtp_args *in, uint32_t flags,
	const char *enhanced, const char *what)
{
	const char *domain = in->context->default_domain;
	struct err why;
	size_t used;

	if (domain != NULL)
		flags |= SMTP_ADDRESS_BARE;
	if (smtp_path_parse(a, in->p, (size_t)(in->end - in->p), &used, flags, &why) != 0
		|| complete_address(a, domain, flags, &why) != 0) {
		smtp_reply_set(in->error, 501, enhanced, "bad %s address: %s", what, why.text);
		return -1;
	}
	in->p += used;
	if (in->p < in->end && *in->p != ' ' && *in->p != '\t') {
		smtp_reply_set(in->error, 501, enhanced, "bad %s address: something follows the >",
			what);
		return -1;
	}
	return 0;
}

static int parse_mail(struct smtp_command *c, struct smtp_args *in)
{
	struct smtp_command_mail *m = &c->mail;
	uint32_t flags = SMTP_ADDRESS_NULL;

	m->size_given = m->utf8 = m->auth_given = false;
	m->body = SMTP_BODY_UNSPECIFIED;
	m->ret = SMTP_RET_UNSPECIFIED;
	m->size = 0;
	m->auth = (struct smtp_address){ 0 };
	m->envid[0] = '\0';
	if ((in->context->extensions & SMTP_EXT_SMTPUTF8) != 0)
		flags |= SMTP_ADDRESS_UTF8;
	if (skip_keyword(in, "FROM", c->verb) != 0
		|| parse_path(&m->from, in, flags, "5.1.7", "sender") != 0
		|| smtp_mail_params_parse(m, in) != 0)
		return -1;
	if (m->from.utf8 && !m->utf8) {
		/* RFC 6531 §3.5 */
		smtp_reply_set(in->error, 553, "5.6.7",
			"sender address is not ASCII, which needs the parameter SMTPUTF8");
		return -1;
	}
	return 0;
}

static int parse_rcpt(struct smtp_command *c, struct smtp_args *in)
{
	struct smtp_command_rcpt *r = &c->rcpt;
	uint32_t flags = SMTP_ADDRESS_POSTMASTER;

	r->notify = 0;
	r->orcpt[0] = '\0';
	if ((in->context->extensions & SMTP_EXT_SMTPUTF8) != 0)
		flags |= SMTP_ADDRESS_UTF8;
	if (skip_keyword(in, "TO", c->verb) != 0
		|| parse_path(&r->to, in, flags, "5.1.3", "recipient") != 0
		|| smtp_rcpt_params_parse(r, in) != 0)
		return -1;
	if (r->to.utf8 && !in->context->utf8) {
		smtp_reply_set(in->error, 553, "5.6.7",
			"recipient address is not ASCII, which needs MAIL with SMTPUTF8");
		return -1;
	}
	return 0;
}

/* RFC 3030 §2: BDAT SP chunk-size [SP LAST]. */
static int parse_bdat(struct smtp_command *c, struct smtp_args *in)
{
	const char *word;
	size_t n;

	word = smtp_args_word(in, &n);
	if (word == NULL || smtp_args_number(&c->bdat.size, word, n) != 0) {
		smtp_reply_set(in->error, 501, "5.5.4", "BDAT needs the chunk size in bytes");
		return -1;
	}
	word = smtp_args_word(in, &n);
	c->bdat.last = word != NULL && n == 4 && strncasecmp(word, "LAST", 4) == 0;
	if ((word != NULL && !c->bdat.last) || smtp_args_word(in, &n) != NULL) {
		smtp_reply_set(in->error, 501, "5.5.4",
			"after the size of a chunk, BDAT takes LAST or nothing");
		return -1;
	}
	return 0;
}

/* RFC 4422 §3.1: 1 to 20 of A-Z, digits, hyphen, underscore. */
static bool is_mechanism(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!smtp_is_alnum(p[i]) && p[i] != '-' && p[i] != '_')
			return false;
	return n >= 1 && n <= 20;
}

/* RFC 4954 §4: AUTH SP mechanism [SP initial-response]; decoding tells whether it is base64. */
static int parse_auth(struct smtp_command *c, struct smtp_args *in)
{
	struct smtp_command_auth *a = &c->auth;
	size_t n;

	a->mechanism = smtp_args_word(in, &a->mechanism_length);
	if (a->mechanism == NULL || !is_mechanism(a->mechanism, a->mechanism_length)) {
		smtp_reply_set(in->error, 501, "5.5.4", "AUTH needs the name of a mechanism");
		return -1;
	}
	a->initial = smtp_args_word(in, &a->initial_length);
	if (a->initial != NULL && a->initial_length == 1 && *a->initial == '=')
		a->initial_length = 0;
	if (smtp_args_word(in, &n) != NULL) {
		smtp_reply_set(in->error, 501, "5.5.4",
			"AUTH takes a mechanism and an initial response, no more");
		return -1;
	}
	return 0;
}

int smtp_command_parse(struct smtp_command *c, const char *line, size_t n,
	const struct smtp_command_context *context, struct smtp_reply *error)
{
	struct smtp_args in = { line, line + n, context, error };
	const char *word;
	size_t length;

	while (in.end > in.p && (in.end[-1] == ' ' || in.end[-1] == '\t'))
		in.end--;
	word = smtp_args_word(&in, &length);
	c->verb = word != NULL ? find_verb(word, length) : SMTP_VERB_UNKNOWN;
	if (c->verb == SMTP_VERB_UNKNOWN) {
		smtp_reply_set(error, 500, "5.5.1", "command not recognized");
		return -1;
	}
	smtp_args_skip_blanks(&in);
	if (memchr(in.p, '\0', (size_t)(in.end - in.p)) != NULL
		|| memchr(in.p, '\r', (size_t)(in.end - in.p)) != NULL
		|| memchr(in.p, '\n', (size_t)(in.end - in.p)) != NULL) {
		smtp_reply_set(error, 501, "5.5.2", "NUL, CR or LF inside a command line");
		return -1;
	}
	return verbs[c->verb].parse(c, &in);
}
