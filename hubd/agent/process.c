/* process.c - see process.h.
 *
 * posix_spawn shares our memory until the program is loaded, so a start costs little however large
 * hubd is. A pidfd tells of the end, so no signal handler is needed that workers would share.
 */
#include "hubd/agent/process.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum {
	PATH_SIZE = 4096,
	COMPLAINT_MAX = 500,		/* bytes of a line of standard error; more are two */
	COMPLAINTS = 50,		/* lines that are logged; others are dropped */
	LAST_WORDS_S = 2,		/* after its end */
	DEATH_MS = 1000,		/* a killed one is waited for at the end of all */
};

struct process {
	LIST_ENTRY(process) link;
	struct process_list *list;
	char *name;
	pid_t pid;
	int pidfd;
	struct event *ended, *timer;
	bool reaped;			/* its number may be another's by now */
	struct bufferevent *errors;	/* NULL: it has ended */
	unsigned int complaints;
	process_end_cb *cb;		/* NULL: released */
	void *ctx;
};

struct process_list {
	struct loop *loop;
	LIST_HEAD(, process) all;
};

/* The program that takes root's privileges from an agent; of util-linux. */
static const char setpriv[] = "/usr/bin/setpriv";

/* --- starting --- */

static int check_file(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set(e, ERR_CONFIG, errno, "%.200s", path);
	if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		return err_set(e, ERR_CONFIG, 0, "%.200s is no executable file", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022) != 0)
		return err_set(e, ERR_CONFIG, 0, "%.200s could be changed by others than root and "
			"hubd's account", path);
	return 0;
}

static int spawn(const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attributes, pid_t *pid)
{
	char *environment[] = { (char[]){ "PATH=/usr/local/bin:/usr/bin:/bin" },
		(char[]){ "LANG=C.UTF-8" }, (char[]){ "HOME=/" }, (char[]){ "HUB_AGENT=1" }, NULL };
	char copy[PATH_SIZE];
	char *plain[] = { copy, NULL };
	char *as_nobody[] = { (char[]){ "setpriv" }, (char[]){ "--reuid=nobody" },
		(char[]){ "--regid=nogroup" }, (char[]){ "--clear-groups" },
		(char[]){ "--inh-caps=-all" }, (char[]){ "--ambient-caps=-all" },
		(char[]){ "--bounding-set=-all" }, (char[]){ "--" }, copy, NULL };
	bool is_root = geteuid() == 0;

	snprintf(copy, sizeof(copy), "%s", path);
	return posix_spawn(pid, is_root ? setpriv : path, actions, attributes,
		is_root ? as_nobody : plain, environment);
}

/* As the child is to find itself: with input, output and error, and nothing else. */
static int spawn_with(const char *path, int socket, int errors, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, socket, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawn_file_actions_addchdir_np(&actions, "/");
	rc = spawn(path, &actions, &attributes, pid);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

static void close_pair(int pair[2])
{
	if (pair[0] >= 0)
		close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
}

/* [0] of each is ours, [1] the child's. */
static int open_pairs(int talk[2], int errors[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) != 0 ||
		pipe2(errors, O_CLOEXEC) != 0 || fcntl(talk[0], F_SETFL, O_NONBLOCK) != 0 ||
		fcntl(errors[0], F_SETFL, O_NONBLOCK) != 0)
		return err_set(e, ERR_TEMP, errno, "descriptors for an agent");
	return 0;
}

/* --- what it complains of --- */

static void process_free(struct process *p)
{
	if (p->errors != NULL)
		bufferevent_free(p->errors);
	LIST_REMOVE(p, link);
	event_free(p->ended);
	event_free(p->timer);
	close(p->pidfd);
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
		LOG_INT("pid", p->pid), LOG_STR("text", text), LOG_END);
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
	(void)kill(-p->pid, SIGKILL);
	(void)kill(p->pid, SIGKILL);
}

