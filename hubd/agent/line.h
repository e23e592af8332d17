/* line.h - what an agent says: one line taken apart (hub-agent(7)). Pure; any thread. */
#ifndef HUB_AGENT_LINE_H
#define HUB_AGENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hubd/queue/queue.h"

enum {
	AGENT_LINE_MAX = 2048,		/* bytes of a line, its end not counted */
	AGENT_TEXT_MAX = 400,		/* of its text, what is longer is cut */
	AGENT_WAIT_MAX_S = 86400,
};

enum agent_word {
	AGENT_READY,
	AGENT_DELIVERED,
	AGENT_RELAYED,
	AGENT_FAILED,
	AGENT_DEFERRED,
	AGENT_FAIL_QUEUE,
	AGENT_DEFER_QUEUE,
	AGENT_WORDS
};

struct agent_line {
	enum agent_word word;
	bool heeds_tls;			/* AGENT_READY: takes messages with REQUIRETLS */
	bool all;			/* "*": every recipient without a verdict */
	/* of the recipient; AGENT_DEFER_QUEUE: seconds, 0 = as the queue likes */
	uint64_t number;
	char status[QUEUE_STATUS_SIZE];
	char text[AGENT_TEXT_MAX];	/* printable ASCII */
};

/* -1 when it is no line of the protocol, with the rule that it breaks in *e. */
int agent_line_parse(const char *line, size_t size, struct agent_line *out, struct err *e)
	MUST_CHECK;

#endif
