/* what_if_driver.c - hubctl route what-if, and the same found by asking everybody everything
 *
 * Reads lines, fields divided by tabs:
 *	ORG.ldif CHANGE.ldif
 * and answers each with one line: "ROWS" decisions that change, on which both agree, or what
 * differs first. The plain way builds the table of every server on both sides and asks it about
 * every destination at every size there is a limit at: it leaves nothing out because it could not
 * have changed. For tests/oracle/changes.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/route.h"
#include "tools/ldif_change.h"
#include "tools/route_compare.h"

enum { SIZES_MAX = 1000 };

struct plain {
	const struct snapshot *before, *after;
	const struct route_changes *fast;
	size_t at;			/* rows of fast that have been seen */
	uint64_t sizes[SIZES_MAX];
	size_t size_count;
	char *difference;
};

/* --- sizes --- */

static void size_add(struct plain *p, uint64_t limit)
{
	BUG_ON(p->size_count == SIZES_MAX);
	p->sizes[p->size_count++] = limit;
}

static void sizes_take(struct plain *p, const struct snapshot *s)
{
	size_t k, i;

	for (k = 0; k < POOL_KINDS; k++)
		for (i = 0; i < s->all[pool_kinds[k]].n; i++)
			size_add(p, ((const struct pool_connector *)(const void *)
				s->all[pool_kinds[k]].v[i])->max_size);
	for (i = 0; i < s->all[OBJ_SITE_LINK].n; i++)
		size_add(p, SNAPSHOT_AT(s, OBJ_SITE_LINK, site_link, i)->max_size);
}

static int size_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* --- one decision --- */

static void differ(struct plain *p, const char *what, const char *server,
	const struct destination *d, uint64_t size)
{
	char *text = NULL;

	if (p->difference == NULL && asprintf(&text, "%s: %s, %s, size %llu", what, server,
	    d->name, (unsigned long long)size) > 0)
		p->difference = text;
}

static char *dump(const struct route_view *view)
{
	json_t *o = route_view_json(view);
	char *text = json_dumps(o, 0);

	json_decref(o);
	return text;
}

/* The next row of what-if must be this one. */
static void expect(struct plain *p, const char *server, const struct destination *d, uint64_t size,
	const struct route_view *x, const struct route_view *y)
{
	const struct route_row *row = &p->fast->rows[p->at];
	char *before = dump(x), *after = dump(y);

	if (p->at == p->fast->n || strcmp(row->server, server) != 0 ||
	    row->destination->kind != d->kind || strcmp(row->destination->name, d->name) != 0 ||
	    row->size != size)
		differ(p, "what-if lacks", server, d, size);
	else if (strcmp(row->before, before) != 0 || strcmp(row->after, after) != 0)
		differ(p, "what-if tells other decisions", server, d, size);
	else
		p->at++;
	free(before);
	free(after);
}

static void destination_ask(struct plain *p, const struct routing_table *before,
	const struct routing_table *after, const struct destination *d)
{
	const char *server = routing_table_self(before)->obj.name;
	struct route_view x, y, last_x, last_y;
	struct arena *a = arena_new();
	size_t i;

	for (i = 0; i < p->size_count; i++) {
		uint64_t size = p->sizes[i] + (p->sizes[i] != 0);

		if (i != 0 && p->sizes[i] == p->sizes[i - 1])
			continue;
		route_view_get(before, d, size, a, &x);
		route_view_get(after, d, size, a, &y);
		if (!route_view_same(&x, &y) && (i == 0 || !route_view_same(&x, &last_x) ||
		    !route_view_same(&y, &last_y)))
			expect(p, server, d, size, &x, &y);
		last_x = x;
		last_y = y;
	}
	arena_free(&a);
}

/* --- all --- */

/* What-if has one row for a site, and none for each mailbox server that stays there. */
static bool stays(const struct plain *p, const struct destination *d)
{
	const struct mailbox_server *x = (const void *)snapshot_find(p->before,
		OBJ_MAILBOX_SERVER, d->name);
	const struct mailbox_server *y = (const void *)snapshot_find(p->after,
		OBJ_MAILBOX_SERVER, d->name);

	return d->kind == DESTINATION_MAILBOX_SERVER && x != NULL && y != NULL &&
		x->obj.enabled == y->obj.enabled && x->site.target != NULL &&
		y->site.target != NULL &&
		name_compare(x->site.target->name, y->site.target->name) == 0;
}

static void server_ask(struct plain *p, const struct destinations *all, const char *server)
{
	const struct obj *after = snapshot_find(p->after, OBJ_SERVER, server);
	const struct routing_table *x, *y;
	struct err e;
	size_t i;

	if (after == NULL || !after->enabled)
		return;
	x = routing_table_new(p->before, server, &e);
	y = routing_table_new(p->after, server, &e);
	BUG_ON(x == NULL || y == NULL);
	for (i = 0; i < all->n; i++)
		if (route_view_has(x, &all->v[i]) && !stays(p, &all->v[i]))
			destination_ask(p, x, y, &all->v[i]);
	routing_table_unref(&x);
	routing_table_unref(&y);
}

static void compare(struct ctl *ctl, struct plain *p)
{
	const struct objects *servers = &p->before->all[OBJ_SERVER];
	struct destinations all = { 0 };
	size_t i;

	size_add(p, 0);
	sizes_take(p, p->before);
	sizes_take(p, p->after);
	qsort(p->sizes, p->size_count, sizeof(*p->sizes), size_order);
	destinations_add(ctl, &all, p->before);
	destinations_add(ctl, &all, p->after);
	destinations_finish(&all);
	for (i = 0; i < servers->n; i++)
		if (servers->v[i]->enabled)
			server_ask(p, &all, servers->v[i]->name);
	if (p->at < p->fast->n)
		differ(p, "what-if has too much", p->fast->rows[p->at].server,
			p->fast->rows[p->at].destination, p->fast->rows[p->at].size);
	destinations_clear(&all);
}

static void answer(struct org *org, struct ctl *ctl, const char *path)
{
	struct ldif_change change = { 0 };
	struct route_changes fast;
	struct plain p = { 0 };
	struct err e;

	if (ldif_change_apply(org, path, &change, &e) != 0) {
		printf("%s\n", e.text);
		ldif_change_clear(&change);
		return;
	}
	route_changes_find(ctl, change.before, org->snapshot, &fast);
	p.before = change.before;
	p.after = org->snapshot;
	p.fast = &fast;
	compare(ctl, &p);
	if (p.difference != NULL)
		printf("%s\n", p.difference);
	else
		printf("%zu\n", fast.n);
	free(p.difference);
	route_changes_clear(&fast);
	ldif_change_clear(&change);
}

static int question(char *line)
{
	char *change = strchr(line, '\t');
	struct ctl ctl = { .arena = arena_new(), .output = CTL_JSON };
	struct org org = { 0 };
	struct err e;
	int rc = 0;

	if (change == NULL) {
		fprintf(stderr, "not a question: %s\n", line);
		return -1;
	}
	*change++ = '\0';
	ctl.directory = arena_printf(ctl.arena, CTL_FILE_PREFIX "%s", line);
	if (org_open(&ctl, &org, &e) == 0) {
		answer(&org, &ctl, change);
	} else {
		fprintf(stderr, "%s\n", e.text);
		rc = -1;
	}
	fflush(stdout);
	org_close(&org);
	arena_free(&ctl.arena);
	return rc;
}

int main(void)
{
	char line[4096];
	int rc = 0;

	while (rc == 0 && fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		rc = question(line);
	}
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
