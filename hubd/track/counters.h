/* counters.h - what happened, counted since start: one table, shown as metrics.
 *
 * Any thread, at any time; an addition is one relaxed atomic instruction, so a reader sees each
 * counter right but not two of them at the same instant. A new counter is an enum value here and a
 * row in counters.c; counters of one name that differ by a label stand together.
 */
#ifndef HUB_TRACK_COUNTERS_H
#define HUB_TRACK_COUNTERS_H

#include <stdint.h>

enum counter {
	COUNTER_RECEIVE_SESSIONS,
	COUNTER_RECEIVE_MESSAGES,
	COUNTER_RECEIVE_BYTES,
	COUNTER_RECEIVE_TARPITS,
	COUNTER_RECEIVE_NOT_MAIL,

	/* receive_limit{limit="..."}: a limit of a Receive connector took effect */
	COUNTER_LIMIT_CONNECTIONS,
	COUNTER_LIMIT_PER_SOURCE,
	COUNTER_LIMIT_PERCENT_PER_SOURCE,
	COUNTER_LIMIT_MESSAGE_SIZE,
	COUNTER_LIMIT_HEADER_SIZE,
	COUNTER_LIMIT_RECIPIENTS,
	COUNTER_LIMIT_HOPS,
	COUNTER_LIMIT_LOCAL_HOPS,
	COUNTER_LIMIT_MESSAGE_RATE,
	COUNTER_LIMIT_CONNECTION_TIMEOUT,
	COUNTER_LIMIT_INACTIVITY,
	COUNTER_LIMIT_PROTOCOL_ERRORS,
	COUNTER_LIMIT_LOGON_FAILURES,

	/* receive_acknowledgements_held{until="..."} */
	COUNTER_ACKNOWLEDGED_DELIVERED,
	COUNTER_ACKNOWLEDGED_LATE,

	/* protocol_log_lines{log="..."} and protocol_log_lost{log="..."} */
	COUNTER_PROTOCOL_LOG_RECEIVE_LINES,
	COUNTER_PROTOCOL_LOG_SEND_LINES,
	COUNTER_PROTOCOL_LOG_RECEIVE_LOST,
	COUNTER_PROTOCOL_LOG_SEND_LOST,

	/* receive_tls_sessions{handshake="..."} */
	COUNTER_TLS_FULL,
	COUNTER_TLS_RESUMED,
	COUNTER_TLS_FAILED,

	/* receive_domain_secure{result="..."}: mail from domains of hubTLSReceiveDomainSecure */
	COUNTER_DOMAIN_SECURE_PROVEN,
	COUNTER_DOMAIN_SECURE_NO_TLS,
	COUNTER_DOMAIN_SECURE_UNPROVEN,

	/* send_tls_sessions{handshake="..."}; send_tls_clear: given up for that host */
	COUNTER_SEND_TLS_FULL,
	COUNTER_SEND_TLS_RESUMED,
	COUNTER_SEND_TLS_FAILED,
	COUNTER_SEND_TLS_REFUSED,
	COUNTER_SEND_TLS_CLEAR,

	/* send_domain_secure{result="..."}: sessions for domains of hubTLSSendDomainSecure */
	COUNTER_SEND_DOMAIN_SECURE_PROVEN,
	COUNTER_SEND_DOMAIN_SECURE_NO_TLS,
	COUNTER_SEND_DOMAIN_SECURE_UNPROVEN,

	/* receive_logins{result="..."} */
	COUNTER_LOGINS_ACCEPTED,
	COUNTER_LOGINS_REFUSED,
	COUNTER_LOGINS_UNAVAILABLE,

	/* pickup_messages{directory="..."} and pickup_bad{directory="..."} */
	COUNTER_PICKUP_MESSAGES,
	COUNTER_REPLAY_MESSAGES,
	COUNTER_PICKUP_BAD,
	COUNTER_REPLAY_BAD,

	COUNTERS
};

void counter_add(enum counter c, uint64_t n);
uint64_t counter_get(enum counter c);

/* How a counter is shown: hub_NAME_total{LABEL="VALUE"}; label and value NULL where it has none. */
struct counter_row {
	const char *name, *help;	/* help of the first row of a name; NULL in the others */
	const char *label, *value;
};

const struct counter_row *counter_row(enum counter c);

#endif
