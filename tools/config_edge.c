/* config_edge.c - see config_edge.h */
#include "tools/config_edge.h"

#include <stdio.h>

static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* What an edge has got of the organization. */
static const char *const parts[] = { "configuration", "recipients" };
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

/* NULL on a hub, and on an edge that is not subscribed. */
static const json_t *edge_part(const json_t *server, size_t part)
{
	const json_t *o = json_object_get(json_object_get(server, "edge"), parts[part]);

	return json_is_object(o) ? o : NULL;
}

bool config_edge_is_incomplete(const json_t *server)
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		if (edge_part(server, i) != NULL &&
		    !json_is_true(json_object_get(edge_part(server, i), "in_step")))
			return true;
	return false;
}

static const char *or_never(const char *text)
{
	return text != NULL ? text : "never";
}

static void print_part(const json_t *server, size_t part)
{
	const json_t *o = edge_part(server, part);
	const char *holder, *reason;

	if (o == NULL)
		return;
	holder = text_of(o, "holder");
	reason = text_of(o, "reason");
	printf("%s: %s pushed %s%s%s", text_of(server, "server"), parts[part],
		or_never(holder != NULL ? text_of(o, "pushed") : NULL),
		holder != NULL ? " by " : "", holder != NULL ? holder : "");
	/* of the recipients it is in words */
	if (text_of(o, "fingerprint") != NULL)
		printf(part == 0 ? ", fingerprint %.12s" : ", %s", text_of(o, "fingerprint"));
	if (text_of(o, "in_force_since") != NULL)
		printf(", in force since %s", text_of(o, "in_force_since"));
	puts("");
	if (reason != NULL)
		printf("%s: %s not in step since %s: %s\n", text_of(server, "server"),
			parts[part], or_never(text_of(o, "incomplete_since")), reason);
}

void config_edge_print(const json_t *server)
{
	const json_t *edge = json_object_get(server, "edge"), *people;
	size_t i;

	if (!json_is_object(edge))
		return;
	people = json_object_get(server, "recipients");
	printf("%s: %s, %" JSON_INTEGER_FORMAT " recipients known\n", text_of(server, "server"),
		json_is_true(json_object_get(edge, "subscribed")) ? "subscribed" :
		"not subscribed", json_integer_value(json_object_get(people, "count")));
	for (i = 0; i < PARTS; i++)
		print_part(server, i);
}
