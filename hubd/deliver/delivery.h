/* delivery.h - one connection of a queue to its next hop. Private to this folder; loop thread.
 *
 * It looks for a host that takes mail (delivery_way.c), speaks to it (client.h), and sends what the
 * queue gives (delivery_mail.c). It is made by the queue's call of open and ends by delivery_end,
 * once.
 */
#ifndef HUB_DELIVER_DELIVERY_H
#define HUB_DELIVER_DELIVERY_H

#include <netinet/in.h>
#include <sys/queue.h>

#include "hubd/deliver/client.h"
#include "hubd/deliver/deliver.h"
#include "hubd/deliver/host.h"
#include "hubd/deliver/ladder.h"
#include "hubd/deliver/mx.h"
#include "hubd/deliver/ourselves.h"
#include "hubd/deliver/places.h"
#include "hubd/deliver/policy.h"
#include "hubd/deliver/race.h"
#include "hubd/deliver/resume.h"
#include "hubd/deliver/send_log.h"
#include "hubd/spool/exclusion.h"
#include "hubd/spool/outgoing.h"

enum {
	DELIVERY_HOP_TEXT = RESOLVER_NAME_SIZE + 96,
	SERVERS_TEXT = 1024,
	/* our fields before a message to a hub: origin, size, and the text of its exclusions */
	DELIVERY_PREFIX = ORIGIN_TEXT_MAX + 64 + EXCLUSIONS_MAX * (sizeof(EXCLUSION_FIELD) + 4) +
		EXCLUSIONS_TEXT_MAX,
};

struct missing_source;

/* What the connections of a worker share. */
struct deliver {
	struct queue_set *set;
	struct loop *loop;
	struct host_table *hosts;
	struct resume_table *resume;
	struct rota *rota;
	struct ourselves *ourselves;
	struct mx *internal, *external;
	struct resolver *external_resolver;
	struct send_log_shared log;
	struct prover *prover;		/* NULL = nobody authenticates */
	struct inbox *proofs;		/* that it gives back */
	TAILQ_HEAD(starting, delivery) starting;
	struct event *start_event;
	struct missing_source *missing_sources;	/* of hubSourceAddress, told to be missing */
	bool closing;
	char external_servers[SERVERS_TEXT];
};

enum delivery_phase {
	PHASE_START,		/* nothing done yet */
	PHASE_RESOLVE,
	PHASE_CONNECT,		/* a client is on its way to being ready */
	PHASE_IDLE,
	PHASE_BUSY,
};

struct delivery {
	struct deliver *d;
	TAILQ_ENTRY(delivery) starting;
	struct queue_conn *qc;
	const struct live *live;	/* qc's */
	enum delivery_phase phase;
	bool stopping;

	/* of the queue */
	enum route_decision decision;
	enum queue_type type;
	const struct send_connector *connector;	/* NULL without one */
	const struct mailbox_server *mailbox;
	char *domain;
	bool require_tls;
	bool probe;			/* opened for one */
	uint32_t downgrade;
	uint64_t max_messages;		/* 0 = unlimited */

	/* where to: of a relay one pool of servers after the other, each becoming places */
	struct server_pool next;
	const struct server_pool *fallback;	/* as in struct route; of live's table */
	size_t ladder_at;
	size_t pool_at;			/* of those that stand for the next stop */
	struct ladder ladder;
	bool on_ladder;			/* the places are those of a site of the ladder */
	size_t rung;			/* that site */
	bool passing;			/* it only had to answer: on to another */
	struct places places;
	size_t place_at;		/* of the next */
	const struct place *place;
	struct mx_op *mx;
	struct mx_target *targets;	/* of the place */
	size_t n_targets, target_at;
	const struct mx_target *target;
	bool take_all;			/* also hosts that are left out */
	bool skipped, tried;
	struct race *race;		/* between addresses of the target's host */
	size_t raced[RACE_MAX];		/* which of targets */
	size_t n_raced;

	/* the session */
	struct client *client;
	struct send_log log;
	struct policy policy;
	unsigned char identity[SESSION_IDENTITY_DIGEST];	/* with TLS */
	struct ssl_session_st *resuming;	/* what the handshake is to resume, or NULL */
	bool peer_judged;		/* by its certificate or key */
	char hop_text[DELIVERY_HOP_TEXT];
	uint64_t sent;			/* messages on this connection */
	uint64_t opened_ms;
	struct event *answer_timer;	/* runs while a server has to answer */
	struct event *idle_timer;
	bool idle_armed;
	uint64_t idle_since_ms;

