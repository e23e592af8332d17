/* turns.c - who of all workers' queues is next, where they wait for something that is used up. */
#include "hubd/queue/queue_priv.h"

void turns_init(struct turns *t, uint32_t workers)
{
	uint32_t i;

	t->n = workers;
	atomic_init(&t->next, 0);
	t->first = xcalloc(workers, sizeof(*t->first));
	for (i = 0; i < workers; i++)
		atomic_init(&t->first[i], NO_TICKET);
}

void turns_deinit(struct turns *t)
{
	free(t->first);
}

uint64_t turns_ticket(struct turns *t)
{
	return atomic_fetch_add(&t->next, 1);
}

void turns_note(struct turns *t, uint32_t worker, uint64_t ticket)
{
	atomic_store(&t->first[worker], ticket);
}

uint64_t turns_first(const struct turns *t, uint32_t *worker)
{
	uint64_t ticket, lowest = NO_TICKET;
	uint32_t i;

	for (i = 0; i < t->n; i++) {
		ticket = atomic_load(&t->first[i]);
		if (ticket < lowest) {
			lowest = ticket;
			*worker = i;
		}
	}
	return lowest;
}
