/* service.c - see service.h.
 *
 * A login is either with the SASL library, for a step, or with the authenticator, for an entry or a
 * bind; its next position is a function of what comes back. A person is the one entry that has the
 * name; what the proof was of stands in the mechanism alone.
 */
#include "hubd/login/service.h"

#include <ldap.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "hubd/login/certificate.h"
#include "hubd/login/gssapi.h"
#include "hubd/login/keytab.h"
#include "hubd/login/scram.h"
#include "hubd/login/verifier.h"
#include "libhub/base/mem.h"

enum { LOOK_FOR_VERIFIERS_S = 60 };

enum order_kind { ORDER_PREFER, ORDER_END };

struct order {
	struct inbox_node node;
	enum order_kind kind;
	size_t uri;
};

struct login_service {
	struct login_service_config cfg;
	pthread_t thread;
	bool started;
	/* of the thread */
	struct loop *loop;
	struct inbox *logins, *orders;
	struct resolver *resolver;
	struct authenticator *authenticator;
	struct Gsasl *sasl;
	struct event *verifiers_timer;
	atomic_bool has_verifiers;	/* until the directory says that there are none */
	struct verifier seen;		/* what a genuine verifier looked like last */
	unsigned char secret[32];	/* where the organization has no hubEpoch */
};

/* A login that is with the authenticator. */
struct look {
	struct login_service *service;
	struct login *login;
};

static struct look *look_new(struct login_service *s, struct login *l)
{
	struct look *look = xcalloc(1, sizeof(*look));

	*look = (struct look){ .service = s, .login = l };
	return look;
}

/* --- answers --- */

static void drop(struct login *l)
{
	scram_free(l);
	gssapi_free(l);
}

static void decide(struct login *l, enum login_outcome outcome, const char *why)
{
	if (outcome != LOGIN_CHALLENGE)
		drop(l);
	login_answer(l, outcome, "%s", why);
}

static enum login_outcome outcome_of(enum authenticate_outcome o)
{
	return o == AUTHENTICATE_OK ? LOGIN_OK : o == AUTHENTICATE_REFUSED ? LOGIN_REFUSED :
		LOGIN_UNAVAILABLE;
}

/* Whatever name was given: the same person has always the same one here. */
static void take_person(struct login *l, const struct authenticate_result *r)
{
	snprintf(l->user, sizeof(l->user), "%s", *r->uid != '\0' ? r->uid : r->mail);
	snprintf(l->mail, sizeof(l->mail), "%s", r->mail);
}

/*
 * The directory overlooks more than case, such as blanks and other forms of a letter. Whoever could
 * see here what it overlooks would see which names there are; to Kerberos it is another name.
 */
static bool is_named(const struct entry *e, const char *attribute, const char *name, size_t n)
{
	const struct entry_attr *a = entry_attr(e, attribute);
	size_t i;

	for (i = 0; a != NULL && i < a->n; i++)
		if (a->values[i].size == n &&
			strncasecmp((const char *)a->values[i].data, name, n) == 0)
			return true;
	return false;
}

/* For proofs that are complete: whom they are of is all that is still asked. */
static void on_person(const struct authenticate_result *r, void *ctx)
{
	struct look look = *(struct look *)ctx;

	free(ctx);
	take_person(look.login, r);
	decide(look.login, outcome_of(r->outcome), r->text);
}

/* --- passwords --- */

static void check_password(struct login_service *s, struct login *l)
{
	(void)authenticate_start(s->authenticator, l->name, l->password, on_person, look_new(s, l));
	/* the operation has its own copy from here on */
	login_password_wipe(l);
}

/* --- EXTERNAL --- */

static void on_holder(const struct authenticate_result *r, void *ctx)
{
	struct login *l = ((struct look *)ctx)->login;

	if (r->outcome != AUTHENTICATE_OK || certificate_is_of(r->entry, l->certificate.data,
		l->certificate.size)) {
		on_person(r, ctx);
	} else {
		free(ctx);
		decide(l, LOGIN_REFUSED, "the entry has another certificate");
	}
}

static void check_certificate(struct login_service *s, struct login *l)
{
	char *filter = *l->name != '\0' ? authenticate_name_filter(l->name, l->name) :
		certificate_filter(l->certificate.data, l->certificate.size);

	if (filter == NULL)
		decide(l, LOGIN_REFUSED, "the certificate cannot be read");
	else
		(void)authenticate_find_start(s->authenticator, filter, "userCertificate",
			on_holder, look_new(s, l));
	free(filter);
}

/* --- SCRAM --- */

