/* route.c - hubctl route: where mail would go and why, and the other views of routing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/route.h"
#include "tools/commands.h"
#include "tools/ldif_change.h"
#include "tools/org.h"
#include "tools/route_change.h"
#include "tools/route_map.h"
#include "tools/route_show.h"
#include "tools/route_table.h"
#include "tools/table.h"

enum { LINE_MAX_SIZE = 2048 };
#define SIZE_MAX_BYTES UINT64_C(1099511627776)

/* --- one --- */

static bool has_connector(const struct org *org, const char *name)
{
	return snapshot_find(org->snapshot, OBJ_SEND_CONNECTOR, name) != NULL ||
		snapshot_find(org->snapshot, OBJ_FOREIGN_CONNECTOR, name) != NULL ||
		snapshot_find(org->snapshot, OBJ_AGENT_CONNECTOR, name) != NULL;
}

/* --failed, as often as it is given. */
static int failed_connectors(const struct org *org, const struct args *args,
	struct route_excluded *out, struct err *e)
{
	const char **names = arena_alloc(org->ctl->arena, args->n * sizeof(*names));
	size_t i;

	*out = (struct route_excluded){ names, 0 };
	for (i = 0; i < args->n; i++) {
		if (strcmp(args->v[i].name, "failed") != 0)
			continue;
		if (!has_connector(org, args->v[i].value))
			return err_set(e, ERR_PERM, 0, "--failed: there is no connector %s",
				args->v[i].value);
		names[out->n++] = args->v[i].value;
	}
	return 0;
}

static json_t *explain_one(struct org *org, const char *server, const char *address, uint64_t size,
	const struct route_excluded *failed, struct err *e)
{
	if (org_load_recipient(org, address, e) != 0)
		return NULL;
	return route_explain(org->snapshot, server, address, size, failed, org->recipients, e);
}

static enum ctl_status explain_address(struct org *org, const struct args *args,
	const struct route_excluded *failed)
{
	const char *from = org_point_of_view(org, args_value(args, "from"));
	uint64_t size = 0;
	struct err e;
	json_t *o;

	if (args->n_words != 1)
		return ctl_usage("route explain takes one ADDRESS, or --batch FILE");
	if (args_number(args, "size", 0, SIZE_MAX_BYTES, &size, &e) != 0)
		return ctl_usage("%s", e.text);
	if (from == NULL)
		return ctl_usage("seen from which server? --from NAME");
	o = explain_one(org, from, args->words[0], size, failed, &e);
	if (o == NULL)
		return ctl_fail("%s", e.text);
	if (org->ctl->output == CTL_JSON)
		table_print_json(o);
	else
		route_show(org->ctl, o);
	json_decref(o);
	return CTL_DONE;
}

/* --- many --- */

/* Takes "SERVER ADDRESS [SIZE]" apart; a server's name may be in double quotes. */
static int split_line(char *line, char **server, char **address, uint64_t *size, struct err *e)
{
	bool quoted = *line == '"';
	char *at = line + quoted, *end, *text;

	*server = at;
	at = strpbrk(at, quoted ? "\"" : " \t");
	if (at == NULL)
		return err_set(e, ERR_PERM, 0, "a line is SERVER ADDRESS [SIZE]");
	*at++ = '\0';
	*address = at += strspn(at, " \t");
	at += strcspn(at, " \t");
	if (*at != '\0')
		*at++ = '\0';
	text = at + strspn(at, " \t");
	if (*text == '\0')
		return 0;
	errno = 0;
	*size = strtoull(text, &end, 10);
	end += strspn(end, " \t");
	if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || *size > SIZE_MAX_BYTES)
		return err_set(e, ERR_PERM, 0, "\"%s\" is no size in bytes", text);
	return 0;
}

/* One document a line for each line, also where there is nothing but an error to tell. */
static json_t *explain_line(struct org *org, char *line, const struct route_excluded *failed,
	struct err *e)
{
	char *server = NULL, *address = NULL;
	uint64_t size = 0;

