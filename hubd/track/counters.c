/* counters.c - see counters.h */
#include "hubd/track/counters.h"

#include <stdatomic.h>
#include <stddef.h>

#define LIMIT(v) { "receive_limit", NULL, "limit", v }

static const struct counter_row rows[COUNTERS] = {
	[COUNTER_RECEIVE_SESSIONS] = { "receive_sessions", "Incoming SMTP sessions.", NULL, NULL },
	[COUNTER_RECEIVE_MESSAGES] = { "receive_messages", "Messages accepted by SMTP.", NULL,
		NULL },
	[COUNTER_RECEIVE_BYTES] = { "receive_bytes", "Bytes of messages accepted by SMTP.", NULL,
		NULL },
	[COUNTER_RECEIVE_TARPITS] = { "receive_tarpits",
		"Times that a stranger was held back after a refusal.", NULL, NULL },
	[COUNTER_RECEIVE_NOT_MAIL] = { "receive_not_mail",
		"Sessions ended since the peer spoke first, or spoke HTTP.", NULL, NULL },
	[COUNTER_LIMIT_CONNECTIONS] = { "receive_limit",
		"Times that a limit of a Receive connector took effect.", "limit", "connections" },
	[COUNTER_LIMIT_PER_SOURCE] = LIMIT("connections_per_source"),
	[COUNTER_LIMIT_PERCENT_PER_SOURCE] = LIMIT("connections_percent_per_source"),
	[COUNTER_LIMIT_MESSAGE_SIZE] = LIMIT("message_size"),
	[COUNTER_LIMIT_HEADER_SIZE] = LIMIT("header_size"),
	[COUNTER_LIMIT_RECIPIENTS] = LIMIT("recipients"),
	[COUNTER_LIMIT_HOPS] = LIMIT("hops"),
	[COUNTER_LIMIT_LOCAL_HOPS] = LIMIT("local_hops"),
	[COUNTER_LIMIT_MESSAGE_RATE] = LIMIT("message_rate"),
	[COUNTER_LIMIT_CONNECTION_TIMEOUT] = LIMIT("connection_timeout"),
	[COUNTER_LIMIT_INACTIVITY] = LIMIT("inactivity"),
	[COUNTER_LIMIT_PROTOCOL_ERRORS] = LIMIT("protocol_errors"),
	[COUNTER_LIMIT_LOGON_FAILURES] = LIMIT("logon_failures"),
	[COUNTER_ACKNOWLEDGED_DELIVERED] = { "receive_acknowledgements_held",
		"Replies to messages that waited for the delivery, until that or the limit.",
		"until", "delivered" },
	[COUNTER_ACKNOWLEDGED_LATE] = { "receive_acknowledgements_held", NULL, "until", "limit" },
	[COUNTER_PROTOCOL_LOG_RECEIVE_LINES] = { "protocol_log_lines",
		"Lines written to protocol logs.", "log", "receive" },
	[COUNTER_PROTOCOL_LOG_SEND_LINES] = { "protocol_log_lines", NULL, "log", "send" },
	[COUNTER_PROTOCOL_LOG_RECEIVE_LOST] = { "protocol_log_lost",
		"Lines of protocol logs that were dropped or could not be written.", "log",
		"receive" },
	[COUNTER_PROTOCOL_LOG_SEND_LOST] = { "protocol_log_lost", NULL, "log", "send" },
	[COUNTER_TLS_FULL] = { "receive_tls_sessions",
		"TLS handshakes of incoming SMTP sessions.", "handshake", "full" },
	[COUNTER_TLS_RESUMED] = { "receive_tls_sessions", NULL, "handshake", "resumed" },
	[COUNTER_TLS_FAILED] = { "receive_tls_sessions", NULL, "handshake", "failed" },
	[COUNTER_DOMAIN_SECURE_PROVEN] = { "receive_domain_secure",
		"Mail from domains that are taken by mutual TLS only.", "result", "proven" },
	[COUNTER_DOMAIN_SECURE_NO_TLS] = { "receive_domain_secure", NULL, "result", "no_tls" },
	[COUNTER_DOMAIN_SECURE_UNPROVEN] = { "receive_domain_secure", NULL, "result",
		"not_proven" },
	[COUNTER_SEND_TLS_FULL] = { "send_tls_sessions",
		"TLS handshakes of outgoing SMTP sessions.", "handshake", "full" },
	[COUNTER_SEND_TLS_RESUMED] = { "send_tls_sessions", NULL, "handshake", "resumed" },
	[COUNTER_SEND_TLS_FAILED] = { "send_tls_sessions", NULL, "handshake", "failed" },
	[COUNTER_SEND_TLS_REFUSED] = { "send_tls_sessions", NULL, "handshake", "not_trusted" },
	[COUNTER_SEND_TLS_CLEAR] = { "send_tls_clear",
		"Times that a host is sent mail in clear after a failed TLS handshake.", NULL,
		NULL },
	[COUNTER_SEND_DOMAIN_SECURE_PROVEN] = { "send_domain_secure",
		"Outgoing sessions for domains that are sent mail by mutual TLS only.", "result",
		"proven" },
	[COUNTER_SEND_DOMAIN_SECURE_NO_TLS] = { "send_domain_secure", NULL, "result", "no_tls" },
	[COUNTER_SEND_DOMAIN_SECURE_UNPROVEN] = { "send_domain_secure", NULL, "result",
		"not_proven" },
	[COUNTER_LOGINS_ACCEPTED] = { "receive_logins", "Ends of AUTH commands.", "result",
		"accepted" },
	[COUNTER_LOGINS_REFUSED] = { "receive_logins", NULL, "result", "refused" },
	[COUNTER_LOGINS_UNAVAILABLE] = { "receive_logins", NULL, "result", "unavailable" },
	[COUNTER_PICKUP_MESSAGES] = { "pickup_messages", "Messages taken from files.",
		"directory", "pickup" },
	[COUNTER_REPLAY_MESSAGES] = { "pickup_messages", NULL, "directory", "replay" },
	[COUNTER_PICKUP_BAD] = { "pickup_bad", "Files that broke a rule and were put aside.",
		"directory", "pickup" },
	[COUNTER_REPLAY_BAD] = { "pickup_bad", NULL, "directory", "replay" },
};

static _Atomic uint64_t values[COUNTERS];

void counter_add(enum counter c, uint64_t n)
{
	atomic_fetch_add_explicit(&values[c], n, memory_order_relaxed);
}

uint64_t counter_get(enum counter c)
{
	return atomic_load_explicit(&values[c], memory_order_relaxed);
}

const struct counter_row *counter_row(enum counter c)
{
	return &rows[c];
}
