/* pick.c - see pick.h.
 *
 * libldap goes on to the next URI when one is refused, but waits for a server that accepts the
 * connection and never answers, with ldaps for ever. So each is asked for its root entry first, by
 * the library of the hubs, with a limit.
 */
#include "tools/pick.h"

#include <ldap.h>
#include <string.h>

#include "libhub/directory/probe.h"

enum { URIS_MAX = 16, LIMIT_MS = 1500 };

struct picker {
	struct loop *loop;
	struct resolver *resolver;
	const char *uris[URIS_MAX + 1];
	bool good;
};

static void split(struct arena *a, const char *text, struct picker *p)
{
	char *save = NULL, *word;
	size_t n = 0;

	for (word = strtok_r(arena_strdup(a, text), " \t,", &save); word != NULL && n < URIS_MAX;
		word = strtok_r(NULL, " \t,", &save))
		p->uris[n++] = word;
}

static void on_probed(bool good, void *ctx)
{
	struct picker *p = ctx;

	p->good = good;
	loop_stop(p->loop);
}

static const char *first_good(struct picker *p, const struct directory_config *cfg)
{
	size_t i;

	for (i = 0; p->uris[i] != NULL; i++) {
		(void)probe_start(p->loop, p->resolver, cfg, p->uris[i], "", LIMIT_MS, on_probed,
			p);
		loop_run(p->loop);
		if (p->good)
			return p->uris[i];
	}
	return NULL;
}

const char *pick_uri(const struct ctl *ctl, const char *uris)
{
	struct picker p = { .uris = { NULL } };
	struct directory_config cfg = { .uris = p.uris, .ca = ctl->ca,
		.certificate = ctl->certificate, .key = ctl->key };
	const char *found;
	struct err e;
	int version;

	split(ctl->arena, uris, &p);
	if (p.uris[0] == NULL || p.uris[1] == NULL)
		return uris;
	/* libldap reads ldap.conf at its first call: before the hubs' library forbids that */
	ldap_get_option(NULL, LDAP_OPT_PROTOCOL_VERSION, &version);
	p.loop = loop_new("hubctl");
	p.resolver = resolver_new(p.loop, NULL, &e);
	found = first_good(&p, &cfg);
	resolver_free(&p.resolver);
	loop_free(&p.loop);
	return found != NULL ? found : uris;
}
