/* asker.c - see asker.h */
#include "asker.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "await.h"
#include "libhub/base/mem.h"

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct asker *a = ctx;

	(void)bev;
	if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
		a->closed = true;
}

void asker_connect(struct asker *a, struct loop *loop, const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	BUG_ON(fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0);
	*a = (struct asker){ .loop = loop };
	a->bev = bufferevent_socket_new(loop_base(loop), fd, BEV_OPT_CLOSE_ON_FREE);
	BUG_ON(a->bev == NULL);
	bufferevent_setcb(a->bev, NULL, NULL, on_event, a);
	bufferevent_enable(a->bev, EV_READ | EV_WRITE);
}

void asker_send(struct asker *a, const char *text)
{
	bufferevent_write(a->bev, text, strlen(text));
}

void asker_request(struct asker *a, const char *method, const char *path, const char *body)
{
	struct evbuffer *out = bufferevent_get_output(a->bev);

	evbuffer_add_printf(out, "%s %s HTTP/1.1\r\nHost: test\r\n", method, path);
	if (body != NULL)
		evbuffer_add_printf(out, "Content-Length: %zu\r\n", strlen(body));
	evbuffer_add_printf(out, "\r\n");
	if (body != NULL)
		evbuffer_add(out, body, strlen(body));
}

void asker_close(struct asker *a)
{
	bufferevent_free(a->bev);
	a->bev = NULL;
}

/* The sizes of the head and the body that are there whole; false if they are not. */
static bool find_answer(const struct asker *a, size_t *head, size_t *body)
{
	struct evbuffer *in = bufferevent_get_input(a->bev);
	size_t size = evbuffer_get_length(in);
	const char *text = (const char *)evbuffer_pullup(in, -1), *end, *length;

	end = size != 0 ? memmem(text, size, "\r\n\r\n", 4) : NULL;
	if (end == NULL)
		return false;
	*head = (size_t)(end - text) + 4;
	length = memmem(text, *head, "Content-Length: ", 16);
	*body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
	return size >= *head + *body;
}

bool asker_is_answered(void *ctx)
{
	const struct asker *a = ctx;
	size_t head, body;

	return a->closed || find_answer(a, &head, &body);
}

bool asker_is_closed(void *ctx)
{
	return ((const struct asker *)ctx)->closed;
}

int asker_take(struct asker *a, char **out)
{
	struct evbuffer *in = bufferevent_get_input(a->bev);
	size_t head, body;
	int status;
	char *text;

	if (!find_answer(a, &head, &body))
		return 0;
	text = (char *)evbuffer_pullup(in, -1);
	BUG_ON(sscanf(text, "HTTP/1.1 %d ", &status) != 1);
	if (out != NULL)
		*out = xstrndup(text + head, body);
	evbuffer_drain(in, head + body);
	return status;
}

json_t *asker_json(struct asker *a, int status)
{
	char *body = NULL;
	json_t *o;

	AWAIT(a->loop, asker_is_answered, a, PATIENCE_MS);
	ck_assert_int_eq(asker_take(a, &body), status);
	o = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(o != NULL, "%s", body);
	free(body);
	return o;
}

json_t *asker_ask(struct loop *loop, const char *socket_path, const char *method,
	const char *path, const char *body, int status)
{
	struct asker a;
	json_t *o;

	asker_connect(&a, loop, socket_path);
	asker_request(&a, method, path, body);
	o = asker_json(&a, status);
	asker_close(&a);
	return o;
}
