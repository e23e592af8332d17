/* object.c - see object.h */
#include "tools/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/print.h"
#include "libhub/org/value.h"
#include "tools/object_show.h"
#include "tools/route_compare.h"
#include "tools/server.h"
#include "tools/table.h"

enum { NAME_CHARACTERS_MAX = 64 };

/* --- writing --- */

static void say_done(const struct org *org, const struct change *c)
{
	static const char *const done[] = { "created", "changed", "removed" };
	json_t *o;

	if (org->ctl->output != CTL_JSON) {
		printf("%s %s\n", done[c->kind], c->dn);
		return;
	}
	o = c->kind == CHANGE_DELETE ? json_pack("{s:s}", "removed", c->dn) :
		object_show_json(org, c->class, c->dn);
	table_print_json(o);
	json_decref(o);
}

/* The change as LDIF, and as comments in it the decisions of servers that it would alter. */
static void show_what_if(const struct org *org, const struct snapshot *before,
	const struct change *list)
{
	struct route_changes changes;
	char *text = NULL;
	size_t size = 0;
	json_t *ldif;
	FILE *out;

	route_changes_find(org->ctl, before, org->snapshot, &changes);
	if (org->ctl->output != CTL_JSON) {
		change_print(stdout, list);
		route_changes_print(org->ctl, &changes, "# ");
	} else {
		out = open_memstream(&text, &size);
		BUG_ON(out == NULL);
		change_print(out, list);
		BUG_ON(fclose(out) != 0);
		ldif = table_string(text);
		fputs("{\n", stdout);
		route_changes_print_member("ldif", ldif);
		route_changes_print_json(&changes);
		fputs("\n}\n", stdout);
		json_decref(ldif);
		free(text);
	}
	route_changes_clear(&changes);
}

enum ctl_status object_apply(struct org *org, const struct change *list)
{
	const struct snapshot *before = snapshot_ref(org->snapshot);
	bool broken, refused;
	struct err e;

	broken = change_check(org, list, &e) != 0;
	refused = broken && !org->ctl->force;
	if (broken && !refused)
		ctl_warn("warning: %s", e.text);
	if (!refused && org->ctl->what_if)
		show_what_if(org, before, list);
	snapshot_unref(&before);
	if (refused)
		return ctl_fail("%s: %s", list->dn, e.text);
	if (org->ctl->what_if)
		return CTL_DONE;
	if (org->session == NULL)
		return ctl_fail("a file is only read; see the change with --what-if");
	return change_write(org, list, &e) == 0 ? CTL_DONE : ctl_fail("%s", e.text);
}

enum ctl_status object_commit(struct org *org, const struct change *list)
{
	enum ctl_status status = object_apply(org, list);
	const struct change *c;

	if (status != CTL_DONE || org->ctl->what_if)
		return status;
	for (c = list; c != NULL; c = c->next)
		if (org->ctl->output != CTL_JSON || c == list)
			say_done(org, c);
	return CTL_DONE;
}

/* --- verbs --- */

