/* replica_impl.h - what a replica has: for replica.c and replica_hashes.c only. */
#ifndef HUB_ORG_REPLICA_IMPL_H
#define HUB_ORG_REPLICA_IMPL_H

#include "libhub/org/hashed.h"
#include "libhub/org/record.h"
#include "libhub/org/replica.h"
#include "libhub/org/replica_marker.h"

/* An entry with all that it says, as the directory shows it. */
struct kept {
	struct record *record;		/* NULL = there is none */
	uint64_t round;			/* refresh that last showed it */
};

/* Configuration or recipients. */
struct part {
	struct kept shown;		/* its marker */
	struct record *in_force;	/* the marker of what is in force, NULL = none */
	int64_t since_ms;		/* wall */
	int64_t incomplete_since_ms;	/* wall, 0 = what is shown is in force */
	char reason[REPLICA_TEXT];	/* why it is not */
	bool looked;			/* at what is shown since the subscription began */
};

struct replica {
	struct builder *shown;		/* all but markers and buckets */
	struct builder *in_force;	/* while subscribed, else NULL: what is shown counts */
	struct kept state;		/* cn=Edge State */
	struct record *subscribed;	/* the last one with a word, if that is TRUE; else NULL */
	struct part configuration, recipients;
	uint64_t round, changes;	/* of what is kept here */
	uint64_t looked_at;		/* replica_changes then */
	struct hash_store *store;	/* the buckets shown */
	uint64_t store_looked_at;	/* its changes then */
	struct record *marker_looked_at;	/* compared only */
	struct hashed *hashed;		/* in force; the recipients' */
	uint64_t recipients_round;
};

bool replica_is_subscribed(const struct replica *r);
/* NULL = what is shown is in force. */
void replica_part_set(struct part *p, const char *reason);
/* The marker shown is the one in force. */
void replica_part_adopt(struct part *p);
/*
 * Is what is shown, with that digest, what the marker speaks of? Reads it into m, to be cleared;
 * else -1, and the reason is set.
 */
int replica_part_match(struct part *p, const char *digest, struct replica_marker *m);

#endif
