/* spool.h - the durable message log of hubd.
 *
 * A message is safe when its commit callback says so: envelope and body are on disk, synced, and a
 * later spool_open hands it out again until every recipient has an outcome. Many messages share one
 * sync (group commit). A body streams in through a draft and out through a body reader; messages
 * over 256 KiB are never held in memory as a whole.
 *
 * Threads: spool_open and spool_close belong to main. Every loop that uses the spool makes one
 * struct spool_port; drafts, bodies and outcomes go through it and stay on its thread, and all
 * callbacks come on that loop, never from inside the call that asked for them.
 *
 * Order: what one thread submits (commits and outcomes) reaches the log in that order. A message
 * that is refused does not hold back an outcome submitted after it: whoever needs "report safe,
 * then original done" submits the outcome from the report's commit callback.
 *
 * Message ids are 64 bit, increase, are known before the commit (for the Received line) and are
 * never used twice by one spool, restarts included. They are shown as 16 hexadecimal digits.
 */
#ifndef HUB_SPOOL_SPOOL_H
#define HUB_SPOOL_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libhub/base/err.h"
#include "libhub/base/loop.h"

struct spool;
struct spool_port;
struct spool_draft;
struct spool_body;
struct spool_io;

enum { SPOOL_ID_TEXT = 17 };		/* buffer for an id as text, NUL included */

/* Writes 16 hexadecimal digits; returns buf. */
const char *spool_id_text(uint64_t id, char buf[SPOOL_ID_TEXT]);
/* false if text is not 1 to 16 hexadecimal digits. */
bool spool_id_parse(const char *text, uint64_t *id);

struct spool_config {
	const char *folder;		/* the spool's own folder; made if it does not exist */
	uint64_t segment_size;		/* bytes, 0 = 64 MiB; at least 64 KiB */
	uint32_t spare_segments;	/* kept ready beyond the reserve; 0 = 1 */
	uint32_t keep_segments;		/* recycled files kept for reuse; 0 = 8 */
	uint32_t compact_segments;	/* in use before old messages are copied forward; 0 = 16 */
	const struct spool_io *io;	/* NULL = the system's; tests put faults here */
};

/* A message found at start that still has recipients without an outcome. */
struct spool_recovered {
	uint64_t id;
	const void *envelope;		/* the blob given to spool_draft_commit; see envelope.h */
	size_t envelope_size;
	uint32_t recipients;
	const uint64_t *done;		/* bit i % 64 of word i / 64: recipient i has its outcome */
	uint64_t body_size;
	int64_t written_ms;		/* wall: when anything was written here last, before this */
};

static inline bool spool_recovered_done(const struct spool_recovered *m, uint32_t recipient)
{
	return (m->done[recipient / 64] >> (recipient % 64) & 1) != 0;
}

/* During spool_open, once per message in the order of arrival; m dies with the call. */
typedef void spool_recover_cb(const struct spool_recovered *m, void *ctx);

/* What recovery found, for one log line. */
struct spool_report {
	uint64_t messages;		/* handed to the callback */
	uint64_t segments;		/* read */
	uint64_t torn_bytes;		/* cut off at the end of the log: never acknowledged */
	uint64_t damaged_records;	/* regions set aside in quarantine/ */
	uint64_t damaged_messages;	/* messages that cannot be delivered because of that */
	uint64_t took_ms;
	char quarantine[128];		/* the first file written there, "" if none */
};

/*
 * Opens or creates the spool, recovers, and starts its threads. Blocks. NULL and *e on failure:
 * ERR_CONFIG when another process uses the folder or it is not a spool of this format, else
 * ERR_TEMP. *report may be NULL; damage is logged here as well.
 */
struct spool *spool_open(const struct spool_config *cfg, spool_recover_cb *cb, void *ctx,
	struct spool_report *report, struct err *e) MUST_CHECK;

/*
 * Writes and syncs everything submitted, stops the threads, frees the spool. The loops have ended
 * and all bodies are closed; ports are freed afterwards (that hands out the last callbacks).
 */
void spool_close(struct spool **s);

/* The uuid made when the spool was created; valid as long as the spool. */
const char *spool_incarnation(const struct spool *s);

/* ---- port: one loop's access ---- */

struct spool_port *spool_port_new(struct spool *s, struct loop *loop);
/* After spool_close; hands out callbacks still waiting. Drafts not committed are aborted before. */
void spool_port_free(struct spool_port **p);

/* ---- draft: a message being received ---- */

/* Writing may go on (see spool_draft_write). */
typedef void spool_resume_cb(void *ctx);
/* e is NULL when the message is durable; ERR_TEMP (452 4.3.1) or ERR_PERM otherwise. */
typedef void spool_commit_cb(uint64_t id, const struct err *e, void *ctx);

