/* domain.c - domain names and address literals in canonical form (see address.h). */
#include "libhub/smtp/address.h"

#include "libhub/smtp/chars_priv.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

static bool is_label_char(char c)
{
	return smtp_is_alnum(c) || c == '-' || c == '_';
}

/* NULL when it is a host name, else the rule that it breaks. */
static const char *hostname_fault(const char *p, size_t n)
{
	size_t i, label = 0;
	bool letters = false;

	if (n == 0)
		return "domain is missing";
	if (n > SMTP_DOMAIN_MAX)
		return "domain is longer than 255 bytes";
	for (i = 0; i <= n; i++) {
		if (i == n || p[i] == '.') {
			if (label == 0)
				return "domain has an empty label";
			if (p[i - 1] == '-')
				return "domain has a label that ends with a hyphen";
			label = 0;
			continue;
		}
		if (!is_label_char(p[i]))
			return "domain has a character that is no letter, digit or hyphen";
		if (label == 0 && p[i] == '-')
			return "domain has a label that begins with a hyphen";
		if (++label > SMTP_LABEL_MAX)
			return "domain has a label longer than 63 bytes";
		letters = letters || !smtp_is_digit(p[i]);
	}
	return letters ? NULL : "domain is a number; an address must be in brackets";
}

bool smtp_hostname_is_valid(const char *p, size_t n)
{
	return hostname_fault(p, n) == NULL;
}

static void copy_lower(char *out, const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] + ('a' - 'A')) : p[i];
	out[n] = '\0';
}

/* U-labels to A-labels. What libidn2 gives is checked again, as any other name. */
static int canonize_idn(char *out, const char *p, size_t n, struct err *e)
{
	char name[4 * SMTP_DOMAIN_MAX + 1];
	const char *fault;
	char *ascii = NULL;
	int rc;

	if (n >= sizeof(name))
		return err_set(e, ERR_PERM, 0, "domain is longer than 255 bytes");
	if (memchr(p, '\0', n) != NULL || !smtp_utf8_is_valid(p, n))
		return err_set(e, ERR_PERM, 0, "domain is not UTF-8");
	memcpy(name, p, n);
	name[n] = '\0';
	rc = idn2_to_ascii_8z(name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return err_set(e, ERR_PERM, 0, "domain is no IDNA name: %s", idn2_strerror(rc));
	fault = hostname_fault(ascii, strlen(ascii));
	if (fault == NULL)
		copy_lower(out, ascii, strlen(ascii));
	idn2_free(ascii);
	return fault == NULL ? 0 : err_set(e, ERR_PERM, 0, "%s", fault);
}

int smtp_domain_canonize(char *out, const char *p, size_t n, bool utf8, struct err *e)
{
	const char *fault;
	size_t i;

	for (i = 0; i < n && (unsigned char)p[i] < 0x80; i++)
		;
	if (i < n && !utf8)
		return err_set(e, ERR_PERM, 0, "not ASCII, and SMTPUTF8 was not given");
	if (i < n)
		return canonize_idn(out, p, n, e);
	fault = hostname_fault(p, n);
	if (fault != NULL)
		return err_set(e, ERR_PERM, 0, "%s", fault);
	copy_lower(out, p, n);
	return 0;
}

int smtp_literal_canonize(char *out, const char *p, size_t n, struct err *e)
{
	static const char tag[] = "IPv6:";
	char inner[INET6_ADDRSTRLEN];
	struct in6_addr six;
	struct in_addr four;
	bool is_six;

	if (n < 2 || p[0] != '[' || p[n - 1] != ']')
		return err_set(e, ERR_PERM, 0, "address literal has no closing bracket");
	p++;
	n -= 2;
	is_six = n > strlen(tag) && strncasecmp(p, tag, strlen(tag)) == 0;
	if (is_six) {
		p += strlen(tag);
		n -= strlen(tag);
	}
	if (n >= sizeof(inner) || memchr(p, '\0', n) != NULL)
		return err_set(e, ERR_PERM, 0, "address literal holds no IP address");
	memcpy(inner, p, n);
	inner[n] = '\0';
	*out++ = '[';
	if (is_six && inet_pton(AF_INET6, inner, &six) == 1) {
		memcpy(out, tag, strlen(tag));
		out += strlen(tag);
		inet_ntop(AF_INET6, &six, out, INET6_ADDRSTRLEN);
	} else if (!is_six && inet_pton(AF_INET, inner, &four) == 1) {
		inet_ntop(AF_INET, &four, out, INET_ADDRSTRLEN);
	} else {
		return err_set(e, ERR_PERM, 0, "address literal holds no IP address");
	}
	strcat(out, "]");
	return 0;
}
