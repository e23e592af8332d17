/* capability.c - reads the lines of an EHLO reply. */
#include "libhub/smtp/capability.h"

#include "libhub/smtp/chars_priv.h"

#include <string.h>
#include <strings.h>

static const struct {
	uint32_t bit;
	const char *name;
} mechanisms[] = {
	{ SMTP_MECH_PLAIN, "PLAIN" },
	{ SMTP_MECH_LOGIN, "LOGIN" },
	{ SMTP_MECH_EXTERNAL, "EXTERNAL" },
	{ SMTP_MECH_CRAM_MD5, "CRAM-MD5" },
	{ SMTP_MECH_GSSAPI, "GSSAPI" },
	{ SMTP_MECH_XOAUTH2, "XOAUTH2" },
	{ SMTP_MECH_SCRAM_SHA_256, "SCRAM-SHA-256" },
	{ SMTP_MECH_SCRAM_SHA_256_PLUS, "SCRAM-SHA-256-PLUS" },
};

uint32_t smtp_mechanism_find(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (strlen(mechanisms[i].name) == n
			&& strncasecmp(mechanisms[i].name, name, n) == 0)
			return mechanisms[i].bit;
	return 0;
}

/* The next word of a line, from *p on; NULL at its end. */
static const char *next_word(const char **p, const char *end, size_t *length)
{
	const char *word;

	while (*p < end && **p == ' ')
		++*p;
	if (*p == end)
		return NULL;
	word = *p;
	while (*p < end && **p != ' ')
		++*p;
	*length = (size_t)(*p - word);
	return word;
}

static uint64_t read_size(const char *word, size_t n)
{
	uint64_t size = 0;
	size_t i;

	if (n > 19)
		return 0;
	for (i = 0; i < n; i++) {
		if (!smtp_is_digit(word[i]))
			return 0;
		size = size * 10 + (uint64_t)(word[i] - '0');
	}
	return size;
}

static void read_mechanisms(struct smtp_capability *c, const char *p, const char *end)
{
	const char *word;
	size_t n;

	c->extensions |= SMTP_EXT_AUTH;
	while ((word = next_word(&p, end, &n)) != NULL)
		c->mechanisms |= smtp_mechanism_find(word, n);
}

/* RFC 9422 section 4: 1 to 6 digits; what is malformed or not known is passed over. */
static void read_limit(struct smtp_capability *c, const char *word, size_t n)
{
	const struct {
		const char *name;
		uint32_t *value;
	} limits[] = {
		{ "MAILMAX=", &c->mail_max }, { "RCPTMAX=", &c->rcpt_max },
		{ "RCPTDOMAINMAX=", &c->rcpt_domain_max },
	};
	size_t i, name;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		name = strlen(limits[i].name);
		if (n > name && n <= name + 6 && strncasecmp(word, limits[i].name, name) == 0)
			*limits[i].value = (uint32_t)read_size(word + name, n - name);
	}
}

static void read_line(struct smtp_capability *c, const char *p, size_t length)
{
	const char *end = p + length, *word;
	uint32_t extension;
	size_t n;

	word = next_word(&p, end, &n);
	if (word == NULL)
		return;
	/* "AUTH=LOGIN PLAIN" is how it was before RFC 2554; some still send it, and only it */
	if (n > 5 && strncasecmp(word, "AUTH=", 5) == 0) {
		read_mechanisms(c, word + 5, end);
		return;
	}
	extension = smtp_extension_find(word, n);
	if (extension == SMTP_EXT_AUTH) {
		read_mechanisms(c, p, end);
		return;
	}
	c->extensions |= extension;
	if (extension == SMTP_EXT_SIZE && (word = next_word(&p, end, &n)) != NULL)
		c->size_max = read_size(word, n);
	while (extension == SMTP_EXT_LIMITS && (word = next_word(&p, end, &n)) != NULL)
		read_limit(c, word, n);
}

void smtp_capability_parse(struct smtp_capability *c, const struct smtp_reply *ehlo)
{
	const char *line;
	unsigned i;
	size_t n;

	memset(c, 0, sizeof(*c));
	/* the first line is the server's name */
	for (i = 1; (line = smtp_reply_line(ehlo, i, &n)) != NULL; i++)
		read_line(c, line, n);
}
