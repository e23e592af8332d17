/* verdict.h - the one place that decides what a failure means. Pure; any thread.
 *
 * Whoever speaks to a next hop reports facts: how far it was (stage) and what happened (event). The
 * answer says how much is hit - one recipient, the whole message, the host, or everything for this
 * destination - and what follows. RFC 5321 sections 4.2.1, 4.5.4 and 5.1; RFC 7505 for null MX.
 */
#ifndef HUB_DELIVER_VERDICT_H
#define HUB_DELIVER_VERDICT_H

#include <stdint.h>

enum verdict_stage {
	STAGE_RESOLVE,
	STAGE_CONNECT,
	STAGE_GREETING,
	STAGE_HELO,
	STAGE_TLS,		/* STARTTLS, the handshake, and the check of who the peer is */
	STAGE_AUTH,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,		/* DATA's 354, or a chunk before the last */
	STAGE_BODY,		/* after the end of the message */
	STAGES
};
extern const char *const stage_names[STAGES];

enum verdict_event {
	EVENT_TEMPORARY,	/* 4xx */
	EVENT_PERMANENT,	/* 5xx */
	EVENT_CLOSING,		/* 421, any time */
	EVENT_LOST,		/* refused, closed, reset, timed out */
	EVENT_NONSENSE,		/* no SMTP reply, or one that cannot be at this place */
	EVENT_POLICY,		/* the peer does not do what we insist on */
	EVENT_NX_DOMAIN,
	EVENT_NO_ADDRESS,	/* neither MX nor address, or unusable ones */
	EVENT_NULL_MX,
	EVENT_LOOP,		/* the best MX is this server */
	EVENT_DNS_TEMPORARY,
	EVENT_TOO_BIG,		/* for the limit that the peer named */
	EVENT_NO_8BIT,		/* 8-bit text, no 8BITMIME */
	EVENT_NO_BINARY,
	EVENT_NO_UTF8,		/* an address needs SMTPUTF8 */
	EVENT_NO_UTF8_HEADER,	/* so does a header */
	EVENT_BAD_ADDRESS,	/* that no command can carry */
	EVENT_DAMAGED,		/* our own copy of the body cannot be read */
	EVENTS
};

enum verdict_scope {
	SCOPE_RECIPIENT,
	SCOPE_MESSAGE,		/* every recipient of it that is not decided yet */
	SCOPE_HOST,		/* the connection is of no use; the message is not to blame */
	SCOPE_DESTINATION,	/* every message for this next hop */
};

enum verdict_action {
	ACTION_RETRY,		/* the same again, later */
	ACTION_FAIL,
	ACTION_NEXT_HOST,	/* another host now; later, if there is none left */
};

/* What is to be treated as temporary; bits. The first two by hubErrorPolicy. */
enum verdict_downgrade {
	VERDICT_DOWNGRADE_AUTH = 1,
	VERDICT_DOWNGRADE_DNS = 2,
	/*
	 * The peer is to know us by our key, and to take what we pass on: if not, it is badly
	 * configured, or its directory does not have the newest yet.
	 */
	VERDICT_DIRECT_TRUST = 4,
};

struct verdict {
	enum verdict_scope scope;
	enum verdict_action action;
	const char *status;	/* for a report when the peer gave none; a constant */
};

/* What verdict_code gives besides codes of replies. */
enum { VERDICT_NOT_PERMITTED = 1000 };

/* code: by verdict_code, 0 = none. downgrade: enum verdict_downgrade bits. */
struct verdict verdict_decide(enum verdict_stage stage, enum verdict_event event, int code,
	uint32_t downgrade);
/*
 * The code to decide by: 552 is taken for "too many recipients" only if the reply does not say
 * otherwise by its enhanced status (may be ""), such as 5.2.2, a full mailbox. One other than 530
 * that says by it that we may not (RFC 3463, 5.7.0 and 5.7.1) is VERDICT_NOT_PERMITTED.
 */
int verdict_code(int code, const char *status);
/* The event that a reply is; code 2xx and 3xx at the wrong place are EVENT_NONSENSE. */
enum verdict_event verdict_event_of(int code);

#endif
