/* edge_subscription.c - the list of the verbs of edge-subscription, see edge_subscription.h */
#include "tools/edge_subscription.h"

#include "tools/commands.h"

static const struct arg_option new_options[] = {
	{ "file", true, "FILE that is made; --force writes over another" },
	{ "valid-for", true, "MINUTES, 1440 without it" },
	{ "certificate", true, "FILE of the directory's certificate, if it is not what it shows" },
	{ "port", true, "PORT of the directory's ldaps, 636 without it" },
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
	{ "timeout", true, "SECONDS to wait for edgesyncd to clear the edge, 20 without it" },
	{ "now", false, "without the edge, which keeps what it has" },
	{ NULL, false, NULL }
};

const struct command edge_subscription_commands[] = {
	{ "edge-subscription", "new", 0, 0, "--file FILE", new_options, edge_subscription_new },
	{ "edge-subscription", "import", 1, 1, "FILE --site SITE", import_options,
	  edge_subscription_import },
	{ "edge-subscription", "remove", 1, 1, "NAME", remove_options, edge_subscription_remove },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL },
};
