/* asker.h - somebody who asks an administration endpoint on a Unix socket, on the test's loop. */
#ifndef HUB_TESTS_ASKER_H
#define HUB_TESTS_ASKER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct loop;
struct bufferevent;

struct asker {
	struct loop *loop;
	struct bufferevent *bev;
	bool closed;			/* by the other side */
};

/* path of the socket; aborts if nobody listens there. */
void asker_connect(struct asker *a, struct loop *loop, const char *path);
void asker_send(struct asker *a, const char *text);
/* A request with body, which may be NULL. */
void asker_request(struct asker *a, const char *method, const char *path, const char *body);
/* Goes away. */
void asker_close(struct asker *a);

/* For AWAIT; ctx is an asker. A whole answer is there, or there will be none any more. */
bool asker_is_answered(void *ctx);
bool asker_is_closed(void *ctx);
/*
 * The status of the answer that is there, 0 if there is none; its body, which the caller frees, in
 * *body if that is not NULL. The next answer comes next.
 */
int asker_take(struct asker *a, char **body);
/* Waits for the next answer, of that status. The JSON of its body; the caller decrefs it. */
json_t *asker_json(struct asker *a, int status);
/* The same of a request on a connection of its own. */
json_t *asker_ask(struct loop *loop, const char *socket, const char *method, const char *path,
	const char *body, int status);

#endif