	if (split_line(line, &server, &address, &size, e) != 0)
		return NULL;
	return explain_one(org, server, address, size, failed, e);
}

static enum ctl_status batch_line(struct org *org, const char *path, unsigned int number,
	char *line, const struct route_excluded *failed)
{
	enum ctl_status status = CTL_DONE;
	struct err e;
	json_t *o = explain_line(org, line, failed, &e);

	if (o == NULL) {
		status = ctl_fail("%s:%u: %s", path, number, e.text);
		o = json_pack("{s:o}", "error", table_string(e.text));
	}
	BUG_ON(o == NULL || json_dumpf(o, stdout, JSON_COMPACT) != 0);
	putchar('\n');
	json_decref(o);
	return status;
}

static enum ctl_status explain_batch(struct org *org, const char *path,
	const struct route_excluded *failed)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	enum ctl_status status = CTL_DONE;
	char line[LINE_MAX_SIZE];
	unsigned int number = 0;

	if (f == NULL)
		return ctl_fail("%s: %s", path, strerror(errno));
	while (status != CTL_USAGE && fgets(line, sizeof(line), f) != NULL) {
		number++;
		if (strchr(line, '\n') == NULL && !feof(f)) {
			status = ctl_usage("%s:%u: line too long", path, number);
			break;
		}
		line[strcspn(line, "\r\n")] = '\0';
		if (*line != '\0' && *line != '#' &&
			batch_line(org, path, number, line, failed) != CTL_DONE)
			status = CTL_FAILED;
	}
	if (f != stdin)
		fclose(f);
	return status;
}

/* --ldif: the organization as it would be; what the directory would refuse is told. */
static int explain_changed(struct org *org, const char *path, struct err *e)
{
	struct ldif_change change;
	json_t *row;
	size_t i;
	int rc = ldif_change_apply(org, path, &change, e);

	json_array_foreach(change.refused, i, row)
		ctl_warn("%s would be refused: %s", json_string_value(json_object_get(row, "dn")),
			json_string_value(json_object_get(row, "reason")));
	ldif_change_clear(&change);
	return rc;
}

static enum ctl_status route_explain_run(struct ctl *ctl, const struct args *args)
{
	const char *batch = args_value(args, "batch"), *ldif = args_value(args, "ldif");
	struct route_excluded failed;
	enum ctl_status status;
	struct org org;
	struct err e;

	if (batch != NULL && args->n_words != 0)
		return ctl_usage("route explain takes one ADDRESS, or --batch FILE");
	if (org_open(ctl, &org, &e) != 0 ||
	    (ldif != NULL && explain_changed(&org, ldif, &e) != 0) ||
	    failed_connectors(&org, args, &failed, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = batch != NULL ? explain_batch(&org, batch, &failed) :
			explain_address(&org, args, &failed);
	org_close(&org);
	return status;
}

static const struct arg_option explain_options[] = {
	{ "from", true, "SERVER: seen from there" },
	{ "size", true, "BYTES: of the message" },
	{ "ldif", true, "CHANGE.ldif: as it would be after these changes" },
	{ "failed", true, "CONNECTOR: as while it has failed at its source; may be repeated" },
	{ "batch", true, "FILE: lines SERVER ADDRESS [SIZE], - for standard input" },
	{ NULL, false, NULL }
};

static const struct arg_option map_options[] = {
	{ "format", true, "text|dot|svg" },
	{ NULL, false, NULL }
};

const struct command route_commands[] = {
	{ "route", "explain", 0, 1, "ADDRESS", explain_options, route_explain_run },
	{ "route", "what-if", 1, 1, "CHANGE.ldif", NULL, route_what_if_run },
	{ "route", "table", 0, 0, "", NULL, route_table_run },
	{ "route", "map", 0, 0, "", map_options, route_map_run },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL }
};
