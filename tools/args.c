/* args.c - see args.h */
#include "tools/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/print.h"
#include "tools/option_text.h"

enum {
	OPT_SERVER = 1000, OPT_DIRECTORY, OPT_BASE, OPT_RECIPIENT_BASE, OPT_CONTROL, OPT_WHAT_IF,
	OPT_FORCE, OPT_CA, OPT_CLIENT_CERTIFICATE, OPT_CLIENT_KEY,
	/* own options and those of the class, by their place in the table */
	OPT_OWN = 2000,
	OPTIONS_MAX = 300,
	ARGS_MAX = 1000,
};

static const struct option global_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "directory", required_argument, NULL, OPT_DIRECTORY },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "recipient-base", required_argument, NULL, OPT_RECIPIENT_BASE },
	{ "control", required_argument, NULL, OPT_CONTROL },
	{ "what-if", no_argument, NULL, OPT_WHAT_IF },
	{ "force", no_argument, NULL, OPT_FORCE },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "client-certificate", required_argument, NULL, OPT_CLIENT_CERTIFICATE },
	{ "client-key", required_argument, NULL, OPT_CLIENT_KEY },
	{ "help", no_argument, NULL, 'h' },
};

enum { GLOBAL_OPTIONS = sizeof(global_options) / sizeof(global_options[0]) };

/* + ends at the first word; the verb's part may mix words and options */
#define SHORT_OPTIONS ":o:D:y:Y:f:h"

struct parse {
	struct ctl *ctl;
	const char *file;
	bool help;
};

static enum ctl_status take_output(struct ctl *ctl, const char *name)
{
	static const char *const names[] = { "table", "wide", "json", "ldif" };
	int i;

	for (i = 0; i < 4; i++) {
		if (strcmp(names[i], name) == 0) {
			ctl->output = (enum ctl_output)i;
			return CTL_DONE;
		}
	}
	return ctl_usage("-o %s: the forms are table, wide, json and ldif", name);
}

static enum ctl_status take_mechanism(struct ctl *ctl, const char *name)
{
	if (strcmp(name, "EXTERNAL") != 0)
		return ctl_usage("-Y %s: EXTERNAL is the only mechanism", name);
	ctl->external = true;
	return CTL_DONE;
}

/* Those whose argument is kept as it is. */
static const struct option_text texts[] = {
	OPTION_TEXT('f', struct parse, file),
};
static const struct option_text ctl_texts[] = {
	OPTION_TEXT('D', struct ctl, bind_dn),
	OPTION_TEXT('y', struct ctl, password_file),
	OPTION_TEXT(OPT_SERVER, struct ctl, server),
	OPTION_TEXT(OPT_DIRECTORY, struct ctl, directory),
	OPTION_TEXT(OPT_BASE, struct ctl, base),
	OPTION_TEXT(OPT_RECIPIENT_BASE, struct ctl, recipient_base),
	OPTION_TEXT(OPT_CONTROL, struct ctl, control),
	OPTION_TEXT(OPT_CA, struct ctl, ca),
	OPTION_TEXT(OPT_CLIENT_CERTIFICATE, struct ctl, certificate),
	OPTION_TEXT(OPT_CLIENT_KEY, struct ctl, key),
};

static enum ctl_status take_global(struct parse *p, int c)
{
	if (option_text_take(texts, sizeof(texts) / sizeof(texts[0]), c, p) ||
	    option_text_take(ctl_texts, sizeof(ctl_texts) / sizeof(ctl_texts[0]), c, p->ctl))
		return CTL_DONE;
	switch (c) {
	case 'o':
		return take_output(p->ctl, optarg);
	case 'Y':
		return take_mechanism(p->ctl, optarg);
	case OPT_WHAT_IF:
		p->ctl->what_if = true;
		return CTL_DONE;
	case OPT_FORCE:
		p->ctl->force = true;
		return CTL_DONE;
	case 'h':
		p->help = true;
		return CTL_DONE;
	default:
		BUG_ON(true);
		return CTL_USAGE;
	}
}

/* getopt's own words do not say where help is. word: what was being looked at. */
static enum ctl_status wrong_option(int c, const char *noun, const char *word,
	const struct option *options)
{
	const char *help = noun != NULL ? noun : "", *gap = noun != NULL ? " " : "";
	size_t n = strcspn(word, "="), i, alike = 0;

	if (c == ':')
		return ctl_usage("%s needs a value: hubctl%s%s --help", word, gap, help);
	if (strncmp(word, "--", 2) != 0)
		return ctl_usage("there is no option -%c: hubctl%s%s --help", optopt, gap, help);
	for (i = 0; options[i].name != NULL; i++)
		alike += strncmp(options[i].name, word + 2, n - 2) == 0;
	if (alike > 1)
		return ctl_usage("%.*s may mean several options: hubctl%s%s --help", (int)n, word,
			gap, help);
	if (alike == 1)
		return ctl_usage("%.*s takes no value", (int)n, word);
	return ctl_usage("there is no option %.*s: hubctl%s%s --help", (int)n, word, gap, help);
}