int object_check_name(const char *cn, struct err *e)
{
	size_t n = 0;
	const char *s;

	for (s = cn; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	if (n == 0 || n > NAME_CHARACTERS_MAX || strpbrk(cn, "[]*()+,;<>=#/\"`\\") != NULL ||
		*cn == ' ' || s[-1] == ' ')
		return err_set(e, ERR_CONFIG, 0, "\"%s\" cannot be a name: 1 to %d characters, "
			"none of "
			"[ ] * ( ) + , ; < > = # / \" ` \\ and no space at either end", cn,
			NAME_CHARACTERS_MAX);
	if (!value_is_text(cn, strlen(cn)))
		return err_set(e, ERR_CONFIG, 0, "a name is UTF-8 without control characters");
	return 0;
}

static enum ctl_status run_new(struct org *org, const struct obj_class *class,
	const struct args *args)
{
	const char *parent = NULL, *server = org->ctl->server, *cn = args->words[0], *slash;
	struct change *c;
	struct err e;

	slash = class->kind == OBJ_RECEIVE_CONNECTOR ? strchr(cn, '/') : NULL;
	if (slash != NULL) {
		server = arena_strndup(org->ctl->arena, cn, (size_t)(slash - cn));
		cn = slash + 1;
	}
	if (object_check_name(cn, &e) != 0)
		return ctl_usage("%s", e.text);
	if (class->kind == OBJ_SERVER)
		return server_new(org, args);
	if (class->kind == OBJ_RECEIVE_CONNECTOR) {
		if (server == NULL)
			return ctl_usage("a receive-connector belongs to a server: SERVER/NAME, "
				"or --server SERVER");
		parent = object_find(org, &server_class, server, &e);
		if (parent == NULL)
			return ctl_fail("%s", e.text);
	}
	c = change_new(org->ctl, CHANGE_ADD, object_dn(org, class, cn, parent), class, cn);
	if (object_take_options(org, args, c, &e) != 0)
		return ctl_fail("%s", e.text);
	return object_commit(org, c);
}

/* An edge whose directory has no certificate here is not subscribed in anything but name. */
static int check_pins(const struct org *org, const struct change *c, struct err *e)
{
	size_t i;

	for (i = 0; i < c->n && !org->ctl->force; i++)
		if (c->v[i]->n == 0 && strcmp(c->v[i]->name, "hubDirectoryCertificate") == 0)
			return err_set(e, ERR_PERM, 0, "%s: without a hubDirectoryCertificate no "
				"hub connects to the edge's directory, for it cannot be told from "
				"another: add the new one first; or --force", c->dn);
	return 0;
}

static enum ctl_status run_set(struct org *org, const struct obj_class *class, const char *dn,
	const struct args *args)
{
	struct change *c = change_new(org->ctl, CHANGE_MODIFY, dn, class, NULL);
	const char *password = args_value(args, "password-file");
	struct err e;
	enum ctl_status status = CTL_DONE;

	if (object_take_options(org, args, c, &e) != 0 || check_pins(org, c, &e) != 0)
		return ctl_fail("%s", e.text);
	if (class->kind == OBJ_SERVER && server_add_key_digests(org, c, &e) != 0)
		return ctl_fail("%s", e.text);
	if (c->n == 0 && password == NULL)
		return ctl_usage("nothing to set: give options (hubctl %s set --help)",
			class->noun);
	if (c->n != 0)
		status = object_commit(org, c);
	if (status == CTL_DONE && password != NULL)
		status = server_set_password(org, dn, password);
	return status;
}

static enum ctl_status run_enable(struct org *org, const struct obj_class *class, const char *dn,
	bool enabled)
{
	struct change *c = change_new(org->ctl, CHANGE_MODIFY, dn, class, NULL);

	change_put(org->ctl, c, "hubEnabled", enabled ? "TRUE" : "FALSE");
	return object_commit(org, c);
}

struct referrers {
	struct arena *a;
	const char *text;
};

static void on_referrer(const struct obj *referrer, const char *attr, void *ctx)
{
	struct referrers *r = ctx;

	/* what stands below a server is removed with it */
	if (attr != NULL)
		r->text = arena_printf(r->a, "%s%s%s %s (%s)", r->text, *r->text != '\0' ? ", " :
			"",
			referrer->class->noun, referrer->name, attr);
}

struct change *object_removals(struct org *org, const struct obj_class *class, const char *dn)
{
	struct change *list = change_new(org->ctl, CHANGE_DELETE, dn, class, NULL), *c;
	const struct obj_class *below;
	size_t i, n = strlen(dn);

	for (i = 0; class->kind == OBJ_SERVER && i < org->n; i++) {
		const char *child = org->entries[i]->dn;

		below = org_entry_class(org->entries[i]);
		if (below == NULL || strlen(child) <= n + 1 ||
			!org_same_dn(child + strlen(child) - n, dn) ||
			child[strlen(child) - n - 1] != ',')
			continue;
		c = change_new(org->ctl, CHANGE_DELETE, child, below, NULL);
		c->next = list;
		list = c;
	}
	return list;
}

static enum ctl_status run_remove(struct org *org, const struct obj_class *class, const char *dn)
{
	const struct obj *o = org_object(org->snapshot, class->kind, dn);
	struct referrers r = { org->ctl->arena, "" };

	if (class->kind == OBJ_ORGANIZATION)
		return ctl_fail("the organization itself cannot be removed");
	if (o != NULL)
		snapshot_each_referrer(org->snapshot, o, on_referrer, &r);
	if (*r.text != '\0' && !org->ctl->force)
		return ctl_fail("%s is still named by %s", o->name, r.text);
	return object_commit(org, object_removals(org, class, dn));
}

/* --- the command --- */

enum verb { VERB_NEW, VERB_SET, VERB_GET, VERB_LIST, VERB_REMOVE, VERB_ENABLE, VERB_DISABLE,
	VERBS };
static const char *const verbs[VERBS] = {
	"new", "set", "get", "list", "remove", "enable", "disable"
};

static enum verb verb_of(const char *name)
{
	enum verb v;

	for (v = VERB_NEW; v < VERBS && strcmp(verbs[v], name) != 0; v++)
		;
	return v;
}

bool object_has_verb(const struct obj_class *class, const char *verb)
{
	enum verb v = verb_of(verb);

	if (class->kind == OBJ_ORGANIZATION)
		return v == VERB_SET || v == VERB_GET || v == VERB_LIST;
	if (class->kind == OBJ_EDGE_SUBSCRIPTION)
		return v == VERB_SET || v == VERB_GET || v == VERB_LIST;
	return v != VERBS;
}

static enum ctl_status run_verb(struct org *org, const struct obj_class *class, enum verb v,
	const struct args *args)
{
	const char *dn = org->base;
	struct err e;

	if (v == VERB_NEW)
		return run_new(org, class, args);
	if (v == VERB_LIST) {
		object_show_list(org, class, org->ctl->server);
		return CTL_DONE;
	}
	if (class->kind != OBJ_ORGANIZATION)
		dn = object_find(org, class, args->words[0], &e);
	if (dn == NULL)
		return ctl_fail("%s", e.text);
	switch (v) {
	case VERB_SET:
		return run_set(org, class, dn, args);
	case VERB_REMOVE:
		return run_remove(org, class, dn);
	case VERB_ENABLE:
	case VERB_DISABLE:
		return run_enable(org, class, dn, v == VERB_ENABLE);
	default:
		object_show_one(org, class, dn);
		return CTL_DONE;
	}
}

enum ctl_status object_run(struct ctl *ctl, const struct obj_class *class, int argc, char **argv,
	struct args *args)
{
	static const struct arg_option of_servers[] = {
		{ "site", true, "NAME" }, { "password-file", true, "FILE" }, { NULL, false, NULL }
	};
	static const struct arg_option sited[] = { { "site", true, "NAME" }, { NULL, false,
		NULL } };
	enum verb v = verb_of(args->verb);
	bool writes = v == VERB_NEW || v == VERB_SET;
	bool named = v != VERB_LIST && class->kind != OBJ_ORGANIZATION;
	const struct arg_option *own = class->kind == OBJ_SERVER ? of_servers :
		class->kind == OBJ_MAILBOX_SERVER ? sited : NULL;
	struct org org;
	struct err e;
	enum ctl_status status;

	status = args_parse(ctl, argc, argv, writes ? own : NULL, writes ? class : NULL, args);
	if (status != CTL_DONE)
		return status;
	if (args->n_words != (named ? 1 : 0))
		return ctl_usage("%s %s takes %s", class->noun, args->verb, named ?
			"one name (quote names with spaces)" : "no name");
	if (org_open(ctl, &org, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = run_verb(&org, class, v, args);
	org_close(&org);
	return status;
}