static bool find_verifier(const struct authenticate_result *r, struct verifier *out)
{
	const struct entry_attr *a = r->entry != NULL ? entry_attr(r->entry, "authPassword") : NULL;
	size_t i;

	for (i = 0; a != NULL && i < a->n; i++)
		if (verifier_parse((const char *)a->values[i].data, a->values[i].size, out))
			return true;
	return false;
}

/* The same on every hub, and at the next start. */
static void pretend(struct login_service *s, const struct login *l, struct verifier *out)
{
	if (l->epoch != NULL)
		verifier_pretend(l->name, l->epoch, strlen(l->epoch), &s->seen, out);
	else
		verifier_pretend(l->name, s->secret, sizeof(s->secret), &s->seen, out);
}

static void on_scram_entry(const struct authenticate_result *r, void *ctx)
{
	struct look look = *(struct look *)ctx;
	const char *why = r->text, *name;
	struct verifier v;
	bool genuine;

	free(ctx);
	if (r->outcome == AUTHENTICATE_UNAVAILABLE) {
		decide(look.login, LOGIN_UNAVAILABLE, why);
		return;
	}
	name = look.login->name;
	genuine = find_verifier(r, &v) && (is_named(r->entry, "uid", name, strlen(name)) ||
		is_named(r->entry, "mail", name, strlen(name)));
	take_person(look.login, r);
	if (genuine)
		look.service->seen = v;
	else
		pretend(look.service, look.login, &v);
	decide(look.login, scram_begin(look.service->sasl, look.login, &v, genuine, &why), why);
}

static void begin_scram(struct login_service *s, struct login *l)
{
	enum login_outcome outcome;
	const char *why;
	char *filter;

	free(l->name);
	l->name = scram_name(s->sasl, l, &outcome, &why);
	if (l->name == NULL) {
		decide(l, outcome, why);
		return;
	}
	filter = authenticate_name_filter(l->name, l->name);
	(void)authenticate_find_start(s->authenticator, filter, "authPassword", on_scram_entry,
		look_new(s, l));
	free(filter);
}

static void advance_scram(struct login_service *s, struct login *l)
{
	const char *why = "";
	enum login_outcome outcome;

	if (l->scram == NULL) {
		begin_scram(s, l);
		return;
	}
	outcome = scram_step(l, &why);
	decide(l, outcome, why);
}

/* --- does anybody have a verifier? --- */

static void look_again(struct login_service *s, time_t s_from_now)
{
	struct timeval tv = { .tv_sec = s_from_now };

	evtimer_add(s->verifiers_timer, &tv);
}

static void on_verifiers(const struct authenticate_result *r, void *ctx)
{
	struct login_service *s = ctx;

	if (r->outcome != AUTHENTICATE_UNAVAILABLE)
		atomic_store_explicit(&s->has_verifiers, r->outcome == AUTHENTICATE_OK,
			memory_order_relaxed);
	look_again(s, LOOK_FOR_VERIFIERS_S);
}

static void on_verifiers_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct login_service *s = ctx;

	(void)fd;
	(void)what;
	(void)authenticate_any_start(s->authenticator, "(authPassword=*)", on_verifiers, s);
}

const atomic_bool *login_service_has_verifiers(const struct login_service *s)
{
	return &s->has_verifiers;
}

/* --- GSSAPI --- */

static void on_principal(const struct authenticate_result *r, void *ctx)
{
	struct login *l = ((struct look *)ctx)->login;
	const char *principal = gssapi_principal(l), *at = strrchr(principal, '@');

	if (r->outcome != AUTHENTICATE_OK ||
		is_named(r->entry, "uid", principal, (size_t)(at - principal)) ||
		is_named(r->entry, "mail", principal, strlen(principal))) {
		on_person(r, ctx);
	} else {
		free(ctx);
		decide(l, LOGIN_REFUSED, "the entry's name is only similar");
	}
}

/* Who a Kerberos name is here: uid without realm, or mail with it. */
static void find_principal(struct login_service *s, struct login *l)
{
	const char *principal = gssapi_principal(l), *at = strrchr(principal, '@');
	char *uid, *filter;

	if (!keytab_has_realm(s->cfg.keytab, at + 1)) {
		decide(l, LOGIN_REFUSED, "the keytab is of another realm");
		return;
	}
	uid = xstrndup(principal, (size_t)(at - principal));
	filter = authenticate_name_filter(uid, principal);
	(void)authenticate_find_start(s->authenticator, filter, NULL, on_principal,
		look_new(s, l));
	free(filter);
	free(uid);
}

static void advance_gssapi(struct login_service *s, struct login *l)
{
	const char *why = "no keytab";
	enum login_outcome outcome = s->cfg.keytab == NULL ? LOGIN_UNAVAILABLE :
		gssapi_step(s->sasl, l, &why);

	if (outcome == LOGIN_OK || outcome == LOGIN_REFUSED) {
		free(l->name);
		l->name = l->gssapi != NULL && gssapi_principal(l) != NULL ?
			xstrdup(gssapi_principal(l)) : NULL;
	}
	if (outcome == LOGIN_OK)
		find_principal(s, l);
	else
		decide(l, outcome, why);
}

