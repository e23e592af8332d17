/* pusher_priv.h - what the parts of pusher.h share; for pusher*.c only */
#ifndef HUB_EDGESYNCD_PUSHER_PRIV_H
#define HUB_EDGESYNCD_PUSHER_PRIV_H

#include "edgesyncd/change_log.h"
#include "edgesyncd/configuration_push.h"
#include "edgesyncd/push_round.h"
#include "edgesyncd/recipient_push.h"

struct pushers {
	struct loop *loop;
	struct push_settings settings;
	const struct snapshot *s;	/* NULL: none yet */
	struct recipients *recipients;
	uint64_t as_of_ms[PUSH_TYPES];	/* 0 = not settled */
	struct change_log *log;
	struct pusher *list;
	struct pusher *turn;		/* compares all recipients now */
};

enum job_step { JOB_DONE, JOB_WANTED, JOB_RUNNING };

/* A call of pusher_start or pusher_compare. */
struct push_job {
	bool compare, full, allow_loss;
	enum job_step steps[PUSH_TYPES];
	pusher_done_cb *started;		/* of pusher_start; NULL = nobody is told */
	struct pusher_compare_callbacks compared;
	void *ctx;
	char *address;				/* folded; to be verified before the rest */
	char error[ROUND_TEXT_MAX], held[ROUND_TEXT_MAX];
	struct push_counts counts[PUSH_TYPES];
	size_t differences;
	struct push_verified verified;
	struct push_job *prev, *next;
};

/* One kind of data of one edge. */
struct push_half {
	struct pusher *p;
	enum push_type type;
	struct event *timer;		/* something is due then */
	bool busy;
	bool read_due;			/* all of it is to be read again */
	bool waiting;			/* for its turn */
	bool for_job;			/* the round under way */
	unsigned int flags;		/* of it */
	unsigned int back_off_ms;	/* 0: the last try went well */
	char error[ROUND_TEXT_MAX], held[ROUND_TEXT_MAX];
	int64_t pushed_ms, compared_ms;
	uint64_t pushes, failures, repaired;
	struct push_counts total;
};

struct pusher {
	struct pushers *all;
	char *edge;
	struct pusher_callbacks cbs;
	void *ctx;
	bool attached, observes;
	uint64_t attached_ms;
	bool fenced;			/* nothing more until it is attached anew */
	char fence[ROUND_TEXT_MAX];	/* what the edge said */
	struct configuration_push *configuration;
	struct recipient_push *recipients;
	struct push_half halves[PUSH_TYPES];
	struct push_job *jobs;		/* the first is at work */
	struct push_job *finished;	/* to be called back */
	struct event *comparison;
	struct event *notice;		/* callbacks are due */
	bool tell_fenced, tell_change;
	struct pusher *prev, *next;
};

/* NULL where there is nothing to say. */
static inline const char *pusher_text(const char *text)
{
	return *text != '\0' ? text : NULL;
}

/* pusher.c */
/* Looks whether there is something to do, then or after delay_ms. */
void pusher_wake(struct push_half *h, unsigned int delay_ms);
void pusher_notice(struct pusher *p);
/* For its turn. */
void pusher_run(struct push_half *h);

/* pusher_job.c */
/* The job at work, if it wants something of this half. */
struct push_job *pusher_job_for(const struct push_half *h);
unsigned int pusher_job_flags(const struct push_job *job);
void pusher_job_each(struct push_half *h, enum push_difference what, const char *name);
void pusher_job_took(struct push_half *h, const struct round_result *result);
void pusher_job_failed(struct push_half *h, const char *error);
/* Calls back one that is finished; false if there is none. */
bool pusher_job_tell(struct pusher *p);
/* All, whether finished or not. */
void pusher_jobs_end(struct pusher *p, const char *error);

/* pushers.c */
/* False: it is another edge's turn, and pusher_run comes when it is this one's. */
bool pushers_take_turn(struct pushers *all, struct pusher *p);
void pushers_end_turn(struct pushers *all, struct pusher *p);
/* Drops what no edge needs of the log. */
void pushers_trim(struct pushers *all);
/* Why nothing of that type may be pushed, or NULL. */
const char *pushers_unsettled(const struct pushers *all, enum push_type type);

#endif
