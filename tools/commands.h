/* commands.h - what is not done in the same way for every class of objects of the directory. */
#ifndef HUB_TOOLS_COMMANDS_H
#define HUB_TOOLS_COMMANDS_H

#include "tools/args.h"

struct command {
	const char *noun, *verb;	/* verb "": the noun alone */
	size_t words_min, words_max;
	const char *words;		/* for people */
	const struct arg_option *options;	/* ends with name NULL; may be NULL */
	enum ctl_status (*run)(struct ctl *ctl, const struct args *args);
};

/* Each ends with noun NULL. */
extern const struct command queue_commands[], route_commands[], config_commands[],
	metrics_commands[], edge_subscription_commands[], edge_sync_commands[];

#endif
