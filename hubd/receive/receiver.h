/* receiver.h - the incoming SMTP sessions of one worker.
 *
 * The acceptor (acceptor.h) posts each new connection to one worker's receiver; the session then
 * never changes its thread. Answers of other threads name a session by its id.
 */
#ifndef HUB_RECEIVE_RECEIVER_H
#define HUB_RECEIVE_RECEIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hubd/spool/message.h"
#include "hubd/config/live.h"
#include "hubd/receive/rate.h"
#include "hubd/track/protocol_log.h"
#include "libhub/base/inbox.h"

/* A connection on its way from the listener to a worker, and, when it ended, back again. */
struct arrival {
	struct inbox_node node;
	int fd;
	bool tls;			/* the binding says TLS from the first byte */
	char source[64];		/* the peer's address as text */
	const struct live *live;	/* reference; gone once the session ended */
	const struct receive_connector *connector;	/* in live's snapshot */
	void *slot;			/* the listener's own accounting */
	struct inbox *departures;	/* where it goes back, once the session ended */
};

/*
 * A message is durable and its sender has the 250; the callee owns it. live is the worker's
 * current one.
 */
typedef void receiver_message_cb(struct message *m, void *ctx);

struct receiver_config {
	struct loop *loop;
	uint32_t worker;		/* index, part of session ids */
	struct spool_port *port;
	struct rate_table *rates;
	struct protocol_log *protocol_log;	/* NULL = none is kept */
	struct inbox *logins;		/* of the login service */
	const atomic_bool *has_verifiers;	/* SCRAM is of use to somebody; NULL = yes */
	bool gssapi;			/* it has a keytab */
	struct inbox *departures;	/* the listener's: ended arrivals go back there */
	receiver_message_cb *on_message;
	void *ctx;
};

enum { RECEIVER_GRACE_S = 5 };

struct receiver;

struct receiver *receiver_new(const struct receiver_config *cfg);
/* Ends all sessions at once; the owner has drained first if it wants mail in flight to finish. */
void receiver_close(struct receiver *r);
/* After the last commit callback has come. */
void receiver_free(struct receiver **r);
/* Where the listener posts arrivals; any thread. */
struct inbox *receiver_inbox(struct receiver *r);
/* What new transactions use from now on. Owner's thread. */
void receiver_set_live(struct receiver *r, const struct live *live);
/*
 * No new transactions: each session gets 421 4.3.2 at its next command boundary; one that dawdles
 * in a transaction before its content, after RECEIVER_GRACE_S.
 */
void receiver_drain(struct receiver *r);
uint32_t receiver_sessions(const struct receiver *r);
/* Says in the event log which connectors want a protocol log where none is kept. Any thread. */
void receiver_check_logging(const struct live *live, bool is_kept);

#endif
