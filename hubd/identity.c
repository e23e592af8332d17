/* identity.c - see identity.h */
#include "hubd/identity.h"

#include "libhub/base/log.h"
#include "libhub/org/snapshot.h"

static int load(const struct settings *s, struct tls_context **server, struct tls_context **client,
	struct err *e)
{
	*server = NULL;
	if (s->certificate != NULL) {
		*server = tls_context_new_server(s->certificate, s->key, s->ca, e);
		if (*server == NULL)
			return -1;
	}
	*client = tls_context_new_client(s->certificate, s->key, s->ca, e);
	if (*client != NULL)
		return 0;
	tls_context_unref(server);
	return -1;
}

int identity_load(struct identity *id, const struct settings *s, struct err *e)
{
	return load(s, &id->server, &id->client, e);
}

int identity_reload(struct identity *id, const struct settings *s, struct err *e)
{
	struct tls_context *server, *client;

	if (load(s, &server, &client, e) != 0)
		return -1;
	tls_context_unref(&id->next_server);
	tls_context_unref(&id->next_client);
	id->next_server = server;
	id->next_client = client;
	return 0;
}

/* Only while the old key is in the directory and the new one is not: else waiting helps nobody. */
static bool must_wait(const struct identity *id, const struct server *self)
{
	return self != NULL && server_has_key(self, tls_context_key_digest(id->client)) &&
		!server_has_key(self, tls_context_key_digest(id->next_client));
}

bool identity_settle(struct identity *id, const struct server *self)
{
	if (id->next_client == NULL)
		return false;
	if (must_wait(id, self)) {
		log_event(LOG_LEVEL_WARNING, "key-waits",
			LOG_STR("new", tls_context_key_digest(id->next_client)),
			LOG_STR("in_use", tls_context_key_digest(id->client)),
			LOG_STR("reason", "the new key is not in the directory yet"), LOG_END);
		return false;
	}
	tls_context_unref(&id->server);
	tls_context_unref(&id->client);
	id->server = id->next_server;
	id->client = id->next_client;
	id->next_server = id->next_client = NULL;
	log_event(LOG_LEVEL_INFO, "key-in-use", LOG_STR("key", tls_context_key_digest(id->client)),
		LOG_END);
	return true;
}

void identity_deinit(struct identity *id)
{
	tls_context_unref(&id->server);
	tls_context_unref(&id->client);
	tls_context_unref(&id->next_server);
	tls_context_unref(&id->next_client);
}
