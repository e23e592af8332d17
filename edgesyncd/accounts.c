/* accounts.c - see accounts.h.
 *
 * What was written inside takes a moment to come back with the next snapshot; until then it is
 * remembered as made, so that no hub gets a second account meanwhile.
 */
#include "edgesyncd/accounts.h"

#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "edgesyncd/edge_state.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/org/dn.h"

enum { MADE_FOR_MS = 60 * 1000, NAME_TRIES = 10, SEARCH_MS = 60 * 1000 };

/* A value that was written inside and perhaps is not in our snapshot yet. */
struct made {
	char digest[ACCOUNT_DIGEST_SIZE];
	char *hub;
	bool unsure;			/* no answer came */
	uint64_t until_ms;
	struct made *next, *prev;
};

/* What the last round found, for status. */
struct enrolment {
	char *hub;
	int64_t expires_s;
	struct enrolment *next, *prev;
};

struct accounts {
	struct home *home;
	const struct accounts_callbacks *cbs;
	void *ctx;
	struct made *made;
	struct enrolment *enrolments;

	/* of the round under way */
	bool busy;
	struct arena *arena;
	struct accounts_task task;
	struct account *list;
	size_t n;
	struct account_situation situation;
	struct account_plan plan;
	int id;				/* of the request to the edge, -1 = none */
	bool home_asked;
	bool changed;
	bool subscribed;
	size_t seen;			/* entries */
	uint64_t started_ms;
	const char *strange;		/* why what they say makes no sense */
	char trouble[300];		/* what could not be done so far; the rest is done */

	/* of the account being made */
	const char *hub;
	struct credential cred;
	struct blob value;
	char digest[ACCOUNT_DIGEST_SIZE];
	unsigned int number, tries;
};

static void next_step(struct accounts *a);

/* --- the end of a round --- */

static void clean(struct accounts *a)
{
	credential_wipe(&a->cred);
	free((void *)(uintptr_t)a->value.data);
	a->value = (struct blob){ 0 };
	arena_free(&a->arena);
	a->busy = false;
	a->hub = NULL;
	a->list = NULL;
	a->n = 0;
	a->strange = NULL;
	a->trouble[0] = '\0';
	a->subscribed = false;
	a->seen = 0;
	a->changed = false;
	a->id = -1;
}

static void finish(struct accounts *a, const char *error)
{
	bool changed = a->changed;
	char text[300];

	snprintf(text, sizeof(text), "%s", error != NULL ? error : "");
	clean(a);
	a->cbs->on_done(error != NULL ? text : NULL, changed, a->ctx);
}

static void fail(struct accounts *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void fail(struct accounts *a, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	finish(a, text);
}

/* What stands in the way of one account does not stand in that of the others. */
static void note(struct accounts *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void note(struct accounts *a, const char *fmt, ...)
{
	size_t n = strlen(a->trouble);
	va_list ap;

	if (n > 0 && n < sizeof(a->trouble) - 3)
		n += (size_t)sprintf(a->trouble + n, "; ");
	va_start(ap, fmt);
	vsnprintf(a->trouble + n, sizeof(a->trouble) - n, fmt, ap);
	va_end(ap);
}

static void finish_noted(struct accounts *a)
{
	finish(a, a->trouble[0] != '\0' ? a->trouble : NULL);
}

/* --- what was made lately --- */

static void forget_made(struct accounts *a, struct made *m)
{
	DL_DELETE(a->made, m);
	free(m->hub);
	free(m);
}

static bool is_known(const struct sealed *s, const char *digest)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->values[i].digest, digest) == 0)
			return true;
	return false;
}

static void remember_made(struct accounts *a, bool unsure)
{
	struct made *m = xcalloc(1, sizeof(*m));

	strcpy(m->digest, a->digest);
	m->hub = xstrdup(a->hub);
	m->unsure = unsure;
	m->until_ms = clock_mono_ms() + MADE_FOR_MS;
	DL_APPEND(a->made, m);
}

/* The values of the snapshot, and those made lately. */
static void take_values(struct accounts *a)
{
	const struct sealed *s = a->task.sealed;
	struct account_value *values;
	struct made *m, *next;
	size_t n = 0;

	DL_FOREACH_SAFE(a->made, m, next)
		if (is_known(s, m->digest) || clock_mono_ms() >= m->until_ms)
			forget_made(a, m);
	DL_COUNT(a->made, m, n);
	values = arena_alloc(a->arena, (s->n + n) * sizeof(*values));
	for (n = 0; n < s->n; n++)
		values[n] = s->values[n];
	DL_FOREACH(a->made, m) {
		strcpy(values[n].digest, m->digest);
		values[n].unsure = m->unsure;
		values[n++].hub = arena_strdup(a->arena, m->hub);
	}
	a->situation.values = values;
	a->situation.n_values = n;
}

