/* route_compare.c - see route_compare.h
 *
 * What routing says can differ (libhub/routing/change.h) is asked about in the tables of both
 * sides, at size 0 and just above every limit that counts; between two of these sizes no decision
 * can differ. Servers are taken site by site, for they share its paths.
 */
#include "tools/route_compare.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libhub/routing/change.h"

enum { THREADS_MAX = 2 };

struct sizes {
	uint64_t *v;
	size_t n, room;
};

/* A destination, and what can be known of it before anybody looks. */
struct item {
	const struct destination *destination;
	size_t number;			/* of a space or a site: in the change */
	const char *site, *site_after;	/* of a site or a mailbox server; or NULL */
	bool always;
};

struct comparison {
	struct ctl *ctl;
	const struct snapshot *before, *after;
	struct routing_change *change;
	struct item *items;
	size_t item_count;
};

struct rows {
	struct route_row *v;
	size_t n, room;
};

struct job {
	const char *server;
	struct routing_change_key key;
	struct rows rows;
};

/* Servers of one key. */
struct group {
	struct job **jobs;
	size_t n;
	struct arena *arena;		/* of the rows' texts */
};

/* --- sizes --- */

static void sizes_add(uint64_t size, void *ctx)
{
	struct sizes *s = ctx;

	if (s->n == s->room) {
		s->room = s->room != 0 ? 2 * s->room : 64;
		s->v = xreallocarray(s->v, s->room, sizeof(*s->v));
	}
	s->v[s->n++] = size;
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

	sizes_add(0, s);
	qsort(s->v, s->n, sizeof(*s->v), size_order);
	for (i = 0; i < s->n; i++)
		if (i == 0 || s->v[i] != s->v[i - 1])
			s->v[kept++] = s->v[i];
	s->n = kept;
	for (i = 0; i < s->n; i++)
		s->v[i] += s->v[i] != 0;
}

static void sizes_collect(const struct comparison *c, const struct item *item, const char *site,
	const struct routing_table *t, struct sizes *s)
{
	if (item->destination->kind == DESTINATION_SPACE)
		routing_change_limits(c->change, item->number, t, sizes_add, s);
	else if (site != NULL)
		routing_table_site_limits(t, site, sizes_add, s);
}

/* --- comparing --- */

static const char *view_text(const struct comparison *c, struct arena *a,
	const struct route_view *view)
{
	json_t *document = route_view_json(view);
	const char *text;
	char *dump;

	if (c->ctl->output == CTL_JSON) {
		dump = json_dumps(document, 0);
		BUG_ON(dump == NULL);
		text = arena_strdup(a, dump);
		free(dump);
	} else {
		text = route_view_text(a, document);
	}
	json_decref(document);
	return text;
}

static void rows_add(struct rows *rows, struct route_row row)
{
	if (rows->n == rows->room) {
		rows->room = rows->room != 0 ? 2 * rows->room : 16;
		rows->v = xreallocarray(rows->v, rows->room, sizeof(*rows->v));
	}
	rows->v[rows->n++] = row;
}

/* Both tables of a server, made when they are first needed, and what comes of asking them. */
struct tables {
	const struct comparison *comparison;
	const struct routing_pair *pair;
	struct arena *keep;
	const char *server;
	bool plain;
	const struct routing_table *before, *after;
};

static void tables_need(struct tables *t)
{
	if (t->before != NULL)
		return;
	t->before = routing_pair_before(t->pair, t->server, t->plain);
	t->after = routing_pair_after(t->pair, t->server, t->plain);
}

static void tables_clear(struct tables *t)
{
	routing_table_unref(&t->before);
	routing_table_unref(&t->after);
}

