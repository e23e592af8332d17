/* config.c - hubctl config: do the servers run what the directory says, and is that valid? */
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/config_change.h"
#include "tools/config_edge.h"
#include "tools/http.h"
#include "tools/object.h"
#include "tools/org.h"
#include "tools/table.h"

static json_t *rejections_json(const struct snapshot *s)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < s->rejection_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:b}", "dn",
			table_string(s->rejections[i].dn), "object_class",
			table_string(s->rejections[i].object_class), "reason",
			table_string(s->rejections[i].reason), "last_good",
			s->rejections[i].last_good));
	return list;
}

static json_t *warnings_json(const struct snapshot *s)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < s->warning_count; i++)
		json_array_append_new(list, table_string(s->warnings[i]));
	return list;
}

static void print_rejections(struct arena *a, const json_t *list)
{
	json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		printf("  rejected: %s: %s%s\n", table_text(a, json_object_get(o, "dn")),
			table_text(a, json_object_get(o, "reason")),
			json_is_true(json_object_get(o, "last_good")) ?
			" (its last good form is in force)" : "");
}

static void print_warnings(struct arena *a, const json_t *list)
{
	json_t *o;
	size_t i;

	json_array_foreach(list, i, o)
		printf("  warning: %s\n", table_text(a, o));
}

/* --- check --- */

static enum ctl_status show_check(struct ctl *ctl, const struct snapshot *s)
{
	size_t kind, n = 0;
	json_t *out, *list;

	for (kind = 0; kind < OBJ_KINDS; kind++)
		n += s->all[kind].n;
	out = json_pack("{s:o, s:s, s:I, s:o, s:o}", "base", table_string(s->base), "fingerprint",
		s->visible_fingerprint, "objects", (json_int_t)n, "rejected", rejections_json(s),
		"warnings", warnings_json(s));
	list = json_object_get(out, "rejected");
	if (ctl->output == CTL_JSON) {
		table_print_json(out);
	} else {
		printf("%s: %zu objects in force, %zu rejected, %zu warnings\n", s->base, n,
			s->rejection_count, s->warning_count);
		print_rejections(ctl->arena, list);
		print_warnings(ctl->arena, json_object_get(out, "warnings"));
	}
	json_decref(out);
	return s->rejection_count == 0 ? CTL_DONE : CTL_FAILED;
}

static enum ctl_status config_check(struct ctl *ctl, const struct args *args)
{
	enum ctl_status status;
	struct org org;
	struct err e;

