/* main.c - edgesyncd's command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "edgesyncd/daemon.h"
#include "libhub/base/log.h"
#include "libhub/base/log_writer.h"
#include "libhub/base/mem.h"

static const char usage[] =
	"usage: edgesyncd -f edgesyncd.conf [-d] [-t]\n"
	"  -f FILE  settings\n"
	"  -d       log events for developers too\n"
	"  -t       check the settings and exit\n"
	"  -V       print the version\n"
	"edgesyncd stays in the foreground and logs to standard error.\n";

struct options {
	const char *file;
	bool debug, test;
};

/* The exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct options *o)
{
	int c;

	while ((c = getopt(argc, argv, "f:dtVh")) != -1) {
		switch (c) {
		case 'f':
			o->file = optarg;
			break;
		case 'd':
			o->debug = true;
			break;
		case 't':
			o->test = true;
			break;
		case 'V':
			puts(PACKAGE_STRING);
			return 0;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	if (o->file != NULL && optind == argc)
		return -1;
	fputs(usage, stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct options o = { 0 };
	struct arena *arena;
	struct edge_settings settings;
	struct err e;
	int status = parse(argc, argv, &o);

	if (status >= 0)
		return status;
	mem_keep_freed();
	arena = arena_new();
	if (edge_settings_load(o.file, arena, &settings, &e) != 0 ||
		daemon_check(&settings, &e) != 0) {
		fprintf(stderr, "edgesyncd: %s\n", e.text);
		arena_free(&arena);
		return 2;
	}
	log_init((enum log_format)settings.common.log_format,
		o.debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	status = o.test ? 0 : daemon_run(&settings);
	log_writer_stop();
	arena_free(&arena);
	return status;
}
