/* route_change.c - hubctl route what-if: which decisions a file of changes would alter.
 *
 * The routing tables of every server are built before and after, and asked about every destination
 * of either that the change can reach, at size 0 and just above every size limit there is; between
 * two of these sizes no decision can differ.
 */
#include "tools/route_change.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ldif_change.h"
#include "tools/route_view.h"
#include "tools/table.h"

enum { THREADS_MAX = 15 };

struct sizes {
	uint64_t *v;
	size_t n, room;
};

struct comparison {
	struct ctl *ctl;
	const struct snapshot *before, *after;
	struct destinations destinations;
	struct sizes sizes;
	json_t *changes, *added, *removed;
};

/* --- sizes --- */

static void sizes_add(struct sizes *s, uint64_t size)
{
	if (s->n == s->room) {
		s->room = s->room != 0 ? 2 * s->room : 64;
		s->v = xreallocarray(s->v, s->room, sizeof(*s->v));
	}
	s->v[s->n++] = size;
}

static void sizes_take(struct sizes *s, const struct snapshot *snapshot)
{
	size_t k, i;

	for (k = 0; k < POOL_KINDS; k++)
		for (i = 0; i < snapshot->all[pool_kinds[k]].n; i++)
			sizes_add(s, ((const struct pool_connector *)(const void *)
				snapshot->all[pool_kinds[k]].v[i])->max_size);
	for (i = 0; i < snapshot->all[OBJ_SITE_LINK].n; i++)
		sizes_add(s, SNAPSHOT_AT(snapshot, OBJ_SITE_LINK, site_link, i)->max_size);
}

static int size_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* From limits, where 0 is none, to the sizes to ask about: 0 and each limit exceeded by one. */
static void sizes_finish(struct sizes *s)
{
	size_t kept = 0, i;

	sizes_add(s, 0);
	qsort(s->v, s->n, sizeof(*s->v), size_order);
	for (i = 0; i < s->n; i++)
		if (i == 0 || s->v[i] != s->v[i - 1])
			s->v[kept++] = s->v[i];
	s->n = kept;
	for (i = 0; i < s->n; i++)
		s->v[i] += s->v[i] != 0;
}

/* --- comparing --- */

static bool same_place(const struct mailbox_server *x, const struct mailbox_server *y)
{
	return x->obj.enabled == y->obj.enabled && x->site.target != NULL &&
		y->site.target != NULL &&
		name_compare(x->site.target->name, y->site.target->name) == 0;
}

/* A mailbox server that stays where it is changes with its site: the site tells. */
static bool is_told_by_site(const struct comparison *c, const struct destination *d)
{
	const struct obj *before, *after;

	if (d->kind != DESTINATION_MAILBOX_SERVER)
		return false;
	before = snapshot_find(c->before, OBJ_MAILBOX_SERVER, d->name);
	after = snapshot_find(c->after, OBJ_MAILBOX_SERVER, d->name);
	return before != NULL && after != NULL &&
		same_place((const void *)before, (const void *)after);
}

static void put_change(json_t *rows, const char *server, const struct destination *d,
	uint64_t size, const struct route_view *before, const struct route_view *after)
{
	json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "server",
		server, "kind", destination_kind_names[d->kind], "destination", d->name, "size",
		(json_int_t)size, "before", route_view_json(before), "after",
		route_view_json(after)));
}

/* Each pair of decisions once, at the smallest size that has it. */
static void compare_destination(const struct comparison *c, const struct routing_table *before,
	const struct routing_table *after, const struct destination *d, json_t *rows)
{
	struct arena *a = arena_new();
	struct route_view x, y, last_x, last_y;
	size_t i;

	for (i = 0; i < c->sizes.n; i++) {
		route_view_get(before, d, c->sizes.v[i], a, &x);
		route_view_get(after, d, c->sizes.v[i], a, &y);
		if (i != 0 && route_view_same(&x, &last_x) && route_view_same(&y, &last_y))
			continue;
		if (!route_view_same(&x, &y))
			put_change(rows, routing_table_self(after)->obj.name, d,
				c->sizes.v[i], &x, &y);
		last_x = x;
		last_y = y;
	}
	arena_free(&a);
}

static json_t *compare_server(const struct comparison *c, const char *name)
{
	const struct routing_table *before, *after;
	json_t *rows = json_array();
	struct err e;
	size_t i;

	before = routing_table_new(c->before, name, &e);
	after = routing_table_new(c->after, name, &e);
	BUG_ON(before == NULL || after == NULL);
	for (i = 0; i < c->destinations.n; i++)
		if (route_view_has(before, &c->destinations.v[i]) &&
		    !is_told_by_site(c, &c->destinations.v[i]))
			compare_destination(c, before, after, &c->destinations.v[i], rows);
	routing_table_unref(&before);
	routing_table_unref(&after);
	return rows;
}

/* --- servers that decide alike --- */

