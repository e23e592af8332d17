/* rota.c - see rota.h */
#include "hubd/deliver/rota.h"

#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

struct member {
	UT_hash_handle hh;
	uint64_t turn;
	uint64_t fresh_until_ms;
	char name[];
};

struct rota {
	struct member *members;		/* the turn longest ago first */
	uint64_t turn;
};

struct rota *rota_new(void)
{
	return xcalloc(1, sizeof(struct rota));
}

static void drop(struct rota *r, struct member *m)
{
	HASH_DEL(r->members, m);
	free(m);
}

void rota_free(struct rota **rp)
{
	if (*rp == NULL)
		return;
	while ((*rp)->members != NULL)
		drop(*rp, (*rp)->members);
	free(*rp);
	*rp = NULL;
}

static struct member *find(const struct rota *r, const char *server)
{
	struct member *m;

	HASH_FIND_STR(r->members, server, m);
	return m;
}

void rota_take(struct rota *r, const char *server)
{
	struct member *m = find(r, server);

	if (m != NULL) {
		HASH_DEL(r->members, m);
	} else {
		if (HASH_COUNT(r->members) >= ROTA_MAX)
			drop(r, r->members);
		m = xcalloc(1, sizeof(*m) + strlen(server) + 1);
		strcpy(m->name, server);
	}
	m->turn = ++r->turn;
	HASH_ADD_STR(r->members, name, m);
}

uint64_t rota_turn(const struct rota *r, const char *server)
{
	const struct member *m = find(r, server);

	return m != NULL ? m->turn : 0;
}

void rota_note(struct rota *r, const char *server, bool answered)
{
	struct member *m = find(r, server);

	if (m != NULL)
		m->fresh_until_ms = answered ? clock_mono_ms() + ROTA_FRESH_MS : 0;
}

bool rota_answers(const struct rota *r, const char *server)
{
	const struct member *m = find(r, server);

	return m != NULL && m->fresh_until_ms > clock_mono_ms();
}