/* --- requests to the edge --- */

/* Returns the code of a result that is not lost; -1 if it was. */
static int result(struct accounts *a, LDAP *ld, LDAPMessage *m, char *text, size_t size)
{
	a->id = -1;
	return m != NULL ? directory_result(ld, m, text, size) : -1;
}

static void sent(struct accounts *a, int id, const struct err *e)
{
	a->id = id;
	if (id < 0)
		fail(a, "%s", e->text);
}

static void on_account_deleted(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct accounts *a = ctx;
	char text[250];
	int code = result(a, ld, m, text, sizeof(text));

	if (code == -1)
		return;
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT)
		a->changed = true;
	else
		note(a, "the edge refuses to have an account deleted: %s", text);
	next_step(a);
}

static void delete_account(struct accounts *a, const char *dn, bool stray)
{
	struct err e = { 0 };

	log_event(stray ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "account-deleted",
		LOG_STR("account", dn), LOG_STR("text", stray ?
		"it is no account of a hub of the site" : NULL), LOG_END);
	sent(a, directory_delete(a->task.c, dn, NULL, on_account_deleted, a, &e), &e);
}

/* --- making an account --- */

static const struct blobs *certificates_of(const struct accounts *a, const char *hub)
{
	const struct sealed *s = a->task.sealed;
	size_t i;

	for (i = 0; i < s->n_hubs; i++)
		if (strcasecmp(s->hubs[i].name, hub) == 0)
			return &s->certificates[i];
	return NULL;
}

static unsigned int free_number(const struct accounts *a, const char *hub)
{
	unsigned int highest = 0, number = 0;
	struct arena *arena = arena_new();
	const char *name;
	size_t i;

	for (i = 0; i < a->n; i++) {
		name = edge_account_hub(arena, a->list[i].ndn, a->task.base, &number);
		if (name != NULL && strcasecmp(name, hub) == 0 && number > highest)
			highest = number;
	}
	arena_free(&arena);
	return highest < 999999999 ? highest + 1 : 1;
}

/* That account is done with, in whatever way. */
static void go_on(struct accounts *a)
{
	credential_wipe(&a->cred);
	free((void *)(uintptr_t)a->value.data);
	a->value = (struct blob){ 0 };
	a->hub = NULL;
	if (a->task.enrol)
		finish_noted(a);
	else
		next_step(a);
}

static void on_undone(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct accounts *a = ctx;

	if (result(a, ld, m, NULL, 0) != -1)
		go_on(a);
}

/* Nobody knows its secret; while the directory inside is away there would be ever more of them. */
static void undo_account(struct accounts *a, const char *why)
{
	struct err e = { 0 };

	note(a, "the credential for %s cannot be written inside: %s", a->hub, why);
	sent(a, directory_delete(a->task.c, a->cred.account, NULL, on_undone, a, &e), &e);
}

static void on_written_home(int code, const char *text, void *ctx)
{
	struct accounts *a = ctx;
	const char *hub = a->hub;

	a->home_asked = false;
	if (code == HOME_UNCLEAR) {
		/* the next snapshot will tell; without the account its value would lead nowhere */
		note(a, "nobody knows whether the credential for %s was written inside: %s", hub,
			text);
		remember_made(a, true);
		go_on(a);
		return;
	}
	/* nobody else can have written that value */
	if (code != LDAP_SUCCESS && code != LDAP_TYPE_OR_VALUE_EXISTS) {
		undo_account(a, text);
		return;
	}
	a->changed = true;
	log_event(LOG_LEVEL_INFO, "account-made", LOG_STR("hub", hub),
		LOG_STR("account", a->cred.account), LOG_END);
	remember_made(a, false);
	if (strcasecmp(hub, a->task.hub) == 0)
		a->cbs->on_made(&a->cred, a->ctx);
	go_on(a);
}

/* Beside what was sealed for that hub before, which goes after the account that it is for. */
static void write_home(struct accounts *a)
{
	struct directory_change change = { DIRECTORY_ADD, "hubCredential", &a->value, 1 };

	a->home_asked = true;
	home_modify(a->home, a->task.subscription, &change, 1, on_written_home, a);
}

static void add_account(struct accounts *a);

