/* fuzz_login.c - fuzz target for logins by SCRAM, and for the verifiers of passwords.
 *
 * The first byte chooses: v for a value of authPassword; s for what a client says by SCRAM-SHA-256
 * and p by -PLUS, message after message, divided by newlines. Nobody gets in: the password is not
 * known. What is read of a value is what its parts say when they are put together again.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hubd/login/scram.h"
#include "libhub/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14 };

static void try_verifier(const char *p, size_t n)
{
	struct verifier v, again;
	char text[400];
	int length;

	if (!verifier_parse(p, n, &v))
		return;
	BUG_ON(v.iterations < VERIFIER_ITERATIONS_MIN || v.iterations > VERIFIER_ITERATIONS_MAX);
	BUG_ON(v.salt_bytes == 0 || v.salt_bytes > VERIFIER_SALT_MAX);
	length = snprintf(text, sizeof(text), "SCRAM-SHA-256$%u:%s$%s:%s", v.iterations, v.salt,
		v.stored_key, v.server_key);
	BUG_ON(!verifier_parse(text, (size_t)length, &again));
	BUG_ON(again.iterations != v.iterations || again.salt_bytes != v.salt_bytes ||
		strcmp(again.salt, v.salt) != 0 || strcmp(again.stored_key, v.stored_key) != 0 ||
		strcmp(again.server_key, v.server_key) != 0);
}

static const struct verifier *known_verifier(void)
{
	static const char text[] = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
	static struct verifier v;

	BUG_ON(!verifier_parse(text, sizeof(text) - 1, &v));
	return &v;
}

/* The message up to the next newline. */
static void say(struct login *l, const char **p, const char *end)
{
	const char *lf = memchr(*p, '\n', (size_t)(end - *p));

	lf = lf != NULL ? lf : end;
	login_bytes_set(&l->response, *p, (size_t)(lf - *p));
	*p = lf < end ? lf + 1 : end;
}

static void try_scram(enum login_mechanism m, const char *p, size_t n)
{
	static struct Gsasl *library;
	struct login *l = login_new(NULL, 1, m);
	const char *end = p + n, *why = NULL;
	enum login_outcome outcome = LOGIN_MALFORMED;
	struct err e;

	if (library == NULL)
		library = scram_library_new(&e);
	BUG_ON(library == NULL);
	l->bound = m == LOGIN_SCRAM_PLUS;
	memset(l->binding, 7, sizeof(l->binding));
	say(l, &p, end);
	l->name = scram_name(library, l, &outcome, &why);
	if (l->name != NULL) {
		BUG_ON(*l->name == '\0');
		outcome = scram_begin(library, l, known_verifier(), true, &why);
		while (outcome == LOGIN_CHALLENGE && p < end) {
			say(l, &p, end);
			outcome = scram_step(l, &why);
		}
	}
	BUG_ON(outcome == LOGIN_OK || (outcome != LOGIN_CHALLENGE && why == NULL));
	scram_free(l);
	login_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (data[0] == 'v')
		try_verifier(p, size - 1);
	else if (data[0] == 's')
		try_scram(LOGIN_SCRAM, p, size - 1);
	else if (data[0] == 'p')
		try_scram(LOGIN_SCRAM_PLUS, p, size - 1);
	return 0;
}
