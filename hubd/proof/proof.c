/* proof.c - see proof.h */
#include "hubd/proof/proof.h"

#include <openssl/crypto.h>
#include <string.h>

#include "libhub/base/mem.h"

const char *const proof_mechanism_names[PROOF_MECHANISMS] = {
	[PROOF_LOGIN] = "LOGIN",
	[PROOF_PLAIN] = "PLAIN",
	[PROOF_SCRAM] = "SCRAM-SHA-256",
	[PROOF_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
	[PROOF_GSSAPI] = "GSSAPI",
};

static char *copy_of(const char *text)
{
	return text != NULL ? xstrdup(text) : NULL;
}

struct proof *proof_new(struct inbox *reply_to, void *owner, enum proof_mechanism m,
	const char *user, const char *password, const char *host)
{
	struct proof *p = xcalloc(1, sizeof(*p));

	p->reply_to = reply_to;
	p->owner = owner;
	p->mechanism = m;
	p->user = copy_of(user);
	p->password = copy_of(password);
	p->host = copy_of(host);
	return p;
}

void proof_challenge_set(struct proof *p, const char *text, size_t n)
{
	proof_text_wipe(&p->challenge);
	p->challenge = xstrndup(text, n);
}

void proof_text_wipe(char **text)
{
	if (*text == NULL)
		return;
	OPENSSL_cleanse(*text, strlen(*text));
	free(*text);
	*text = NULL;
}

void proof_free(struct proof **pp)
{
	struct proof *p = *pp;

	if (p == NULL)
		return;
	BUG_ON(p->session != NULL);
	proof_text_wipe(&p->password);
	proof_text_wipe(&p->challenge);
	proof_text_wipe(&p->response);
	free(p->user);
	free(p->host);
	OPENSSL_cleanse(p->binding, sizeof(p->binding));
	free(p);
	*pp = NULL;
}