static void on_account_added(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct accounts *a = ctx;
	char text[250];
	int code = result(a, ld, m, text, sizeof(text));

	if (code == -1)
		return;
	if (code == LDAP_SUCCESS) {
		write_home(a);
	} else if (code == LDAP_ALREADY_EXISTS && a->tries++ < NAME_TRIES) {
		a->number++;
		add_account(a);
	} else {
		note(a, "the edge refuses an account for %s: %s", a->hub, text);
		go_on(a);
	}
}

static int seal(struct accounts *a, struct err *e)
{
	const struct blobs *certificates = certificates_of(a, a->hub);
	struct credential *c = &a->cred;
	char password[CREDENTIAL_PASSWORD_MADE];

	if (certificates == NULL || certificates->n == 0)
		return err_set(e, ERR_CONFIG, 0, "%s has no hubCertificate to seal a credential to",
			a->hub);
	credential_make_password(password);
	c->kind = CREDENTIAL_ACCOUNT;
	snprintf(c->account, sizeof(c->account), "%s",
		edge_account_dn(a->arena, a->hub, a->number, a->task.base));
	snprintf(c->password, sizeof(c->password), "%s", password);
	snprintf(c->hub, sizeof(c->hub), "%s", a->hub);
	explicit_bzero(password, sizeof(password));
	c->from_s = a->task.edge_now_s;
	c->to_s = account_end(&a->situation, a->hub, a->task.lifetime_s);
	free((void *)(uintptr_t)a->value.data);
	a->value = (struct blob){ 0 };
	if (credential_seal(c, certificates->v, certificates->n, &a->value, e) != 0)
		return -1;
	sealed_digest(&a->value, a->digest);
	return 0;
}

static struct blob text_blob(const char *text)
{
	return (struct blob){ (const unsigned char *)text, strlen(text) };
}

static void add_account(struct accounts *a)
{
	char hash[CREDENTIAL_HASH_TEXT], from[GENERALIZED_TIME_TEXT], to[GENERALIZED_TIME_TEXT];
	char sealed[ACCOUNT_DIGEST_SIZE + 20], cn[CREDENTIAL_HUB + 16];
	struct blob values[8];
	struct entry_attr attrs[] = {
		{ "objectClass", &values[0], 1 }, { "cn", &values[1], 1 },
		{ "userPassword", &values[2], 1 }, { "hubValidFrom", &values[3], 1 },
		{ "hubValidTo", &values[4], 1 }, { "hubAccountServer", &values[5], 1 },
		{ "description", &values[6], 1 }, { "pwdEndTime", &values[7], 1 },
	};
	struct entry entry = { .attrs = attrs, .n = sizeof(attrs) / sizeof(attrs[0]) };
	struct err e = { 0 };

	if (seal(a, &e) != 0) {
		note(a, "%s", e.text);
		go_on(a);
		return;
	}
	credential_hash_password(a->cred.password, hash);
	generalized_time_format(a->cred.from_s, from);
	generalized_time_format(a->cred.to_s, to);
	edge_account_sealed_text(a->digest, sealed, sizeof(sealed));
	snprintf(cn, sizeof(cn), "%s.%u", a->hub, a->number);
	entry.dn = a->cred.account;
	values[0] = text_blob("hubSyncAccount");
	values[1] = text_blob(cn);
	values[2] = text_blob(hash);
	values[3] = text_blob(from);
	values[4] = text_blob(to);
	values[5] = text_blob(a->hub);
	values[6] = text_blob(sealed);
	/* for slapo-ppolicy, which ends the account */
	values[7] = text_blob(to);
	sent(a, directory_add(a->task.c, &entry, NULL, on_account_added, a, &e), &e);
	explicit_bzero(hash, sizeof(hash));
}

static void make_account(struct accounts *a, const char *hub)
{
	a->hub = hub;
	a->number = free_number(a, hub);
	a->tries = 0;
	add_account(a);
}

/* --- values inside that are for no account --- */

static void on_values_deleted(int code, const char *text, void *ctx)
{
	struct accounts *a = ctx;

	a->home_asked = false;
	/* somebody else was quicker */
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_ATTRIBUTE)
		a->changed = true;
	else
		note(a, "old credentials cannot be deleted inside: %s", text);
	finish_noted(a);
}

/* Returns false if there are none. */
static bool delete_values(struct accounts *a)
{
	const struct sealed *s = a->task.sealed;
	struct blob *old = arena_alloc(a->arena, s->n * sizeof(*old));
	struct directory_change change = { DIRECTORY_DELETE, "hubCredential", old, 0 };
	size_t i;

	/* those made lately come behind them, and are for accounts that the list does not show */
	for (i = 0; i < s->n; i++)
		if (a->plan.delete_value[i])
			old[change.n++] = s->blobs[i];
	if (change.n == 0)
		return false;
	a->home_asked = true;
	home_modify(a->home, a->task.subscription, &change, 1, on_values_deleted, a);
	return true;
}

