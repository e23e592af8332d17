/* address.c - parsing of paths and mailboxes (RFC 5321 §4.1.2, RFC 6531 §3.3). Domains and xtext
 * are in domain.c and xtext.c.
 */
#include "libhub/smtp/address.h"

#include "libhub/smtp/chars_priv.h"

#include <string.h>
#include <strings.h>

struct cursor {
	const char *p;
	const char *end;
};

/* RFC 5322 §3.2.3; bytes of UTF-8 are judged as a whole afterwards. */
static bool is_atext(char c, bool utf8)
{
	if ((unsigned char)c >= 0x80)
		return utf8;
	return smtp_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static bool is_dot_string(const char *p, size_t n, bool utf8)
{
	size_t i;

	if (n == 0 || p[0] == '.' || p[n - 1] == '.')
		return false;
	for (i = 0; i < n; i++) {
		if (p[i] == '.' ? p[i - 1] == '.' : !is_atext(p[i], utf8))
			return false;
	}
	return true;
}

static int fail(struct err *e, const char *reason)
{
	return err_set(e, ERR_PERM, 0, "%s", reason);
}

/* Encapsulated ones are long by their nature, see encapsulation.h. */
static size_t local_max(const char *p, size_t n)
{
	return n > 5 && strncasecmp(p, "IMCEA", 5) == 0 ? SMTP_ADDRESS_MAX : SMTP_LOCAL_MAX;
}

/* Puts an unquoted local part into a->text, with quotes if it needs them. */
static int put_local(struct smtp_address *a, const char *p, size_t n, bool utf8, struct err *e)
{
	char *to = a->text;
	size_t i;

	if (is_dot_string(p, n, utf8)) {
		memcpy(to, p, n);
		a->length = (uint16_t)n;
	} else {
		*to++ = '"';
		for (i = 0; i < n; i++) {
			if (p[i] == '"' || p[i] == '\\')
				*to++ = '\\';
			*to++ = p[i];
		}
		*to++ = '"';
		a->length = (uint16_t)(to - a->text);
	}
	if (a->length > local_max(a->text, a->length))
		return fail(e, "local part is longer than 64 bytes");
	return 0;
}

/* Quoted-string: qtextSMTP and quoted-pairSMTP are printable ASCII, or UTF-8 by RFC 6531. */
static int read_quoted(struct smtp_address *a, struct cursor *in, bool utf8, struct err *e)
{
	char raw[SMTP_LOCAL_MAX];
	size_t n = 0;
	char c;

	for (in->p++; in->p < in->end && *in->p != '"'; in->p++) {
		c = *in->p;
		if (c == '\\') {
			if (++in->p == in->end)
				break;
			c = *in->p;
			if ((unsigned char)c >= 0x80)
				return fail(e, "backslash before a byte that is not ASCII");
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return fail(e, "control character in the quoted local part");
		if ((unsigned char)c >= 0x80 && !utf8)
			return fail(e, "not ASCII, and SMTPUTF8 was not given");
		if (n == sizeof(raw))
			return fail(e, "local part is longer than 64 bytes");
		raw[n++] = c;
	}
	if (in->p == in->end)
		return fail(e, "quoted local part has no closing quote");
	in->p++;
	return put_local(a, raw, n, utf8, e);
}

static int read_local(struct smtp_address *a, struct cursor *in, bool utf8, struct err *e)
{
	const char *start = in->p;

	if (in->p < in->end && *in->p == '"')
		return read_quoted(a, in, utf8, e);
	while (in->p < in->end && (*in->p == '.' || is_atext(*in->p, utf8)))
		in->p++;
	if (in->p == start && in->p < in->end && (unsigned char)*in->p >= 0x80)
		return fail(e, "not ASCII, and SMTPUTF8 was not given");
	if (in->p == start)
		return fail(e, "local part is missing");
	if ((size_t)(in->p - start) > local_max(start, (size_t)(in->p - start)))
		return fail(e, "local part is longer than 64 bytes");
	if (!is_dot_string(start, (size_t)(in->p - start), utf8))
		return fail(e, "dot at the end of a local part or beside another");
	return put_local(a, start, (size_t)(in->p - start), utf8, e);
}

/* From in->p up to a byte that ends a domain; a literal up to its bracket. */
static size_t domain_extent(const struct cursor *in)
{
	const char *p = in->p;

	if (p < in->end && *p == '[') {
		p = memchr(p, ']', (size_t)(in->end - p));
		return p != NULL ? (size_t)(p + 1 - in->p) : (size_t)(in->end - in->p);
	}
	while (p < in->end && *p != '>' && *p != ' ' && *p != ',' && *p != ':')
		p++;
	return (size_t)(p - in->p);
}

static int read_domain(struct smtp_address *a, struct cursor *in, bool utf8, struct err *e)
{
	char canonical[SMTP_DOMAIN_MAX + 1];
	size_t n = domain_extent(in), length;
	int rc;

	a->literal = n > 0 && *in->p == '[';
	rc = a->literal ? smtp_literal_canonize(canonical, in->p, n, e)
		: smtp_domain_canonize(canonical, in->p, n, utf8, e);
	if (rc != 0)
		return -1;
	length = strlen(canonical);
	if (a->length + 1 + length > SMTP_ADDRESS_MAX)
		return fail(e, "address is longer than 254 bytes");
	a->text[a->length++] = '@';
	a->domain = a->length;
	memcpy(a->text + a->length, canonical, length + 1);
	a->length = (uint16_t)(a->length + length);
	in->p += n;
	return 0;
}

static bool is_ascii(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] >= 0x80)
			return false;
	return true;
}

