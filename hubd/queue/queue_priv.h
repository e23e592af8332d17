/* queue_priv.h - what the files of this folder share. See queue.h. */
#ifndef HUB_QUEUE_QUEUE_PRIV_H
#define HUB_QUEUE_QUEUE_PRIV_H

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uthash.h>

#include "hubd/config/live.h"
#include "hubd/queue/failover.h"
#include "hubd/queue/queue.h"
#include "hubd/queue/share.h"
#include "hubd/queue/window.h"

TAILQ_HEAD(item_list, queue_item);
TAILQ_HEAD(conn_list, queue_conn);
TAILQ_HEAD(queue_list, queue);

enum conn_state {
	CONN_CONNECTING,	/* not yet up */
	CONN_BUSY,		/* has a message, or is about to ask for one */
	CONN_IDLE,		/* asked in vain, is kept */
	CONN_ENDING,		/* was told to end */
};

struct queue_conn {
	TAILQ_ENTRY(queue_conn) link;
	struct queue *q;
	void *obj;			/* the transport's */
	const struct live *live;
	const struct live *routed;	/* of the head it was opened for, who names things in it */
	const struct obj *hop;		/* its next hop there; NULL = servers of the organization */
	uint64_t fits;			/* generation of another snapshot that has all as it was */
	struct queue_item *item;	/* taken */
	enum conn_state state;
	bool up;
	uint64_t up_at_ms;		/* monotonic */
	bool gives_way;			/* to queues that have none, see share.h */
	bool beyond;			/* the window: the peer has not taken a message on it yet */
	bool probe;			/* opened for one */
	bool put_off;			/* the queue is to wait, so long if that is not 0 */
	uint32_t wait_s;
};

struct queue {
	UT_hash_handle hh;
	struct queue_set *set;
	uint64_t id;
	char *ident;			/* hash key: type, domain, connector and security */
	char *name;			/* type/domain/connector */
	struct queue_key key;		/* strings in ident's neighbours below */
	char *domain, *connector, *security;

	struct item_list ready, waiting, held;	/* waiting is sorted by retry_at_ms */
	size_t n_ready, n_waiting, n_held, n_active;
	struct conn_list conns;
	unsigned n_conns, n_connecting, n_idle, n_up;

	struct queue_item *probe;	/* to be made; NULL = none */
	bool suspended;
	bool in_retry;
	uint32_t failures;		/* in a row */
	uint64_t retry_at_ms;		/* monotonic, while in_retry */
	unsigned unable;		/* messages in a row that the peer's system did not take */
	struct window window;
	int64_t first_retry_ms, last_retry_ms;	/* wall; 0 = none */
	char last_status[QUEUE_STATUS_SIZE];
	char *last_error;
	uint64_t empty_since_ms;	/* monotonic; 0 = not empty */
	/* wall: no item expires or is late before; INT64_MAX = none */
	int64_t check_at_ms;

	struct event *timer;
	uint64_t timer_at_ms;		/* monotonic; 0 = not armed */

	TAILQ_ENTRY(queue) starving_link;
	bool starving;			/* waits for one of the process's connections */
	uint64_t starving_ticket;	/* while it does */

	struct share *share;		/* of its Send connector, or NULL */
	TAILQ_ENTRY(queue) sharing_link;
	bool waits_for_share, waits_with_none;
	uint64_t share_ticket;		/* while it waits */
};

/* Who waits has a ticket; the lowest of all workers has the next turn. */
struct turns {
	uint32_t n;			/* workers */
	atomic_uint_fast64_t next;
	atomic_uint_fast64_t *first;	/* lowest ticket of each, or NO_TICKET */
};

#define NO_TICKET UINT64_MAX

struct transport {
	const struct queue_transport *t;
	void *ctx;
};

TAILQ_HEAD(ticket_list, queue_ticket);

/* Recipients that end with a report; see outcome.c. */
struct tickets {
	struct ticket_list waiting, asked, put_off;
	unsigned n_asked;
	bool asking;
	struct event *timer;		/* for what was put off */
};

struct queue_set {
	struct queues *all;
	uint32_t worker;
	struct loop *loop;
	struct spool_port *port;
	const struct live *live;
	const struct queue_hooks *hooks;
	void *ctx;
	struct inbox *inbox, *calls;
	struct queue *queues;		/* hash by ident */
	uint64_t next_id;
	struct transport transports[QUEUE_TYPES];
	struct failover_port *failover;	/* may be NULL */

	struct item_list sweep;		/* to be routed again, some a turn */
	struct event *sweep_event;
	/* The process's connections were used up: these wait, in the order of their tickets. */
	struct queue_list starving;
	struct event *starved_event;
	uint64_t wanted_at_ms;		/* monotonic: other sets were asked for room */
	bool serving;
	struct queue_list sharing;	/* see share.h */
	struct queue *served;		/* whose turn it is among those, or NULL */
	struct event *sharing_event;
	struct tickets tickets;

	unsigned n_conns, n_idle;
	bool stopping;
	void (*stopped)(void *ctx);
	void *stopped_ctx;

	atomic_uint_fast64_t messages, n_queues, n_retry;
	atomic_uint_fast64_t delivered, relayed, deferred, failed, expired;
};

struct queues {
	uint32_t n;
	struct queue_set **sets;
	atomic_uint connections, starving;	/* held; queues that wait for one */
	struct turns turns;			/* of those */
	struct failover *failover;	/* may be NULL */
	pthread_mutex_t shares_lock;	/* of the table, not of what is in it */
	struct share *shares;		/* hash by the connector's name */
};

/* Work for the set's thread: runs fn there, which owns call. */
struct queue_call {
	struct inbox_node node;
	void (*fn)(struct queue_set *s, struct queue_call *call);
};

