/* fuzz_edge.c - fuzz target for what edgesyncd reads on an edge, whose administrator may have
 * written anything: the replicated part, the lease, the accounts.
 *
 * The first byte of the input chooses; the rest is LDIF:
 *	d  entries that should be there, "cn=There", entries that are: what is written makes the one
 *	   of the other, by the digest that the edge computes
 *	s  entries, each read as cn=Edge State and as an account; then what to do about the accounts
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "edgesyncd/difference.h"
#include "edgesyncd/edge_state.h"
#include "libhub/directory/draft.h"
#include "libhub/directory/ldif.h"
#include "libhub/org/dn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE "cn=Transport,o=edge"
#define BOUND "cn=hub1.1,cn=sync accounts,cn=transport,o=edge"

enum { INPUT_MAX = 1 << 14, ENTRIES_MAX = 64, NOW_S = 1700000000 };

/* --- differences --- */

struct trees {
	struct edge_entries *here, *there;
	struct edge_entries *to;	/* where the next entry goes */
};

static void add_entry(const struct entry *e, void *ctx)
{
	struct trees *t = ctx;

	if (strcasecmp(e->dn, "cn=There") == 0)
		t->to = t->there;
	else if (t->to->n < ENTRIES_MAX)
		(void)edge_entries_add(t->to, e);
}

/* What is pushed has the tree's own entry. */
static bool is_tree(const struct edge_entries *e)
{
	return edge_entries_find(e, "") != NULL;
}

/* A directory shows a name once. One that does not gets no further than this. */
static bool has_each_once(const struct edge_entries *e)
{
	size_t i;

	for (i = 1; i < e->n; i++)
		if (strcmp(e->v[i - 1].rdn, e->v[i].rdn) == 0)
			return false;
	return true;
}

static const struct edge_op *find_op(const struct difference *d, const char *dn,
	enum edge_write write)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (d->ops[i].write == write && strcmp(d->ops[i].dn, dn) == 0)
			return &d->ops[i];
	return NULL;
}

static const struct directory_change *find_change(const struct edge_op *op, const char *attr)
{
	size_t i;

	for (i = 0; i < op->n; i++)
		if (strcasecmp(op->changes[i].attr, attr) == 0)
			return &op->changes[i];
	return NULL;
}

static void put_values(struct draft *d, const char *name, const struct blob *v, size_t n)
{
	struct err e;
	size_t i;

	for (i = 0; i < n; i++)
		BUG_ON(draft_add(d, name, strlen(name), v[i].data, v[i].size, &e) < 0);
}

static const struct entry *modified(struct arena *a, const struct entry *from,
	const struct edge_op *op)
{
	struct draft *d = arena_alloc(a, sizeof(*d));
	size_t i;

	draft_init(d, a);
	d->options = DRAFT_APART;
	d->entry.dn = from->dn;
	for (i = 0; i < from->n; i++)
		if (find_change(op, from->attrs[i].name) == NULL)
			put_values(d, from->attrs[i].name, from->attrs[i].values, from->attrs[i].n);
	for (i = 0; i < op->n; i++) {
		BUG_ON(op->changes[i].how != DIRECTORY_REPLACE);
		put_values(d, op->changes[i].attr, op->changes[i].values, op->changes[i].n);
	}
	return draft_entry(d);
}

/* What stands there after the writes. */
static struct edge_entries *written(struct arena *a, const struct edge_entries *there,
	const struct difference *d)
{
	struct edge_entries *after = edge_entries_new(BASE);
	size_t i;

	for (i = 0; i < there->n; i++) {
		const struct entry *e = there->v[i].entry;
		const struct edge_op *op = find_op(d, e->dn, EDGE_MODIFY);

		if (find_op(d, e->dn, EDGE_DELETE) != NULL) {
			BUG_ON(op != NULL || there->v[i].depth < 2);
			continue;
		}
		(void)edge_entries_add(after, op != NULL ? modified(a, e, op) : e);
	}
	for (i = 0; i < d->n; i++)
		if (d->ops[i].write == EDGE_ADD)
			(void)edge_entries_add(after, d->ops[i].entry);
	edge_entries_sort(after);
	return after;
}

static void check_order(const struct difference *d)
{
	size_t i;

	for (i = 1; i < d->n; i++)
		BUG_ON(d->ops[i - 1].phase > d->ops[i].phase);
	for (i = 0; i < DIFFERENCE_LOSSES; i++)
		BUG_ON(d->losses[i].lost > d->losses[i].before);
}

