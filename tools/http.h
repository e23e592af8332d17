/* http.h - requests to the administration endpoints of servers, several at a time.
 *
 * The server on this machine is asked through its control socket; another one by TLS at its
 * hubAdminAddress, where it must hold a key that the directory pins for it. There we are known by a
 * client certificate, or by the directory login of -D and -y.
 */
#ifndef HUB_TOOLS_HTTP_H
#define HUB_TOOLS_HTTP_H

#include <jansson.h>

#include "libhub/org/topology.h"
#include "tools/ctl.h"

struct http_call {
	const struct server *server;	/* NULL = by the control socket */
	const char *address;		/* of the server; NULL = its hubAdminAddress */
	const char *path;
	json_t *body;			/* posted; NULL = a GET. Borrowed. */
	bool as_text;			/* the answer is no JSON */
	unsigned int limit_s;		/* 0 = CTL_ANSWER_TIMEOUT_S */
	/* the answer */
	bool done;			/* the server did what was asked; else see error */
	bool answered;			/* it was reached */
	long status;			/* of HTTP; 0 = not reached */
	json_t *answer;			/* to be freed; NULL if there was none */
	char *text;			/* as_text: to be freed */
	char error[300];		/* one line for a person */
};

/* Makes all calls at the same time; returns when each has its answer or its error. */
void http_perform(const struct ctl *ctl, struct http_call *calls, size_t n);

#endif
