/* verifier.c - see verifier.h */
#include "hubd/login/verifier.h"

#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/err.h"

enum { KEY_BYTES = 32 };

struct part {
	const char *p;
	size_t n;
};

/* What stands before the separator, or the end if it is NUL, without blanks around it. */
static bool take_part(struct part *from, char separator, struct part *out)
{
	const char *end = separator != '\0' ? memchr(from->p, separator, from->n) :
		from->p + from->n;

	if (end == NULL)
		return false;
	out->p = from->p;
	out->n = (size_t)(end - from->p);
	from->n -= out->n + (separator != '\0');
	from->p = end + (separator != '\0');
	while (out->n > 0 && *out->p == ' ') {
		out->p++;
		out->n--;
	}
	while (out->n > 0 && out->p[out->n - 1] == ' ')
		out->n--;
	return out->n > 0;
}

static bool take_iterations(const struct part *from, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;

	if (from->n > 8)
		return false;
	for (i = 0; i < from->n; i++) {
		if (!isdigit((unsigned char)from->p[i]))
			return false;
		v = v * 10 + (uint32_t)(from->p[i] - '0');
	}
	*out = v;
	return v >= VERIFIER_ITERATIONS_MIN && v <= VERIFIER_ITERATIONS_MAX;
}

/* Copies base64 that stands for 1 to max bytes; their number, or 0. */
static size_t take_base64(const struct part *from, size_t max, char *out, size_t out_size)
{
	unsigned char raw[VERIFIER_SALT_SIZE];
	size_t padding = 0;
	int n;

	if (from->n >= out_size || from->n % 4 != 0)
		return 0;
	memcpy(out, from->p, from->n);
	out[from->n] = '\0';
	while (padding < 2 && out[from->n - 1 - padding] == '=')
		padding++;
	if (strspn(out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") !=
		from->n - padding)
		return 0;
	n = EVP_DecodeBlock(raw, (const unsigned char *)out, (int)from->n);
	OPENSSL_cleanse(raw, sizeof(raw));
	if (n <= (int)padding || (size_t)n - padding > max)
		return 0;
	return (size_t)n - padding;
}

bool verifier_parse(const char *text, size_t n, struct verifier *out)
{
	struct part all = { text, n }, scheme, iterations, salt, stored_key, server_key;

	memset(out, 0, sizeof(*out));
	if (!take_part(&all, '$', &scheme) || scheme.n != strlen("SCRAM-SHA-256") ||
		strncasecmp(scheme.p, "SCRAM-SHA-256", scheme.n) != 0)
		return false;
	if (!take_part(&all, ':', &iterations) || !take_part(&all, '$', &salt) ||
		!take_part(&all, ':', &stored_key) || !take_part(&all, '\0', &server_key))
		return false;
	out->salt_bytes = take_base64(&salt, VERIFIER_SALT_MAX, out->salt, sizeof(out->salt));
	return take_iterations(&iterations, &out->iterations) && out->salt_bytes > 0 &&
		take_base64(&stored_key, KEY_BYTES, out->stored_key, sizeof(out->stored_key)) ==
			KEY_BYTES &&
		take_base64(&server_key, KEY_BYTES, out->server_key, sizeof(out->server_key)) ==
			KEY_BYTES;
}

/* Up to 64 bytes that only who has the secret can make of purpose and name. */
static void derive(const char *purpose, const char *name, const void *secret, size_t secret_size,
	size_t bytes, char *base64)
{
	unsigned char raw[64];
	char text[600];
	unsigned int n = 0;
	size_t i;

	snprintf(text, sizeof(text), "%s:%s", purpose, name);
	/* the directory does not tell "Anna" from "anna" */
	for (i = 0; text[i] != '\0'; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	BUG_ON(HMAC(EVP_sha512(), secret, (int)secret_size, (const unsigned char *)text,
		strlen(text), raw, &n) == NULL || bytes > n);
	EVP_EncodeBlock((unsigned char *)base64, raw, (int)bytes);
}

void verifier_pretend(const char *name, const void *secret, size_t secret_size,
	const struct verifier *like, struct verifier *out)
{
	*out = *like;
	derive("salt", name, secret, secret_size, like->salt_bytes, out->salt);
	derive("stored", name, secret, secret_size, KEY_BYTES, out->stored_key);
	derive("server", name, secret, secret_size, KEY_BYTES, out->server_key);
}