/* on_resume may be NULL if the caller never pauses. */
struct spool_draft *spool_draft_new(struct spool_port *p, spool_resume_cb *on_resume, void *ctx);
uint64_t spool_draft_id(const struct spool_draft *d);
uint64_t spool_draft_size(const struct spool_draft *d);
/*
 * Appends to the body; data is copied. false asks the caller to stop reading from its peer because
 * much waits for the disk: exactly one on_resume follows, unless the draft is committed or aborted
 * before. Data written nevertheless is taken.
 */
bool spool_draft_write(struct spool_draft *d, const void *data, size_t size);
/* true once a part could not be stored: the commit will fail, so the caller may give up now. */
bool spool_draft_failed(const struct spool_draft *d);
/*
 * Ends the draft and sets *d to NULL. The envelope blob is copied; recipients are numbered
 * 0..recipients-1 and each needs an outcome. Cannot be cancelled: cb comes exactly once, with the
 * message committed or refused.
 */
void spool_draft_commit(struct spool_draft **d, const void *envelope, size_t envelope_size,
	uint32_t recipients, spool_commit_cb *cb, void *ctx);
/* Drops the draft and sets *d to NULL; accepts a pointer to NULL. No callback comes after it. */
void spool_draft_abort(struct spool_draft **d);

/* ---- outcomes ---- */

enum spool_outcome_kind {
	SPOOL_DELIVERED = 1,		/* handed to its final place */
	SPOOL_RELAYED,			/* the next hop answered 250 */
	SPOOL_FAILED,			/* refused for good; its report, if any, is in the spool */
	SPOOL_EXPIRED,			/* likewise, out of time */
	SPOOL_REMOVED,			/* by an administrator */
	SPOOL_EXPANDED,			/* replaced by other messages or recipients */
	SPOOL_DISCARDED,		/* by a rule, another hub delivered it, or a duplicate */
};

struct spool_outcome {
	uint32_t recipient;
	uint32_t kind;			/* enum spool_outcome_kind */
};

typedef void spool_outcome_cb(uint64_t id, void *ctx);

/*
 * Records that recipients are finished; the array is copied. Written at once, durable with the next
 * message or within a second; a full disk only delays it. With a cb (may be NULL) it is synced as
 * soon as a message would be, and cb comes when it is durable. With its last outcome a message
 * leaves the spool: open bodies stay readable, new ones are refused. A recipient that already has
 * an outcome is skipped.
 */
void spool_outcomes(struct spool_port *p, uint64_t id, const struct spool_outcome *list, size_t n,
	spool_outcome_cb *cb, void *ctx);
void spool_outcome(struct spool_port *p, uint64_t id, uint32_t recipient,
	enum spool_outcome_kind kind);

typedef void spool_done_cb(uint64_t id, uint64_t tag, void *ctx);

/*
 * cb comes once, when the message has left the spool with its last outcome (which need not be
 * durable yet), or does not come if the spool is closed before. Whoever asks before the message is
 * handed to anybody misses nothing. tag is the caller's. Costs memory until then.
 */
void spool_watch(struct spool_port *p, uint64_t id, spool_done_cb *cb, uint64_t tag, void *ctx);

/* ---- body: reading a stored message ---- */

typedef void spool_ready_cb(void *ctx);

enum { SPOOL_BODY_WAIT = -2 };

/*
 * A reader at the beginning of the body. It keeps the bytes on disk alive, also past the message's
 * last outcome. NULL and *e (ERR_PERM) if the message is not in the spool. The port's thread.
 */
struct spool_body *spool_body_open(struct spool_port *p, uint64_t id, spool_ready_cb *on_ready,
	void *ctx, struct err *e);
uint64_t spool_body_size(const struct spool_body *b);
/*
 * Copies the next bytes; never blocks. Returns their number, 0 at the end, SPOOL_BODY_WAIT when the
 * disk must be asked (exactly one on_ready follows, then call again), or -1 and *e: ERR_PERM when
 * the stored body is damaged (its checksum is compared before 0 is returned), ERR_TEMP otherwise.
 */
ssize_t spool_body_read(struct spool_body *b, void *buf, size_t size, struct err *e) MUST_CHECK;
/* Back to the beginning; not while a wait is under way. */
void spool_body_rewind(struct spool_body *b);
/* No callback comes after it; sets *b to NULL, accepts a pointer to NULL. */
void spool_body_close(struct spool_body **b);

/* ---- figures, any thread ---- */

struct spool_stats {
	uint64_t messages;		/* in the spool now */
	uint64_t committed, refused, outcomes, copied;	/* since start */
	uint64_t syncs, writes, bytes_written;
	uint64_t segments, free_segments;
	/* false while messages are refused (disk full or failing) */
	bool accepting;
};

void spool_stats(struct spool *s, struct spool_stats *out);

/* ---- the system calls that store data, for fault injection ---- */

struct iovec;

struct spool_io {
	int (*create)(int folder, const char *name);	/* -> fd, O_RDWR | O_CREAT | O_EXCL */
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int n, off_t offset);
	int (*fdatasync)(int fd);
};

extern const struct spool_io spool_io_system;

#endif
