/* client_log.c - commands as they go out, and what the Send protocol log shows of a session.
 *
 * Nothing of a message stands there, and of AUTH the mechanism only: responses are shown by their
 * length, challenges not at all, since they may help to guess the password that answers them.
 */
#include "hubd/deliver/client_priv.h"

#include <stdio.h>
#include <string.h>

void client_put(struct client *c, const char *fmt, ...)
{
	va_list ap;

	if (send_log_is_on(c->cfg.log)) {
		va_start(ap, fmt);
		send_log_put(c->cfg.log, fmt, ap);
		va_end(ap);
	}
	va_start(ap, fmt);
	stream_vprintf(c->stream, fmt, ap);
	va_end(ap);
}

void client_put_end(struct client *c)
{
	stream_write(c->stream, "\r\n", 2);
	c->owed++;
	if (send_log_is_on(c->cfg.log))
		send_log_put_end(c->cfg.log);
}

void client_say(struct client *c, const char *command)
{
	stream_write(c->stream, command, strlen(command));
	stream_write(c->stream, "\r\n", 2);
	c->owed++;
	if (send_log_is_on(c->cfg.log))
		send_log_line(c->cfg.log, PROTOCOL_SENT, command, strlen(command), NULL);
}

void client_log_secret(struct client *c, const char *shown, size_t n)
{
	char text[80];

	if (!send_log_is_on(c->cfg.log))
		return;
	snprintf(text, sizeof(text), n == 0 ? "%s" : "%s<%zu bytes>", shown, n);
	send_log_line(c->cfg.log, PROTOCOL_SENT, text, strlen(text), NULL);
}

void client_log_received(struct client *c, const char *line, size_t n)
{
	static const char challenge[] = "334 ";
	char text[40];

	if (!send_log_is_on(c->cfg.log))
		return;
	if (n >= sizeof(challenge) - 1 && memcmp(line, challenge, sizeof(challenge) - 1) == 0)
		n = sizeof(challenge) - 2;
	if (client_auth_hides(c, line, n)) {
		n = (size_t)snprintf(text, sizeof(text), "%.3s <%zu bytes>", line, n);
		line = text;
	}
	send_log_line(c->cfg.log, PROTOCOL_RECEIVED, line, n, NULL);
}

void client_log_connected(struct client *c)
{
	if (!send_log_is_on(c->cfg.log))
		return;
	send_log_ends(c->cfg.log, c->stream);
	send_log_line(c->cfg.log, PROTOCOL_CONNECT, NULL, 0, NULL);
}

void client_log_tls(struct client *c)
{
	struct tls_peer_text peer;

	client_note(c, NULL, "%s with %s%s", stream_tls_version(c->stream),
		stream_tls_cipher(c->stream), stream_tls_resumed(c->stream) ? ", resumed" : "");
	if (!send_log_is_on(c->cfg.log) || !stream_peer_text(c->stream, &peer))
		return;
	client_note(c, "Certificate subject", "%s", peer.subject);
	client_note(c, "Certificate issuer name", "%s", peer.issuer);
	client_note(c, "Certificate serial number", "%s", peer.serial);
	client_note(c, "Certificate thumbprint", "%s", peer.thumbprint);
	client_note(c, "Certificate alternate names", "%s", peer.names);
}
