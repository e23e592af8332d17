/* conn.h - one connection of a queue to an agent. Private to this folder; loop thread.
 *
 * It is made by the queue's call of open, starts the process, sends what the queue gives
 * (conn_mail.c), and ends by agent_conn_end, once. Recipients are numbered through the whole
 * connection, so a verdict that comes late never meets another message's recipient.
 */
#ifndef HUB_AGENT_CONN_H
#define HUB_AGENT_CONN_H

#include <event2/bufferevent.h>

#include "hubd/agent/agents.h"
#include "hubd/agent/line.h"
#include "hubd/agent/process.h"
#include "hubd/spool/outgoing.h"
#include "libhub/org/connector.h"

enum {
	AGENT_CONN_IDLE_MS = 2000,	/* an agent is kept for the next message */
	AGENT_CONN_CLOSE_MS = 10 * 1000,	/* it has to end when told so */
	AGENT_CONN_END_MS = 1000,	/* from the end of its socket to that of the process */
	AGENT_CONN_NAME = 80,
};

/* What the connections of a worker share. */
struct agents {
	struct queue_set *set;
	struct loop *loop;
	struct process_list *processes;
	char *folder;
	uint32_t timeout_ms;
};

enum agent_phase {
	PHASE_START,		/* nothing done yet */
	PHASE_STARTING,		/* its program is being loaded */
	PHASE_OPENING,		/* has to say READY */
	PHASE_IDLE,
	PHASE_BODY,		/* of a message */
	PHASE_VERDICTS,		/* has it whole, and has to answer for its recipients */
	PHASE_CLOSING,		/* was told to end */
	PHASE_GONE,		/* its socket has ended; how it ended itself will follow */
};

struct agent_conn {
	struct agents *a;
	struct queue_conn *qc;
	const struct live *live;	/* qc's */
	const struct agent_connector *connector;
	char *space;
	char name[AGENT_CONN_NAME];	/* "agent FAX" */
	enum agent_phase phase;
	bool stopping;
	bool heeds_tls;			/* it said so */
	struct process *process;	/* NULL: there is none, or it has ended */
	struct bufferevent *talk;
	struct event *timer;
	uint64_t done;			/* messages that it answered for */

	/* the message; item is NULL without one */
	const struct queue_item *item;
	struct outgoing body;
	uint64_t first;			/* number of its first recipient */
	uint64_t next;			/* of the first one of the message to come */
	struct arena *arena;		/* of the texts of: */
	struct queue_result *results;
	bool *decided;
	uint32_t undecided;
};

extern const struct queue_transport agent_conn_transport;

/* --- conn.c --- */

/* Frees s and tells the queue. A message in flight must be decided or is given back. */
void agent_conn_end(struct agent_conn *s, enum queue_conn_outcome outcome, const char *status,
	const char *text);
/*
 * The agent is not to be used any more, by its own fault. What it said of the message in flight
 * counts; recipients that it said nothing of are tried again.
 */
void agent_conn_blame(struct agent_conn *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* From now on the agent, or the queue, has so long. */
void agent_conn_arm(struct agent_conn *s, uint32_t timeout_ms);
/* Tells it to end. */
void agent_conn_close(struct agent_conn *s);

/* --- conn_mail.c --- */

/* Sends what the queue has, or rests, or closes. */
void agent_conn_next_message(struct agent_conn *s);
/* More of the body, if there is room. False: it cannot be read, and the queue was told. */
bool agent_conn_pump(struct agent_conn *s);
/* NULL, or why what it said is against the protocol. */
const char *agent_conn_take_verdict(struct agent_conn *s, const struct agent_line *line);
/* Every recipient has its verdict: the queue is told. */
void agent_conn_done(struct agent_conn *s);
/*
 * The message ends with what is known; who has no verdict is tried again, as the text says. The
 * queue's retry schedule goes on, unless there was a verdict for everybody.
 */
void agent_conn_give_up(struct agent_conn *s, const char *text);
/* Frees what belongs to the message. */
void agent_conn_message_free(struct agent_conn *s);

#endif
