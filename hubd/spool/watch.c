/* watch.c - telling who asked that a message has left the spool. See spool_watch.
 *
 * A watch reaches the committer in the order of submission, hence before any outcome of a message
 * that was handed on after it. Committer's thread, but for the two ends.
 */
#include <stdlib.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/mem.h"

void spool_watch(struct spool_port *p, uint64_t id, spool_done_cb *cb, uint64_t tag, void *ctx)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->item.kind = ITEM_WATCH;
	w->item.port = p;
	w->id = id;
	w->tag = tag;
	w->cb = cb;
	w->ctx = ctx;
	spool_submit(p->spool, &w->item);
}

static void answer(struct watch *w)
{
	inbox_post(w->item.port->inbox, &w->item.node);
}

void watch_put(struct spool *s, struct item *it)
{
	struct watch *w = INBOX_ENTRY(it, struct watch, item);

	if (index_find(&s->index, w->id) == NULL)
		answer(w);
	else
		HASH_ADD(hh, s->c.watches, id, sizeof(w->id), w);
}

void watch_tell(struct spool *s, uint64_t id)
{
	struct watch *w;

	if (s->c.watches == NULL || index_find(&s->index, id) != NULL)
		return;
	HASH_FIND(hh, s->c.watches, &id, sizeof(id), w);
	if (w == NULL)
		return;
	HASH_DEL(s->c.watches, w);
	answer(w);
}

void watch_forget(struct spool *s)
{
	struct watch *w, *next;

	HASH_ITER(hh, s->c.watches, w, next) {
		HASH_DEL(s->c.watches, w);
		free(w);
	}
}

void watch_answered(struct item *it)
{
	struct watch *w = INBOX_ENTRY(it, struct watch, item);

	w->cb(w->id, w->tag, w->ctx);
	free(w);
}
