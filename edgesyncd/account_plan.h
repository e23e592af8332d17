/* account_plan.h - which accounts of hubs on an edge are to be made and deleted. Pure.
 *
 * Every enabled hub of the edge's site, or of the one that hands it over, has one account there,
 * whose secret stands inside, sealed for all certificates that the hub has now. The account's entry
 * tells which sealed value that is, by its digest, so that of a crash between the two nothing worse
 * is left than an account that nobody knows. An account that nears its end, or was sealed for other
 * certificates, gets a successor; it stays until the hub has used that, or for ACCOUNT_OVERLAP_S,
 * and its value inside as long. An account that is neither a hub's nor a bootstrap that will end is
 * nobody's and goes.
 */
#ifndef HUB_EDGESYNCD_ACCOUNT_PLAN_H
#define HUB_EDGESYNCD_ACCOUNT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/mem.h"

enum { ACCOUNT_OVERLAP_S = 3600, ACCOUNT_DIGEST_SIZE = 64 + 1 };

/* What stands on the edge. */
struct account {
	const char *dn;				/* as the edge writes it */
	const char *ndn;			/* normalized */
	const char *server;			/* cn of the hub, or "" */
	bool bootstrap;
	char sealed[ACCOUNT_DIGEST_SIZE];	/* SHA-256 of the sealed value, hex, or "" */
	int64_t from_s, to_s;			/* by the edge's clock; 0 = no such limit */
	bool used;				/* the hub has been there with it */
};

/* What stands inside. */
struct account_value {
	char digest[ACCOUNT_DIGEST_SIZE];
	const char *hub;	/* it opens with every certificate of that hub and no other; NULL */
	const char *bootstrap;	/* normalized DN of the bootstrap account that it is for, or NULL */
	bool unsure;		/* perhaps it does not stand there */
};

struct account_hub {
	const char *name;
	bool former;		/* of the site that hands the edge over */
	bool sealable;		/* a credential can be sealed for it */
	const char *trouble;	/* why not; NULL if it is, or has no certificates yet */
};

struct account_situation {
	const struct account *accounts;
	size_t n_accounts;
	const struct account_value *values;	/* those of before the accounts were read */
	size_t n_values;
	const struct account_hub *hubs;		/* enabled, of the site or the former one */
	size_t n_hubs;
	const char *bound;			/* normalized DN of who we are there */
	int64_t now_s;				/* by the edge's clock */
	unsigned int renewal_s;
};

/* The one of the hub's accounts that counts: sealed as it has to be, lasting longest; or NULL. */
const struct account *account_current(const struct account_situation *s, const char *hub);

/* Arrays of flags, in the arena, one for each hub, account and value. */
struct account_plan {
	bool *issue;		/* make an account for the hub */
	bool *delete_account;
	bool *stray;		/* of those to be deleted: it is nobody's */
	bool *delete_value;
	bool empty;		/* nothing of that */
};

void account_plan_make(const struct account_situation *s, struct arena *a,
	struct account_plan *out);
/* Normalized DNs of two accounts of one hub: above 0 if a has the higher number. */
int account_name_compare(const char *a, const char *b);
/* Until when an account made now for the hub is to last: not all of a site end together. */
int64_t account_end(const struct account_situation *s, const char *hub, unsigned int lifetime_s);

#endif
