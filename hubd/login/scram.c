/* scram.c - see scram.h */
#include "hubd/login/scram.h"

#include <gsasl.h>
#include <openssl/evp.h>
#include <string.h>

#include "libhub/base/mem.h"

struct scram {
	Gsasl_session *session;
	bool genuine;
	bool proven;		/* our own proof is on its way: an empty response is still due */
};

/*
 * Whatever the library lacks it has to go without: all that we know has been set before. The name
 * that GSSAPI found is judged after the step.
 */
static int on_callback(Gsasl *g, Gsasl_session *session, Gsasl_property p)
{
	(void)g;
	(void)session;
	return p == GSASL_VALIDATE_GSSAPI ? GSASL_OK : GSASL_NO_CALLBACK;
}

struct Gsasl *scram_library_new(struct err *e)
{
	Gsasl *g = NULL;
	int rc = gsasl_init(&g);

	if (rc != GSASL_OK) {
		(void)err_set(e, ERR_CONFIG, 0, "SASL library: %s", gsasl_strerror(rc));
		return NULL;
	}
	gsasl_callback_set(g, on_callback);
	return g;
}

void scram_library_free(struct Gsasl **g)
{
	if (*g != NULL)
		gsasl_done(*g);
	*g = NULL;
}

static enum login_outcome outcome_of(int rc, const char **why)
{
	*why = gsasl_strerror(rc);
	switch (rc) {
	case GSASL_MECHANISM_PARSE_ERROR:
	case GSASL_BASE64_ERROR:
		return LOGIN_MALFORMED;
	case GSASL_MALLOC_ERROR:
	case GSASL_CRYPTO_ERROR:
		return LOGIN_UNAVAILABLE;
	default:
		return LOGIN_REFUSED;
	}
}

static Gsasl_session *start(Gsasl *g, const struct login *l)
{
	char text[LOGIN_BINDING_SIZE / 3 * 4 + 4 + 1];
	Gsasl_session *session = NULL;

	if (gsasl_server_start(g, l->mechanism == LOGIN_SCRAM_PLUS ? "SCRAM-SHA-256-PLUS" :
		"SCRAM-SHA-256", &session) != GSASL_OK)
		return NULL;
	/* also without PLUS: a client that was made to believe we have none is then refused */
	if (l->bound) {
		EVP_EncodeBlock((unsigned char *)text, l->binding, sizeof(l->binding));
		(void)gsasl_property_set(session, GSASL_CB_TLS_EXPORTER, text);
	}
	return session;
}

/* One message in, one out (the caller's, by gsasl_free; NULL if there is none). */
static int step(Gsasl_session *session, const struct login *l, char **out, size_t *n)
{
	*out = NULL;
	*n = 0;
	/* the library takes texts */
	if (memchr(l->response.data, '\0', l->response.size) != NULL)
		return GSASL_MECHANISM_PARSE_ERROR;
	/* it would take a binding to nothing: RFC 5802 section 6 */
	if (l->mechanism == LOGIN_SCRAM && l->response.data[0] == 'p')
		return GSASL_AUTHENTICATION_ERROR;
	return gsasl_step(session, (const char *)l->response.data, l->response.size, out, n);
}

char *scram_name(struct Gsasl *g, const struct login *l, enum login_outcome *outcome,
	const char **why)
{
	Gsasl_session *session = start(g, l);
	const char *name, *authzid;
	char *out = NULL, *copy = NULL;
	size_t n;
	int rc;

	*outcome = LOGIN_UNAVAILABLE;
	*why = "the SASL library has no SCRAM-SHA-256";
	if (session == NULL)
		return NULL;
	rc = step(session, l, &out, &n);
	if (rc == GSASL_NEEDS_MORE && n > 0) {
		name = gsasl_property_fast(session, GSASL_AUTHID);
		authzid = gsasl_property_fast(session, GSASL_AUTHZID);
		*outcome = LOGIN_REFUSED;
		*why = "acting as somebody else";
		if (authzid == NULL || *authzid == '\0' || strcmp(authzid, name) == 0)
			copy = xstrdup(name);
	} else {
		/* an empty message is none of this mechanism's */
		*outcome = outcome_of(rc == GSASL_NEEDS_MORE ? GSASL_MECHANISM_PARSE_ERROR : rc,
			why);
	}
	gsasl_free(out);
	gsasl_finish(session);
	return copy;
}

static enum login_outcome give_step(struct login *l, const char **why)
{
	char *out;
	size_t n;
	int rc = step(l->scram->session, l, &out, &n);
	enum login_outcome outcome = LOGIN_CHALLENGE;

	if (rc == GSASL_OK && l->scram->genuine)
		/* RFC 4954 section 4: what comes with success is one more challenge */
		l->scram->proven = true;
	else if (rc != GSASL_NEEDS_MORE)
		outcome = outcome_of(rc == GSASL_OK ? GSASL_AUTHENTICATION_ERROR : rc, why);
	if (outcome == LOGIN_CHALLENGE)
		login_bytes_set(&l->challenge, out != NULL ? out : "", n);
	gsasl_free(out);
	return outcome;
}

enum login_outcome scram_begin(struct Gsasl *g, struct login *l, const struct verifier *v,
	bool genuine, const char **why)
{
	char iterations[16];

	l->scram = xcalloc(1, sizeof(*l->scram));
	l->scram->genuine = genuine;
	l->scram->session = start(g, l);
	BUG_ON(l->scram->session == NULL);	/* it could be had for the name */
	snprintf(iterations, sizeof(iterations), "%u", v->iterations);
	(void)gsasl_property_set(l->scram->session, GSASL_SCRAM_ITER, iterations);
	(void)gsasl_property_set(l->scram->session, GSASL_SCRAM_SALT, v->salt);
	(void)gsasl_property_set(l->scram->session, GSASL_SCRAM_STOREDKEY, v->stored_key);
	(void)gsasl_property_set(l->scram->session, GSASL_SCRAM_SERVERKEY, v->server_key);
	return give_step(l, why);
}

enum login_outcome scram_step(struct login *l, const char **why)
{
	if (!l->scram->proven)
		return give_step(l, why);
	*why = "something follows the last message of the exchange";
	return l->response.size == 0 ? LOGIN_OK : LOGIN_MALFORMED;
}

void scram_free(struct login *l)
{
	if (l->scram == NULL)
		return;
	gsasl_finish(l->scram->session);
	free(l->scram);
	l->scram = NULL;
}
