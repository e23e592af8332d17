/* prover.c - see prover.h */
#include "hubd/proof/prover.h"

#include <gsasl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hubd/proof/ticket.h"
#include "libhub/base/mem.h"

enum { HANDS = 2 };

/* A thread. */
struct hand {
	struct prover *prover;
	pthread_t thread;
	struct loop *loop;
	struct inbox *proofs, *orders;
	struct inbox_node end;
	Gsasl *sasl;
};

struct prover {
	char *keytab;
	struct ticket_office *tickets;
	bool started[HANDS];
	struct hand hands[HANDS];	/* of passwords, of GSSAPI */
};

/* --- one step --- */

static void say(struct proof *p, enum proof_outcome outcome, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

static void say(struct proof *p, enum proof_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->text, sizeof(p->text), fmt, ap);
	va_end(ap);
	p->outcome = outcome;
}

/* The library frees its copies as they are. */
static void wipe_property(Gsasl_session *session, Gsasl_property property)
{
	const char *value = gsasl_property_fast(session, property);

	if (value != NULL)
		OPENSSL_cleanse((char *)(uintptr_t)value, strlen(value));
}

static void finish(struct proof *p)
{
	if (p->session == NULL)
		return;
	wipe_property(p->session, GSASL_PASSWORD);
	wipe_property(p->session, GSASL_SCRAM_SALTED_PASSWORD);
	wipe_property(p->session, GSASL_SCRAM_SERVERKEY);
	wipe_property(p->session, GSASL_SCRAM_STOREDKEY);
	gsasl_finish(p->session);
	p->session = NULL;
}

static void set_binding(struct proof *p)
{
	char text[PROOF_BINDING_SIZE / 3 * 4 + 4 + 1];

	if (p->mechanism != PROOF_SCRAM_PLUS)
		return;
	EVP_EncodeBlock((unsigned char *)text, p->binding, sizeof(p->binding));
	(void)gsasl_property_set(p->session, GSASL_CB_TLS_EXPORTER, text);
	OPENSSL_cleanse(text, sizeof(text));
}

static int start(Gsasl *g, struct proof *p)
{
	int rc = gsasl_client_start(g, proof_mechanism_names[p->mechanism], &p->session);

	if (rc != GSASL_OK) {
		p->session = NULL;
		return rc;
	}
	if (p->mechanism == PROOF_GSSAPI) {
		(void)gsasl_property_set(p->session, GSASL_SERVICE, "smtp");
		(void)gsasl_property_set(p->session, GSASL_HOSTNAME, p->host);
	} else {
		(void)gsasl_property_set(p->session, GSASL_AUTHID, p->user);
		(void)gsasl_property_set(p->session, GSASL_PASSWORD, p->password);
		set_binding(p);
	}
	proof_text_wipe(&p->password);
	return GSASL_OK;
}

static bool is_scram(const struct proof *p)
{
	return p->mechanism == PROOF_SCRAM || p->mechanism == PROOF_SCRAM_PLUS;
}

/* RFC 5802 section 7: "r=...,s=...,i=4096". */
static bool asks_too_much(const struct proof *p, const char *challenge)
{
	const char *rounds;

	if (!is_scram(p))
		return false;
	rounds = strstr(challenge, ",i=");
	return rounds != NULL && (strspn(rounds + 3, "0123456789") > 9 ||
		strtoul(rounds + 3, NULL, 10) > PROVER_ROUNDS_MAX);
}

/* The answer to *in, n bytes followed by a NUL. */
static int step(Gsasl *g, struct proof *p, const char *in, size_t n)
{
	char *out = NULL, *text = NULL;
	size_t out_n = 0, text_n;
	int rc = GSASL_OK;

	if (p->session == NULL)
		rc = start(g, p);
	if (rc == GSASL_OK)
		rc = gsasl_step(p->session, in, n, &out, &out_n);
	if (rc == GSASL_OK || rc == GSASL_NEEDS_MORE) {
		if (out == NULL || gsasl_base64_to(out, out_n, &text, &text_n) != GSASL_OK)
			text = NULL;
		p->response = text != NULL ? xstrdup(text) : NULL;
	}
	if (out != NULL)
		OPENSSL_cleanse(out, out_n);
	gsasl_free(out);
	proof_text_wipe(&text);
	return rc;
}

static void decide(struct proof *p, int rc)
{
	if (rc == GSASL_OK)
		say(p, PROOF_COMPLETE, "%s", "");
	else if (rc == GSASL_NEEDS_MORE)
		say(p, PROOF_MORE, "%s", "");
	else if (rc == GSASL_UNKNOWN_MECHANISM || rc == GSASL_MALLOC_ERROR ||
		rc == GSASL_GSSAPI_ACQUIRE_CRED_ERROR || rc == GSASL_GSSAPI_INIT_SEC_CONTEXT_ERROR)
		say(p, PROOF_UNAVAILABLE, "%s", gsasl_strerror(rc));
	else
		say(p, PROOF_FAILED, "%s", gsasl_strerror(rc));
	if (p->response != NULL && strlen(p->response) > PROOF_LINE_MAX)
		say(p, PROOF_FAILED, "the response would be too long");
}

