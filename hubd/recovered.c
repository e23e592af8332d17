/* recovered.c - see recovered.h */
#include "hubd/recovered.h"

#include <stdlib.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

static void keep(struct recovered *r, struct message *m)
{
	if (r->n == r->room) {
		r->room = r->room != 0 ? r->room * 2 : 64;
		r->messages = xreallocarray(r->messages, r->room, sizeof(struct message *));
	}
	r->messages[r->n++] = m;
}

void recovered_take(const struct spool_recovered *found, void *ctx)
{
	struct arena *a = arena_new();
	struct envelope *env;
	struct message *m;
	struct err e;
	uint32_t i;

	env = envelope_decode(found->envelope, found->envelope_size, a, &e);
	if (env == NULL || env->recipient_count != found->recipients) {
		log_text(LOG_LEVEL_ERROR, "spool-envelope", "message %016llx is left alone: %s",
			(unsigned long long)found->id, env == NULL ? e.text : "recipients differ");
		arena_free(&a);
		return;
	}
	m = message_new(a, env);
	m->id = found->id;
	m->body_size = found->body_size;
	m->written_ms = found->written_ms;
	m->done = arena_alloc(a, env->recipient_count * sizeof(*m->done));
	for (i = 0; i < env->recipient_count; i++)
		m->done[i] = spool_recovered_done(found, i);
	keep(ctx, m);
}

void recovered_hand_out(struct recovered *r, struct worker *const *workers, uint32_t n)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		worker_recover(workers[r->messages[i]->id % n], r->messages[i]);
	free(r->messages);
	*r = (struct recovered){ 0 };
}
