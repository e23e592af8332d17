/* ladder.c - see ladder.h */
#include "hubd/deliver/ladder.h"

#include "libhub/base/err.h"
#include "libhub/base/mem.h"

void ladder_init(struct ladder *l, size_t n, bool bisect)
{
	*l = (struct ladder){ .n = n, .bisect = bisect };
	if (n != 0)
		l->known = xcalloc(n, sizeof(*l->known));
}

void ladder_deinit(struct ladder *l)
{
	free(l->known);
	*l = (struct ladder){ 0 };
}

void ladder_note(struct ladder *l, size_t site, enum ladder_known known)
{
	BUG_ON(site >= l->n);
	l->known[site] = (unsigned char)known;
}

static size_t first_not_silent(const struct ladder *l)
{
	size_t i;

	for (i = 0; i < l->n && l->known[i] == LADDER_SILENT; i++)
		;
	return i;
}

/* In positions on the path: 0 is the stop, i + 1 is site i, n + 1 are we. */
static size_t bisect(const struct ladder *l)
{
	size_t silent = 0, answers = l->n + 1;

	while (answers - silent > 1) {
		size_t middle = (silent + answers) / 2;

		if (l->known[middle - 1] == LADDER_UNKNOWN)
			return middle - 1;
		if (l->known[middle - 1] == LADDER_ANSWERS)
			answers = middle;
		else
			silent = middle;
	}
	return answers <= l->n ? answers - 1 : first_not_silent(l);
}

size_t ladder_next(const struct ladder *l)
{
	return l->bisect ? bisect(l) : first_not_silent(l);
}
