/* recipient_push_priv.h - what the parts of recipient_push.h share; for recipient_*.c only */
#ifndef HUB_EDGESYNCD_RECIPIENT_PUSH_PRIV_H
#define HUB_EDGESYNCD_RECIPIENT_PUSH_PRIV_H

#include "edgesyncd/loss_window.h"
#include "edgesyncd/recipient_edits.h"
#include "edgesyncd/recipient_push.h"
#include "edgesyncd/recipient_scan.h"
#include "edgesyncd/requests.h"

enum { FAILURES_MAX = 16 };	/* refused writes before the rest is not tried */

/* A bucket that is being written, and read before that in a live round. */
struct bucket_job {
	struct recipient_push *p;
	unsigned int number;
	size_t first, end;		/* its edits; none in a full round */
	bool found, right;		/* in reading: it is there, and as we know it */
	bool writing;
	struct bucket bucket;		/* of a live round */
	uint64_t added, removed;
	unsigned char digest[BUCKET_DIGEST];	/* once it is written */
	bool present;			/* there is an entry then */
	struct bucket_job *prev, *next;
};

struct recipient_push {
	struct loop *loop;
	const struct change_log *log;
	char *base, *holder;
	struct requests requests;
	struct event *step;		/* runs next */
	void (*next_step)(struct recipient_push *p);

	/* what stands there, if known */
	bool known, pushed;
	uint64_t place;
	size_t count;
	unsigned char (*digests)[BUCKET_DIGEST];
	bool exists[BUCKETS];
	struct replica_marker marker;
	bool marker_known, marker_there;
	unsigned char key[BUCKET_KEY];
	bool has_key;
	char here[REPLICA_DIGEST_TEXT];
	struct loss_window window;	/* outlives a lease */

	/* of the round under way */
	bool busy;
	bool reads;			/* it has not taken all that it needs of r yet */
	unsigned int flags;
	const struct recipients *r;
	struct round_callbacks cbs;
	recipient_push_verified_cb *verified;	/* or of the question */
	char *address;
	bool address_found;
	void *ctx;
	struct round_result result;
	uint64_t target;		/* the place in the log that it brings the edge to */
	size_t failures;
	struct bucket_job *jobs;

	/* of a live round */
	struct bucket_hasher *hasher;
	struct recipient_edits edits;
	uint64_t taken;
	size_t next_edit;

	/* of a full round */
	struct recipient_scan *scan;
	bool other_key;			/* than what stands there was made with, as far as known */
	bool *differs;			/* by bucket */
	size_t there_count;
	unsigned int pace_ms;		/* see recipient_push_set_pace */
	size_t shown, buckets_shown;	/* entries that came */
	struct arena *strays;		/* entries below cn=Recipients that are no buckets */
	const char **stray;
	size_t stray_count, next_stray;
	unsigned int next_bucket;
};

/* recipient_push.c */
void recipient_push_later(struct recipient_push *p, void (*step)(struct recipient_push *p));
void recipient_push_finish(struct recipient_push *p, enum round_outcome outcome);
void recipient_push_text(struct recipient_push *p, const char *what, const char *text);
void recipient_push_fail(struct recipient_push *p, const char *what, const char *text);
void recipient_push_mark(struct recipient_push *p);
/*
 * Before the first bucket is written: the key stands in the marker, so that whoever has to begin
 * again finds the buckets that were written to be right.
 */
void recipient_push_keep_key(struct recipient_push *p, void (*then)(struct recipient_push *p));
struct bucket_job *recipient_push_job(struct recipient_push *p, unsigned int number);
void recipient_push_end_job(struct bucket_job *job);
/* Adds, modifies or deletes the bucket's entry; done hears the result. */
void recipient_push_write(struct bucket_job *job, const struct bucket *b, request_cb *done);
/* What an answer to a write means: false if the round is over. On success the job's is known. */
bool recipient_push_wrote(struct bucket_job *job, int code, const char *text);
/* DN of a bucket, in the arena. */
const char *recipient_push_dn(struct arena *a, const struct recipient_push *p,
	unsigned int number);
/* Its value; empty if it has none. */
struct blob recipient_push_value(const struct entry *e);

/* recipient_full.c */
void recipient_full_begin(struct recipient_push *p);
/* Without reading the buckets: is the marker that of what should stand there? */
void recipient_full_look(struct recipient_push *p);
/* recipient_live.c */
void recipient_live_begin(struct recipient_push *p);

#endif
