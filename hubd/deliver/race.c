/* race.c - see race.h */
#include "hubd/deliver/race.h"

#include <errno.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/inet.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/stream.h"

struct attempt {
	struct race *race;
	struct race_runner runner;
	struct event writable;
	uint64_t deadline_ms;
	int fd;				/* -1 unless under way */
	int error;
};

struct race {
	struct loop *loop;
	race_cb *cb;
	void *ctx;
	struct event timer;
	uint64_t next_ms;		/* when the next attempt begins */
	uint32_t timeout_ms;
	size_t n, begun;
	struct attempt attempts[RACE_MAX];
};

static void attempt_end(struct attempt *a, int error)
{
	a->error = error;
	event_del(&a->writable);
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static void race_free(struct race *r)
{
	size_t i;

	event_del(&r->timer);
	for (i = 0; i < r->begun; i++)
		attempt_end(&r->attempts[i], r->attempts[i].error);
	free(r);
}

static void finish(struct race *r, int fd, size_t winner)
{
	struct race_result res = { .fd = fd, .winner = winner };
	race_cb *cb = r->cb;
	void *ctx = r->ctx;
	int errors[RACE_MAX];
	size_t i;

	for (i = 0; i < r->n; i++)
		errors[i] = r->attempts[i].error;
	res.errors = errors;
	race_free(r);
	cb(&res, ctx);
}

static bool is_over(const struct race *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->attempts[i].error < 0)
			return false;
	return true;
}

static void on_writable(evutil_socket_t fd, short what, void *ctx);

static void attempt_begin(struct race *r)
{
	struct attempt *a = &r->attempts[r->begun++];
	uint64_t now_ms = clock_mono_ms();

	a->fd = stream_connect_socket(a->runner.to, inet_size(a->runner.to), a->runner.source,
		a->runner.source != NULL ? inet_size(a->runner.source) : 0, &a->error);
	event_assign(&a->writable, loop_base(r->loop), a->fd, EV_WRITE, on_writable, a);
	a->deadline_ms = now_ms + r->timeout_ms;
	r->next_ms = now_ms + RACE_DELAY_MS;
	if (a->error != 0) {
		attempt_end(a, a->error);
		return;
	}
	a->error = RACE_NO_ANSWER;
	event_add(&a->writable, NULL);
}

static void begin_due(struct race *r)
{
	while (r->begun < r->n && (r->begun == 0 || r->next_ms <= clock_mono_ms() ||
		r->attempts[r->begun - 1].error >= 0))
		attempt_begin(r);
}

static void arm(struct race *r)
{
	uint64_t now_ms = clock_mono_ms(), at_ms = UINT64_MAX;
	struct timeval tv;
	size_t i;

	if (r->begun < r->n)
		at_ms = r->next_ms;
	for (i = 0; i < r->begun; i++)
		if (r->attempts[i].error == RACE_NO_ANSWER && r->attempts[i].deadline_ms < at_ms)
			at_ms = r->attempts[i].deadline_ms;
	/* all have failed at once: told from the loop, never from race_start */
	if (at_ms == UINT64_MAX || at_ms < now_ms)
		at_ms = now_ms;
	tv.tv_sec = (time_t)((at_ms - now_ms) / 1000);
	tv.tv_usec = (suseconds_t)((at_ms - now_ms) % 1000 * 1000);
	event_add(&r->timer, &tv);
}

static void go_on(struct race *r)
{
	begin_due(r);
	if (is_over(r))
		finish(r, -1, 0);
	else
		arm(r);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct attempt *a = ctx;
	struct race *r = a->race;
	socklen_t len = sizeof(int);
	int error = 0;

	(void)what;
	loop_touch(r->loop);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0) {
		a->fd = -1;
		event_del(&a->writable);
		finish(r, fd, (size_t)(a - r->attempts));
		return;
	}
	attempt_end(a, error);
	go_on(r);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct race *r = ctx;
	uint64_t now_ms = clock_mono_ms();
	size_t i;

	(void)fd;
	(void)what;
	loop_touch(r->loop);
	for (i = 0; i < r->begun; i++)
		if (r->attempts[i].error == RACE_NO_ANSWER && r->attempts[i].deadline_ms <= now_ms)
			attempt_end(&r->attempts[i], ETIMEDOUT);
	go_on(r);
}

struct race *race_start(struct loop *l, const struct race_runner *runners, size_t n,
	uint32_t timeout_ms, race_cb *cb, void *ctx)
{
	struct race *r = xcalloc(1, sizeof(*r));
	size_t i;

	BUG_ON(n == 0 || n > RACE_MAX);
	r->loop = l;
	r->cb = cb;
	r->ctx = ctx;
	r->timeout_ms = timeout_ms;
	r->n = n;
	for (i = 0; i < n; i++)
		r->attempts[i] = (struct attempt){ .race = r, .runner = runners[i], .fd = -1,
			.error = RACE_NOT_BEGUN };
	evtimer_assign(&r->timer, loop_base(l), on_timer, r);
	begin_due(r);
	arm(r);
	return r;
}

void race_cancel(struct race **rp)
{
	if (*rp != NULL)
		race_free(*rp);
	*rp = NULL;
}