/* --- the round --- */

static bool make_next(struct accounts *a)
{
	size_t i;

	for (i = 0; i < a->situation.n_hubs; i++)
		if (a->plan.issue[i]) {
			a->plan.issue[i] = false;
			make_account(a, a->situation.hubs[i].name);
			return true;
		}
	return false;
}

static bool delete_next(struct accounts *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		if (a->plan.delete_account[i]) {
			a->plan.delete_account[i] = false;
			delete_account(a, a->list[i].dn, a->plan.stray[i]);
			return true;
		}
	return false;
}

static void next_step(struct accounts *a)
{
	/* or attempts that fail inside would leave one account after the other there */
	if (a->task.enrol && delete_next(a))
		return;
	if (!make_next(a) && !delete_next(a) && !delete_values(a))
		finish_noted(a);
}

static void forget_enrolments(struct accounts *a)
{
	struct enrolment *e, *next;

	DL_FOREACH_SAFE(a->enrolments, e, next) {
		free(e->hub);
		free(e);
	}
	a->enrolments = NULL;
}

static void note_enrolments(struct accounts *a)
{
	const struct account *current;
	struct enrolment *e;
	size_t i;

	forget_enrolments(a);
	for (i = 0; i < a->situation.n_hubs; i++) {
		current = account_current(&a->situation, a->situation.hubs[i].name);
		if (current == NULL)
			continue;
		e = xcalloc(1, sizeof(*e));
		e->hub = xstrdup(a->situation.hubs[i].name);
		e->expires_s = current->to_s;
		DL_APPEND(a->enrolments, e);
	}
}

/* Those of ours that are there already are dead: else we would not be bound as a bootstrap. */
static void plan_enrolment(struct accounts *a)
{
	const struct account_situation *s = &a->situation;
	size_t i;

	account_plan_make(s, a->arena, &a->plan);
	for (i = 0; i < s->n_hubs; i++)
		a->plan.issue[i] = strcasecmp(s->hubs[i].name, a->task.hub) == 0;
	for (i = 0; i < a->n; i++)
		a->plan.delete_account[i] = !a->list[i].bootstrap &&
			strcasecmp(a->list[i].server, a->task.hub) == 0;
}

static void note_unsealable(struct accounts *a)
{
	size_t i;

	for (i = 0; i < a->situation.n_hubs; i++)
		if (a->situation.hubs[i].trouble != NULL)
			note(a, "no account can be made for %s: %s", a->situation.hubs[i].name,
				a->situation.hubs[i].trouble);
}

static void note_no_heir(struct accounts *a)
{
	size_t i;

	for (i = 0; i < a->situation.n_hubs; i++)
		if (!a->situation.hubs[i].former && a->situation.hubs[i].sealable)
			return;
	note(a, "it cannot be handed over to site %s, none of whose hubs is enabled and has a "
		"hubCertificate to seal an account to", a->task.site);
}

static void on_claimed(int code, const char *text, void *ctx)
{
	struct accounts *a = ctx;

	a->home_asked = false;
	if (code == LDAP_SUCCESS)
		a->changed = true;
	else
		note(a, "it cannot be written inside that the hubs of %s have the edge now: %s",
			a->task.site, text);
	next_step(a);
}

static void claim(struct accounts *a)
{
	struct blob site = text_blob(a->task.claim);
	struct directory_change change = { DIRECTORY_REPLACE, "hubSyncSite", &site, 1 };

	a->home_asked = true;
	home_modify(a->home, a->task.subscription, &change, 1, on_claimed, a);
}

static void keep(struct accounts *a)
{
	note_unsealable(a);
	if (a->task.former)
		note_no_heir(a);
	account_plan_make(&a->situation, a->arena, &a->plan);
	if (a->task.claim != NULL)
		claim(a);
	else
		next_step(a);
}

static void begin(struct accounts *a)
{
	a->situation.accounts = a->list;
	a->situation.n_accounts = a->n;
	note_enrolments(a);
	if (a->task.enrol) {
		plan_enrolment(a);
		next_step(a);
	} else if (a->task.keep) {
		keep(a);
	} else {
		finish(a, NULL);
	}
}

static void take_account(struct accounts *a, const struct entry *entry)
{
	struct err e = { 0 };

	if (edge_account_decode(entry, a->task.base, a->arena, &a->list[a->n], &e) != 0)
		a->strange = arena_strdup(a->arena, e.text);
	else
		a->n++;
}

