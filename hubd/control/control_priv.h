/* control_priv.h - what the files of hubd/control share. */
#ifndef HUB_CONTROL_CONTROL_PRIV_H
#define HUB_CONTROL_CONTROL_PRIV_H

#include <event2/http.h>
#include <event2/listener.h>
#include <jansson.h>

#include "hubd/control/admin_login.h"
#include "hubd/control/control.h"
#include "hubd/queue/admin.h"

enum {
	CONTROL_HEADERS_MAX = 8 * 1024,
	CONTROL_BODY_MAX = 64 * 1024,
	CONTROL_TIMEOUT_S = 10,
	CONTROL_REMOTE_MAX = 64,	/* remote connections at a time */
};

/* One of the two places where we are asked. */
struct control_place {
	struct control *control;
	struct evhttp *http;		/* NULL = off */
	struct evconnlistener *listener;	/* owned by http */
	bool remote;
};

/* A request that waits for somebody else. */
struct call {
	struct call *next, *prev;
	struct control *control;
	struct evhttp_request *request;
	struct admin_login *login;
	struct queue_admin_op *op;
	char who[300];
};

/* Counts remote sessions. libevent ends the last ones with the loop, after the control is gone. */
struct remote_sessions {
	struct control *control;	/* NULL once it is gone */
	uint32_t n;
};

struct control {
	struct control_config cfg;
	const struct live *live;	/* NULL before any */
	uint32_t expected;		/* configurations that are being put in force */
	struct tls_context *tls;
	struct control_place local, remote;
	struct remote_sessions *sessions;
	struct admin_login_config logins;
	struct queue_admin *queue_admin;
	struct call *calls;
};

/* request.c: evhttp's callback; ctx is a control_place. */
void control_request(struct evhttp_request *request, void *ctx);
/* Ends every call that waits, without answer. */
void control_calls_cancel(struct control *c);

/* status.c, a new reference. */
json_t *control_status(const struct control *c);
/* metrics.c */
void control_metrics(const struct control *c, struct evbuffer *out);

/* The directory as it is told of: the newest snapshot, unless that is still being put in force. */
const struct snapshot *control_snapshot(const struct control *c);
/* Is that the mirror's newest? */
bool control_is_settled(const struct control *c);

#endif
