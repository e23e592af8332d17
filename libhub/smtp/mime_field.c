/* mime_field.c - see mime_field.h */
#include "libhub/smtp/mime_field.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { COMMENT_DEPTH = 8 };

/* The rest of a value. */
struct rest {
	const char *p, *end;
};

/* Blanks and comments in brackets, RFC 5322 section 3.2.2. */
static void skip_blanks(struct rest *in)
{
	unsigned depth = 0;

	for (; in->p < in->end; in->p++) {
		if (*in->p == '\\' && depth > 0 && in->p + 1 < in->end)
			in->p++;
		else if (*in->p == '(' && depth < COMMENT_DEPTH)
			depth++;
		else if (*in->p == ')' && depth > 0)
			depth--;
		else if (depth == 0 && *in->p != ' ' && *in->p != '\t')
			return;
	}
}

static bool is_token_char(char c)
{
	return c > ' ' && c < 0x7f && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* A token; empty if there is none. */
static struct rest take_token(struct rest *in)
{
	struct rest token;

	skip_blanks(in);
	token.p = in->p;
	while (in->p < in->end && is_token_char(*in->p))
		in->p++;
	token.end = in->p;
	return token;
}

static bool take_char(struct rest *in, char c)
{
	skip_blanks(in);
	if (in->p == in->end || *in->p != c)
		return false;
	in->p++;
	return true;
}

static bool is_word(const struct rest *token, const char *word)
{
	size_t n = (size_t)(token->end - token->p);

	return n == strlen(word) && strncasecmp(token->p, word, n) == 0;
}

/* A token or a quoted string; its length, or SIZE_MAX if it does not fit or does not end. */
static size_t take_value(struct rest *in, char *out, size_t size)
{
	size_t n = 0;

	if (!take_char(in, '"')) {
		/* boundaries without the quotes that they need are common */
		for (; in->p < in->end && *in->p != ';' && *in->p != ' ' && *in->p != '\t';
			in->p++) {
			if (n == size)
				return SIZE_MAX;
			out[n++] = *in->p;
		}
		return n;
	}
	for (; in->p < in->end && *in->p != '"'; in->p++) {
		if (*in->p == '\\' && in->p + 1 < in->end)
			in->p++;
		if (n == size)
			return SIZE_MAX;
		out[n++] = *in->p;
	}
	return take_char(in, '"') ? n : SIZE_MAX;
}

/* Finds boundary= among the parameters. */
static void take_boundary(struct smtp_mime_type *t, struct rest *in)
{
	char other[1024];
	struct rest name;
	size_t n;
	bool wanted;

	while (take_char(in, ';')) {
		name = take_token(in);
		if (!take_char(in, '='))
			continue;
		wanted = is_word(&name, "boundary");
		n = take_value(in, wanted ? t->boundary : other,
			wanted ? sizeof(t->boundary) : sizeof(other));
		if (n == SIZE_MAX)
			return;
		if (wanted) {
			/* RFC 2046 section 5.1.1: it does not end with a blank */
			while (n > 0 && t->boundary[n - 1] == ' ')
				n--;
			t->boundary_length = n;
			return;
		}
	}
}

static enum smtp_mime_kind kind_of_message(const struct rest *subtype)
{
	if (is_word(subtype, "rfc822"))
		return SMTP_MIME_MESSAGE;
	/* RFC 2046 section 5.2: these are 7-bit by nature */
	if (is_word(subtype, "partial") || is_word(subtype, "external-body"))
		return SMTP_MIME_OPAQUE;
	/* RFC 6532 section 3.7 and RFC 6533 let message/global and its like be encoded */
	return SMTP_MIME_DATA;
}

void smtp_mime_type_parse(struct smtp_mime_type *t, const char *p, size_t n)
{
	struct rest in = { p, p + n }, type, subtype;

	*t = (struct smtp_mime_type){ .kind = SMTP_MIME_OPAQUE };
	type = take_token(&in);
	if (type.p == type.end || !take_char(&in, '/'))
		return;
	subtype = take_token(&in);
	if (is_word(&type, "text")) {
		t->kind = SMTP_MIME_TEXT;
	} else if (is_word(&type, "message")) {
		t->kind = kind_of_message(&subtype);
	} else if (is_word(&type, "multipart")) {
		take_boundary(t, &in);
		t->kind = t->boundary_length > 0 ? SMTP_MIME_MULTIPART : SMTP_MIME_OPAQUE;
		t->digest = is_word(&subtype, "digest");
		t->is_signed = is_word(&subtype, "signed");
	} else {
		t->kind = SMTP_MIME_DATA;
	}
}

enum smtp_mime_encoding smtp_mime_encoding_parse(const char *p, size_t n)
{
	struct rest in = { p, p + n }, word = take_token(&in);

	if (is_word(&word, "7bit"))
		return SMTP_MIME_7BIT;
	if (is_word(&word, "8bit"))
		return SMTP_MIME_8BIT;
	if (is_word(&word, "binary"))
		return SMTP_MIME_BINARY;
	return SMTP_MIME_ENCODED;
}
