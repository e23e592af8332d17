/* push_round.h - one pass over a kind of data of one edge: read if need be, write, mark.
 *
 * configuration_push.h and recipient_push.h do such rounds, pusher.c decides when.
 */
#ifndef HUB_EDGESYNCD_PUSH_ROUND_H
#define HUB_EDGESYNCD_PUSH_ROUND_H

#include "edgesyncd/pusher.h"

enum {
	ROUND_READ = 1,		/* everything on the edge, whatever we know */
	ROUND_DRY = 2,		/* nothing is written; without ROUND_READ only markers are read */
	ROUND_ALLOW_LOSS = 4,
	/* dry: what should stand there is found out anew, unless it is known as of now */
	ROUND_SCAN = 8,
};

enum round_outcome {
	ROUND_IN_STEP,
	ROUND_FAILED,		/* text says why */
	ROUND_HELD,		/* too much would be lost: text */
	ROUND_AGAIN,		/* all has to be read first */
	ROUND_FENCED,		/* the lease is not ours: text */
};

enum { ROUND_TEXT_MAX = 600 };

struct round_result {
	enum round_outcome outcome;
	char text[ROUND_TEXT_MAX];
	struct push_counts counts;
	size_t differences;		/* objects, or buckets, that differed */
};

struct round_callbacks {
	/* Of a dry round; may be NULL. */
	void (*each)(enum push_difference what, const char *name, void *ctx);
	/* Once, unless the push is detached before. */
	void (*done)(const struct round_result *result, void *ctx);
};

#endif
