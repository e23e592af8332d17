/* fuzz_login.c - fuzz target for logins by SCRAM and GSSAPI, and for the verifiers of passwords.
 *
 * The first byte chooses. v is a value of authPassword: what is read of it is what its parts say
 * when they are put together again. Of a stranger, who does not know the password, are s (what a
 * client says by SCRAM-SHA-256) and p (by -PLUS), message after message, divided by newlines;
 * nobody gets in. Of somebody who does are k (SCRAM-SHA-256), K (-PLUS) and g (GSSAPI, with a
 * ticket): the first line is the name, then each line a message:
 *
 *	=	what is due; behind it, in threes, place (two bytes) and what changes there
 *	r	the rest of the line
 *	i c	the rest within the context of GSSAPI, signed or sealed
 *
 * Who changes nothing gets in, and nobody gets in as somebody else.
 */
#include <ctype.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_kerberos.h"
#include "hubd/login/gssapi.h"
#include "hubd/login/keytab.h"
#include "hubd/login/scram.h"
#include "libhub/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

enum { INPUT_MAX = 1 << 14 };

struct line {
	const char *p;
	size_t n;
};

/* Of who has logged in, a message that wraps nothing is lost between two libraries: 17 bytes. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libgssapi_krb5\nleak:gss_krb5int_unseal_token\n";
}

/* --- verifiers --- */

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

/* RFC 7677 section 3: of the password "pencil". */
static const struct verifier *known_verifier(void)
{
	static const char text[] = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
	static struct verifier v;

	BUG_ON(!verifier_parse(text, sizeof(text) - 1, &v));
	return &v;
}

/* --- the server's side --- */

static struct Gsasl *library(void)
{
	static struct Gsasl *sasl;
	struct err e;

	if (sasl == NULL)
		sasl = scram_library_new(&e);
	BUG_ON(sasl == NULL);
	return sasl;
}

/* As the service does it, but every name has the known verifier. */
static enum login_outcome answer_scram(struct login *l, const char **why)
{
	enum login_outcome outcome = LOGIN_MALFORMED;

	if (l->scram != NULL)
		return scram_step(l, why);
	l->name = scram_name(library(), l, &outcome, why);
	if (l->name == NULL)
		return outcome;
	BUG_ON(*l->name == '\0');
	return scram_begin(library(), l, known_verifier(), true, why);
}

static enum login_outcome answer_gssapi(struct login *l, const char **why)
{
	enum login_outcome outcome = gssapi_step(library(), l, why);
	const char *principal;

	if (outcome != LOGIN_OK)
		return outcome;
	principal = gssapi_principal(l);
	BUG_ON(strlen(principal) >= LOGIN_NAME_SIZE || strpbrk(principal, "/\\") != NULL ||
		*principal == '@');
	if (!keytab_has_realm(kerberos_keytab(), strrchr(principal, '@') + 1))
		return LOGIN_REFUSED;
	l->name = xstrndup(principal, strcspn(principal, "@"));
	return LOGIN_OK;
}

static enum login_outcome answer(struct login *l)
{
	const char *why = NULL;
	enum login_outcome outcome = l->mechanism == LOGIN_GSSAPI ? answer_gssapi(l, &why) :
		answer_scram(l, &why);

	BUG_ON(outcome != LOGIN_OK && outcome != LOGIN_CHALLENGE && why == NULL);
	BUG_ON(outcome == LOGIN_CHALLENGE && l->challenge.data == NULL);
	return outcome;
}

static struct login *begin(enum login_mechanism m)
{
	struct login *l = login_new(NULL, 1, m);

	l->bound = m == LOGIN_SCRAM_PLUS;
	memset(l->binding, 7, sizeof(l->binding));
	l->fqdn = xstrdup(KERBEROS_HOST);
	return l;
}

static void end(struct login **l)
{
	scram_free(*l);
	gssapi_free(*l);
	login_free(l);
}

/* Takes what is before the next newline. */
static struct line next_line(struct line *rest)
{
	const char *lf = memchr(rest->p, '\n', rest->n);
	struct line out = { rest->p, lf != NULL ? (size_t)(lf - rest->p) : rest->n };
	size_t used = lf != NULL ? out.n + 1 : out.n;

	rest->p += used;
	rest->n -= used;
	return out;
}

/* --- strangers --- */

static void try_stranger(enum login_mechanism m, struct line rest)
{
	struct login *l = begin(m);
	enum login_outcome outcome;
	struct line said;

	do {
		said = next_line(&rest);
		login_bytes_set(&l->response, said.p, said.n);
		outcome = answer(l);
		BUG_ON(outcome == LOGIN_OK);
	} while (outcome == LOGIN_CHALLENGE && rest.n != 0);
	end(&l);
}

/* --- those who may --- */

struct client {
	Gsasl *sasl;
	Gsasl_session *scram;
	struct kerberos_client *kerberos;
	bool honest;
};

/* What the password comes to, which takes long. */
static const char *salted_password(void)
{
	static const unsigned char salt[] = { 0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e, 0xec,
		0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81 };
	static char text[2 * 32 + 1];
	unsigned char key[32];
	size_t i;

	if (*text != '\0')
		return text;
	BUG_ON(PKCS5_PBKDF2_HMAC("pencil", 6, salt, sizeof(salt), 4096, EVP_sha256(), sizeof(key),
		key) != 1);
	for (i = 0; i < sizeof(key); i++)
		snprintf(text + 2 * i, 3, "%02x", key[i]);
	return text;
}