static bool is_source(const struct snapshot *s, const struct obj *server)
{
	size_t k, i, j;

	for (k = 0; k < POOL_KINDS; k++)
		for (i = 0; i < s->all[pool_kinds[k]].n; i++) {
			const struct pool_connector *c =
				(const void *)s->all[pool_kinds[k]].v[i];

			for (j = 0; j < c->sources.n; j++)
				if (c->sources.v[j].target == server)
					return true;
		}
	return false;
}

/* The site of a hub that delivers with no connector itself, else NULL. */
static const struct obj *plain_site(const struct snapshot *s, const char *name)
{
	const struct server *server = (const void *)snapshot_find(s, OBJ_SERVER, name);

	return server->role == ROLE_HUB && !is_source(s, &server->obj) ? server->site.target :
		NULL;
}

/* One server, or one that stands for others. */
struct job {
	const char *server;
	const struct obj *before, *after;	/* plain_site, before and after */
	const struct job *same;			/* NULL, or the job whose rows are its rows */
	json_t *rows;
};

/* Plain hubs of one site, before and after, decide alike: the first of them stands for all. */
static void job_init(const struct comparison *c, struct job *jobs, size_t n, const char *server)
{
	struct job *job = &jobs[n];
	size_t i;

	*job = (struct job){ .server = server, .before = plain_site(c->before, server),
		.after = plain_site(c->after, server) };
	for (i = 0; job->before != NULL && job->after != NULL && i < n && job->same == NULL; i++)
		if (jobs[i].before == job->before && jobs[i].after == job->after)
			job->same = jobs[i].same != NULL ? jobs[i].same : &jobs[i];
}

static void job_finish(const struct job *job, json_t *changes)
{
	json_t *row;
	size_t i;

	json_array_foreach(job->same != NULL ? job->same->rows : job->rows, i, row) {
		row = json_copy(row);
		json_object_set_new(row, "server", json_string(job->server));
		json_array_append_new(changes, row);
	}
}

/* Jobs share nothing but what never changes, so each core takes the next that is left. */
struct crew {
	const struct comparison *comparison;
	struct job *jobs;
	size_t n;
	atomic_size_t next;
};

static void *work(void *arg)
{
	struct crew *crew = arg;
	size_t i;

	while ((i = atomic_fetch_add(&crew->next, 1)) < crew->n)
		if (crew->jobs[i].same == NULL)
			crew->jobs[i].rows = compare_server(crew->comparison,
				crew->jobs[i].server);
	return NULL;
}

static void work_all(const struct comparison *c, struct job *jobs, size_t n)
{
	struct crew crew = { .comparison = c, .jobs = jobs, .n = n };
	pthread_t threads[THREADS_MAX];
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	long started = 0;

	while (started + 1 < cores && started < THREADS_MAX &&
	       pthread_create(&threads[started], NULL, work, &crew) == 0)
		started++;
	work(&crew);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}

/* --- what a change can reach --- */

static const struct pool_connector *connector_at(const struct snapshot *s, const char *ndn)
{
	size_t k, i;

	for (k = 0; k < POOL_KINDS; k++)
		for (i = 0; i < s->all[pool_kinds[k]].n; i++)
			if (strcmp(s->all[pool_kinds[k]].v[i]->ndn, ndn) == 0)
				return (const void *)s->all[pool_kinds[k]].v[i];
	return NULL;
}

/* Their forms before and after; NULL if the records are about anything but connectors. */
static const struct pool_connector **touched_connectors(const struct comparison *c,
	const struct ldif_change *change, size_t *n)
{
	const struct pool_connector **v = xcalloc(2 * change->touched_count, sizeof(*v));
	size_t i;

	*n = 0;
	for (i = 0; i < change->touched_count; i++) {
		const struct pool_connector *before = connector_at(c->before, change->touched[i]);
		const struct pool_connector *after = connector_at(c->after, change->touched[i]);

		if (before == NULL && after == NULL) {
			free(v);
			return NULL;
		}
		if (before != NULL)
			v[(*n)++] = before;
		if (after != NULL)
			v[(*n)++] = after;
	}
	return v;
}

static bool is_matched(const struct pool_connector *connector, const struct destination *d)
{
	struct address_spaces spaces = pool_connector_spaces(connector->obj.class->kind,
		connector);
	size_t i;

	for (i = 0; i < spaces.n; i++)
		if (destination_matches(d, &spaces.v[i]))
			return true;
	return false;
}

/*
 * Connectors compete for what their address spaces match, before or after the change, and for
 * nothing else: all other destinations need not be asked about. Where objects are rejected, a
 * change to one can bring another into force.
 */
static void narrow(struct comparison *c, const struct ldif_change *change)
{
	struct destination *v = (void *)(uintptr_t)c->destinations.v;
	const struct pool_connector **touched;
	size_t kept = 0, n, i, j;

	if (c->before->rejection_count != 0 || c->after->rejection_count != 0)
		return;
	touched = touched_connectors(c, change, &n);
	if (touched == NULL)
		return;
	for (i = 0; i < c->destinations.n; i++) {
		for (j = 0; j < n && !is_matched(touched[j], &v[i]); j++)
			;
		if (j < n)
			v[kept++] = v[i];
	}
	c->destinations.n = kept;
	free(touched);
}

