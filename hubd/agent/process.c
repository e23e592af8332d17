/* process.c - see process.h.
 *
 * A thread of the list's own starts them, one after the other: a slow disk holds up other agents,
 * which lie on the same, and nobody else. A pidfd tells of the end, so no signal handler is needed
 * that workers would share.
 */
#include "hubd/agent/process.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hubd/agent/spawn.h"
#include "libhub/base/errands.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum {
	COMPLAINT_MAX = 500,		/* bytes of a line of standard error; more are two */
	COMPLAINTS = 50,		/* lines that are logged; others are dropped */
	LAST_WORDS_S = 2,		/* after its end */
	DEATH_MS = 1000,		/* a killed one is waited for at the end of all */
};

struct process {
	LIST_ENTRY(process) link;
	struct process_list *list;
	char *folder, *name;
	/* what the thread uses until it is started */
	struct errand errand;
	atomic_bool unwanted;		/* nobody waits for it any more */
	struct spawned made;
	struct err err;
	int rc;

	bool running;			/* made is its */
	struct event *ended, *timer;
	bool reaped;			/* its number may be another's by now */
	struct bufferevent *errors;	/* NULL: it has ended */
	unsigned int complaints;
	const struct process_calls *calls;	/* NULL: released */
	void *ctx;
};

struct process_list {
	struct loop *loop;
	struct errands *errands;	/* made for the first one */
	LIST_HEAD(, process) all;
};

/* --- what it complains of --- */

static void process_free(struct process *p)
{
	if (p->errors != NULL)
		bufferevent_free(p->errors);
	LIST_REMOVE(p, link);
	if (p->running) {
		event_free(p->ended);
		event_free(p->timer);
		close(p->made.pidfd);
	}
	free(p->folder);
	free(p->name);
	free(p);
}

static void log_complaint(const struct process *p, char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (text[i] == '\0')
			text[i] = '?';
	log_event(LOG_LEVEL_WARNING, "agent-says", LOG_STR("agent", p->name),
		LOG_INT("pid", p->made.pid), LOG_STR("text", text), LOG_END);
}

static void take_complaints(struct process *p, bool last)
{
	struct evbuffer *in = bufferevent_get_input(p->errors);
	char text[COMPLAINT_MAX + 1], *line;
	size_t n;

	while (p->complaints < COMPLAINTS && evbuffer_get_length(in) > 0) {
		line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF);
		if (line == NULL && evbuffer_get_length(in) < COMPLAINT_MAX && !last)
			return;
		if (line == NULL) {
			n = (size_t)evbuffer_remove(in, text, COMPLAINT_MAX);
			text[n] = '\0';
		}
		log_complaint(p, line != NULL ? line : text, n);
		free(line);
		p->complaints++;
	}
}

static void stop_listening(struct process *p)
{
	bufferevent_free(p->errors);
	p->errors = NULL;
	if (p->reaped)
		process_free(p);
}

static void on_complaint(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	struct process *p = ctx;

	loop_touch(p->list->loop);
	take_complaints(p, false);
	/* who complains for ever is still read from: the pipe must not stop it */
	if (p->complaints >= COMPLAINTS)
		evbuffer_drain(in, evbuffer_get_length(in));
}

static void on_quiet(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	take_complaints(ctx, true);
	stop_listening(ctx);
}

