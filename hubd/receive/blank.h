/* blank.h - what of a line from a client may stand in a log. Pure; any thread.
 *
 * Passwords come where they should, behind AUTH and as responses, and where they should not: a
 * client that was refused goes on with what it had to say, one that speaks another protocol sends
 * what that wants. The content of a message comes as lines, too, where DATA was refused. So a
 * command is shown, AUTH with its mechanism only, and of anything else one word at most.
 */
#ifndef HUB_RECEIVE_BLANK_H
#define HUB_RECEIVE_BLANK_H

#include <stdbool.h>
#include <stddef.h>

#include "libhub/smtp/command.h"

enum { BLANK_MAX = 64 };

enum blank {
	BLANK_NOTHING,		/* show the line */
	BLANK_TEXT,		/* show what was put into text instead */
};

struct blank_line {
	const char *p;
	size_t n;
	enum smtp_verb verb;	/* what smtp_command_parse told of it, and whether it is right */
	bool well_formed;
	bool secretive;		/* AUTH, DATA or BDAT came before: it may be anything else */
};

enum blank blank_command(const struct blank_line *line, char text[BLANK_MAX]);
/* For a line of which nothing may be shown, such as a response to AUTH: its length. */
void blank_all(size_t n, char text[BLANK_MAX]);

#endif
