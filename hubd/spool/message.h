/* message.h - a message that is safe in the spool, on its way between rooms of one worker.
 *
 * One owner at a time; handing it to a function that says so moves it.
 */
#ifndef HUB_SPOOL_MESSAGE_H
#define HUB_SPOOL_MESSAGE_H

#include "hubd/spool/envelope.h"
#include "hubd/spool/spool.h"

struct message {
	struct arena *arena;		/* holds this struct, the envelope and its texts */
	uint64_t id;
	uint64_t body_size;
	struct envelope *envelope;
	bool *done;			/* per recipient, NULL = none has an outcome yet */
	int64_t written_ms;		/* recovered: as spool_recovered has it; else 0 */
};

/* The struct lives in arena, which the message owns from now on. */
struct message *message_new(struct arena *arena, struct envelope *envelope);
/* Accepts a pointer to NULL; sets it to NULL. */
void message_free(struct message **m);

#endif
