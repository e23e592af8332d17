/* config_change.c - see config_change.h */
#include "tools/config_change.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "tools/ldif_change.h"
#include "tools/table.h"

enum { FILE_MAX = 16 * 1024 * 1024 };

bool config_change_is(struct ctl *ctl, const char *path)
{
	static const char word[] = "changetype:";
	struct err ignored;
	size_t size;
	const char *line = ctl_read_file(ctl, path, FILE_MAX, &size, &ignored);

	while (line != NULL) {
		if (strncasecmp(line, word, sizeof(word) - 1) == 0)
			return true;
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	return false;
}

static enum ctl_status show(struct ctl *ctl, const struct org *org,
	const struct ldif_change *change)
{
	const json_t *row;
	json_t *out;
	size_t i;

	if (ctl->output == CTL_JSON) {
		out = json_pack("{s:o, s:I, s:O, s:O}", "base", table_string(org->base), "entries",
			(json_int_t)change->touched_count, "rejected", change->refused, "warnings",
			change->warnings);
		table_print_json(out);
		json_decref(out);
	} else {
		printf("%s: %zu entries to change, %zu refused, %zu warnings\n", org->base,
			change->touched_count, json_array_size(change->refused),
			json_array_size(change->warnings));
		json_array_foreach(change->refused, i, row)
			printf("  refused: %s: %s\n",
				table_text(ctl->arena, json_object_get(row, "dn")),
				table_text(ctl->arena, json_object_get(row, "reason")));
		json_array_foreach(change->warnings, i, row)
			printf("  warning: %s\n", table_text(ctl->arena, row));
	}
	return json_array_size(change->refused) == 0 ? CTL_DONE : CTL_FAILED;
}

enum ctl_status config_change_check(struct ctl *ctl, const char *path)
{
	struct ldif_change change = { 0 };
	enum ctl_status status;
	struct org org;
	struct err e;

	if (org_open(ctl, &org, &e) != 0 || ldif_change_apply(&org, path, &change, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = show(ctl, &org, &change);
	ldif_change_clear(&change);
	org_close(&org);
	return status;
}