/* Each pair of decisions once, at the smallest size that has it. */
static void compare_item(struct tables *t, const struct item *item, struct rows *out)
{
	const struct destination *d = item->destination;
	struct route_view x, y, last_x, last_y;
	struct arena *a = arena_new();
	struct sizes sizes = { 0 };
	size_t i;

	tables_need(t);
	sizes_collect(t->comparison, item, item->site, t->before, &sizes);
	sizes_collect(t->comparison, item, item->site_after, t->after, &sizes);
	sizes_finish(&sizes);
	for (i = 0; i < sizes.n; i++) {
		route_view_get(t->before, d, sizes.v[i], a, &x);
		route_view_get(t->after, d, sizes.v[i], a, &y);
		if (i != 0 && route_view_same(&x, &last_x) && route_view_same(&y, &last_y))
			continue;
		if (!route_view_same(&x, &y))
			rows_add(out, (struct route_row){ t->server, d, sizes.v[i],
				view_text(t->comparison, t->keep, &x),
				view_text(t->comparison, t->keep, &y) });
		last_x = x;
		last_y = y;
	}
	free(sizes.v);
	arena_free(&a);
}

/* --- a site --- */

/* A destination that the change can reach, and what a plain hub's rows about it are. */
struct reached {
	const struct item *item;
	bool plain;			/* plain hubs are to be asked; the others in any case */
	bool asked;
	struct rows rows;
};

static bool is_reached(const struct routing_pair *p, const struct item *item)
{
	if (item->always)
		return true;
	return item->destination->kind == DESTINATION_SPACE ?
		routing_pair_reaches(p, item->number) :
		routing_pair_reaches_site(p, (uint32_t)item->number);
}

static bool is_reached_plain(struct routing_pair *p, const struct item *item)
{
	return item->always || item->destination->kind != DESTINATION_SPACE ||
		routing_pair_reaches_plain(p, item->number);
}

static void plain_rows(struct tables *plain, struct reached *r, struct job *job)
{
	size_t i;

	if (r->plain && !r->asked)
		compare_item(plain, r->item, &r->rows);
	r->asked = true;
	for (i = 0; i < r->rows.n; i++) {
		struct route_row row = r->rows.v[i];

		row.server = job->server;
		rows_add(&job->rows, row);
	}
}

static void compare_server(struct routing_pair *p, struct tables *plain, struct job *job,
	struct reached *reached, size_t n)
{
	struct tables own = *plain;
	size_t i;

	own.server = job->server;
	own.plain = false;
	own.before = own.after = NULL;
	routing_pair_turn(p, job->server);
	for (i = 0; i < n; i++) {
		const struct item *item = reached[i].item;
		bool space = item->destination->kind == DESTINATION_SPACE;

		if (job->key.edge == NULL && (!space || !routing_pair_is_own(p, item->number)))
			plain_rows(plain, &reached[i], job);
		else if (job->key.edge == NULL || space)
			compare_item(&own, item, &job->rows);
	}
	tables_clear(&own);
}

static void compare_group(const struct comparison *c, struct group *group)
{
	struct routing_pair *p = routing_pair_new(c->change, group->jobs[0]->server);
	struct reached *reached = xcalloc(c->item_count, sizeof(*reached));
	struct tables plain = { c, p, group->arena, group->jobs[0]->server, true, NULL, NULL };
	size_t n = 0, i;

	for (i = 0; i < c->item_count; i++)
		if (is_reached(p, &c->items[i])) {
			reached[n].plain = is_reached_plain(p, &c->items[i]);
			reached[n++].item = &c->items[i];
		}
	for (i = 0; n != 0 && i < group->n; i++)
		compare_server(p, &plain, group->jobs[i], reached, n);
	for (i = 0; i < n; i++)
		free(reached[i].rows.v);
	free(reached);
	tables_clear(&plain);
	routing_pair_free(&p);
}

/* --- the crew --- */

/* Groups share nothing but what never changes, so each thread takes the next that is left. */
struct crew {
	const struct comparison *comparison;
	struct group *groups;
	size_t n;
	atomic_size_t next;
};

static void *work(void *arg)
{
	struct crew *crew = arg;
	size_t i;

	while ((i = atomic_fetch_add(&crew->next, 1)) < crew->n)
		compare_group(crew->comparison, &crew->groups[i]);
	return NULL;
}

