/* command_line.h - the arguments that every daemon takes. Before any thread is started. */
#ifndef HUB_DAEMON_COMMAND_LINE_H
#define HUB_DAEMON_COMMAND_LINE_H

#include <stdbool.h>

struct command_line {
	const char *file;		/* settings */
	bool debug, test;
};

/* program: its name, that of its settings without ".conf". The exit status, or -1 to go on. */
int command_line_parse(int argc, char **argv, const char *program, struct command_line *out);

#endif
