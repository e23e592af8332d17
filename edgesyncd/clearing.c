/* clearing.c - see clearing.h.
 *
 * The tree is searched for what is to go, WINDOW deletes are under way at a time, the deepest
 * entries first. Each phase begins when all of the one before is done.
 */
#include "edgesyncd/clearing.h"

#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"

/* An edge that shows more, or goes on for longer, shows nonsense. */
enum {
	ENTRIES_MAX = 200000, MEMORY_MAX = 64 * 1024 * 1024, SEARCH_MS = 5 * 60 * 1000,
	WINDOW = 50,
};

enum phase { SEARCH, ENTRIES, ORGANIZATION, UNSUBSCRIBE, ACCOUNTS, LEASE, OWN, DONE };

/* One DN that is to be deleted. */
struct doomed {
	const char *dn;
	unsigned int depth;
	bool account;
};

struct clearing {
	struct loop *loop;
	struct directory_connection *c;
	char *base, *nbase, *bound;
	const struct clearing_callbacks *cbs;
	void *ctx;

	struct arena *arena;
	struct doomed *doomed;
	size_t n, room, next;
	const char *own;			/* our account, as the edge writes it */
	const char **attrs;			/* of the organization's own entry */
	size_t n_attrs;
	enum phase phase;
	int search;				/* id, or -1 */
	uint64_t started_ms;
	int ids[WINDOW];
	size_t outstanding;
	struct event *step;
	const char *strange;
};

static void clearing_free(struct clearing *cl)
{
	event_free(cl->step);
	arena_free(&cl->arena);
	free(cl->base);
	free(cl->nbase);
	free(cl->bound);
	free(cl);
}

static void abandon_all(struct clearing *cl)
{
	size_t i;

	if (cl->search >= 0)
		directory_abandon(cl->c, cl->search);
	for (i = 0; i < WINDOW; i++)
		if (cl->ids[i] >= 0)
			directory_abandon(cl->c, cl->ids[i]);
}

void clearing_cancel(struct clearing **clp)
{
	struct clearing *cl = *clp;

	if (cl == NULL)
		return;
	*clp = NULL;
	abandon_all(cl);
	clearing_free(cl);
}

static void finish(struct clearing *cl, const char *error)
{
	const struct clearing_callbacks *cbs = cl->cbs;
	void *ctx = cl->ctx;
	char text[300];

	snprintf(text, sizeof(text), "%s", error != NULL ? error : "");
	abandon_all(cl);
	clearing_free(cl);
	cbs->on_done(error != NULL ? text : NULL, ctx);
}

static void run_later(struct clearing *cl)
{
	event_active(cl->step, EV_TIMEOUT, 0);
}

/* --- writes --- */

static void remember_id(struct clearing *cl, int id)
{
	size_t i;

	for (i = 0; cl->ids[i] >= 0; i++)
		BUG_ON(i == WINDOW - 1);
	cl->ids[i] = id;
	cl->outstanding++;
}

static void forget_id(struct clearing *cl, int id)
{
	size_t i;

	for (i = 0; cl->ids[i] != id; i++)
		BUG_ON(i == WINDOW - 1);
	cl->ids[i] = -1;
	cl->outstanding--;
}

static void on_result(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct clearing *cl = ctx;
	char text[250], reason[300];
	int code;

	/* lost: the owner hears of it and cancels */
	if (m == NULL)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	forget_id(cl, ldap_msgid(m));
	/* gone already is what we want; a container with strangers in it stays */
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT ||
	    code == LDAP_NOT_ALLOWED_ON_NONLEAF) {
		run_later(cl);
		return;
	}
	snprintf(reason, sizeof(reason), "the edge cannot be cleared: %s", text);
	finish(cl, reason);
}

/* Returns -1 when the clearing is over. */
static int sent(struct clearing *cl, int id, const struct err *e)
{
	if (id < 0) {
		finish(cl, e->text);
		return -1;
	}
	remember_id(cl, id);
	return 0;
}

static int delete_entry(struct clearing *cl, const char *dn)
{
	struct err e = { 0 };

	return sent(cl, directory_delete(cl->c, dn, NULL, on_result, cl, &e), &e);
}

static int modify(struct clearing *cl, const char *dn, const struct directory_change *changes,
	size_t n)
{
	struct err e = { 0 };

	return sent(cl, directory_modify(cl->c, dn, changes, n, NULL, on_result, cl, &e), &e);
}

/* --- phases --- */