static void work_all(const struct comparison *c, struct group *groups, size_t n)
{
	struct crew crew = { .comparison = c, .groups = groups, .n = n };
	pthread_t threads[THREADS_MAX];
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	long started = 0;

	while (started + 1 < cores && started + 1 < THREADS_MAX &&
	       pthread_create(&threads[started], NULL, work, &crew) == 0)
		started++;
	work(&crew);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}

/* --- destinations --- */

static const char *site_name(const struct mailbox_server *m)
{
	return m->site.target != NULL ? m->site.target->name : NULL;
}

/* A mailbox server that stays where it is changes with its site, and the site tells. */
static bool is_told_by_site(const struct comparison *c, const struct destination *d,
	struct item *item)
{
	const struct mailbox_server *x, *y;

	x = (const void *)snapshot_find(c->before, OBJ_MAILBOX_SERVER, d->name);
	y = (const void *)snapshot_find(c->after, OBJ_MAILBOX_SERVER, d->name);
	item->always = true;
	item->site = x != NULL ? site_name(x) : NULL;
	item->site_after = y != NULL ? site_name(y) : NULL;
	return x != NULL && y != NULL && x->obj.enabled == y->obj.enabled &&
		site_name(x) != NULL && site_name(y) != NULL &&
		name_compare(site_name(x), site_name(y)) == 0;
}

static void item_site(const struct comparison *c, struct item *item)
{
	item->site = item->site_after = item->destination->name;
	item->number = routing_change_site(c->change, item->site);
}

static void items_take(struct comparison *c, const struct destinations *all)
{
	size_t i;

	c->items = xcalloc(all->n, sizeof(*c->items));
	for (i = 0; i < all->n; i++) {
		struct item item = { .destination = &all->v[i] };

		if (all->v[i].kind == DESTINATION_SPACE)
			item.number = routing_change_add(c->change, all->v[i].type,
				all->v[i].text);
		else if (all->v[i].kind == DESTINATION_SITE)
			item_site(c, &item);
		else if (is_told_by_site(c, &all->v[i], &item))
			continue;
		c->items[c->item_count++] = item;
	}
}

/* --- servers --- */

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

static int key_order(const struct routing_change_key *x, const struct routing_change_key *y)
{
	if (x->before != y->before)
		return x->before < y->before ? -1 : 1;
	if (x->after != y->after)
		return x->after < y->after ? -1 : 1;
	if (x->edge == y->edge)
		return 0;
	return (uintptr_t)x->edge < (uintptr_t)y->edge ? -1 : 1;
}

static int job_order(const void *a, const void *b)
{
	const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;
	int c = key_order(&x->key, &y->key);

	/* Jobs stand in the order of names. */
	return c != 0 ? c : (x > y) - (x < y);
}

/* One group for each run of equal keys; sorted is theirs from then on. */
static size_t groups_make(struct job **sorted, size_t n, struct group *groups)
{
	size_t count = 0, i;

	qsort(sorted, n, sizeof(*sorted), job_order);
	for (i = 0; i < n; i++) {
		if (i == 0 || key_order(&sorted[i]->key, &sorted[i - 1]->key) != 0)
			groups[count++] = (struct group){ .jobs = &sorted[i],
				.arena = arena_new() };
		groups[count - 1].n++;
	}
	return count;
}

static void rows_take(struct route_changes *out, const struct job *jobs, size_t n)
{
	size_t i, total = 0;

	for (i = 0; i < n; i++)
		total += jobs[i].rows.n;
	out->rows = xcalloc(total, sizeof(*out->rows));
	for (i = 0; i < n; i++) {
		if (jobs[i].rows.n != 0)
			memcpy(out->rows + out->n, jobs[i].rows.v,
				jobs[i].rows.n * sizeof(*out->rows));
		out->n += jobs[i].rows.n;
	}
}