static void check_difference(struct trees *t, bool anew)
{
	char wanted[REPLICA_DIGEST_TEXT], got[REPLICA_DIGEST_TEXT];
	struct arena *a = arena_new();
	struct edge_entries *after;
	struct difference d;

	difference_make(a, t->here, t->there, anew, &d);
	check_order(&d);
	if (is_tree(t->here) && has_each_once(t->here) && has_each_once(t->there)) {
		after = written(a, t->there, &d);
		edge_entries_digest(t->here, NULL, wanted);
		edge_entries_digest(after, t->there, got);
		BUG_ON(!has_each_once(after) || strcmp(wanted, got) != 0);
		difference_make(a, t->here, after, anew, &d);
		BUG_ON(d.n != 0);
		edge_entries_free(&after);
	}
	arena_free(&a);
}

static void try_difference(const char *text, size_t size)
{
	struct trees t = { edge_entries_new(BASE), edge_entries_new(BASE), NULL };
	struct err e;

	t.to = t.here;
	if (ldif_read_text("F", text, size, add_entry, &t, &e) == 0) {
		edge_entries_sort(t.here);
		edge_entries_sort(t.there);
		check_difference(&t, false);
		check_difference(&t, true);
	}
	edge_entries_free(&t.here);
	edge_entries_free(&t.there);
}

/* --- lease and accounts --- */

struct accounts {
	struct arena *arena;
	struct account v[ENTRIES_MAX];
	size_t n;
};

static void check_complaint(const struct err *e)
{
	BUG_ON(e->text[0] == '\0');
}

/* Nothing of what stands there adds to the filter. */
static void check_filter(const char *filter)
{
	size_t open = 0, closed = 0, any = 0;

	for (; *filter != '\0'; filter++) {
		open += *filter == '(';
		closed += *filter == ')';
		any += *filter == '*';
	}
	BUG_ON(open != closed || open < 4 || open > 7 || any != open - 4);
}

static void read_state(const struct entry *e, struct arena *a)
{
	struct edge_state state;
	struct err err = { .text = "" };

	if (edge_state_decode(e, BASE, BOUND, "hub1", &state, &err) < 0)
		check_complaint(&err);
	else
		check_filter(edge_state_filter(a, &state.lease));
	BUG_ON(edge_clock_ms(e) % 1000 != 0);
}

static void read_account(const struct entry *e, struct accounts *all)
{
	struct account *to = &all->v[all->n];
	struct err err = { .text = "" };

	if (edge_account_decode(e, BASE, all->arena, to, &err) < 0) {
		check_complaint(&err);
		return;
	}
	BUG_ON(strlen(to->ndn) >= LEASE_DN_SIZE || (to->bootstrap && *to->server != '\0'));
	BUG_ON(strlen(to->sealed) != 0 && strlen(to->sealed) != ACCOUNT_DIGEST_SIZE - 1);
	all->n++;
}

static void read_entry(const struct entry *e, void *ctx)
{
	struct accounts *all = ctx;

	read_state(e, all->arena);
	if (all->n < ENTRIES_MAX)
		read_account(e, all);
}

static void plan(const struct accounts *all)
{
	static const struct account_hub hubs[] = { { .name = "hub1", .sealable = true },
		{ .name = "hub2", .sealable = true, .former = true },
		{ .name = "hub3", .trouble = "no key" } };
	struct account_value values[] = { { .hub = "hub1" }, { .hub = "hub2" },
		{ .bootstrap = "cn=bootstrap.0,cn=sync accounts,cn=transport,o=edge" } };
	const struct account_situation s = { .accounts = all->v, .n_accounts = all->n,
		.values = values, .n_values = 3, .hubs = hubs, .n_hubs = 3, .bound = BOUND,
		.now_s = NOW_S, .renewal_s = 604800 };
	struct account_plan p;
	size_t i;

	for (i = 0; i < 3; i++)
		memset(values[i].digest, (int)('0' + i), ACCOUNT_DIGEST_SIZE - 1);
	account_plan_make(&s, all->arena, &p);
	BUG_ON(p.issue[2]);
	for (i = 0; i < all->n; i++)
		BUG_ON(p.delete_account[i] && strcmp(all->v[i].ndn, BOUND) == 0);
	for (i = 0; i < 3; i++)
		BUG_ON(account_current(&s, hubs[i].name) == NULL && hubs[i].sealable &&
			!p.issue[i]);
}

static void try_state(const char *text, size_t size)
{
	struct accounts *all = xcalloc(1, sizeof(*all));
	struct err e;

	all->arena = arena_new();
	if (ldif_read_text("F", text, size, read_entry, all, &e) == 0)
		plan(all);
	arena_free(&all->arena);
	free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	switch (data[0]) {
	case 'd':
		try_difference((const char *)data + 1, size - 1);
		break;
	case 's':
		try_state((const char *)data + 1, size - 1);
		break;
	}
	return 0;
}
