/* change_log.c - see change_log.h: a ring of texts, numbered from the first one ever */
#include "edgesyncd/change_log.h"

#include <stdlib.h>

#include "libhub/base/mem.h"

struct change_log {
	char **ring;		/* CHANGE_LOG_MAX places */
	uint64_t begin, end;
};

struct change_log *change_log_new(void)
{
	struct change_log *l = xcalloc(1, sizeof(*l));

	l->ring = xcalloc(CHANGE_LOG_MAX, sizeof(*l->ring));
	return l;
}

void change_log_free(struct change_log **lp)
{
	struct change_log *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	change_log_trim(l, l->end);
	free(l->ring);
	free(l);
}

void change_log_add(struct change_log *l, const char *address)
{
	if (l->end - l->begin == CHANGE_LOG_MAX)
		change_log_trim(l, l->begin + 1);
	l->ring[l->end++ % CHANGE_LOG_MAX] = xstrdup(address);
}

uint64_t change_log_end(const struct change_log *l)
{
	return l->end;
}

bool change_log_reaches(const struct change_log *l, uint64_t place)
{
	return place >= l->begin;
}

const char *change_log_at(const struct change_log *l, uint64_t place)
{
	BUG_ON(place < l->begin || place >= l->end);
	return l->ring[place % CHANGE_LOG_MAX];
}

void change_log_trim(struct change_log *l, uint64_t place)
{
	for (; l->begin < place && l->begin < l->end; l->begin++) {
		free(l->ring[l->begin % CHANGE_LOG_MAX]);
		l->ring[l->begin % CHANGE_LOG_MAX] = NULL;
	}
}
