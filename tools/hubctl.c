/* hubctl.c - the administrator's command line: finds the command and says what there is. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/print.h"
#include "tools/commands.h"
#include "tools/defaults.h"
#include "tools/object.h"

static const char usage_text[] =
	"usage: hubctl [-o table|wide|json|ldif] [--server NAME] NOUN VERB [IDENTITY] [--option "
	"value ...]\n"
	"  --directory URI|file:ORG.ldif  --base DN  -D DN -y PASSWORDFILE | -Y EXTERNAL\n"
	"  --control SOCKET  -f SETTINGS  --what-if  --force\n"
	"hubctl NOUN --help says what a noun can do. See hubctl(1).\n\n"
	"nouns:\n";

static const char *const object_verbs[] = {
	"new", "set", "get", "list", "remove", "enable", "disable"
};

static const struct command *const groups[] = {
	queue_commands, route_commands, config_commands, metrics_commands,
	edge_subscription_commands, edge_sync_commands
};

enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

static const struct command *find_command(const char *noun, const char *verb)
{
	const struct command *c;
	size_t i;

	for (i = 0; i < GROUPS; i++)
		for (c = groups[i]; c->noun != NULL; c++)
			if (strcmp(c->noun, noun) == 0 && (verb == NULL || strcmp(c->verb,
				verb) == 0))
				return c;
	return NULL;
}

static void print_nouns(FILE *out)
{
	const struct command *c, *before = NULL;
	size_t i;

	for (i = 0; i < OBJ_KINDS; i++)
		fprintf(out, "  %s\n", obj_classes[i]->noun);
	for (i = 0; i < GROUPS; i++) {
		for (c = groups[i]; c->noun != NULL; before = c++)
			if ((before == NULL || strcmp(before->noun, c->noun) != 0) &&
				obj_class_by_noun(c->noun) == NULL)
				fprintf(out, "  %s\n", c->noun);
	}
}

/* One line, which the completion reads: choices as A|B, the noun of a reference as <noun>. */
static void print_option(const struct attr_def *def)
{
	char name[OPTION_NAME_MAX];
	size_t i;

	option_name(def->name, name);
	printf("  --%s", name);
	for (i = 0; def->choices != NULL && def->choices[i] != NULL; i++)
		if (*def->choices[i] != '\0')
			printf("%s%s", i == 0 || *def->choices[i - 1] == '\0' ? " " : "|",
				def->choices[i]);
	if (def->kind == ATTR_FLAG)
		fputs(" TRUE|FALSE", stdout);
	if (def->kind == ATTR_REF || def->kind == ATTR_REFS)
		printf(" <%s>", obj_classes[def->ref_kind]->noun);
	if (def->kind == ATTR_BLOBS)
		fputs(" FILE", stdout);
	puts(attr_is_multi(def) ? " ..." : "");
}

static void print_class_help(const struct obj_class *class)
{
	const struct attr_def *def;
	size_t i;

	for (i = 0; i < sizeof(object_verbs) / sizeof(object_verbs[0]); i++)
		if (object_has_verb(class, object_verbs[i]))
			printf("hubctl %s %s\n", class->noun, object_verbs[i]);
	if (!object_has_verb(class, "set"))
		return;
	printf("options of %sset (",
		object_has_verb(class, "new") ? "new and " : "");
	puts("--no-OPTION removes; where ... stands --add-OPTION and "
		"--remove-OPTION\nchange single values):");
	if (class->kind == OBJ_SERVER || class->kind == OBJ_MAILBOX_SERVER)
		puts("  --site <site>");
	if (class->kind == OBJ_SERVER)
		puts("  --password-file FILE");
	for (i = 0; (def = obj_class_row(class, i)) != NULL; i++)
		if (args_has_option(def))
			print_option(def);
}

static void print_command_help(const char *noun)
{
	const struct arg_option *o;
	const struct command *c;
	size_t i;

	for (i = 0; i < GROUPS; i++) {
		for (c = groups[i]; c->noun != NULL; c++) {
			if (strcmp(c->noun, noun) != 0)
				continue;
			printf("hubctl %s %s %s\n", noun, c->verb, c->words);
			for (o = c->options; o != NULL && o->name != NULL; o++)
				printf("  --%s %s\n", o->name, o->help);
		}
	}
}

static enum ctl_status unknown_verb(const char *noun, const char *verb)
{
	return verb == NULL ? ctl_usage("%s needs a verb: hubctl %s --help", noun, noun) :
		ctl_usage("%s has no verb \"%s\": hubctl %s --help", noun, verb, noun);
}

static enum ctl_status run_command(struct ctl *ctl, const struct command *c, int argc, char **argv,
	struct args *args)
{
	enum ctl_status status = args_parse(ctl, argc, argv, c->options, NULL, args);

	if (status != CTL_DONE)
		return status;
	if (args->n_words < c->words_min || args->n_words > c->words_max)
		return ctl_usage("usage: hubctl %s %s %s", c->noun, c->verb, c->words);
	return c->run(ctl, args);
}

/* argv[0] is the noun. */
static enum ctl_status run_noun(struct ctl *ctl, int argc, char **argv, const char *file)
{
	const struct obj_class *class = obj_class_by_noun(argv[0]);
	const char *verb = argc > 1 ? argv[1] : NULL;
	struct args args = { .noun = argv[0], .verb = verb };
	const struct command *command;
	struct err e;
	int i;

	if (class == NULL && find_command(argv[0], NULL) == NULL)
		return ctl_usage("there is no noun \"%s\": hubctl --help", argv[0]);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") != 0)
			continue;
		if (class != NULL)
			print_class_help(class);
		print_command_help(argv[0]);
		return CTL_DONE;
	}
	if (class == NULL && find_command(argv[0], "") != NULL) {
		/* no verb stands between the noun and the rest */
		argc++;
		argv--;
		verb = "";
	}
	command = verb != NULL ? find_command(args.noun, verb) : NULL;
	if (command == NULL && (verb == NULL || class == NULL || !object_has_verb(class, verb)))
		return unknown_verb(args.noun, verb);
	if (defaults_fill(ctl, file, &e) != 0)
		return ctl_usage("%s", e.text);
	if (command != NULL)
		return run_command(ctl, command, argc - 1, argv + 1, &args);
	return object_run(ctl, class, argc - 1, argv + 1, &args);
}

int main(int argc, char **argv)
{
	struct ctl ctl = { .arena = arena_new() };
	const char *file;
	enum ctl_status status;
	bool help;
	int at;

	setlocale(LC_CTYPE, "");
	status = args_parse_global(&ctl, argc, argv, &at, &file, &help);
	if (status == CTL_DONE && (help || at == argc)) {
		fputs(usage_text, help ? stdout : stderr);
		print_nouns(help ? stdout : stderr);
		status = help ? CTL_DONE : CTL_USAGE;
	} else if (status == CTL_DONE) {
		status = run_noun(&ctl, argc - at, argv + at, file);
	}
	/* passwords were read into it */
	arena_free_wiped(&ctl.arena);
	if (fflush(stdout) != 0 && status == CTL_DONE)
		status = ctl_fail("standard output cannot be written");
	return (int)status;
}
