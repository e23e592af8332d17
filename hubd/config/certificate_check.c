/* certificate_check.c - see certificate_check.h */
#include "hubd/config/certificate_check.h"

#include <string.h>

#include "libhub/base/log.h"
#include "libhub/tls/context.h"

static bool has_auth(const struct receive_connector *rc, enum auth_mechanism m)
{
	return (rc->auth >> m & 1) != 0;
}

static bool needs_tls(const struct receive_connector *rc)
{
	size_t i;

	for (i = 0; i < rc->bindings.n; i++)
		if (rc->bindings.v[i].tls)
			return true;
	return rc->require_tls;
}

enum certificate_state certificate_state(const struct live *live,
	const struct receive_connector *rc)
{
	if (live->tls_server == NULL)
		return needs_tls(rc) ? CERTIFICATE_NONE : CERTIFICATE_OK;
	if (!has_auth(rc, AUTH_MECH_TLS) || rc->fqdn == NULL ||
		tls_context_has_name(live->tls_server, rc->fqdn))
		return CERTIFICATE_OK;
	return CERTIFICATE_OTHER_NAME;
}

const char *certificate_problem(enum certificate_state state)
{
	static const char *const problems[] = {
		[CERTIFICATE_OTHER_NAME] = "no certificate is for this name: the server's own is "
			"shown",
		[CERTIFICATE_NONE] = "TLS is required and the server has no certificate: nothing "
			"is accepted",
	};

	return problems[state];
}

typedef void found_cb(const struct live *live, const struct receive_connector *rc,
	enum certificate_state state, void *ctx);

static void each(const struct live *live, found_cb *cb, void *ctx)
{
	struct objects mine = snapshot_server_connectors(live->snapshot, live->self);
	enum certificate_state state;
	size_t i;

	for (i = 0; i < mine.n; i++) {
		const struct receive_connector *rc = (const void *)mine.v[i];

		state = rc->obj.enabled ? certificate_state(live, rc) : CERTIFICATE_OK;
		if (state != CERTIFICATE_OK)
			cb(live, rc, state, ctx);
	}
}

/* --- to whoever asks --- */

struct teller {
	void (*cb)(const char *connector, const char *name, const char *problem, void *ctx);
	void *ctx;
};

static const char *name_of(const struct live *live, const struct receive_connector *rc)
{
	return rc->fqdn != NULL ? rc->fqdn : live->fqdn;
}

static void tell(const struct live *live, const struct receive_connector *rc,
	enum certificate_state state, void *ctx)
{
	struct teller *t = ctx;

	t->cb(rc->obj.name, name_of(live, rc), certificate_problem(state), t->ctx);
}

void certificate_check_each(const struct live *live,
	void (*cb)(const char *connector, const char *name, const char *problem, void *ctx),
	void *ctx)
{
	struct teller t = { cb, ctx };

	each(live, tell, &t);
}

/* --- to the log --- */

static bool was_so(const struct live *before, const struct live *live,
	const struct receive_connector *rc, enum certificate_state state)
{
	struct objects mine = snapshot_server_connectors(before->snapshot, before->self);
	size_t i;

	for (i = 0; i < mine.n; i++) {
		const struct receive_connector *old = (const void *)mine.v[i];

		if (memcmp(old->obj.uuid, rc->obj.uuid, sizeof(old->obj.uuid)) == 0)
			return old->obj.enabled && certificate_state(before, old) == state &&
				strcmp(name_of(before, old), name_of(live, rc)) == 0;
	}
	return false;
}

static void log_new(const struct live *live, const struct receive_connector *rc,
	enum certificate_state state, void *ctx)
{
	const struct live *before = ctx;

	if (before != NULL && was_so(before, live, rc, state))
		return;
	log_event(state == CERTIFICATE_NONE ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		"certificate-missing", LOG_STR("connector", rc->obj.name),
		LOG_STR("name", name_of(live, rc)), LOG_STR("why", certificate_problem(state)),
		LOG_END);
}

void certificate_check_log(const struct live *live, const struct live *before)
{
	each(live, log_new, (void *)(uintptr_t)before);
}
