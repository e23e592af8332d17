/* live.h - what is in force right now: one immutable bundle that every transaction pins.
 *
 * The main thread makes a new one from each snapshot and posts a reference to every worker; a
 * worker uses its own current pointer and each transaction keeps a reference to its end. Nothing in
 * it is edited, so no lock is needed; the reference count is atomic.
 */
#ifndef HUB_CONFIG_LIVE_H
#define HUB_CONFIG_LIVE_H

#include "libhub/org/recipients.h"
#include "libhub/org/snapshot.h"
#include "libhub/routing/route.h"

struct tls_context;

/*
 * Send connectors that this server, their source, has judged failed (hubd/queue/failover.h).
 * Immutable and counted; a later judgement of the process has a higher generation.
 */
struct failed_set {
	struct route_excluded connectors;
	uint64_t generation;
};

struct live {
	const struct snapshot *snapshot;
	const struct routing_table *table;
	const struct server *self;		/* our hubServer entry, in the snapshot */
	struct recipients *recipients;		/* the process's one mirror, not owned */
	struct tls_context *tls_server;		/* for listeners */
	struct tls_context *tls_client;		/* for outgoing sessions */
	const char *fqdn;			/* ours: hubFQDN, else the host's name */
	const struct failed_set *failed;	/* NULL = none since the start */
};

/*
 * Takes its own references to the snapshot and the contexts. NULL and *e when the snapshot has no
 * enabled hubServer of that name: such a server must not move mail.
 */
const struct live *live_new(const struct snapshot *s, const char *server,
	struct recipients *recipients, struct tls_context *tls_server,
	struct tls_context *tls_client, struct err *e) MUST_CHECK;
/* The same with another judgement, of which it takes a reference; failed may be NULL. */
const struct live *live_with_failed(const struct live *l, const struct failed_set *failed);
/* Do both route alike? If not, what was routed with the older one has to be routed again. */
bool live_routes_alike(const struct live *a, const struct live *b);
bool live_has_failed(const struct live *l, const char *connector);
bool live_is_older(const struct live *a, const struct live *b);
const struct live *live_ref(const struct live *l);
/* Accepts a pointer to NULL; sets it to NULL. */
void live_unref(const struct live **l);

/* Copies the names. */
const struct failed_set *failed_set_new(const char *const *names, size_t n, uint64_t generation);
const struct failed_set *failed_set_ref(const struct failed_set *f);
/* Accepts a pointer to NULL; sets it to NULL. */
void failed_set_unref(const struct failed_set **f);

#endif
