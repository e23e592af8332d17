/* driver.c - asks libhub for routes, for many organizations in one process
 *
 * Reads lines, fields divided by tabs:
 *	organization PATH		an LDIF file, as hubctl --directory file:PATH reads it
 *	SERVER ADDRESS SIZE [FAILED...]	one question about the organization named last, with the
 *					connectors that are excluded as failed
 * and answers each question with one line of JSON, as hubctl route explain --batch does. For the
 * oracle of this folder (campaign.py), which starts no process for each organization.
 */
#include <stdio.h>
#include <string.h>

#include "libhub/routing/route.h"
#include "tools/org.h"

enum { FAILED_MAX = 16 };

static const char command[] = "organization\t";

static void organization_close(struct org *org, struct ctl *ctl)
{
	if (ctl->arena == NULL)
		return;
	org_close(org);
	arena_free(&ctl->arena);
}

static int organization_open(struct org *org, struct ctl *ctl, const char *path)
{
	struct err e;

	organization_close(org, ctl);
	*ctl = (struct ctl){ .arena = arena_new() };
	ctl->directory = arena_printf(ctl->arena, CTL_FILE_PREFIX "%s", path);
	if (org_open(ctl, org, &e) == 0)
		return 0;
	fprintf(stderr, "%s\n", e.text);
	return -1;
}

static json_t *explain(struct org *org, const char *server, const char *address, uint64_t size,
	const struct route_excluded *failed)
{
	struct err e;
	json_t *o = NULL;

	if (org_load_recipient(org, address, &e) == 0)
		o = route_explain(org->snapshot, server, address, size, failed, org->recipients,
			&e);
	return o != NULL ? o : json_pack("{s:s}", "error", e.text);
}

static int question(struct org *org, char *line)
{
	char *save = NULL, *server = strtok_r(line, "\t", &save);
	char *address = strtok_r(NULL, "\t", &save), *size = strtok_r(NULL, "\t", &save), *name;
	const char *names[FAILED_MAX];
	struct route_excluded failed = { names, 0 };
	json_t *o;

	if (server == NULL || address == NULL || size == NULL || org->snapshot == NULL) {
		fprintf(stderr, "not a question: %s\n", line);
		return -1;
	}
	while (failed.n < FAILED_MAX && (name = strtok_r(NULL, "\t", &save)) != NULL)
		names[failed.n++] = name;
	o = explain(org, server, address, strtoull(size, NULL, 10), &failed);
	BUG_ON(o == NULL || json_dumpf(o, stdout, JSON_COMPACT) != 0);
	putchar('\n');
	json_decref(o);
	return fflush(stdout);
}

int main(void)
{
	struct org org = { 0 };
	struct ctl ctl = { 0 };
	char line[4096];
	int rc = 0;

	while (rc == 0 && fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, command, sizeof(command) - 1) == 0)
			rc = organization_open(&org, &ctl, line + sizeof(command) - 1);
		else
			rc = question(&org, line);
	}
	organization_close(&org, &ctl);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