	/* the message */
	const struct queue_item *item;
	struct outgoing body;
	struct client_message msg;
	char prefix[DELIVERY_PREFIX];
	bool host_to_blame;		/* it was given back because of the host, */
	struct client_fact blame;	/* for that; its text is the next one */
	char blame_text[QUEUE_TEXT_MAX];
	bool has_taken;			/* the peer has, a message on this connection */
	bool spent;			/* it takes no more on it */

	/* the last failure, for the queue */
	bool hopeless;
	char status[QUEUE_STATUS_SIZE];
	char text[QUEUE_TEXT_MAX];
};

extern const struct queue_transport delivery_transport;

/* Of those that were opened so many begin a turn, however many queues became ready at once. */
enum { DELIVERY_STARTS_PER_TURN = 64 };
void delivery_start_some(evutil_socket_t fd, short what, void *ctx);

/* A line of information in the protocol log, with or without a session: see send_log.h. */
#define delivery_note(s, context, ...) send_log_note(&(s)->log, (context), __VA_ARGS__)

/* --- delivery.c --- */

/* Frees s and tells the queue, with the failure noted last. */
void delivery_end(struct delivery *s, enum queue_conn_outcome outcome);
/* Of the target if there is one, else of the delivery as such. */
void delivery_note_failure(struct delivery *s, const char *status, const char *text);
/* False: nothing may be sent to the place; the reason is noted. */
bool delivery_make_policy(struct delivery *s);
/*
 * Connects to the target; delivery_next_target follows if it is of no use. False: it cannot be
 * tried from here; the reason is noted.
 */
bool delivery_connect(struct delivery *s);
/* The same with a connection to the target that is made. */
void delivery_connected(struct delivery *s, int fd, const struct sockaddr *source);
/* Puts the target in words: hop_text. */
void delivery_name_hop(struct delivery *s);
/* The target cannot be reached: it rests, and the next one is to be gone to. */
void delivery_unreachable(struct delivery *s, const char *text);

/* --- delivery_race.c --- */

/* Of each host's targets those that lately were slow come last. */
void delivery_race_order(struct delivery *s);
/* Connects to the target or another address of its host. False: it is the only one. */
bool delivery_race(struct delivery *s);

/* --- delivery_tls.c --- */

/* What the connection to the target is to do about TLS, into cfg; the rest of cfg is filled. */
void delivery_tls_prepare(struct delivery *s, const struct sockaddr *source,
	struct client_config *cfg);
void delivery_tls_forget(struct delivery *s);
/* The handshake is done, and the peer who it should be, or not. */
void delivery_tls_judged(struct delivery *s, const struct stream *stream, bool trusted);
/* The session is ready for mail. */
void delivery_tls_ready(struct delivery *s);
/* The client has ended. True: the same target is to be tried once more, in another way. */
bool delivery_tls_again(struct delivery *s, const struct client_fact *why);
/* What is said of the failure, perhaps in text; counts and logs it where DomainSecure failed. */
const char *delivery_tls_blame(const struct delivery *s, const struct client_fact *why,
	char text[QUEUE_TEXT_MAX]);

/* --- delivery_source.c --- */

/*
 * From where to connect to that address; *source NULL = wherever. NULL, or the status of a failure:
 * from nowhere; then why says the reason.
 */
const char *delivery_source(struct delivery *s, const struct sockaddr *to,
	const struct sockaddr **source, char why[QUEUE_TEXT_MAX]);
void delivery_source_forget(struct deliver *d);

/* --- delivery_mail.c --- */

/* The peer is ready: sends what the queue has, or rests, or quits. */
void delivery_next_message(struct delivery *s);
void delivery_on_sent(struct client *c, const struct client_fact *facts, void *ctx);
/* Of the idle timer. */
void delivery_on_idle(evutil_socket_t fd, short what, void *ctx);

/* --- delivery_way.c --- */

/* For the message head. */
void delivery_way_init(struct delivery *s, const struct queue_item *head);
void delivery_way_deinit(struct delivery *s);
/* Goes to the next host, or ends when everything was tried. */
void delivery_next_target(struct delivery *s);
/* The target answers. False: mail is not for it; the way goes on when the session is over. */
bool delivery_arrived(struct delivery *s);
/* Goes on from a site that only had to answer. */
void delivery_pass(struct delivery *s);

/* --- deliver.c --- */

/* The resolver of the server's hubExternalDNSServer; without such a list the internal one. */
struct mx *deliver_external_mx(struct deliver *d, const struct live *live);

#endif