/* --- turns.c --- */

void turns_init(struct turns *t, uint32_t workers);
void turns_deinit(struct turns *t);
uint64_t turns_ticket(struct turns *t);
/* The lowest of a worker; NO_TICKET: nobody waits there any more. */
void turns_note(struct turns *t, uint32_t worker, uint64_t ticket);
/* The lowest of all, and whose it is; NO_TICKET: nobody waits. */
uint64_t turns_first(const struct turns *t, uint32_t *worker);

/* --- set.c --- */

/* Any thread. */
void queue_set_call(struct queue_set *s, struct queue_call *call);
/* fn runs in that worker, and frees call; not if s is stopping: then the other may be gone. */
void queue_set_tell(struct queue_set *s, uint32_t worker,
	void (*fn)(struct queue_set *s, struct queue_call *call));
/* May the process hold another connection? Then it is counted; else the queue waits its turn. */
bool queue_set_connection_take(struct queue *q);
void queue_set_connection_give(struct queue_set *s);
/* As fair.h says: may q, which is limited to own_max, have one more? */
bool queue_set_may_grow(const struct queue *q, uint64_t own_max);
/* Are there queues without any, for which it takes that others end? */
bool queue_set_is_starved(const struct queue_set *s);
/* It wants a connection when there is one; it does not any more. */
void queue_set_starve(struct queue *q);
void queue_set_sated(struct queue *q);
/* Back to the categorizer, a few a turn. */
void queue_set_sweep(struct queue_set *s);

/* --- item.c --- */

/* A new item with the recipients pick[0..n-1] of item, route and progress included. */
struct queue_item *item_split(const struct queue_item *item, const uint32_t *pick, uint32_t n);
void item_set_error(struct queue_item *item, const char *status, const char *text);

/* --- refusal.c --- */

/* All recipients of item were put off like this; remote: the host that did so, or "". */
void refusals_set(struct queue_item *item, const struct queue_result *results, const char *remote);
/* item's recipients are pick[] of from's; NULL: the same. */
void refusals_copy(struct queue_item *item, const struct queue_item *from, const uint32_t *pick);

/* --- queue.c --- */

/* Puts item where it belongs: the queue is found or made. Takes ownership. */
void queue_insert(struct queue_set *s, struct queue_item *item);
/* A probe for the queue that it belongs to. Takes ownership. */
void queue_probe(struct queue_set *s, struct queue_item *item);
/* Into the list that its state asks for, before or behind the others. */
void queue_file(struct queue *q, struct queue_item *item, bool first);
/* Out of its list (not while active). The caller owns it. */
void queue_unfile(struct queue_item *item);
/* The same, and it is one message less. */
void queue_take_out(struct queue_item *item);
/* The item's suspension or removal changed: moves it between the lists. */
void queue_refile(struct queue_item *item);
/* Moves everything that is not in flight to list, in order. */
void queue_drain(struct queue *q, struct item_list *list);
void queue_set_error(struct queue *q, const char *status, const char *text);
void queue_free(struct queue *q);
size_t queue_count(const struct queue *q);
const char *queue_status(const struct queue *q);

/* --- queue_time.c --- */

/* Of the queue's timer. */
void queue_on_timer(evutil_socket_t fd, short what, void *ctx);
/* Looks at the queue no later than that; monotonic clock. */
void queue_arm(struct queue *q, uint64_t at_ms);
/* For whatever comes first; the configuration may have made it earlier. */
void queue_rearm(struct queue *q);
/* It may be empty now, or not any more. */
void queue_note_empty(struct queue *q);
void queue_note_age(struct queue *q, const struct queue_item *item);
/* wait_s: 0 = as the schedule says. */
void queue_enter_retry(struct queue *q, uint32_t wait_s);
void queue_leave_retry(struct queue *q);
/* A retry that does not wait for its time. */
void queue_retry_now(struct queue *q);
/* Back to the categorizer, but for what is suspended or in flight. */
void queue_resubmit(struct queue *q);

/* --- conn.c --- */

/* Looks what can be done now: wakes and opens connections. */
void queue_run(struct queue *q);
/* One connection for a starving queue that still wants it; false when there is none. */
bool queue_serve(struct queue *q);
/* Ends idle connections whose configuration or certificates are not in force any more. */
void queue_end_stale(struct queue *q);
/* Ends an idle connection, if there is one. */
void queue_end_idle(struct queue *q);
void queue_stop_conns(struct queue *q);

/* --- conn_fit.c --- */

/* The connector or mailbox server that a connection for head depends on; NULL for a relay. */
const struct obj *conn_hop(const struct queue_item *head);
/* May it carry what was routed with that snapshot? */
bool conn_fits(struct queue_conn *qc, const struct snapshot *now);

/* --- outcome.c --- */

/*
 * Applies the results of an attempt to an item that is in no list. Takes it; gives back what is to
 * be tried again, or NULL.
 */
struct queue_item *outcome_apply(struct queue_set *s, struct queue_item *item,
	const struct queue_result *results, const struct queue_hop *hop);
/*
 * All recipients end: reports failure if wanted, then records kind. Takes ownership. Of what
 * expired the report has the last words of the peer, text only if there are none.
 */
void outcome_fail(struct queue_set *s, struct queue_item *item, enum spool_outcome_kind kind,
	bool report, const char *status, const char *text);
void outcome_delayed(struct queue_set *s, struct queue_item *item);
void outcome_tickets_init(struct queue_set *s);
void outcome_tickets_free(struct queue_set *s);

/* --- admin.c uses these --- */

extern const char *const item_state_names[];

#endif