/* Deletes of one kind, as many as may be under way; false when there are none left. */
static bool delete_some(struct clearing *cl, bool accounts)
{
	for (; cl->outstanding < WINDOW && cl->next < cl->n &&
	       cl->doomed[cl->next].account == accounts; cl->next++) {
		/* a child must be gone before its parent is asked for */
		if (cl->outstanding > 0 &&
		    cl->doomed[cl->next].depth < cl->doomed[cl->next - 1].depth)
			return true;
		if (delete_entry(cl, cl->doomed[cl->next].dn) != 0)
			return true;
	}
	return cl->outstanding > 0;
}

static int strip_organization(struct clearing *cl)
{
	struct directory_change *changes;
	struct arena *a;
	size_t i;
	int rc;

	if (cl->n_attrs == 0)
		return 0;
	a = arena_new();
	changes = arena_alloc(a, cl->n_attrs * sizeof(*changes));
	for (i = 0; i < cl->n_attrs; i++)
		changes[i] = (struct directory_change){ DIRECTORY_REPLACE, cl->attrs[i], NULL, 0 };
	rc = modify(cl, cl->base, changes, cl->n_attrs);
	arena_free(&a);
	return rc;
}

static int write_state(struct clearing *cl, const struct directory_change *changes, size_t n)
{
	char *dn = xasprintf("%s,%s", EDGE_STATE_DN, cl->base);
	int rc = modify(cl, dn, changes, n);

	free(dn);
	return rc;
}

static int unsubscribe(struct clearing *cl)
{
	struct blob no = { (const unsigned char *)"FALSE", 5 };
	struct directory_change change = { DIRECTORY_REPLACE, "hubSubscribed", &no, 1 };

	return write_state(cl, &change, 1);
}

static int give_lease_up(struct clearing *cl)
{
	static const struct directory_change changes[] = {
		{ DIRECTORY_REPLACE, "hubLeaseHolder", NULL, 0 },
		{ DIRECTORY_REPLACE, "hubLeaseExpiry", NULL, 0 },
		{ DIRECTORY_REPLACE, "hubLeasePreferred", NULL, 0 },
	};

	cl->cbs->on_last(cl->ctx);
	return write_state(cl, changes, sizeof(changes) / sizeof(changes[0]));
}

/* Begins the phase; -1 when the clearing is over. */
static int enter(struct clearing *cl)
{
	switch (cl->phase) {
	case ORGANIZATION:
		return strip_organization(cl);
	case UNSUBSCRIBE:
		return unsubscribe(cl);
	case LEASE:
		return give_lease_up(cl);
	case OWN:
		return cl->own != NULL ? delete_entry(cl, cl->own) : 0;
	case DONE:
		finish(cl, NULL);
		return -1;
	default:
		return 0;
	}
}

static void on_step(evutil_socket_t fd, short what, void *ctx)
{
	struct clearing *cl = ctx;

	(void)fd;
	(void)what;
	if (cl->phase == ENTRIES || cl->phase == ACCOUNTS) {
		if (delete_some(cl, cl->phase == ACCOUNTS))
			return;
	} else if (cl->outstanding > 0) {
		return;
	}
	cl->phase++;
	run_later(cl);
	(void)enter(cl);
}

/* --- what is to go --- */

static unsigned int depth_of(const char *ndn)
{
	unsigned int depth = 0;

	for (; *ndn != '\0'; ndn = dn_parent(ndn))
		depth++;
	return depth;
}

static void doom(struct clearing *cl, const char *dn, const char *ndn, bool account)
{
	struct doomed *more;

	if (cl->n == cl->room) {
		cl->room = cl->room != 0 ? 2 * cl->room : 256;
		more = arena_alloc(cl->arena, cl->room * sizeof(*more));
		if (cl->n > 0)
			memcpy(more, cl->doomed, cl->n * sizeof(*more));
		cl->doomed = more;
	}
	cl->doomed[cl->n++] = (struct doomed){ arena_strdup(cl->arena, dn), depth_of(ndn),
		account };
}

/* The organization's own entry stays; of its attributes only those that were pushed go. */
static void strip(struct clearing *cl, const struct entry *e)
{
	const struct obj_class *class = edge_layout_class(e);
	size_t i;

	cl->n_attrs = 0;
	cl->attrs = arena_alloc(cl->arena, (e->n + 1) * sizeof(char *));
	for (i = 0; class != NULL && i < e->n; i++)
		if (edge_layout_is_pushed(class, e->attrs[i].name))
			cl->attrs[cl->n_attrs++] = arena_strdup(cl->arena, e->attrs[i].name);
}