/* Local part and domain, from in->p on. */
static int read_mailbox(struct smtp_address *a, struct cursor *in, uint32_t flags, struct err *e)
{
	bool utf8 = (flags & SMTP_ADDRESS_UTF8) != 0;
	const char *start = in->p;

	if (read_local(a, in, utf8, e) != 0)
		return -1;
	if (!smtp_utf8_is_valid(a->text, a->length))
		return fail(e, "local part is not UTF-8");
	a->literal = false;
	a->domain = a->length;
	a->text[a->length] = '\0';
	if (in->p < in->end && *in->p == '@') {
		in->p++;
		if (read_domain(a, in, utf8, e) != 0)
			return -1;
	} else if (in->p < in->end && (unsigned char)*in->p >= 0x80) {
		return fail(e, "not ASCII, and SMTPUTF8 was not given");
	} else if (in->p < in->end && *in->p != '>') {
		return fail(e, "character that a local part can have only in quotes");
	} else if ((flags & SMTP_ADDRESS_BARE) == 0
			&& ((flags & SMTP_ADDRESS_POSTMASTER) == 0
			|| strcasecmp(a->text, "postmaster") != 0)) {
		return fail(e, "domain is missing");
	}
	a->utf8 = !is_ascii(start, (size_t)(in->p - start));
	return 0;
}

/* "@one,@two:" before the mailbox: RFC 5321 says accept it and look at the mailbox only. */
static int skip_source_route(struct cursor *in, bool utf8, struct err *e)
{
	char canonical[SMTP_DOMAIN_MAX + 1];
	size_t n;
	int rc;

	while (in->p < in->end && *in->p == '@') {
		in->p++;
		n = domain_extent(in);
		rc = n > 0 && *in->p == '[' ? smtp_literal_canonize(canonical, in->p, n, e)
			: smtp_domain_canonize(canonical, in->p, n, utf8, e);
		if (rc != 0)
			return -1;
		in->p += n;
		if (in->p < in->end && *in->p == ':') {
			in->p++;
			return 0;
		}
		if (in->p == in->end || *in->p != ',')
			return fail(e, "source route has no colon before the mailbox");
		in->p++;
	}
	return fail(e, "source route is not made of @domain");
}

static void set_null(struct smtp_address *a)
{
	a->length = a->domain = 0;
	a->literal = a->utf8 = false;
	a->text[0] = '\0';
}

int smtp_path_parse(struct smtp_address *a, const char *p, size_t n, size_t *used, uint32_t flags,
	struct err *e)
{
	struct cursor in = { p, p + n };

	if (n == 0 || *p != '<')
		return fail(e, "address does not begin with <");
	in.p++;
	if (in.p < in.end && *in.p == '>') {
		if ((flags & SMTP_ADDRESS_NULL) == 0)
			return fail(e, "address is empty");
		set_null(a);
	} else {
		if (in.p < in.end && *in.p == '@'
			&& skip_source_route(&in, (flags & SMTP_ADDRESS_UTF8) != 0, e) != 0)
			return -1;
		if (read_mailbox(a, &in, flags, e) != 0)
			return -1;
	}
	if (in.p == in.end || *in.p != '>')
		return fail(e, "address has no closing >");
	in.p++;
	if (used == NULL && in.p != in.end)
		return fail(e, "something follows the address");
	if (used != NULL)
		*used = (size_t)(in.p - p);
	return 0;
}

int smtp_address_parse(struct smtp_address *a, const char *p, size_t n, uint32_t flags,
	struct err *e)
{
	struct cursor in = { p, p + n };

	if (n == 0 && (flags & SMTP_ADDRESS_NULL) != 0) {
		set_null(a);
		return 0;
	}
	if (read_mailbox(a, &in, flags, e) != 0)
		return -1;
	if (in.p != in.end)
		return fail(e, "something follows the address");
	return 0;
}

bool smtp_address_equal(const struct smtp_address *a, const struct smtp_address *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

bool smtp_address_equal_folded(const struct smtp_address *a, const struct smtp_address *b)
{
	return a->length == b->length && strncasecmp(a->text, b->text, a->length) == 0;
}