enum ctl_status args_parse_global(struct ctl *ctl, int argc, char **argv, int *at,
	const char **file, bool *help)
{
	struct option options[GLOBAL_OPTIONS + 1] = { 0 };
	struct parse p = { .ctl = ctl };
	enum ctl_status status = CTL_DONE;
	int c;

	memcpy(options, global_options, sizeof(global_options));
	opterr = 0;
	while (status == CTL_DONE &&
		(c = getopt_long(argc, argv, "+" SHORT_OPTIONS, options, NULL)) != -1)
		status = c == '?' || c == ':' ?
			wrong_option(c, NULL, argv[optind - 1], options) : take_global(&p, c);
	*at = optind;
	*file = p.file;
	*help = p.help;
	return status;
}

/* --- the verb's part --- */

static void add_option(struct option *options, size_t *n, const char *name, bool has_value)
{
	BUG_ON(*n == OPTIONS_MAX);
	options[*n] = (struct option){ name, has_value ? required_argument : no_argument, NULL,
		OPT_OWN + (int)*n };
	++*n;
}

bool args_has_option(const struct attr_def *def)
{
	/* a sealed secret */
	return (def->flags & ATTR_INTERNAL) == 0 &&
		(def->kind != ATTR_BLOBS || (def->flags & ATTR_SECRET) == 0);
}

static void add_class_options(struct arena *a, const struct obj_class *class,
	struct option *options, size_t *n)
{
	const struct attr_def *def;
	char name[OPTION_NAME_MAX];
	size_t i;

	for (i = 0; (def = obj_class_row(class, i)) != NULL; i++) {
		if (!args_has_option(def))
			continue;
		option_name(def->name, name);
		add_option(options, n, arena_strdup(a, name), true);
		add_option(options, n, arena_printf(a, "no-%s", name), false);
		if (!attr_is_multi(def))
			continue;
		add_option(options, n, arena_printf(a, "add-%s", name), true);
		add_option(options, n, arena_printf(a, "remove-%s", name), true);
	}
}

static void take_own(struct arg *arg, const struct option *option, bool of_class)
{
	static const struct {
		const char *prefix;
		enum arg_way way;
	} ways[] = { { "no-", ARG_SET }, { "add-", ARG_ADD }, { "remove-", ARG_REMOVE } };
	size_t i;

	arg->name = option->name;
	arg->way = ARG_SET;
	arg->value = option->has_arg == no_argument ? NULL : optarg;
	for (i = 0; of_class && i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (strncmp(option->name, ways[i].prefix, strlen(ways[i].prefix)) != 0)
			continue;
		arg->name = option->name + strlen(ways[i].prefix);
		arg->way = ways[i].way;
		return;
	}
}

enum ctl_status args_parse(struct ctl *ctl, int argc, char **argv, const struct arg_option *own,
	const struct obj_class *class, struct args *args)
{
	struct option options[OPTIONS_MAX + 1] = { 0 };
	struct arg *v = arena_alloc(ctl->arena, ARGS_MAX * sizeof(*v));
	struct parse p = { .ctl = ctl };
	enum ctl_status status = CTL_DONE;
	size_t n = GLOBAL_OPTIONS, of_class;
	int c;

	memcpy(options, global_options, sizeof(global_options));
	for (; own != NULL && own->name != NULL; own++)
		add_option(options, &n, own->name, own->has_value);
	of_class = n;
	if (class != NULL)
		add_class_options(ctl->arena, class, options, &n);
	opterr = 0;
	optind = 0;
	while (status == CTL_DONE &&
		(c = getopt_long(argc, argv, SHORT_OPTIONS, options, NULL)) != -1) {
		if (c == '?' || c == ':')
			status = wrong_option(c, args->noun, argv[optind - 1], options);
		else if (c < OPT_OWN)
			status = take_global(&p, c);
		else if (args->n == ARGS_MAX)
			status = ctl_usage("more than %d options", ARGS_MAX);
		else
			take_own(&v[args->n++], &options[c - OPT_OWN],
				(size_t)(c - OPT_OWN) >= of_class);
	}
	if (p.file != NULL && status == CTL_DONE)
		status = ctl_usage("-f stands before the noun");
	args->v = v;
	args->words = (const char *const *)(argv + optind);
	args->n_words = (size_t)(argc - optind);
	return status;
}

const char *args_value(const struct args *args, const char *name)
{
	size_t i;

	for (i = args->n; i-- > 0;)
		if (strcmp(args->v[i].name, name) == 0)
			return args->v[i].value;
	return NULL;
}

bool args_given(const struct args *args, const char *name)
{
	size_t i;

	for (i = 0; i < args->n; i++)
		if (strcmp(args->v[i].name, name) == 0)
			return true;
	return false;
}

int args_number(const struct args *args, const char *name, uint64_t min, uint64_t max,
	uint64_t *out, struct err *e)
{
	const char *text = args_value(args, name);
	unsigned long long n;
	char *end;

	if (text == NULL)
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' || n < min || n > max)
		return err_set(e, ERR_CONFIG, 0, "--%s %s: a number from %llu to %llu is needed",
			name,
			text, (unsigned long long)min, (unsigned long long)max);
	*out = n;
	return 0;
}