/* --- all --- */

static bool is_server(const struct snapshot *s, const char *name)
{
	const struct obj *o = snapshot_find(s, OBJ_SERVER, name);

	return o != NULL && o->enabled;
}

static void put_names(json_t *list, const struct snapshot *s, const struct snapshot *without)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_SERVER].n; i++) {
		const struct obj *o = s->all[OBJ_SERVER].v[i];

		if (o->enabled && !is_server(without, o->name))
			json_array_append_new(list, json_string(o->name));
	}
}

static void compare_all(struct comparison *c, const struct ldif_change *change)
{
	const struct objects *servers = &c->before->all[OBJ_SERVER];
	struct job *jobs;
	size_t n = 0, i;

	put_names(c->added, c->after, c->before);
	put_names(c->removed, c->before, c->after);
	if (strcmp(c->before->fingerprint, c->after->fingerprint) == 0)
		return;
	destinations_add(c->ctl, &c->destinations, c->before);
	destinations_add(c->ctl, &c->destinations, c->after);
	destinations_finish(&c->destinations);
	narrow(c, change);
	sizes_take(&c->sizes, c->before);
	sizes_take(&c->sizes, c->after);
	sizes_finish(&c->sizes);
	jobs = xcalloc(servers->n, sizeof(*jobs));
	for (i = 0; i < servers->n; i++)
		if (is_server(c->before, servers->v[i]->name) &&
		    is_server(c->after, servers->v[i]->name))
			job_init(c, jobs, n++, servers->v[i]->name);
	if (c->destinations.n != 0)
		work_all(c, jobs, n);
	for (i = 0; i < n; i++)
		job_finish(&jobs[i], c->changes);
	for (i = 0; i < n; i++)
		json_decref(jobs[i].rows);
	free(jobs);
	destinations_clear(&c->destinations);
	free(c->sizes.v);
}

/* --- showing --- */

static void print_list(const char *what, struct arena *a, const json_t *list)
{
	if (json_array_size(list) != 0)
		printf("%s: %s\n", what, table_text(a, list));
}

static void print_changes(struct arena *a, const json_t *changes)
{
	static const char *const heads[] = {
		"server", "destination", "larger-than", "before", "after", NULL
	};
	struct table *t = table_new(a, heads);
	json_t *row;
	size_t i;

	json_array_foreach(changes, i, row) {
		json_int_t size = json_integer_value(json_object_get(row, "size"));
		const char *kind = json_string_value(json_object_get(row, "kind"));
		const char *name = json_string_value(json_object_get(row, "destination"));
		const char *cells[] = {
			json_string_value(json_object_get(row, "server")),
			strcmp(kind, destination_kind_names[DESTINATION_SPACE]) == 0 ? name :
				arena_printf(a, "%s %s", kind, name),
			size == 0 ? NULL : arena_printf(a, "%lld", (long long)size - 1),
			route_view_text(a, json_object_get(row, "before")),
			route_view_text(a, json_object_get(row, "after")),
		};

		table_row(t, cells);
	}
	table_print(t);
}

static void print_result(struct arena *a, const struct comparison *c,
	const struct ldif_change *change)
{
	json_t *row;
	size_t i;

	json_array_foreach(change->refused, i, row)
		printf("refused: %s: %s\n", json_string_value(json_object_get(row, "dn")),
			json_string_value(json_object_get(row, "reason")));
	json_array_foreach(change->warnings, i, row)
		printf("warning: %s\n", json_string_value(row));
	print_list("servers that come", a, c->added);
	print_list("servers that go", a, c->removed);
	if (json_array_size(c->changes) == 0)
		puts("no decision changes");
	else
		print_changes(a, c->changes);
}

static enum ctl_status show(struct ctl *ctl, const struct org *org,
	const struct ldif_change *change)
{
	struct comparison c = { .ctl = ctl, .before = change->before, .after = org->snapshot,
		.changes = json_array(), .added = json_array(), .removed = json_array() };
	bool refused = json_array_size(change->refused) != 0;
	json_t *out;

	compare_all(&c, change);
	out = json_pack("{s:b, s:O, s:O, s:o, s:o, s:o}", "refused", refused, "rejected",
		change->refused, "warnings", change->warnings, "servers_added", c.added,
		"servers_removed", c.removed, "changes", c.changes);
	if (ctl->output == CTL_JSON)
		table_print_json(out);
	else
		print_result(ctl->arena, &c, change);
	json_decref(out);
	return refused ? CTL_FAILED : CTL_DONE;
}

enum ctl_status route_what_if_run(struct ctl *ctl, const struct args *args)
{
	struct ldif_change change = { 0 };
	enum ctl_status status;
	struct org org;
	struct err e;

	if (org_open(ctl, &org, &e) != 0 ||
	    ldif_change_apply(&org, args->words[0], &change, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = show(ctl, &org, &change);
	ldif_change_clear(&change);
	org_close(&org);
	return status;
}
