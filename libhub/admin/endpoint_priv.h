/* endpoint_priv.h - what endpoint.c and call.c share. */
#ifndef HUB_ADMIN_ENDPOINT_PRIV_H
#define HUB_ADMIN_ENDPOINT_PRIV_H

#include <event2/listener.h>

#include "libhub/admin/endpoint.h"

enum {
	ENDPOINT_HEADERS_MAX = 8 * 1024,
	ENDPOINT_BODY_MAX = 64 * 1024,
	ENDPOINT_TIMEOUT_S = 10,
	ENDPOINT_REMOTE_MAX = 64,	/* remote connections at a time */
};

/* One of the two places where we are asked. */
struct endpoint_place {
	struct admin_endpoint *endpoint;
	struct evhttp *http;		/* NULL = off */
	struct evconnlistener *listener;	/* owned by http */
	bool remote;
};

struct admin_call {
	struct admin_call *next, *prev;
	struct admin_endpoint *endpoint;
	struct evhttp_request *request;
	struct admin_login *login;	/* while it waits for that */
	enum admin_right right;
	char who[300];
	void (*cancel)(void *ctx);	/* while it waits for the daemon */
	void *ctx;
};

/* Counts remote sessions. libevent ends the last ones with the loop, after the endpoint is gone. */
struct remote_sessions {
	struct admin_endpoint *endpoint;	/* NULL once it is gone */
	uint32_t n;
};

struct admin_endpoint {
	struct admin_endpoint_config cfg;
	struct tls_context *tls;
	struct endpoint_place local, remote;
	struct remote_sessions *sessions;
	struct admin_login_config logins;
	struct admin_call *calls;
};

/* call.c: evhttp's callback; ctx is an endpoint_place. */
void endpoint_request(struct evhttp_request *request, void *ctx);
/* Ends every call without answer. */
void endpoint_calls_cancel(struct admin_endpoint *ep);

#endif
