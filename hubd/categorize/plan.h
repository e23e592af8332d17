/* plan.h - where each recipient of one message goes: the pure part of categorizing.
 *
 * Lives in an arena, made for one message and thrown away; nothing here has an effect.
 */
#ifndef HUB_CATEGORIZE_PLAN_H
#define HUB_CATEGORIZE_PLAN_H

#include "hubd/config/live.h"
#include "hubd/spool/envelope.h"
#include "hubd/spool/exclusion.h"

/* Recipients that share a next hop. */
struct plan_hop {
	struct plan_hop *next;
	struct route route;
	struct exclusions excluded;	/* for the next hop: what came with it, and ours */
	uint32_t *pick;			/* positions in the envelope */
	uint32_t n, capacity;
};

struct plan_failure {
	struct plan_failure *next;
	uint32_t i;
	const char *status, *text;
};

/* Recipients that are groups: they become a message to their members. */
struct plan_group {
	struct plan_group *next;
	uint32_t i;
	const char *address;
};

struct plan {
	struct arena *arena;
	const struct live *live;
	struct envelope env;		/* recipients as rewritten */
	bool outside;			/* a stranger wrote it, as its origin says */
	struct exclusions came;		/* with the message; some may have expired */
	struct route_excluded excluded;	/* those in force, and what has failed here */
	int64_t now_s;			/* wall clock */
	int64_t reroute_at_ms;		/* the first of those that came expires; 0 = none */
	struct plan_hop *hops;
	struct plan_failure *failures;
	struct plan_failure *dropped;	/* in silence: the remote domain wants none */
	struct plan_group *groups;
	uint32_t *duplicates;		/* the same address again within this message */
	uint32_t duplicate_count;
};

/*
 * skip[i] (may be NULL): recipient i has its outcome already. linked: name of the Send connector
 * that takes everything, "" = none.
 */
struct plan *plan_make(struct arena *a, const struct live *live, const struct envelope *env,
	const bool *skip);

/* Recipient i cannot be delivered after all. The texts are copied. */
void plan_fail(struct plan *p, uint32_t i, const char *status, const char *text);

/*
 * Addresses that a group stands for, nested groups opened, each once; loops end by that. members
 * may be empty. outside: groups within it that take no mail from outside stay closed, members like
 * any other, to be refused like any other. False when there are more than EXPAND_MAX.
 */
enum { EXPAND_MAX = 50000 };
bool expand_group(struct arena *a, struct recipients *r, const char *group, bool outside,
	const char *const **members, uint32_t *n);

#endif
