/* edge_sync.c - hubctl edge-sync: asks the edgesyncd of a hub to push, or how its edges are.
 *
 * The one on this machine is found by its control socket (defaults.h); that of another hub listens
 * at an address which is not in the directory, so it has to be named, while its key is pinned there
 * as that of the hub.
 */
#include <string.h>

#include "libhub/org/value.h"
#include "libhub/smtp/address.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/defaults.h"
#include "tools/edge_sync_show.h"
#include "tools/table.h"

/* A full push of very many recipients to a distant edge takes its time. */
enum { LIMIT_S = 900 };

static int ask(struct ctl *ctl, const struct args *args, struct http_call *call, struct err *e)
{
	const char *address = args_value(args, "admin");

	if (address != NULL && ctl->server == NULL)
		return err_set(e, ERR_CONFIG, 0, "--admin needs --server NAME: whose key must it "
			"hold?");
	if (address != NULL) {
		ask_server_at(ctl, address, call);
		return 0;
	}
	if (defaults_fill_edgesyncd(ctl, e) != 0)
		return -1;
	if (ctl->server != NULL && (ctl->local_server == NULL || name_compare(ctl->server,
		ctl->local_server) != 0))
		return err_set(e, ERR_CONFIG, 0, "%s is not this hub: --admin ADDRESS:PORT, the "
			"admin of its edgesyncd.conf", ctl->server);
	http_perform(ctl, call, 1);
	return 0;
}

static int failed(const struct ctl *ctl, const struct http_call *call)
{
	const char *at = call->address != NULL ? call->address : ctl->control;

	if (call->status == 404 && strstr(call->error, "/queue") != NULL)
		return ctl_fail("what answers at %s is hubd, not edgesyncd: --control PATH or -f "
			"edgesyncd.conf", at);
	if (call->answered)
		return ctl_fail("%s", call->error);
	return ctl_fail("edgesyncd at %s: %s", at != NULL ? at : "(no address)", call->error);
}

/* Prints the answer by show; judge says whether all is well. */
static enum ctl_status perform(struct ctl *ctl, const struct args *args, const char *path,
	json_t *body, void (*show)(struct ctl *ctl, const json_t *answer),
	bool (*judge)(const json_t *answer))
{
	struct http_call call = { .path = path, .body = body, .limit_s = LIMIT_S };
	enum ctl_status status;
	struct err e;

	if (args->n_words != 0)
		json_object_set_new(body, "edge", table_string(args->words[0]));
	if (args_given(args, "full"))
		json_object_set_new(body, "full", json_true());
	if (ask(ctl, args, &call, &e) != 0) {
		status = ctl_usage("%s", e.text);
	} else if (!call.done) {
		status = failed(ctl, &call);
	} else {
		if (ctl->output == CTL_JSON)
			table_print_json(call.answer);
		else
			show(ctl, call.answer);
		status = judge(call.answer) ? CTL_DONE : CTL_FAILED;
	}
	json_decref(call.answer);
	json_decref(body);
	return status;
}

static enum ctl_status edge_sync_test(struct ctl *ctl, const struct args *args)
{
	const char *address = args_value(args, "verify-recipient");
	struct smtp_address parsed;
	json_t *body;
	struct err e;

	if (address != NULL && smtp_address_parse(&parsed, address, strlen(address),
		SMTP_ADDRESS_UTF8, &e) != 0)
		return ctl_usage("--verify-recipient \"%s\": %s", address, e.text);
	body = json_object();
	if (address != NULL)
		json_object_set_new(body, "verify", table_string(address));
	return perform(ctl, args, "/test", body, edge_sync_show_test, edge_sync_in_step);
}

static enum ctl_status edge_sync_start(struct ctl *ctl, const struct args *args)
{
	json_t *body = json_object();

	if (args_given(args, "allow-loss"))
		json_object_set_new(body, "allow_loss", json_true());
	return perform(ctl, args, "/start", body, edge_sync_show_start, edge_sync_pushed);
}

static const struct arg_option test_options[] = {
	{ "full", false, "read everything on the edge, and list what differs" },
	{ "verify-recipient", true, "ADDRESS known on the edge?" },
	{ "admin", true, "ADDRESS:PORT of the edgesyncd of --server NAME" },
	{ NULL, false, NULL }
};

static const struct arg_option start_options[] = {
	{ "full", false, "read everything on the edge first" },
	{ "allow-loss", false, "push also what takes away much" },
	{ "admin", true, "ADDRESS:PORT of the edgesyncd of --server NAME" },
	{ NULL, false, NULL }
};

const struct command edge_sync_commands[] = {
	{ "edge-sync", "test", 0, 1, "[EDGE]", test_options, edge_sync_test },
	{ "edge-sync", "start", 0, 1, "[EDGE]", start_options, edge_sync_start },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL }
};