/* --- the thread --- */

static void advance(struct login_service *s, struct login *l)
{
	/* a step may take a while */
	loop_touch(s->loop);
	switch (l->mechanism) {
	case LOGIN_PASSWORD:
		check_password(s, l);
		break;
	case LOGIN_CERTIFICATE:
		check_certificate(s, l);
		break;
	case LOGIN_SCRAM:
	case LOGIN_SCRAM_PLUS:
		advance_scram(s, l);
		break;
	case LOGIN_GSSAPI:
		advance_gssapi(s, l);
		break;
	}
}

static void on_login(struct inbox_node *node, void *ctx)
{
	struct login_service *s = ctx;
	struct login *l = INBOX_ENTRY(node, struct login, node);

	/* without a thread nobody is there to read the answer */
	if (l->abandoned || !s->started) {
		drop(l);
		login_free(&l);
	} else {
		advance(s, l);
	}
}

static void on_order(struct inbox_node *node, void *ctx)
{
	struct order *o = INBOX_ENTRY(node, struct order, node);
	struct login_service *s = ctx;

	switch (o->kind) {
	case ORDER_PREFER:
		authenticator_prefer(s->authenticator, o->uri);
		break;
	case ORDER_END:
		loop_stop(s->loop);
		break;
	}
	free(o);
}

static void *run(void *arg)
{
	struct login_service *s = arg;

	loop_run(s->loop);
	return NULL;
}

/* --- the main thread --- */

static void give(struct login_service *s, enum order_kind kind, size_t uri)
{
	struct order *o = xcalloc(1, sizeof(*o));

	*o = (struct order){ .kind = kind, .uri = uri };
	inbox_post(s->orders, &o->node);
}

void login_service_prefer(struct login_service *s, size_t uri)
{
	give(s, ORDER_PREFER, uri);
}

struct inbox *login_service_inbox(struct login_service *s)
{
	return s->logins;
}

static int prepare(struct login_service *s, struct err *e)
{
	struct resolver_options options = { .servers = s->cfg.resolver };

	/* RFC 7677 section 4, and the salt of most tools, until there is a genuine one */
	s->seen.iterations = VERIFIER_ITERATIONS_MIN;
	s->seen.salt_bytes = 16;
	if (RAND_bytes(s->secret, sizeof(s->secret)) != 1)
		return err_set(e, ERR_TEMP, 0, "no random numbers");
	s->sasl = scram_library_new(e);
	s->resolver = resolver_new(s->loop, &options, e);
	return s->sasl != NULL && s->resolver != NULL ? 0 : -1;
}

struct login_service *login_service_new(const struct login_service_config *cfg, struct err *e)
{
	struct login_service *s = xcalloc(1, sizeof(*s));

	s->cfg = *cfg;
	s->loop = loop_new("login");
	s->logins = inbox_new(s->loop, on_login, s);
	s->orders = inbox_new(s->loop, on_order, s);
	s->verifiers_timer = evtimer_new(loop_base(s->loop), on_verifiers_timer, s);
	BUG_ON(s->verifiers_timer == NULL);
	atomic_init(&s->has_verifiers, true);
	if (prepare(s, e) != 0) {
		login_service_free(&s);
		return NULL;
	}
	s->authenticator = authenticator_new(s->loop, s->resolver, cfg->directory,
		cfg->recipient_base);
	return s;
}

void login_service_free(struct login_service **sp)
{
	struct login_service *s = *sp;

	if (s == NULL)
		return;
	BUG_ON(s->started);
	event_free(s->verifiers_timer);
	inbox_free(&s->orders);
	inbox_free(&s->logins);
	authenticator_free(&s->authenticator);
	resolver_free(&s->resolver);
	loop_free(&s->loop);
	scram_library_free(&s->sasl);
	free(s);
	*sp = NULL;
}

int login_service_start(struct login_service *s, struct err *e)
{
	sigset_t all, before;
	int rc, version;

	/* libldap makes its globals at the first call, and is not ready for two at once */
	(void)ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	look_again(s, 0);
	/* before the thread, which looks at it */
	s->started = true;
	rc = pthread_create(&s->thread, NULL, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return 0;
	s->started = false;
	return err_set(e, ERR_TEMP, rc, "thread of logins");
}

void login_service_join(struct login_service *s)
{
	if (!s->started)
		return;
	give(s, ORDER_END, 0);
	pthread_join(s->thread, NULL);
	s->started = false;
}
