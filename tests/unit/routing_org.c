/* routing_org.c - see routing_org.h */
#include "routing_org.h"

#include <stdio.h>
#include <string.h>

struct fixture *routing_org_new(void)
{
	static const char *const sites[] = { "London", "Paris", "Rome", "Oslo", "Bern", "Island",
		"Zurich" };
	static const char *const hubs[][2] = {
		{ "hub1", "London" }, { "hub2", "London" }, { "hub3", "Paris" },
		{ "hub4", "Paris" }, { "hub5", "Rome" }, { "hub7", "Island" },
		{ "hub8", "Bern" }, { "hub9", "Zurich" },
	};
	struct fixture *f = fixture_new();
	char name[40];
	size_t i;

	for (i = 0; i < sizeof(sites) / sizeof(sites[0]); i++)
		fixture_site(f, sites[i]);
	fixture_link(f, "London-Paris", "London,Paris", 10);
	fixture_link(f, "Paris-Rome", "Paris,Rome", 10);
	fixture_link(f, "London-Oslo", "London,Oslo", 10);
	fixture_link(f, "Oslo-Rome", "Oslo,Rome", 10);
	fixture_link(f, "London-Zurich", "London,Zurich", 20);
	fixture_link(f, "Bern-Paris", "Bern,Paris", 5)->max_size = 1000000;
	for (i = 0; i < sizeof(hubs) / sizeof(hubs[0]); i++)
		fixture_hub(f, hubs[i][0], hubs[i][1]);
	fixture_hub(f, "hub6", "Rome")->obj.enabled = false;
	fixture_hub(f, "stray", NULL);
	fixture_edge(f, "edge1", "London");
	fixture_edge(f, "edge2", "Oslo");
	for (i = 0; i < sizeof(sites) / sizeof(sites[0]); i++) {
		snprintf(name, sizeof(name), "mbx-%s", sites[i]);
		fixture_mailbox_server(f, name, sites[i]);
	}
	return f;
}

static void option_apply(struct fixture *f, struct pool_connector *pc, const char *option)
{
	if (strcmp(option, "scoped") == 0)
		pc->scoped = true;
	else if (strcmp(option, "off") == 0)
		pc->obj.enabled = false;
	else if (strncmp(option, "max=", 4) == 0)
		pc->max_size = strtoull(option + 4, NULL, 10);
	else if (strncmp(option, "hosts=", 6) == 0)
		fixture_smart_hosts(f, (struct send_connector *)(void *)pc, option + 6);
	else
		BUG_ON(true);
}

static void connector_add(struct fixture *f, char *line)
{
	char *save = NULL, *kind = strtok_r(line, " ", &save);
	const char *name = strtok_r(NULL, " ", &save), *spaces = strtok_r(NULL, " ", &save);
	const char *sources = strtok_r(NULL, " ", &save), *option;
	struct pool_connector *pc;

	BUG_ON(sources == NULL);
	if (strcmp(sources, "-") == 0)
		sources = "";
	if (strcmp(kind, "send") == 0)
		pc = &fixture_send(f, name, spaces, sources)->pool;
	else if (strcmp(kind, "foreign") == 0)
		pc = &fixture_foreign(f, name, spaces, sources)->pool;
	else
		pc = &fixture_agent(f, name, spaces, sources)->pool;
	while ((option = strtok_r(NULL, " ", &save)) != NULL)
		option_apply(f, pc, option);
}

void routing_org_connectors(struct fixture *f, const char *text)
{
	char *copy = xstrdup(text), *line, *save = NULL;

	for (line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		connector_add(f, line);
	free(copy);
}

static void pool_print(FILE *out, const struct server_pool *pool)
{
	size_t i;

	for (i = 0; i < pool->n; i++)
		fprintf(out, "%s%s", i == 0 ? "" : ",", pool->v[i]->obj.name);
}

static void relay_print(FILE *out, const struct route *r)
{
	size_t i;

	fprintf(out, "relay %s cost %lld to %s ", r->connector != NULL ?
		r->connector->obj.name : r->mailbox_server->obj.name, (long long)r->cost,
		r->next_site->obj.name);
	pool_print(out, &r->next);
	for (i = 0; i < r->fallback_count; i++) {
		fputs(" fallback ", out);
		pool_print(out, &r->fallback[i]);
	}
}

void routing_org_text(const struct route *r, char *buf, size_t size)
{
	FILE *out = fmemopen(buf, size, "w");

	switch (r->decision) {
	case ROUTE_CONNECTOR:
		fprintf(out, "connector %s cost %lld", r->connector->obj.name, (long long)r->cost);
		break;
	case ROUTE_RELAY:
		relay_print(out, r);
		break;
	case ROUTE_MAILBOX:
		fprintf(out, "mailbox %s", r->mailbox_server->obj.name);
		break;
	case ROUTE_REPORT:
		fprintf(out, "report %s", r->status);
		break;
	case ROUTE_UNREACHABLE:
		fputs("unreachable", out);
		break;
	}
	if (r->decision == ROUTE_CONNECTOR || r->decision == ROUTE_RELAY)
		fprintf(out, " queue %s %s", queue_type_names[r->queue.type], r->queue.domain);
	fclose(out);
}
