/* command_line.c - see command_line.h */
#include "libhub/daemon/command_line.h"

#include <getopt.h>
#include <stdio.h>

#include "config.h"

static int usage(FILE *to, const char *program, int status)
{
	fprintf(to, "usage: %s -f %s.conf [-d] [-t]\n"
		"  -f FILE  settings\n"
		"  -d       log events for developers too\n"
		"  -t       check the settings and exit\n"
		"  -V       print the version\n"
		"%s stays in the foreground and logs to standard error.\n",
		program, program, program);
	return status;
}

int command_line_parse(int argc, char **argv, const char *program, struct command_line *out)
{
	int c;

	*out = (struct command_line){ .file = NULL };
	while ((c = getopt(argc, argv, "f:dtVh")) != -1) {
		switch (c) {
		case 'f':
			out->file = optarg;
			break;
		case 'd':
			out->debug = true;
			break;
		case 't':
			out->test = true;
			break;
		case 'V':
			puts(PACKAGE_STRING);
			return 0;
		case 'h':
			return usage(stdout, program, 0);
		default:
			return usage(stderr, program, 2);
		}
	}
	return out->file != NULL && optind == argc ? -1 : usage(stderr, program, 2);
}
