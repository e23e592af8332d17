/* pusher.h - brings edges into step with the organization, and keeps them so.
 *
 * A pusher is one edge. It works between pusher_attach and pusher_detach, that is, while this hub
 * holds the edge's lease: it reads what stands on the edge, writes what differs, then the marker,
 * by which the edge puts it in force. From then on it knows what stands there, so that a new
 * snapshot costs only the writes it needs. At intervals everything is read again.
 * What would take too much away, at once or little by little, is held (loss_window.h).
 *
 * struct pushers is what they share: the organization, the journal of changed addresses, and the
 * turn of comparing all recipients, which takes memory (about 25 bytes an address) and is therefore
 * done for one edge at a time.
 *
 * All on the loop of edgesyncd; no callback is made before the call that asks for it returns.
 * Nothing takes a turn of the loop longer than about 10 ms.
 */
#ifndef HUB_EDGESYNCD_PUSHER_H
#define HUB_EDGESYNCD_PUSHER_H

#include "libhub/base/loop.h"
#include "libhub/directory/connection.h"
#include "libhub/org/recipients.h"
#include "libhub/org/snapshot.h"

struct pushers;
struct pusher;

struct push_settings {
	unsigned int recipient_delay_ms;	/* changes are gathered for so long */
	unsigned int comparison_interval_s;
	unsigned int pace_ms;		/* see recipient_push_set_pace; 0 = as usual */
	/*
	 * Has the organization's directory say what it has by now: pushers_set_organization comes
	 * when that is here. NULL = it does so anyway.
	 */
	void (*ask)(void *ctx);
	void *ctx;
};

struct pushers *pushers_new(struct loop *loop, const struct push_settings *settings);
/* After the last pusher. Sets *p to NULL; accepts a pointer to NULL. */
void pushers_free(struct pushers **p);
void pushers_set_settings(struct pushers *p, const struct push_settings *settings);
/*
 * What is to stand on the edges from now on; takes a reference to the snapshot. recipients is the
 * caller's, outlives p and changes as it does; NULL = not mirrored. The times (clock_mono_ms) are
 * apart as the directory's two watches are: each half is all that the directory had then. 0 = it is
 * not settled (held, from the cache, out of reach): nothing is pushed until it is. Cheap if nothing
 * changed.
 */
void pushers_set_organization(struct pushers *p, const struct snapshot *s,
	struct recipients *recipients, uint64_t configuration_as_of_ms,
	uint64_t recipients_as_of_ms);

struct pusher_callbacks {
	/*
	 * The edge refuses us as one who does not hold the lease (50): nothing is written any more.
	 * The owner detaches, now or later.
	 */
	void (*on_fenced)(const char *text, void *ctx);
	/* The status is another: in step or no longer, an error, held. May be NULL. */
	void (*on_change)(void *ctx);
};

/* edge: cn of its hubServer, copied. */
struct pusher *pusher_new(struct pushers *p, const char *edge, const struct pusher_callbacks *cbs,
	void *ctx);
/* Detaches. Sets *p to NULL; accepts a pointer to NULL. */
void pusher_free(struct pusher **p);

/*
 * The lease is ours: compare everything and push, as soon as the organization is known as of now or
 * later: than what was known before, whoever had the lease may have pushed something newer. c is
 * the owner's, ready and bound; base is the edge's tree (cn=Transport,...), holder this hub's name
 * for the markers; both copied. When c is lost, the owner detaches before closing it. Not while
 * attached.
 */
void pusher_attach(struct pusher *p, struct directory_connection *c, const char *base,
	const char *holder);
/*
 * Another hub holds the lease: nothing is written, but pusher_compare and pusher_status tell what
 * stands there. Not while attached; ended by pusher_detach too.
 */
void pusher_observe(struct pusher *p, struct directory_connection *c, const char *base);
/*
 * What is outstanding is abandoned; calls of pusher_start and pusher_compare are called back, with
 * an error, before this returns, and must not free p then. Nothing if not attached.
 */
void pusher_detach(struct pusher *p);
bool pusher_attached(const struct pusher *p);
/* Attached, has the configuration been heard of since? Before that it may be an old one. */
bool pusher_is_confirmed(const struct pusher *p);
/* Nothing is being written or read, and nothing is due at once: the time to give the lease away. */
bool pusher_idle(const struct pusher *p);

enum push_type { PUSH_CONFIGURATION, PUSH_RECIPIENTS, PUSH_TYPES };
/* "configuration", "recipients" */
extern const char *const push_type_names[PUSH_TYPES];

/* Objects, or addresses; failed: the edge refused them. */
struct push_counts {
	uint64_t scanned, added, changed, deleted, failed;
};

struct push_result {
	struct push_counts counts[PUSH_TYPES];
	const char *error;		/* NULL = in step now */
	const char *held;		/* why it was held, or NULL */
};

/*
 * Pushes what is due now; full: after reading everything on the edge again; allow_loss: however
 * much it takes away. cb is called once. -1 if it is not attached.
 */
typedef void pusher_done_cb(const struct push_result *result, void *ctx);
int pusher_start(struct pusher *p, bool full, bool allow_loss, pusher_done_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;

enum push_difference { PUSH_MISSING, PUSH_DIFFERENT, PUSH_SURPLUS };
extern const char *const push_difference_names[];

/* Whether a recipient that was asked for is known. */
struct push_verified {
	bool asked, here, edge;
};

struct push_comparison {
	const char *error;		/* why it is not complete, or NULL */
	struct push_counts counts[PUSH_TYPES];	/* scanned; added etc.: what a push would do */
	size_t differences;
	struct push_verified verified;
};

/*
 * Reads everything on the edge and changes nothing. each is called for every object that differs,
 * the addresses of a bucket together (name: "recipients 0fa: 1 missing"); then done, once.
 * address: verify this recipient; NULL = none. Without full only that, and both markers are read,
 * so that pusher_status is true. Several at once are done one after the other.
 */
struct pusher_compare_callbacks {
	void (*each)(enum push_type type, enum push_difference what, const char *name, void *ctx);
	void (*done)(const struct push_comparison *result, void *ctx);
};
int pusher_compare(struct pusher *p, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e) MUST_CHECK;
/* The callbacks of calls with this ctx are not made. */
void pusher_forget(struct pusher *p, void *ctx);

struct push_side {
	bool in_step;			/* what we want to stand there does, marker included */
	const char *here;		/* digest of what should stand there; "" = not known yet */
	const char *edge;		/* the digest in the edge's marker; "" = not known */
	const char *edge_fingerprint;	/* of the organization, in the edge's marker; "" */
	int64_t pushed_ms;		/* wall; marker last written or found right; 0 = never */
	int64_t compared_ms;		/* wall; everything last read; 0 = never */
	size_t count;			/* objects or addresses that stand there */
	bool counted;			/* false: count is not known */
	const char *held;		/* why nothing is pushed: an alarm; NULL = not held */
	const char *error;		/* of the last try; NULL = none */
	uint64_t pushes, failures;	/* markers written; tries that failed */
	uint64_t repaired;		/* objects or buckets that differed at a comparison */
	struct push_counts total;	/* since the start */
};

struct push_status {
	bool attached, busy;
	bool observes;			/* attached without the lease */
	const char *here_fingerprint;	/* of the organization's snapshot; "" */
	struct push_side side[PUSH_TYPES];
};
/* Texts are good until the next turn of the loop. */
void pusher_status(const struct pusher *p, struct push_status *out);

#endif
