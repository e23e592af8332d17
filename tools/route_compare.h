/* route_compare.h - which decisions of which servers differ between two organizations. */
#ifndef HUB_TOOLS_ROUTE_COMPARE_H
#define HUB_TOOLS_ROUTE_COMPARE_H

#include "tools/route_view.h"
#include "tools/table.h"

/* One decision that differs, of messages of this size and more. */
struct route_row {
	const char *server;
	const struct destination *destination;
	uint64_t size;
	/* route_view_json in one line where ctl's output is JSON, else route_view_text */
	const char *before, *after;
};

struct route_changes {
	json_t *added, *removed;	/* names of servers; who comes or goes has no rows */
	struct route_row *rows;		/* by server, then destination, then size */
	size_t n;
	struct destinations destinations;
	struct group *groups;		/* whose arenas have the texts */
	size_t group_count;
};

/* Both snapshots must outlive *out, which is to be cleared. Works on two threads until done. */
void route_changes_find(struct ctl *ctl, const struct snapshot *before,
	const struct snapshot *after, struct route_changes *out);
void route_changes_clear(struct route_changes *c);

/*
 * For people: servers that come and go, and a table, or that nothing changes. Each line begins with
 * lead, which may make it a comment.
 */
void route_changes_print(struct ctl *ctl, const struct route_changes *c, const char *lead);
/*
 * The last members of a JSON object: servers_added, servers_removed, and changes, a row a line; no
 * document is made of them, for there can be a million. Nothing follows but a closing brace.
 */
void route_changes_print_json(const struct route_changes *c);
/* One member of an object that is printed piece by piece: two spaces, and a comma at its end. */
void route_changes_print_member(const char *name, const json_t *value);

#endif
