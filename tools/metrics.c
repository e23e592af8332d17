/* metrics.c - hubctl metrics: the counters of one server, as they are. */
#include <stdio.h>

#include "tools/ask.h"
#include "tools/commands.h"

static enum ctl_status metrics_show(struct ctl *ctl, const struct args *args)
{
	struct http_call call = { .path = "/metrics", .as_text = true };
	enum ctl_status status = CTL_DONE;

	(void)args;
	ask_server(ctl, &call);
	if (call.done)
		fputs(call.text, stdout);
	else
		status = ask_failed(ctl, call.error);
	free(call.text);
	json_decref(call.answer);
	return status;
}

const struct command metrics_commands[] = {
	{ "metrics", "", 0, 0, "", NULL, metrics_show },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL }
};