static void take(struct clearing *cl, const struct entry *e, struct arena *a)
{
	const char *ndn = strlen(e->dn) <= ENTRY_DN_MAX ? dn_normalize(a, e->dn) : NULL;
	const char *rdn = ndn != NULL ? dn_relative(a, ndn, cl->nbase) : NULL;

	if (rdn == NULL) {
		cl->strange = "it shows entries that do not belong there";
		return;
	}
	switch (edge_layout_part(rdn, e)) {
	case EDGE_PART_CONFIGURATION:
		if (*rdn == '\0')
			strip(cl, e);
		else
			doom(cl, e->dn, ndn, false);
		break;
	case EDGE_PART_BUCKET:
	case EDGE_PART_MARKER:
		doom(cl, e->dn, ndn, false);
		break;
	case EDGE_PART_ACCOUNT:
		if (strcmp(ndn, cl->bound) == 0)
			cl->own = arena_strdup(cl->arena, e->dn);
		else
			doom(cl, e->dn, ndn, true);
		break;
	case EDGE_PART_LOCAL:
	case EDGE_PART_STATE:
		break;
	}
}

static void on_entry(struct clearing *cl, LDAP *ld, LDAPMessage *m)
{
	struct arena *a;
	struct err e = { 0 };
	struct draft r;

	if (cl->n >= ENTRIES_MAX || arena_size(cl->arena) > MEMORY_MAX) {
		cl->strange = "it shows too many entries";
		return;
	}
	if (clock_mono_ms() - cl->started_ms > SEARCH_MS) {
		cl->strange = "it takes too long to show its entries";
		return;
	}
	a = arena_new();
	draft_init(&r, a);
	if (directory_entry(ld, m, &r, &e) != 0)
		cl->strange = arena_strdup(cl->arena, e.text);
	else
		take(cl, draft_entry(&r), a);
	arena_free(&a);
}

/* Accounts last, else the deepest first. */
static int compare_doomed(const void *a, const void *b)
{
	const struct doomed *x = a, *y = b;

	if (x->account != y->account)
		return x->account ? 1 : -1;
	return x->depth == y->depth ? 0 : x->depth > y->depth ? -1 : 1;
}

static void on_found(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct clearing *cl = ctx;
	char text[250], reason[300];

	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
		on_entry(cl, ld, m);
		if (cl->strange == NULL)
			return;
		snprintf(reason, sizeof(reason), "the edge cannot be cleared: %s", cl->strange);
		finish(cl, reason);
		return;
	}
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	cl->search = -1;
	if (directory_result(ld, m, text, sizeof(text)) == LDAP_SUCCESS) {
		if (cl->n > 0)
			qsort(cl->doomed, cl->n, sizeof(*cl->doomed), compare_doomed);
		log_event(LOG_LEVEL_INFO, "clearing", LOG_UINT("entries", cl->n), LOG_END);
		cl->phase = ENTRIES;
		run_later(cl);
		return;
	}
	snprintf(reason, sizeof(reason), "the edge cannot be cleared: %s", text);
	finish(cl, reason);
}

/* What tells whose an entry is, and what may have to be taken off the organization's own. */
static const char **wanted_attrs(struct arena *a)
{
	const struct attr_def *row;
	const char **names;
	size_t n;

	for (n = 0; obj_class_row(&organization_class, n) != NULL;)
		n++;
	names = arena_alloc(a, (n + 3) * sizeof(char *));
	for (n = 0; (row = obj_class_row(&organization_class, n)) != NULL; n++)
		names[n] = row->name;
	names[n++] = "objectClass";
	names[n] = "hubRole";
	return names;
}

static void search(struct clearing *cl)
{
	struct directory_query q = {
		.base = cl->base, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_SUBTREE,
		.attrs = wanted_attrs(cl->arena),
	};
	struct err e = { 0 };

	cl->started_ms = clock_mono_ms();
	cl->search = directory_search(cl->c, &q, on_found, cl, &e);
	if (cl->search < 0)
		finish(cl, e.text);
}

static void on_first_step(evutil_socket_t fd, short what, void *ctx)
{
	struct clearing *cl = ctx;

	if (cl->phase == SEARCH)
		search(cl);
	else
		on_step(fd, what, cl);
}

struct clearing *clearing_start(struct loop *loop, struct directory_connection *c,
	const char *base, const char *bound, const struct clearing_callbacks *cbs, void *ctx)
{
	struct clearing *cl = xcalloc(1, sizeof(*cl));
	const char *nbase;
	size_t i;

	cl->loop = loop;
	cl->c = c;
	cl->arena = arena_new();
	nbase = dn_normalize(cl->arena, base);
	cl->base = xstrdup(base);
	cl->nbase = xstrdup(nbase != NULL ? nbase : base);
	cl->bound = xstrdup(bound);
	cl->cbs = cbs;
	cl->ctx = ctx;
	cl->search = -1;
	for (i = 0; i < WINDOW; i++)
		cl->ids[i] = -1;
	cl->step = evtimer_new(loop_base(loop), on_first_step, cl);
	BUG_ON(cl->step == NULL);
	run_later(cl);
	return cl;
}
