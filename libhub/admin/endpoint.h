/* endpoint.h - the administration endpoint of a daemon: HTTP and JSON on its main loop.
 *
 * It is served on a Unix socket (settings: control), where root and the daemon's own account may do
 * everything, and by TLS on an address (settings: admin). There whoever holds a key that is pinned
 * on an enabled hubServer may do everything; so may, by HTTP Basic, a member of cn=Organization
 * Management or cn=Server Management under cn=Roles of the organization; a member of cn=View-Only
 * may read. The name is what authenticate.h takes, or a DN.
 *
 * The daemon brings a table of what may be asked. Anything else gets {"error": text} with a fitting
 * status. Sizes, times and the number of remote connections are bounded: whoever hangs costs one
 * descriptor until the time is over.
 */
#ifndef HUB_ADMIN_ENDPOINT_H
#define HUB_ADMIN_ENDPOINT_H

#include <event2/http.h>
#include <jansson.h>

#include "libhub/admin/login.h"
#include "libhub/daemon/common_settings.h"
#include "libhub/org/snapshot.h"

struct admin_endpoint;
struct admin_call;
struct tls_context;

/*
 * One request by somebody who may read at least. It is answered by exactly one admin_answer…, now
 * or later, which ends the call.
 */
typedef void admin_serve_cb(struct admin_call *call, void *ctx);

struct admin_route {
	const char *path;		/* such as "/status" */
	enum evhttp_cmd_type method;	/* EVHTTP_REQ_GET or EVHTTP_REQ_POST */
	admin_serve_cb *serve;
};

/* All of it outlives the endpoint. Main thread. */
struct admin_endpoint_config {
	struct loop *loop;
	struct resolver *resolver;
	const struct common_settings *settings;
	const char *program;			/* for people: "hubd" */
	struct authenticator *authenticator;
	struct tls_context *tls;		/* NULL without admin; see admin_endpoint_set_tls */
	const struct admin_route *routes;	/* ends with a path that is NULL */
	/* The organization in force, whose pinned keys count; NULL before there is one. */
	const struct snapshot *(*snapshot)(void *ctx);
	void *ctx;				/* of snapshot and of the routes */
};

/* NULL and *e if a socket cannot be opened. */
struct admin_endpoint *admin_endpoint_new(const struct admin_endpoint_config *cfg, struct err *e)
	MUST_CHECK;
/* For sessions from now on; takes a reference of its own. */
void admin_endpoint_set_tls(struct admin_endpoint *ep, struct tls_context *tls);
/* Calls under way end without answer, after their cancel. Accepts a pointer to NULL. */
void admin_endpoint_free(struct admin_endpoint **ep);

/* Of a call; texts live as long as it does. */
enum admin_right admin_call_right(const struct admin_call *call);
const char *admin_call_who(const struct admin_call *call);
/* The JSON object that it brings; a new reference, or NULL with *e. */
json_t *admin_call_body(const struct admin_call *call, struct err *e) MUST_CHECK;
/* It is answered later; cancel(ctx) if the endpoint is freed before. */
void admin_call_wait(struct admin_call *call, void (*cancel)(void *ctx), void *ctx);

void admin_answer_json(struct admin_call *call, int status, const json_t *answer);
void admin_answer_error(struct admin_call *call, int status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* Empties out. The lines of metrics without the last, which is added. */
void admin_answer_metrics(struct admin_call *call, struct evbuffer *out);

#endif