/* An account, or cn=Edge State, as it stood at the same moment. */
static void take_entry(struct accounts *a, LDAP *ld, LDAPMessage *m)
{
	/* large as an edge may make an entry, of an account only a little is kept */
	struct arena *scratch;
	struct err e = { 0 };
	const char *state;
	struct draft r;

	if (++a->seen > ACCOUNTS_MAX) {
		a->strange = "there are too many";
		return;
	}
	if (clock_mono_ms() - a->started_ms > SEARCH_MS) {
		a->strange = "they come too slowly";
		return;
	}
	scratch = arena_new();
	draft_init(&r, scratch);
	if (directory_entry(ld, m, &r, &e) != 0)
		a->strange = arena_strdup(a->arena, e.text);
	else if ((state = entry_text(draft_entry(&r), "hubSubscribed")) != NULL)
		a->subscribed = strcasecmp(state, "TRUE") == 0;
	else
		take_account(a, draft_entry(&r));
	arena_free(&scratch);
}

static void on_account(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct accounts *a = ctx;
	char text[250];
	int code;

	if (m != NULL && ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
		take_entry(a, ld, m);
		if (a->strange != NULL) {
			directory_abandon(a->task.c, a->id);
			fail(a, "the accounts on the edge make no sense: %s", a->strange);
		}
		return;
	}
	if (m != NULL && ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	code = result(a, ld, m, text, sizeof(text));
	if (code == -1)
		return;
	if (code != LDAP_SUCCESS)
		fail(a, "the accounts on the edge cannot be read: %s", text);
	else if (a->task.keep && !a->subscribed)
		/* its administrator ends the subscription: he shall not find new accounts */
		fail(a, "the edge is not subscribed any more");
	else
		begin(a);
}

int accounts_start(struct accounts *a, const struct accounts_task *task, struct err *e)
{
	static const char *const attrs[] = { "cn", "description", "hubAccountServer",
		"hubValidFrom", "hubValidTo", "modifiersName", "hubSubscribed", NULL };
	struct directory_query q = {
		.filter = "(|(objectClass=hubSyncAccount)(objectClass=hubEdgeState))",
		.scope = LDAP_SCOPE_SUBTREE, .attrs = attrs, .size_limit = ACCOUNTS_MAX + 2,
	};

	BUG_ON(a->busy);
	a->busy = true;
	a->started_ms = clock_mono_ms();
	a->arena = arena_new();
	a->task = *task;
	a->list = arena_alloc(a->arena, ACCOUNTS_MAX * sizeof(*a->list));
	a->task.base = arena_strdup(a->arena, task->base);
	a->task.bound = arena_strdup(a->arena, task->bound);
	a->task.subscription = arena_strdup(a->arena, task->subscription);
	a->task.site = arena_strdup(a->arena, task->site);
	if (task->claim != NULL)
		a->task.claim = arena_strdup(a->arena, task->claim);
	a->situation = (struct account_situation){
		.hubs = task->sealed->hubs, .n_hubs = task->sealed->n_hubs,
		.bound = a->task.bound, .now_s = task->edge_now_s, .renewal_s = task->renewal_s,
	};
	take_values(a);
	q.base = a->task.base;
	a->id = directory_search(task->c, &q, on_account, a, e);
	if (a->id >= 0)
		return 0;
	clean(a);
	return -1;
}

void accounts_cancel(struct accounts *a)
{
	if (!a->busy)
		return;
	if (a->id >= 0)
		directory_abandon(a->task.c, a->id);
	if (a->home_asked)
		home_forget(a->home, a);
	a->home_asked = false;
	clean(a);
}

bool accounts_busy(const struct accounts *a)
{
	return a->busy;
}

bool accounts_enrolled(const struct accounts *a, const char *hub, int64_t *expires_s)
{
	const struct enrolment *e;

	DL_FOREACH(a->enrolments, e)
		if (strcasecmp(e->hub, hub) == 0) {
			*expires_s = e->expires_s;
			return true;
		}
	return false;
}

struct accounts *accounts_new(struct home *home, const struct accounts_callbacks *cbs, void *ctx)
{
	struct accounts *a = xcalloc(1, sizeof(*a));

	a->home = home;
	a->cbs = cbs;
	a->ctx = ctx;
	a->id = -1;
	return a;
}

void accounts_free(struct accounts **ap)
{
	struct accounts *a = *ap;
	struct made *m, *next;

	if (a == NULL)
		return;
	*ap = NULL;
	accounts_cancel(a);
	DL_FOREACH_SAFE(a->made, m, next)
		forget_made(a, m);
	forget_enrolments(a);
	free(a);
}
