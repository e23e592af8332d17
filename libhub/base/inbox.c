/* inbox.c - a locked list and an eventfd; the lock is held for a few instructions only. */
#include "libhub/base/inbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "libhub/base/mem.h"

struct inbox {
	struct loop *reader;
	struct event *readable;		/* NULL: nobody is woken */
	inbox_cb *cb;
	void *ctx;
	int fd;
	pthread_mutex_t lock;		/* guards the list, its tail and length */
	struct inbox_node *head, **tail;
	size_t length;
};

/* Takes a list of at most max; the rest stays in front of what is posted from now on. */
static struct inbox_node *take_some(struct inbox *ib, size_t max, bool *is_all)
{
	struct inbox_node *list, *last, **tail;
	size_t n, i;

	pthread_mutex_lock(&ib->lock);
	list = ib->head;
	tail = ib->tail;
	n = ib->length;
	ib->head = NULL;
	ib->tail = &ib->head;
	ib->length = 0;
	pthread_mutex_unlock(&ib->lock);
	*is_all = n <= max;
	if (*is_all)
		return list;
	for (last = list, i = 1; i < max; i++)
		last = last->next;
	pthread_mutex_lock(&ib->lock);
	if (ib->head == NULL)
		ib->tail = tail;
	*tail = ib->head;
	ib->head = last->next;
	ib->length += n - max;
	pthread_mutex_unlock(&ib->lock);
	last->next = NULL;
	return list;
}

/* False: something is left. */
static bool hand_over(struct inbox *ib, size_t max)
{
	bool is_all;
	struct inbox_node *node = take_some(ib, max, &is_all), *next;

	for (; node != NULL; node = next) {
		next = node->next;
		node->next = NULL;
		ib->cb(node, ib->ctx);
	}
	return is_all;
}

void inbox_read(struct inbox *ib)
{
	(void)hand_over(ib, SIZE_MAX);
}

static void wake_up(struct inbox *ib)
{
	static const uint64_t one = 1;

	if (write(ib->fd, &one, sizeof(one)) != sizeof(one))
		err_bug(__FILE__, __LINE__, "eventfd write");
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct inbox *ib = ctx;
	uint64_t count;

	(void)what;
	loop_touch(ib->reader);
	/* before taking the list: a post after it wakes us again */
	if (read(fd, &count, sizeof(count)) == sizeof(count) && !hand_over(ib, INBOX_PER_TURN))
		wake_up(ib);
}

size_t inbox_length(struct inbox *ib)
{
	size_t n;

	pthread_mutex_lock(&ib->lock);
	n = ib->length;
	pthread_mutex_unlock(&ib->lock);
	return n;
}

struct inbox *inbox_new_unwatched(inbox_cb *cb, void *ctx)
{
	struct inbox *ib = xcalloc(1, sizeof(*ib));

	ib->cb = cb;
	ib->ctx = ctx;
	ib->tail = &ib->head;
	ib->fd = -1;
	pthread_mutex_init(&ib->lock, NULL);
	return ib;
}

struct inbox *inbox_new(struct loop *reader, inbox_cb *cb, void *ctx)
{
	struct inbox *ib = inbox_new_unwatched(cb, ctx);

	ib->reader = reader;
	ib->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	BUG_ON(ib->fd < 0);
	ib->readable = event_new(loop_base(reader), ib->fd, EV_READ | EV_PERSIST, on_readable, ib);
	BUG_ON(ib->readable == NULL || event_add(ib->readable, NULL) != 0);
	return ib;
}

void inbox_free(struct inbox **ibp)
{
	struct inbox *ib = *ibp;

	if (ib == NULL)
		return;
	inbox_read(ib);
	if (ib->readable != NULL) {
		event_free(ib->readable);
		close(ib->fd);
	}
	pthread_mutex_destroy(&ib->lock);
	free(ib);
	*ibp = NULL;
}

void inbox_post(struct inbox *ib, struct inbox_node *node)
{
	bool wake;

	node->next = NULL;
	pthread_mutex_lock(&ib->lock);
	wake = ib->head == NULL && ib->fd >= 0;
	*ib->tail = node;
	ib->tail = &node->next;
	ib->length++;
	pthread_mutex_unlock(&ib->lock);
	if (wake)
		wake_up(ib);
}
