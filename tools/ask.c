/* ask.c - see ask.h */
#include "tools/ask.h"

#include <stdio.h>

#include "tools/org.h"

/* Is the control socket that of the server called name? */
static bool is_local(const struct ctl *ctl, const char *name)
{
	struct http_call call = { .path = "/status" };
	const char *local = ctl->local_server;
	bool same;

	if (ctl->control == NULL)
		return false;
	if (local == NULL) {
		http_perform(ctl, &call, 1);
		local = json_string_value(json_object_get(call.answer, "server"));
	}
	same = local != NULL && name_compare(local, name) == 0;
	json_decref(call.answer);
	return same;
}

static void perform_remote(struct ctl *ctl, struct http_call *call)
{
	struct org org;
	struct err e;

	if (org_open(ctl, &org, &e) != 0) {
		snprintf(call->error, sizeof(call->error), "%s", e.text);
	} else {
		call->server = (const struct server *)(const void *)snapshot_find(org.snapshot,
			OBJ_SERVER, ctl->server);
		if (call->server == NULL)
			snprintf(call->error, sizeof(call->error),
				"there is no server \"%s\" in force",
				ctl->server);
		else
			http_perform(ctl, call, 1);
		call->server = NULL;
	}
	org_close(&org);
}

void ask_server(struct ctl *ctl, struct http_call *call)
{
	if (ctl->server == NULL || is_local(ctl, ctl->server))
		http_perform(ctl, call, 1);
	else
		perform_remote(ctl, call);
}

void ask_server_at(struct ctl *ctl, const char *address, struct http_call *call)
{
	call->address = address;
	perform_remote(ctl, call);
}

int ask_failed(const struct ctl *ctl, const char *reason)
{
	if (ctl->server != NULL)
		return ctl_fail("%s: %s", ctl->server, reason);
	return ctl_fail("%s", reason);
}
