/* message.c - see message.h */
#include "hubd/spool/message.h"

struct message *message_new(struct arena *arena, struct envelope *envelope)
{
	struct message *m = arena_alloc(arena, sizeof(*m));

	m->arena = arena;
	m->envelope = envelope;
	return m;
}

void message_free(struct message **mp)
{
	struct arena *arena;

	if (*mp == NULL)
		return;
	arena = (*mp)->arena;	/* the struct lies in what is freed */
	*mp = NULL;
	arena_free(&arena);
}