static void scram_client_begin(struct client *c, const struct login *l, struct line name)
{
	bool plus = l->mechanism == LOGIN_SCRAM_PLUS;
	char *text = xstrndup(name.p, name.n), binding[LOGIN_BINDING_SIZE * 2];

	BUG_ON(gsasl_init(&c->sasl) != GSASL_OK);
	BUG_ON(gsasl_client_start(c->sasl, plus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256",
		&c->scram) != GSASL_OK);
	(void)gsasl_property_set(c->scram, GSASL_AUTHID, text);
	(void)gsasl_property_set(c->scram, GSASL_PASSWORD, "pencil");
	(void)gsasl_property_set(c->scram, GSASL_SCRAM_SALTED_PASSWORD, salted_password());
	EVP_EncodeBlock((unsigned char *)binding, l->binding, LOGIN_BINDING_SIZE);
	if (plus)
		(void)gsasl_property_set(c->scram, GSASL_CB_TLS_EXPORTER, binding);
	free(text);
}

static void say_due(struct client *c, struct login *l)
{
	char *out = NULL;
	size_t n = 0;

	if (c->kerberos != NULL) {
		kerberos_client_answer(c->kerberos, &l->challenge, &l->response);
		return;
	}
	(void)gsasl_step(c->scram, (const char *)l->challenge.data, l->challenge.size, &out, &n);
	login_bytes_set(&l->response, out != NULL ? out : "", n);
	gsasl_free(out);
}

static bool change(struct login_bytes *b, struct line how)
{
	bool changed = false;
	size_t at;

	for (; how.n >= 3 && b->size != 0; how.p += 3, how.n -= 3) {
		at = ((size_t)(unsigned char)how.p[0] << 8 | (unsigned char)how.p[1]) % b->size;
		b->data[at] ^= (unsigned char)how.p[2];
		changed = changed || how.p[2] != 0;
	}
	return changed;
}

static void say(struct client *c, struct login *l, struct line how)
{
	char kind = how.n != 0 ? how.p[0] : '\0';
	struct line rest = { how.p + 1, how.n != 0 ? how.n - 1 : 0 };

	c->honest = c->honest && kind == '=';
	if (kind == '=') {
		say_due(c, l);
		c->honest = !change(&l->response, rest) && c->honest;
	} else if ((kind == 'i' || kind == 'c') && c->kerberos != NULL) {
		kerberos_client_wrap(c->kerberos, rest.p, rest.n, kind == 'c', &l->response);
	} else {
		login_bytes_set(&l->response, how.n != 0 ? rest.p : "", rest.n);
	}
}

/* A name that needs no escapes, and no preparation (RFC 4013). */
static bool is_plain(struct line name)
{
	size_t i;

	for (i = 0; i < name.n; i++)
		if (!isalnum((unsigned char)name.p[i]))
			return false;
	return name.n != 0;
}

static void check(const struct client *c, const struct login *l, enum login_outcome outcome,
	struct line name)
{
	if (outcome == LOGIN_OK && is_plain(name))
		BUG_ON(strlen(l->name) != name.n || memcmp(l->name, name.p, name.n) != 0);
	if (c->honest && is_plain(name))
		BUG_ON(outcome != LOGIN_OK && outcome != LOGIN_CHALLENGE);
}

static void try_client(enum login_mechanism m, struct line rest)
{
	struct line name = next_line(&rest);
	struct client c = { .honest = true };
	enum login_outcome outcome;
	struct login *l;

	if (name.n > KERBEROS_NAME_MAX)
		return;
	if (m == LOGIN_GSSAPI)
		c.kerberos = kerberos_client_new(name.p, name.n);
	l = begin(m);
	if (m != LOGIN_GSSAPI)
		scram_client_begin(&c, l, name);
	do {
		say(&c, l, next_line(&rest));
		outcome = answer(l);
		check(&c, l, outcome, name);
	} while (outcome == LOGIN_CHALLENGE && rest.n != 0);
	if (getenv("HUB_FUZZ_SHOW") != NULL)
		fprintf(stderr, "%s: %d\n", l->name != NULL ? l->name : "-", outcome);
	end(&l);
	if (c.kerberos != NULL)
		kerberos_client_free(&c.kerberos);
	if (c.scram != NULL)
		gsasl_finish(c.scram);
	if (c.sasl != NULL)
		gsasl_done(c.sasl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct line rest = { (const char *)data + 1, size - 1 };

	if (size < 1 || size > INPUT_MAX)
		return 0;
	switch (data[0]) {
	case 'v':
		try_verifier(rest.p, rest.n);
		break;
	case 's':
		try_stranger(LOGIN_SCRAM, rest);
		break;
	case 'p':
		try_stranger(LOGIN_SCRAM_PLUS, rest);
		break;
	case 'k':
		try_client(LOGIN_SCRAM, rest);
		break;
	case 'K':
		try_client(LOGIN_SCRAM_PLUS, rest);
		break;
	case 'g':
		try_client(LOGIN_GSSAPI, rest);
		break;
	default:
		break;
	}
	return 0;
}
