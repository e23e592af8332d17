/* route_change.c - hubctl route what-if: which decisions a file of changes would alter. */
#include "tools/route_change.h"

#include "tools/ldif_change.h"
#include "tools/route_compare.h"

static void print_result(struct ctl *ctl, const struct ldif_change *change,
	const struct route_changes *changes)
{
	json_t *row;
	size_t i;

	json_array_foreach(change->refused, i, row)
		printf("refused: %s: %s\n", json_string_value(json_object_get(row, "dn")),
			json_string_value(json_object_get(row, "reason")));
	json_array_foreach(change->warnings, i, row)
		printf("warning: %s\n", json_string_value(row));
	route_changes_print(ctl, changes, "");
}

static void print_json(const struct ldif_change *change, const struct route_changes *changes)
{
	bool refused = json_array_size(change->refused) != 0;

	fputs("{\n", stdout);
	route_changes_print_member("refused", refused ? json_true() : json_false());
	route_changes_print_member("rejected", change->refused);
	route_changes_print_member("warnings", change->warnings);
	route_changes_print_json(changes);
	fputs("\n}\n", stdout);
}

static enum ctl_status show(struct ctl *ctl, const struct org *org,
	const struct ldif_change *change)
{
	struct route_changes changes;

	route_changes_find(ctl, change->before, org->snapshot, &changes);
	if (ctl->output == CTL_JSON)
		print_json(change, &changes);
	else
		print_result(ctl, change, &changes);
	route_changes_clear(&changes);
	return json_array_size(change->refused) != 0 ? CTL_FAILED : CTL_DONE;
}

enum ctl_status route_what_if_run(struct ctl *ctl, const struct args *args)
{
	struct ldif_change change = { 0 };
	enum ctl_status status;
	struct org org;
	struct err e;

	if (org_open(ctl, &org, &e) != 0 ||
	    ldif_change_apply(&org, args->words[0], &change, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = show(ctl, &org, &change);
	ldif_change_clear(&change);
	org_close(&org);
	return status;
}
