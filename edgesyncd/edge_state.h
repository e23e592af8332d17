/* edge_state.h - cn=Edge State and the accounts beside it: names, texts and entries. Pure.
 *
 * Whatever the edge's server says is looked at here first: what is too long or no DN or time is
 * nonsense, which the caller reports.
 */
#ifndef HUB_EDGESYNCD_EDGE_STATE_H
#define HUB_EDGESYNCD_EDGE_STATE_H

#include "edgesyncd/account_plan.h"
#include "edgesyncd/lease.h"
#include "libhub/directory/entry.h"

/* "cn=HUB.N,cn=Sync Accounts,BASE", in the arena. */
const char *edge_account_dn(struct arena *a, const char *hub, unsigned int number,
	const char *base);
/*
 * The hub of such a DN of that base, or NULL; *number may be NULL. In the arena, in lower case.
 */
const char *edge_account_hub(struct arena *a, const char *dn, const char *base,
	unsigned int *number);
/* The tree that an account of it stands in: its grandparent. NULL if it has none. */
const char *edge_account_base(const char *dn);

/* An entry below cn=Sync Accounts; strings in the arena. */
int edge_account_decode(const struct entry *e, const char *base, struct arena *a,
	struct account *out, struct err *err) MUST_CHECK;
/* description of an account: which sealed value inside has its secret. */
void edge_account_sealed_text(const char *digest, char *out, size_t size);

struct edge_state {
	bool subscribed;
	struct lease_view lease;
};

/* bound: normalized DN of our account. hub: our name. */
int edge_state_decode(const struct entry *e, const char *base, const char *bound, const char *hub,
	struct edge_state *out, struct err *err) MUST_CHECK;
/* A filter that only an entry with exactly this lease and preference fits. In the arena. */
const char *edge_state_filter(struct arena *a, const struct lease_view *seen);
/* (attr=value), escaped. In the arena. */
const char *edge_equals_filter(struct arena *a, const char *attr, const char *value);
/* The edge's clock, from an entry as it is after a write of ours; 0 = it does not tell. */
int64_t edge_clock_ms(const struct entry *e);

#endif
