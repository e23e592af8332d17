/* errands.c - see errands.h */
#include "libhub/base/errands.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "libhub/base/mem.h"

/* The lock guards all but inbox and ctx. */
struct errands {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct inbox_node *first, **last;
	bool ending;
	struct inbox *inbox;
	void *ctx;
	char name[16];
};

/* The next one; NULL at the end. */
static struct inbox_node *take(struct errands *r)
{
	struct inbox_node *node;

	pthread_mutex_lock(&r->lock);
	while (r->first == NULL && !r->ending)
		pthread_cond_wait(&r->more, &r->lock);
	node = r->first;
	if (node != NULL)
		r->first = node->next;
	if (r->first == NULL)
		r->last = &r->first;
	pthread_mutex_unlock(&r->lock);
	return node;
}

static void *run(void *arg)
{
	struct errands *r = arg;
	struct inbox_node *node;

	pthread_setname_np(pthread_self(), r->name);
	while ((node = take(r)) != NULL) {
		struct errand *e = INBOX_ENTRY(node, struct errand, node);

		e->run(e);
		inbox_post(r->inbox, &e->node);
	}
	return NULL;
}

static void on_done(struct inbox_node *node, void *ctx)
{
	struct errands *r = ctx;
	struct errand *e = INBOX_ENTRY(node, struct errand, node);

	e->done(e, r->ctx);
}

/* Signals are the main thread's. */
static int start_thread(struct errands *r)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&r->thread, NULL, run, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

static void release(struct errands *r)
{
	inbox_free(&r->inbox);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct errands *errands_new(struct loop *loop, const char *name, void *ctx, struct err *e)
{
	struct errands *r = xcalloc(1, sizeof(*r));
	int rc;

	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->more, NULL);
	r->last = &r->first;
	r->ctx = ctx;
	snprintf(r->name, sizeof(r->name), "%s", name);
	r->inbox = inbox_new(loop, on_done, r);
	rc = start_thread(r);
	if (rc == 0)
		return r;
	release(r);
	err_set(e, ERR_TEMP, rc, "thread %s", name);
	return NULL;
}

void errands_free(struct errands **rp)
{
	struct errands *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	pthread_mutex_lock(&r->lock);
	r->ending = true;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	release(r);
}

void errands_start(struct errands *r, struct errand *e, void (*run_cb)(struct errand *e),
	void (*done)(struct errand *e, void *ctx))
{
	e->run = run_cb;
	e->done = done;
	e->node.next = NULL;
	pthread_mutex_lock(&r->lock);
	*r->last = &e->node;
	r->last = &e->node.next;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}
