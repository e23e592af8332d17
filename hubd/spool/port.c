/* port.c - one loop's access to the spool: its inbox, and the outcomes it reports. */
#include <stdlib.h>
#include <string.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/mem.h"

static void outcomes_answered(struct item *it)
{
	struct outcomes *o = INBOX_ENTRY(it, struct outcomes, item);

	o->cb(o->head.id, o->ctx);
	free(o);
}

static void on_answer(struct inbox_node *node, void *ctx)
{
	struct item *it = INBOX_ENTRY(node, struct item, node);

	(void)ctx;
	switch (it->kind) {
	case ITEM_CHUNK:
	case ITEM_MESSAGE:
	case ITEM_ABORT:
		draft_answered(it);
		break;
	case ITEM_OUTCOME:
		outcomes_answered(it);
		break;
	case ITEM_WATCH:
		watch_answered(it);
		break;
	case ITEM_READ:
		body_answered(it);
		break;
	}
}

struct spool_port *spool_port_new(struct spool *s, struct loop *loop)
{
	struct spool_port *p = xcalloc(1, sizeof(*p));

	p->spool = s;
	p->inbox = inbox_new(loop, on_answer, p);
	return p;
}

void spool_port_free(struct spool_port **pp)
{
	struct spool_port *p = *pp;

	if (p == NULL)
		return;
	inbox_free(&p->inbox);
	free(p);
	*pp = NULL;
}

void spool_outcomes(struct spool_port *p, uint64_t id, const struct spool_outcome *list, size_t n,
	spool_outcome_cb *cb, void *ctx)
{
	size_t size = n * sizeof(list[0]);
	struct outcomes *o = xmalloc(sizeof(*o) + size);

	memset(o, 0, sizeof(*o));
	o->item.kind = ITEM_OUTCOME;
	o->item.port = p;
	o->cb = cb;
	o->ctx = ctx;
	o->n = n;
	o->head.id = id;
	if (size != 0)
		memcpy(o->list, list, size);
	spool_submit(p->spool, &o->item);
}

void spool_outcome(struct spool_port *p, uint64_t id, uint32_t recipient,
	enum spool_outcome_kind kind)
{
	struct spool_outcome one = { .recipient = recipient, .kind = kind };

	spool_outcomes(p, id, &one, 1, NULL, NULL);
}
