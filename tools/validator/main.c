/* main.c - hub-validator: refuses changes of the directory that would break the organization.
 *
 * One loop, one thread: the view of the directory, and the socket on which slapd asks.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "config.h"
#include "libhub/base/log.h"
#include "libhub/base/log_writer.h"
#include "libhub/base/mem.h"
#include "libhub/base/resolver.h"
#include "tools/option_text.h"
#include "tools/validator/server.h"
#include "tools/validator/view.h"

enum { URIS_MAX = 16 };

static const char usage[] =
	"usage: hub-validator --socket SOCKET --directory URI --base DN [-D DN -y FILE]\n"
	"  --socket PATH      where slapd asks\n"
	"  --group NAME       whose members may ask too; else the owner alone\n"
	"  --directory URI    the directory that asks; may be given several times\n"
	"  --base DN          of the organization: cn=Transport,<suffix>\n"
	"  -D DN, -y FILE     who to be there, and the file with the password; else EXTERNAL\n"
	"  --ca, --certificate, --key FILE\n"
	"                     PEM files for ldaps\n"
	"  -d                 log events for developers too\n"
	"  -V                 print the version\n"
	"It stays in the foreground and logs to standard error.\n";

struct options {
	const char *socket, *group, *base;
	const char *uris[URIS_MAX + 1];
	size_t uri_count;
	struct directory_config directory;
	bool debug;
};

struct validator {
	struct loop *loop;
	struct resolver *resolver;
	struct view *view;
	struct server_socket *socket;
	struct event *signals[2];
	bool ready;
};

enum { OPT_SOCKET = 256, OPT_GROUP, OPT_DIRECTORY, OPT_BASE, OPT_CA, OPT_CERTIFICATE, OPT_KEY };

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "directory", required_argument, NULL, OPT_DIRECTORY },
	{ "base", required_argument, NULL, OPT_BASE },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "certificate", required_argument, NULL, OPT_CERTIFICATE },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

/* Those whose argument is kept as it is. */
static const struct option_text texts[] = {
	OPTION_TEXT(OPT_SOCKET, struct options, socket),
	OPTION_TEXT(OPT_GROUP, struct options, group),
	OPTION_TEXT(OPT_BASE, struct options, base),
	OPTION_TEXT(OPT_CA, struct options, directory.ca),
	OPTION_TEXT(OPT_CERTIFICATE, struct options, directory.certificate),
	OPTION_TEXT(OPT_KEY, struct options, directory.key),
	OPTION_TEXT('D', struct options, directory.bind_dn),
	OPTION_TEXT('y', struct options, directory.password_file),
};

/* The exit status, or -1 to go on. */
static int take_option(int c, struct options *o)
{
	if (option_text_take(texts, sizeof(texts) / sizeof(texts[0]), c, o))
		return -1;
	switch (c) {
	case 'd':
		o->debug = true;
		return -1;
	case OPT_DIRECTORY:
		if (o->uri_count < URIS_MAX)
			o->uris[o->uri_count++] = optarg;
		return -1;
	case 'V':
		puts(PACKAGE_STRING);
		return 0;
	default:
		fputs(usage, c == 'h' ? stdout : stderr);
		return c == 'h' ? 0 : 2;
	}
}

static int parse(int argc, char **argv, struct options *o)
{
	int c, status = -1;

	while (status < 0 && (c = getopt_long(argc, argv, "D:y:dVh", long_options, NULL)) != -1)
		status = take_option(c, o);
	if (status >= 0)
		return status;
	o->directory.uris = o->uris;
	o->directory.bind_external = o->directory.bind_dn == NULL;
	if (optind == argc && o->socket != NULL && o->base != NULL && o->uri_count != 0 &&
	    (o->directory.bind_dn == NULL) == (o->directory.password_file == NULL))
		return -1;
	fputs(usage, stderr);
	return 2;
}

static void on_state(enum view_state state, void *ctx)
{
	static const char *const words[] = { "out of step", "refreshing", "in step" };
	struct validator *v = ctx;

	log_event(LOG_LEVEL_INFO, "state", LOG_STR("is", words[state]), LOG_END);
	server_socket_wake(v->socket);
	if (state == VIEW_IN_STEP && !v->ready) {
		v->ready = true;
		sd_notify(0, "READY=1");
	}
}

static void on_settled(void *ctx)
{
	struct validator *v = ctx;

	server_socket_wake(v->socket);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	struct validator *v = ctx;

	(void)number;
	(void)what;
	sd_notify(0, "STOPPING=1");
	loop_stop(v->loop);
}

static void watch_signals(struct validator *v)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		v->signals[i] = evsignal_new(loop_base(v->loop), numbers[i], on_signal, v);
		BUG_ON(v->signals[i] == NULL || event_add(v->signals[i], NULL) != 0);
	}
}

static int start(struct validator *v, const struct options *o, struct err *e)
{
	static const struct view_callbacks cbs = { on_state, on_settled };
	struct resolver_options options = { 0 };

	log_writer_start();
	v->loop = loop_new("validator");
	v->resolver = resolver_new(v->loop, &options, e);
	if (v->resolver == NULL)
		return -1;
	v->view = view_new(v->loop, v->resolver, &o->directory, o->base, &cbs, v);
	v->socket = server_socket_new(v->loop, o->socket, o->group, v->view, e);
	if (v->socket == NULL)
		return -1;
	watch_signals(v);
	return 0;
}

static void finish(struct validator *v)
{
	size_t i;

	for (i = 0; i < sizeof(v->signals) / sizeof(v->signals[0]); i++)
		event_free(v->signals[i]);
	server_socket_free(&v->socket);
	view_free(&v->view);
	resolver_free(&v->resolver);
	loop_free(&v->loop);
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct validator v = { 0 };
	struct err e;
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	log_init(LOG_FORMAT_TEXT, o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (start(&v, &o, &e) != 0) {
		/* half-started: the process ends, and with it everything */
		log_text(LOG_LEVEL_ERROR, "start-failed", "%s", e.text);
		log_writer_stop();
		return e.class == ERR_CONFIG ? 2 : 1;
	}
	loop_run(v.loop);
	log_text(LOG_LEVEL_INFO, "stopped", "the directory takes no changes until it is back");
	finish(&v);
	log_writer_stop();
	return 0;
}
