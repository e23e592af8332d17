/* edge_subscription.c - the list of the verbs of edge-subscription, see edge_subscription.h */
#include "tools/edge_subscription.h"

#include "tools/commands.h"

static const struct arg_option new_options[] = {
	{ "file", true, "FILE" },
	{ "valid-for", true, "MINUTES" },
	{ "certificate", true, "FILE" },
	{ "port", true, "PORT" },
	{ NULL, false, NULL }
};

static const struct arg_option import_options[] = {
	{ "site", true, "<site>" },
	{ "no-internet-connector", false, "none to the Internet" },
	{ "no-inbound-connector", false, "none to the hubs" },
	{ "replace", false, "it was installed anew" },
	{ NULL, false, NULL }
};

static const struct arg_option remove_options[] = {
	{ "timeout", true, "SECONDS" },
	{ "now", false, "without the edge" },
	{ NULL, false, NULL }
};

const struct command edge_subscription_commands[] = {
	{ "edge-subscription", "new", 0, 0, "--file FILE", new_options, edge_subscription_new },
	{ "edge-subscription", "import", 1, 1, "FILE --site SITE", import_options,
	  edge_subscription_import },
	{ "edge-subscription", "remove", 1, 1, "NAME", remove_options, edge_subscription_remove },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};
