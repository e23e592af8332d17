/* worker.h - one worker thread: a loop and everything that lives on it.
 *
 * Made and freed by the main thread, which talks to it only by the functions marked so. Order of
 * stopping: worker_stop on all, worker_join on all, spool_close, worker_free on all.
 */
#ifndef HUB_WORKER_H
#define HUB_WORKER_H

#include "hubd/config/settings.h"
#include "hubd/queue/queue.h"
#include "hubd/receive/receiver.h"

struct worker;

struct worker_config {
	uint32_t index;
	const struct settings *settings;
	struct spool *spool;
	struct queues *queues;
	struct failover *failover;
	struct rate_table *rates;
	struct protocol_log *received, *sent;	/* the protocol logs, or NULL */
	struct prover *prover;
	struct inbox *logins, *departures;
	const atomic_bool *has_verifiers;
	struct loop *main_loop;
	void (*on_stopped)(void *ctx);	/* on main_loop, once, after worker_stop */
	void *ctx;
};

struct worker *worker_new(const struct worker_config *cfg, struct err *e) MUST_CHECK;
void worker_free(struct worker **w);
/* Main thread. */
int worker_start(struct worker *w, struct err *e) MUST_CHECK;
void worker_set_live(struct worker *w, const struct live *live);
/* A message found in the spool, or put there by a file. The worker owns it; any thread. */
void worker_recover(struct worker *w, struct message *m);
struct inbox *worker_arrivals(struct worker *w);
/*
 * Finishes what is in flight, then on_stopped. now: ends at once, mail in flight stays in the
 * spool.
 */
void worker_stop(struct worker *w, bool now);
/* Waits for the thread to end. */
void worker_join(struct worker *w);

#endif