/* Takes the challenge. */
static void prove(struct hand *h, struct proof *p)
{
	char *in = NULL;
	size_t n = 0;
	struct err e;

	if (p->mechanism == PROOF_GSSAPI && p->session == NULL &&
		ticket_need(h->prover->tickets, p->user, &e) != 0) {
		say(p, PROOF_UNAVAILABLE, "%s", e.text);
		return;
	}
	/* what LOGIN is asked is in any words, and servers have sent them as they are */
	if (p->challenge != NULL && p->mechanism != PROOF_LOGIN &&
		gsasl_base64_from(p->challenge, strlen(p->challenge), &in, &n) != GSASL_OK)
		say(p, PROOF_FAILED, "the challenge is not base64");
	/* the library takes texts */
	else if (in != NULL && p->mechanism != PROOF_GSSAPI && memchr(in, '\0', n) != NULL)
		say(p, PROOF_FAILED, "the challenge is not of this mechanism");
	/* RFC 5802 section 7: "e=invalid-proof" in the place of the peer's own proof */
	else if (in != NULL && is_scram(p) && strncmp(in, "e=", 2) == 0)
		say(p, PROOF_REFUSED, "%s", "");
	else if (in != NULL && asks_too_much(p, in))
		say(p, PROOF_FAILED, "the peer asks for more than %d rounds of the hash",
			(int)PROVER_ROUNDS_MAX);
	else
		decide(p, step(h->sasl, p, in, n));
	gsasl_free(in);
}

/* --- the threads --- */

static void drop(struct proof *p)
{
	finish(p);
	proof_free(&p);
}

static void on_proof(struct inbox_node *node, void *ctx)
{
	struct proof *p = INBOX_ENTRY(node, struct proof, node);
	struct hand *h = ctx;

	/* without a thread nobody is there to read the answer */
	if (p->abandoned || !h->prover->started[h - h->prover->hands]) {
		drop(p);
		return;
	}
	/* a step may take a while */
	loop_touch(h->loop);
	proof_text_wipe(&p->response);
	prove(h, p);
	proof_text_wipe(&p->challenge);
	if (p->outcome != PROOF_MORE)
		finish(p);
	loop_touch(h->loop);
	inbox_post(p->reply_to, &p->node);
}

static void on_order(struct inbox_node *node, void *ctx)
{
	struct hand *h = ctx;

	(void)node;
	loop_stop(h->loop);
}

static void *run(void *arg)
{
	struct hand *h = arg;

	loop_run(h->loop);
	return NULL;
}

/* --- contract --- */

static struct hand *hand_of(struct prover *p, enum proof_mechanism m)
{
	return &p->hands[m == PROOF_GSSAPI];
}

void prover_post(struct prover *p, struct proof *proof)
{
	inbox_post(hand_of(p, proof->mechanism)->proofs, &proof->node);
}

void prover_abandon(struct prover *p, struct proof **pp)
{
	struct proof *proof = *pp;

	*pp = NULL;
	if (proof == NULL)
		return;
	proof->abandoned = true;
	prover_post(p, proof);
}

bool prover_has_keytab(const struct prover *p)
{
	return p->keytab != NULL;
}

static int hand_init(struct prover *p, struct hand *h, const char *name, struct err *e)
{
	int rc = gsasl_init(&h->sasl);

	h->prover = p;
	h->loop = loop_new(name);
	h->proofs = inbox_new(h->loop, on_proof, h);
	h->orders = inbox_new(h->loop, on_order, h);
	if (rc == GSASL_OK)
		return 0;
	h->sasl = NULL;
	return err_set(e, ERR_CONFIG, 0, "SASL library: %s", gsasl_strerror(rc));
}

struct prover *prover_new(const char *keytab, struct err *e)
{
	struct prover *p = xcalloc(1, sizeof(*p));
	int rc = 0;

	if (keytab != NULL)
		p->keytab = xstrdup(keytab);
	p->tickets = ticket_office_new(p->keytab);
	rc |= hand_init(p, &p->hands[0], "prove", e);
	rc |= hand_init(p, &p->hands[1], "prove-gssapi", e);
	if (rc != 0)
		prover_free(&p);
	return p;
}

void prover_free(struct prover **pp)
{
	struct prover *p = *pp;
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < HANDS; i++) {
		struct hand *h = &p->hands[i];

		BUG_ON(p->started[i]);
		inbox_free(&h->orders);
		inbox_free(&h->proofs);
		loop_free(&h->loop);
		if (h->sasl != NULL)
			gsasl_done(h->sasl);
	}
	ticket_office_free(&p->tickets);
	free(p->keytab);
	free(p);
	*pp = NULL;
}

int prover_start(struct prover *p, struct err *e)
{
	sigset_t all, before;
	int rc = 0;
	size_t i;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (i = 0; i < HANDS && rc == 0; i++) {
		/* before the thread, which looks at it */
		p->started[i] = true;
		rc = pthread_create(&p->hands[i].thread, NULL, run, &p->hands[i]);
		if (rc != 0)
			p->started[i] = false;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? 0 : err_set(e, ERR_TEMP, rc, "thread of proofs");
}

void prover_join(struct prover *p)
{
	size_t i;

	for (i = 0; i < HANDS; i++) {
		if (!p->started[i])
			continue;
		inbox_post(p->hands[i].orders, &p->hands[i].end);
		pthread_join(p->hands[i].thread, NULL);
		p->started[i] = false;
	}
}