static void listen_to(struct process *p, int fd)
{
	p->errors = bufferevent_socket_new(loop_base(p->list->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	BUG_ON(p->errors == NULL);
	bufferevent_setcb(p->errors, on_complaint, NULL, on_quiet, p);
	bufferevent_setwatermark(p->errors, EV_READ, 0, COMPLAINT_MAX);
	bufferevent_enable(p->errors, EV_READ);
	bufferevent_disable(p->errors, EV_WRITE);
}

/* --- the end --- */

/* The number is its own as long as it is not reaped, and so is that of its group. */
static void kill_group(const struct process *p)
{
	(void)kill(-p->made.pid, SIGKILL);
	(void)kill(p->made.pid, SIGKILL);
}

static void on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct process *p = ctx;
	const struct process_calls *calls = p->calls;
	void *ctx_of_calls = p->ctx;
	static const struct timeval last_words = { LAST_WORDS_S, 0 };
	siginfo_t info = { 0 };
	char how[64];

	(void)fd;
	(void)what;
	loop_touch(p->list->loop);
	kill_group(p);
	if (waitid(P_PIDFD, (id_t)p->made.pidfd, &info, WEXITED | WNOHANG) != 0)
		snprintf(how, sizeof(how), "it is gone");
	else if (info.si_pid == 0)
		return;
	else
		snprintf(how, sizeof(how), info.si_code == CLD_EXITED ? "exit status %d" :
			"signal %d", info.si_status);
	log_event(LOG_LEVEL_INFO, "agent-ended", LOG_STR("agent", p->name),
		LOG_INT("pid", p->made.pid), LOG_STR("how", how), LOG_END);
	p->reaped = true;
	p->calls = NULL;
	event_del(p->ended);
	if (p->errors == NULL)
		process_free(p);
	else
		evtimer_add(p->timer, &last_words);
	if (calls != NULL)
		calls->ended(how, ctx_of_calls);
}

static void kill_now(struct process *p)
{
	log_event(LOG_LEVEL_WARNING, "agent-killed", LOG_STR("agent", p->name),
		LOG_INT("pid", p->made.pid), LOG_END);
	kill_group(p);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct process *p = ctx;

	(void)fd;
	(void)what;
	if (p->reaped)
		process_free(p);
	else
		kill_now(p);
}

void process_release(struct process **pp, unsigned int grace_ms)
{
	struct timeval grace = { grace_ms / 1000, (suseconds_t)(grace_ms % 1000 * 1000) };
	struct process *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	p->calls = NULL;
	if (!p->running)
		/* if the thread has begun, it is killed when it is there */
		atomic_store(&p->unwanted, true);
	else if (grace_ms == 0)
		kill_now(p);
	else
		evtimer_add(p->timer, &grace);
}

/* --- the start --- */

static struct process *process_of(struct errand *e)
{
	return INBOX_ENTRY(e, struct process, errand);
}

static void run_start(struct errand *e)
{
	struct process *p = process_of(e);

	if (atomic_load(&p->unwanted))
		p->rc = err_set(&p->err, ERR_TEMP, 0, "not started: nobody waits for it");
	else
		p->rc = spawn_agent(p->folder, p->name, &p->made, &p->err);
}

static void begin_running(struct process *p)
{
	struct event_base *base = loop_base(p->list->loop);

	p->running = true;
	p->ended = event_new(base, p->made.pidfd, EV_READ | EV_PERSIST, on_ended, p);
	p->timer = evtimer_new(base, on_timer, p);
	BUG_ON(p->ended == NULL || p->timer == NULL || event_add(p->ended, NULL) != 0);
	listen_to(p, p->made.errors);
	log_event(LOG_LEVEL_INFO, "agent-started", LOG_STR("agent", p->name),
		LOG_INT("pid", p->made.pid), LOG_END);
}

static void on_started(struct errand *e, void *ctx)
{
	struct process *p = process_of(e);
	const struct process_calls *calls = p->calls;

	(void)ctx;
	if (p->rc != 0) {
		if (calls != NULL)
			calls->started(-1, &p->err, p->ctx);
		process_free(p);
		return;
	}
	begin_running(p);
	if (calls != NULL) {
		calls->started(p->made.talk, NULL, p->ctx);
	} else {
		close(p->made.talk);
		kill_now(p);
	}
}

struct process *process_start(struct process_list *l, const char *folder, const char *name,
	const struct process_calls *calls, void *ctx, struct err *e)
{
	struct process *p;

	if (l->errands == NULL)
		l->errands = errands_new(l->loop, "agents", NULL, e);
	if (l->errands == NULL)
		return NULL;
	p = xcalloc(1, sizeof(*p));
	p->list = l;
	p->folder = xstrdup(folder);
	p->name = xstrdup(name);
	p->calls = calls;
	p->ctx = ctx;
	LIST_INSERT_HEAD(&l->all, p, link);
	errands_start(l->errands, &p->errand, run_start, on_started);
	return p;
}

/* --- all of them --- */

struct process_list *process_list_new(struct loop *loop)
{
	struct process_list *l = xcalloc(1, sizeof(*l));

	l->loop = loop;
	LIST_INIT(&l->all);
	return l;
}

void process_list_free(struct process_list **lp)
{
	struct process_list *l = *lp;
	struct process *p;

	if (l == NULL)
		return;
	errands_free(&l->errands);
	while ((p = LIST_FIRST(&l->all)) != NULL) {
		struct pollfd end = { .fd = p->made.pidfd, .events = POLLIN };
		siginfo_t info;

		if (!p->reaped) {
			kill_group(p);
			/* who cannot die in that time is reaped by init, for hubd ends now */
			(void)poll(&end, 1, DEATH_MS);
			(void)waitid(P_PIDFD, (id_t)p->made.pidfd, &info, WEXITED | WNOHANG);
		}
		process_free(p);
	}
	free(l);
	*lp = NULL;
}
