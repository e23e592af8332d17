/* args.h - the command line of one verb: words and options, after the global ones are taken out. */
#ifndef HUB_TOOLS_ARGS_H
#define HUB_TOOLS_ARGS_H

#include <getopt.h>

#include "tools/ctl.h"

/* An option of a verb, apart from those that come from the table of a class. */
struct arg_option {
	const char *name;
	bool has_value;
	const char *help;	/* value and meaning */
};

enum arg_way { ARG_SET, ARG_ADD, ARG_REMOVE };

struct arg {
	const char *name;	/* without "no-", "add-" and "remove-" */
	const char *value;	/* NULL: --no-NAME, or an option without value */
	enum arg_way way;
};

struct args {
	const char *noun, *verb;
	const char *const *words;
	size_t n_words;
	const struct arg *v;	/* in the order given */
	size_t n;
};

/* The value given last, or NULL. */
const char *args_value(const struct args *args, const char *name);
bool args_given(const struct args *args, const char *name);
/* A number from min to max into *out, which stays as it is if the option is not given. */
int args_number(const struct args *args, const char *name, uint64_t min, uint64_t max,
	uint64_t *out, struct err *e) MUST_CHECK;

struct attr_def;
struct obj_class;

/* Has hubctl options for the attribute? Not for what only programs can make. */
bool args_has_option(const struct attr_def *def);

/*
 * Parses what follows the verb into *args, whose noun is there already; global options may stand
 * here too. own ends with name NULL; class (may be NULL) gives for each attribute options NAME and
 * no-NAME, and add-NAME and remove-NAME if it may have several values. CTL_USAGE with the reason
 * printed if it is wrong.
 */
enum ctl_status args_parse(struct ctl *ctl, int argc, char **argv, const struct arg_option *own,
	const struct obj_class *class, struct args *args) MUST_CHECK;
/*
 * Global options up to the first word; *at is its place. file is -f's. help: -h was given.
 */
enum ctl_status args_parse_global(struct ctl *ctl, int argc, char **argv, int *at,
	const char **file, bool *help) MUST_CHECK;

#endif