	if (args->n_words != 0 && ctl_check_regular(args->words[0], &e) != 0)
		return ctl_fail("%s", e.text);
	if (args->n_words != 0 && config_change_is(ctl, args->words[0]))
		return config_change_check(ctl, args->words[0]);
	if (args->n_words != 0)
		ctl->directory = arena_printf(ctl->arena, CTL_FILE_PREFIX "%s", args->words[0]);
	if (org_open(ctl, &org, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = show_check(ctl, org.snapshot);
	org_close(&org);
	return status;
}

/* --- status --- */

/* All servers are asked at once: the one here by its socket, the others at their addresses. */
struct inquiry {
	struct http_call local;
	struct http_call *calls;
	const char **names;	/* of the servers asked */
	size_t n;
};

static const char *local_name(const struct inquiry *q)
{
	return json_string_value(json_object_get(q->local.answer, "server"));
}

static void ask_all(struct ctl *ctl, const struct snapshot *s, struct inquiry *q)
{
	const struct objects *servers = &s->all[OBJ_SERVER];
	size_t i;

	q->calls = arena_alloc(ctl->arena, (servers->n + 1) * sizeof(*q->calls));
	q->names = arena_alloc(ctl->arena, (servers->n + 1) * sizeof(*q->names));
	/* an edge does not know how to ask the hubs, which run another directory */
	if (json_is_object(json_object_get(q->local.answer, "edge")))
		return;
	for (i = 0; i < servers->n; i++) {
		const struct server *server = SNAPSHOT_AT(s, OBJ_SERVER, server, i);

		if (!server->obj.enabled || server->role != ROLE_HUB ||
			(local_name(q) != NULL && name_compare(local_name(q),
			server->obj.name) == 0))
			continue;
		q->calls[q->n] = (struct http_call){ .server = server, .path = "/status" };
		q->names[q->n++] = server->obj.name;
	}
	http_perform(ctl, q->calls, q->n);
}

static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* Members of the answer that the report repeats. */
static const char *const repeated[] = {
	"generation", "age_s", "from_cache", "directory", "recipients", "rejected", "warnings",
	"key_in_directory", "version", "failed_connectors", "listeners",
	"missing_certificates", "edge"
};

/* The trees of a server's answer of which the directory may show what is not believed. */
static const char *const trees[] = { "directory", "recipients" };
enum { TREES = sizeof(trees) / sizeof(trees[0]) };

/* Why the server does not believe what the directory shows of that tree, or NULL. */
static const char *held(const json_t *server, size_t tree)
{
	return text_of(json_object_get(server, trees[tree]), "held");
}

static json_t *server_json(const char *name, const struct http_call *call, const char *directory)
{
	const char *fingerprint = text_of(call->answer, "visible_fingerprint");
	bool in_step = call->done && fingerprint != NULL && directory != NULL &&
		strcmp(fingerprint, directory) == 0;
	json_t *o = json_pack("{s:s, s:b, s:s?, s:b}", "server", name, "reachable", call->answered,
		"fingerprint", fingerprint, "in_step", in_step), *value;
	size_t i;

	if (!call->done)
		json_object_set_new(o, "error", table_string(call->error));
	for (i = 0; i < sizeof(repeated) / sizeof(repeated[0]); i++) {
		value = json_object_get(call->answer, repeated[i]);
		json_object_set(o, repeated[i], value);
	}
	if (json_object_get(o, "rejected") == NULL)
		json_object_set_new(o, "rejected", json_array());
	return o;
}

/* Servers that run the same directory must run the same secrets too. */
static bool same_secrets(const struct inquiry *q)
{
	const char *visible = text_of(q->local.answer, "visible_fingerprint"), *first =
		text_of(q->local.answer, "fingerprint"), *v, *f;
	size_t i;

	for (i = 0; i < q->n; i++) {
		v = text_of(q->calls[i].answer, "visible_fingerprint");
		f = text_of(q->calls[i].answer, "fingerprint");
		if (v == NULL || f == NULL)
			continue;
		if (first != NULL && strcmp(v, visible) == 0 && strcmp(f, first) != 0)
			return false;
		visible = v;
		first = f;
	}
	return true;
}

static json_t *status_json(const struct snapshot *s, const struct inquiry *q)
{
	const char *fingerprint = s != NULL ? s->visible_fingerprint : NULL;
	json_t *servers = json_array();
	size_t i;

	if (local_name(q) != NULL)
		json_array_append_new(servers, server_json(local_name(q), &q->local, fingerprint));
	for (i = 0; i < q->n; i++)
		json_array_append_new(servers, server_json(q->names[i], &q->calls[i], fingerprint));
	return json_pack("{s:s?, s:b, s:o, s:o}", "directory_fingerprint", fingerprint,
		"secrets_in_step", same_secrets(q), "directory_rejected",
		s != NULL ? rejections_json(s) : json_array(), "servers", servers);
}

static bool all_well(const json_t *status)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(status, "servers"), i, o)
		if (!json_is_true(json_object_get(o, "in_step")) ||
			json_array_size(json_object_get(o, "rejected")) != 0 ||
			held(o, 0) != NULL || held(o, 1) != NULL || config_edge_is_incomplete(o))
			return false;
	return json_is_true(json_object_get(status, "secrets_in_step")) &&
		json_array_size(json_object_get(status, "directory_rejected")) == 0;
}

static void print_held(const json_t *server)
{
	size_t i;

	for (i = 0; i < TREES; i++)
		if (held(server, i) != NULL)
			printf("%s does not believe the directory: %s\n", text_of(server, "server"),
				held(server, i));
}

static void print_failed(const json_t *server)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(server, "failed_connectors"), i, o)
		printf("%s: connector %s has failed since %s%s%s\n", text_of(server, "server"),
			text_of(o, "connector"), text_of(o, "since"),
			text_of(o, "reason") != NULL ? ": " : "",
			text_of(o, "reason") != NULL ? text_of(o, "reason") : "");
}

static void print_bindings_off(const json_t *server)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(server, "listeners"), i, o)
		if (text_of(o, "problem") != NULL)
			printf("%s: binding %s is off: %s\n", text_of(server, "server"),
				text_of(o, "binding"), text_of(o, "problem"));
}