static void compare_servers(struct comparison *c, struct route_changes *out)
{
	const struct objects *servers = &c->before->all[OBJ_SERVER];
	struct job *jobs = xcalloc(servers->n, sizeof(*jobs));
	struct job **sorted = xcalloc(servers->n, sizeof(*sorted));
	size_t n = 0, i;

	for (i = 0; i < servers->n; i++) {
		const char *name = servers->v[i]->name;

		if (!is_server(c->before, name) || !is_server(c->after, name))
			continue;
		jobs[n].server = name;
		routing_change_key(c->change, name, &jobs[n].key);
		sorted[n] = &jobs[n];
		n++;
	}
	out->groups = xcalloc(n, sizeof(*out->groups));
	out->group_count = groups_make(sorted, n, out->groups);
	work_all(c, out->groups, out->group_count);
	rows_take(out, jobs, n);
	for (i = 0; i < n; i++)
		free(jobs[i].rows.v);
	free(jobs);
	free(sorted);
}

/* --- all --- */

void route_changes_find(struct ctl *ctl, const struct snapshot *before,
	const struct snapshot *after, struct route_changes *out)
{
	struct comparison c = { .ctl = ctl, .before = before, .after = after };

	*out = (struct route_changes){ .added = json_array(), .removed = json_array() };
	put_names(out->added, after, before);
	put_names(out->removed, before, after);
	if (strcmp(before->fingerprint, after->fingerprint) == 0)
		return;
	destinations_add(ctl, &out->destinations, before);
	destinations_add(ctl, &out->destinations, after);
	destinations_finish(&out->destinations);
	c.change = routing_change_new(before, after);
	items_take(&c, &out->destinations);
	compare_servers(&c, out);
	routing_change_free(&c.change);
	free(c.items);
}

void route_changes_clear(struct route_changes *c)
{
	size_t i;

	for (i = 0; i < c->group_count; i++)
		arena_free(&c->groups[i].arena);
	free(c->groups);
	free(c->rows);
	json_decref(c->added);
	json_decref(c->removed);
	destinations_clear(&c->destinations);
}

/* --- showing --- */

static void print_list(const char *lead, const char *what, struct arena *a, const json_t *list)
{
	if (json_array_size(list) != 0)
		printf("%s%s: %s\n", lead, what, table_text(a, list));
}

void route_changes_print(struct ctl *ctl, const struct route_changes *c, const char *lead)
{
	static const char *const heads[] = {
		"server", "destination", "larger-than", "before", "after", NULL
	};
	struct arena *a = ctl->arena;
	struct table *t = table_new(a, heads);
	size_t i;

	print_list(lead, "servers that come", a, c->added);
	print_list(lead, "servers that go", a, c->removed);
	for (i = 0; i < c->n; i++) {
		const struct route_row *row = &c->rows[i];
		const struct destination *d = row->destination;
		const char *cells[] = {
			row->server,
			d->kind == DESTINATION_SPACE ? d->name :
				arena_printf(a, "%s %s", destination_kind_names[d->kind], d->name),
			row->size == 0 ? NULL : arena_printf(a, "%llu",
				(unsigned long long)row->size - 1),
			row->before, row->after,
		};

		table_row(t, cells);
	}
	if (c->n == 0)
		printf("%sno decision changes\n", lead);
	else
		table_print_after(t, lead);
}

static void print_string(const char *s)
{
	json_t *text = table_string(s);

	json_dumpf(text, stdout, JSON_ENCODE_ANY);
	json_decref(text);
}

void route_changes_print_member(const char *name, const json_t *value)
{
	printf("  \"%s\": ", name);
	json_dumpf(value, stdout, JSON_ENCODE_ANY);
	fputs(",\n", stdout);
}

void route_changes_print_json(const struct route_changes *c)
{
	size_t i;

	route_changes_print_member("servers_added", c->added);
	route_changes_print_member("servers_removed", c->removed);
	fputs("  \"changes\": [", stdout);
	for (i = 0; i < c->n; i++) {
		const struct route_row *row = &c->rows[i];

		printf("%s\n    {\"server\": ", i == 0 ? "" : ",");
		print_string(row->server);
		printf(", \"kind\": \"%s\", \"destination\": ",
			destination_kind_names[row->destination->kind]);
		print_string(row->destination->name);
		printf(", \"size\": %llu, \"before\": %s, \"after\": %s}",
			(unsigned long long)row->size, row->before, row->after);
	}
	fputs(c->n != 0 ? "\n  ]" : "]", stdout);
}
