/* replica.h - what an edge's own directory shows, and what of it counts. Main thread.
 *
 * An organization's directory, and that of an edge that is not subscribed: all of it, as it comes.
 * While an edge is subscribed (hubSubscribed of cn=Edge State) others write the replicated part of
 * its tree, entry by entry, and the marker last. So of that part what is shown counts only when
 * its digest is the marker's (replica_digest.h, buckets.h), and then all of it at once; until then
 * what was in force stays. What is the edge's own (its server, the Receive connectors) counts as it
 * comes. A marker without holder is the one that the edge began with: nothing was pushed yet.
 * Only hubSubscribed FALSE ends that: not cn=Edge State without it, nor that there is none.
 *
 * Nothing that stands in the replicated part can do more harm than not to count: the reason is in
 * the status.
 */
#ifndef HUB_ORG_REPLICA_H
#define HUB_ORG_REPLICA_H

#include "libhub/org/builder.h"
#include "libhub/org/recipients.h"

struct replica;

/* base: DN of the hubOrganization. */
struct replica *replica_new(const char *base);
void replica_free(struct replica **r);

/* --- what the directory shows, see builder.h --- */

void replica_put(struct replica *r, const struct entry *e);
void replica_delete(struct replica *r, const unsigned char uuid[16]);
void replica_refresh_begin(struct replica *r);
void replica_refresh_end(struct replica *r);
/* Before the end. Not of the replicated part where a digest or the end of a subscription tells. */
void replica_losses(const struct replica *r, struct guard_loss losses[BUILDER_LOSSES]);
/*
 * Before the end. True: what the organization pushed is here as a whole, by its digest, and is what
 * is in force or was pushed after it; what is the edge's own is as it is in force. So a directory
 * that seems to be older is not.
 */
bool replica_is_proven(const struct replica *r);
/* Grows with each change, but for those of recipients. */
uint64_t replica_changes(const struct replica *r);
void replica_identity(const struct replica *r, struct guard_state *out);

/* --- what counts --- */

/*
 * Complete is what the directory shows: decides what of it counts. Borrowed until the next call, to
 * build from. now: what is in force, NULL = nothing yet.
 */
struct builder *replica_settle(struct replica *r, const struct snapshot *now);
/* The same for look-ups in people. True if some are answered that could not be before. */
bool replica_settle_recipients(struct replica *r, struct recipients *people);

/* --- the cache: what is in force --- */

/* Of a file of the organization, entry by entry; then replica_trust: all of it is in force. */
void replica_load(struct replica *r, const struct entry *e, bool last_good);
void replica_trust(struct replica *r);
/* All that replica_load wants to see again, but for last good forms. */
void replica_each(const struct replica *r, void (*cb)(const struct entry *e, void *ctx),
	void *ctx);
/*
 * The same for the recipients in force, if any are by hash: their marker and buckets, to be put
 * (replica_put) before the directory shows any.
 */
void replica_each_recipient(const struct replica *r, void (*cb)(const struct entry *e, void *ctx),
	void *ctx);
/* Grows when another set of recipients comes into force. */
uint64_t replica_recipients_round(const struct replica *r);

/* --- status --- */

enum { REPLICA_TEXT = 256 };

struct replica_part {
	bool in_step;			/* what is shown is in force */
	int64_t incomplete_since_ms;	/* wall; when not */
	char reason[REPLICA_TEXT];	/* for people; when not */
	/* of the push in force, "" and 0 = none; strings live until the next call of anything */
	const char *fingerprint, *holder;
	int64_t time_ms;
	int64_t in_force_since_ms;	/* wall, in this process; 0 = none */
};

struct replica_status {
	bool subscribed;		/* else the rest says nothing */
	struct replica_part configuration, recipients;
};
void replica_status(const struct replica *r, struct replica_status *out);

#endif