static void print_missing(const json_t *server)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(server, "missing_certificates"), i, o)
		printf("%s: connector %s, %s: %s\n", text_of(server, "server"),
			text_of(o, "connector"), text_of(o, "name"), text_of(o, "problem"));
}

static void print_status(struct ctl *ctl, const json_t *status)
{
	static const char *const heads[] = {
		"server", "state", "age_s", "fingerprint", "note", NULL
	};
	const char *directory = text_of(status, "directory_fingerprint");
	struct table *t = table_new(ctl->arena, heads);
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(status, "servers"), i, o) {
		const char *print = text_of(o, "fingerprint");
		const char *cells[] = {
			text_of(o, "server"),
			json_is_false(json_object_get(o, "reachable")) ? "unreachable" :
				print == NULL ? "refuses" :
				directory == NULL ? "not known" :
				json_is_true(json_object_get(o, "in_step")) ? "in step" : "differs",
			table_text(ctl->arena, json_object_get(o, "age_s")),
			print != NULL ? arena_strndup(ctl->arena, print, 12) : NULL,
			text_of(o, "error"),
		};
		table_row(t, cells);
	}
	table_print(t);
	json_array_foreach(json_object_get(status, "servers"), i, o) {
		print_held(o);
		config_edge_print(o);
		print_failed(o);
		print_bindings_off(o);
		print_missing(o);
		if (json_array_size(json_object_get(o, "rejected")) == 0 &&
			json_array_size(json_object_get(o, "warnings")) == 0)
			continue;
		printf("%s:\n", text_of(o, "server"));
		print_rejections(ctl->arena, json_object_get(o, "rejected"));
		print_warnings(ctl->arena, json_object_get(o, "warnings"));
	}
	if (json_array_size(json_object_get(status, "directory_rejected")) != 0) {
		puts("directory:");
		print_rejections(ctl->arena, json_object_get(status, "directory_rejected"));
	}
	if (json_is_false(json_object_get(status, "secrets_in_step")))
		puts("the servers do not have the same passwords of connectors");
}

static void inquiry_deinit(struct inquiry *q)
{
	size_t i;

	json_decref(q->local.answer);
	for (i = 0; i < q->n; i++)
		json_decref(q->calls[i].answer);
}

static enum ctl_status config_status(struct ctl *ctl, const struct args *args)
{
	struct inquiry q = { .local = { .path = "/status" } };
	enum ctl_status status = CTL_DONE;
	struct org org;
	struct err e;
	json_t *out;

	(void)args;
	if (ctl->control != NULL) {
		http_perform(ctl, &q.local, 1);
		if (!q.local.done)
			ctl_warn("control socket %s: %s", ctl->control, q.local.error);
	}
	/* without the directory there is still the server here to tell of */
	if (org_open(ctl, &org, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		ask_all(ctl, org.snapshot, &q);
	out = status_json(org.snapshot, &q);
	if (ctl->output == CTL_JSON)
		table_print_json(out);
	else
		print_status(ctl, out);
	if (!all_well(out))
		status = CTL_FAILED;
	json_decref(out);
	inquiry_deinit(&q);
	org_close(&org);
	return status;
}

/* --- accept --- */

/* A random UUID, RFC 9562 section 5.4. */
static const char *random_uuid(struct arena *a)
{
	unsigned char u[16];

	arc4random_buf(u, sizeof(u));
	u[6] = (u[6] & 0x0f) | 0x40;
	u[8] = (u[8] & 0x3f) | 0x80;
	return arena_printf(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		"%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8],
		u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

/* A new hubEpoch makes every server read everything anew and believe it (guard.h of libhub/org). */
static enum ctl_status config_accept(struct ctl *ctl, const struct args *args)
{
	enum ctl_status status;
	struct change *c;
	struct org org;
	struct err e;

	(void)args;
	if (org_open(ctl, &org, &e) != 0) {
		status = ctl_fail("%s", e.text);
	} else {
		c = change_new(ctl, CHANGE_MODIFY, org.base, obj_classes[OBJ_ORGANIZATION], NULL);
		change_put(ctl, c, "hubEpoch", random_uuid(ctl->arena));
		status = object_commit(&org, c);
	}
	org_close(&org);
	return status;
}

const struct command config_commands[] = {
	{ "config", "status", 0, 0, "", NULL, config_status },
	{ "config", "accept", 0, 0, "", NULL, config_accept },
	{ "config", "check", 0, 1, "[FILE.ldif]", NULL, config_check },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL }
};