static void on_ended(evutil_socket_t fd, short what, void *ctx)
{
	struct process *p = ctx;
	process_end_cb *cb = p->cb;
	void *cb_ctx = p->ctx;
	static const struct timeval last_words = { LAST_WORDS_S, 0 };
	siginfo_t info = { 0 };
	char how[64];

	(void)fd;
	(void)what;
	loop_touch(p->list->loop);
	kill_group(p);
	if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) != 0)
		snprintf(how, sizeof(how), "it is gone");
	else if (info.si_pid == 0)
		return;
	else
		snprintf(how, sizeof(how), info.si_code == CLD_EXITED ? "exit status %d" :
			"signal %d", info.si_status);
	log_event(LOG_LEVEL_INFO, "agent-ended", LOG_STR("agent", p->name), LOG_INT("pid", p->pid),
		LOG_STR("how", how), LOG_END);
	p->reaped = true;
	p->cb = NULL;
	event_del(p->ended);
	if (p->errors == NULL)
		process_free(p);
	else
		evtimer_add(p->timer, &last_words);
	if (cb != NULL)
		cb(how, cb_ctx);
}

static void kill_now(struct process *p)
{
	log_event(LOG_LEVEL_WARNING, "agent-killed", LOG_STR("agent", p->name),
		LOG_INT("pid", p->pid), LOG_END);
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
	p->cb = NULL;
	if (grace_ms == 0)
		kill_now(p);
	else
		evtimer_add(p->timer, &grace);
}

/* --- */

static struct process *process_new(struct process_list *l, const char *name, pid_t pid, int pidfd)
{
	struct process *p = xcalloc(1, sizeof(*p));

	p->list = l;
	p->name = xstrdup(name);
	p->pid = pid;
	p->pidfd = pidfd;
	p->ended = event_new(loop_base(l->loop), pidfd, EV_READ | EV_PERSIST, on_ended, p);
	p->timer = evtimer_new(loop_base(l->loop), on_timer, p);
	BUG_ON(p->ended == NULL || p->timer == NULL || event_add(p->ended, NULL) != 0);
	LIST_INSERT_HEAD(&l->all, p, link);
	return p;
}

/* Nothing can tell of its end: better none than one that is never reaped. */
static void undo(pid_t pid)
{
	kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
}

struct process *process_start(struct process_list *l, const char *folder, const char *name,
	int *socket, process_end_cb *cb, void *ctx, struct err *e)
{
	int talk[2] = { -1, -1 }, errors[2] = { -1, -1 }, pidfd, rc;
	char path[PATH_SIZE];
	struct process *p;
	pid_t pid;

	/* the directory says the name: it may be of this folder only */
	if (*name == '.' || strchr(name, '/') != NULL || (size_t)snprintf(path, sizeof(path),
		"%s/%s", folder, name) >= sizeof(path)) {
		err_set(e, ERR_CONFIG, 0, "\"%.100s\" is no name of a protocol", name);
		return NULL;
	}
	if (check_file(path, e) != 0)
		return NULL;
	if (open_pairs(talk, errors, e) != 0)
		goto failed;
	rc = spawn_with(path, talk[1], errors[1], &pid);
	if (rc != 0) {
		err_set(e, ERR_TEMP, rc, "%.200s", path);
		goto failed;
	}
	pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		err_set(e, ERR_TEMP, errno, "pidfd of %.200s", path);
		undo(pid);
		goto failed;
	}
	close(talk[1]);
	close(errors[1]);
	p = process_new(l, name, pid, pidfd);
	p->cb = cb;
	p->ctx = ctx;
	listen_to(p, errors[0]);
	*socket = talk[0];
	log_event(LOG_LEVEL_INFO, "agent-started", LOG_STR("agent", name), LOG_INT("pid", pid),
		LOG_END);
	return p;
failed:
	close_pair(talk);
	close_pair(errors);
	return NULL;
}

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
	while ((p = LIST_FIRST(&l->all)) != NULL) {
		struct pollfd end = { .fd = p->pidfd, .events = POLLIN };
		siginfo_t info;

		if (!p->reaped) {
			kill_group(p);
			/* who cannot die in that time is reaped by init, for hubd ends now */
			(void)poll(&end, 1, DEATH_MS);
			(void)waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG);
		}
		process_free(p);
	}
	free(l);
	*lp = NULL;
}
