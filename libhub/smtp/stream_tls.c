/* stream_tls.c - the TLS half of a stream: handshake, records, what is known of the peer.
 *
 * OpenSSL works on the socket through stream_wire.c. Output is handed over in pieces of a record's
 * size, gathered if need be, so that a turn's replies make one record and one write.
 */
#include "libhub/smtp/stream_priv.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/tls/error.h"
#include "libhub/tls/pin.h"

enum { RECORD_MAX = 16 * 1024 };

/* Puts a failure into words and tells whether the connection broke or TLS did. */
static int failure(int ssl_error, int sys, char *text)
{
	if (ssl_error == SSL_ERROR_SYSCALL && sys != 0)
		snprintf(text, STREAM_TEXT_SIZE, "%s", strerror(sys));
	else
		tls_error_text(text, STREAM_TEXT_SIZE, "connection closed by peer");
	tls_error_clear();
	return ssl_error == SSL_ERROR_SYSCALL ? STREAM_IO_RESET : STREAM_IO_TLS;
}

ssize_t stream_tls_read(struct stream *s, void *buf, size_t size, char *text)
{
	size_t n;
	int error, sys;

	s->read_wants_write = false;
	tls_error_clear();
	errno = 0;
	if (SSL_read_ex(s->ssl, buf, size, &n) == 1)
		return (ssize_t)n;
	sys = errno;
	error = SSL_get_error(s->ssl, 0);
	switch (error) {
	case SSL_ERROR_WANT_READ:
		return STREAM_IO_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		s->read_wants_write = true;
		stream_arm_write(s);
		return STREAM_IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return STREAM_IO_EOF;
	default:
		return failure(error, sys, text);
	}
}

/* A repeated call offers at least as much as the one before it: OpenSSL insists. */
ssize_t stream_tls_write(struct stream *s, char *text)
{
	size_t total = evbuffer_get_length(s->out), want, n;
	unsigned char gathered[RECORD_MAX];
	struct evbuffer_iovec first;
	const void *p;
	int error, sys;

	if (total == 0)
		return stream_wire_push(s, text);
	want = total < RECORD_MAX ? total : RECORD_MAX;
	if (evbuffer_peek(s->out, -1, NULL, &first, 1) > 0 && first.iov_len >= want) {
		p = first.iov_base;
	} else {
		evbuffer_copyout(s->out, gathered, want);
		p = gathered;
	}
	s->write_wants_read = false;
	tls_error_clear();
	errno = 0;
	if (SSL_write_ex(s->ssl, p, want, &n) == 1) {
		evbuffer_drain(s->out, n);
		return (ssize_t)n;
	}
	sys = errno;
	error = SSL_get_error(s->ssl, 0);
	if (error == SSL_ERROR_WANT_WRITE)
		return STREAM_IO_AGAIN;
	if (error == SSL_ERROR_WANT_READ) {
		s->write_wants_read = true;
		return STREAM_IO_AGAIN;
	}
	return failure(error, sys, text);
}

bool stream_tls_has_input(const struct stream *s)
{
	return s->tls_state == STREAM_TLS_ON && SSL_has_pending(s->ssl);
}

static void remember_peer(struct stream *s)
{
	const X509 *cert = SSL_get0_peer_certificate(s->ssl);
	char digest[TLS_PIN_SIZE];

	if (cert != NULL && tls_pin_of_x509(cert, digest, NULL) == 0)
		s->key_digest = xstrdup(digest);
}

static void handshake_done(struct stream *s)
{
	s->tls_state = STREAM_TLS_ON;
	remember_peer(s);
	if (s->cb->on_tls != NULL)
		s->cb->on_tls(s, s->ctx);
	if (s->closed)
		return;
	stream_schedule_flush(s);
	stream_arm_read(s);
	/* what came along with the end of the handshake makes no socket readable */
	if (stream_tls_has_input(s))
		event_active(&s->read_ev, EV_READ, 0);
	else
		s->drained = false;
}

void stream_tls_handshake(struct stream *s)
{
	char reason[STREAM_TEXT_SIZE], text[STREAM_TEXT_SIZE + 30];
	int rc, error, sys;

	tls_error_clear();
	errno = 0;
	rc = SSL_do_handshake(s->ssl);
	sys = errno;
	error = SSL_get_error(s->ssl, rc);
	if (rc == 1) {
		handshake_done(s);
		return;
	}
	/* if that breaks, the next read says why */
	(void)stream_wire_push(s, reason);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
		(void)failure(error, sys, reason);
		snprintf(text, sizeof(text), "TLS handshake failed: %s", reason);
		stream_fail(s, STREAM_END_TLS, text);
	} else if (error == SSL_ERROR_WANT_WRITE || s->held_len != 0) {
		stream_arm_write(s);
	} else {
		stream_arm_read(s);
	}
}

void stream_tls_begin(struct stream *s)
{
	/* the client speaks first, unless it has gone */
	if (SSL_is_server(s->ssl) && !s->eof)
		stream_arm_read(s);
	else
		stream_tls_handshake(s);
}

/* Throws away input that came in clear where none may be. */
static int refuse_early_input(struct stream *s, const char *behind, struct err *e)
{
	size_t len = stream_input_len(s);

	if (len == 0)
		return 0;
	stream_consume(s, len);
	return err_set(e, ERR_PERM, 0, "%zu bytes in clear behind %s", len, behind);
}

static void start(struct stream *s, struct tls_context *tls, struct ssl_st *ssl)
{
	s->ssl = ssl;
	stream_wire_attach(s, ssl);
	s->tls = tls_context_ref(tls);
	s->tls_state = STREAM_TLS_PENDING;
	s->plain_left = evbuffer_get_length(s->out);
	stream_schedule_flush(s);
}

int stream_starttls_server(struct stream *s, struct tls_context *tls, const struct tls_accept *how,
	const char *ready, struct err *e)
{
	BUG_ON(s->tls_state != STREAM_TLS_NONE || s->connecting);
	if (refuse_early_input(s, "STARTTLS", e) != 0)
		return -1;
	if (ready != NULL)
		stream_write(s, ready, strlen(ready));
	start(s, tls, tls_context_accept(tls, -1, how));
	return 0;
}

int stream_starttls_client(struct stream *s, struct tls_context *tls,
	const struct tls_connect *how, struct err *e)
{
	BUG_ON(s->tls_state != STREAM_TLS_NONE || s->connecting);
	if (refuse_early_input(s, "the reply to STARTTLS", e) != 0)
		return -1;
	start(s, tls, tls_context_connect(tls, -1, how));
	return 0;
}

void stream_tls_cleanse(struct stream *s, bool on)
{
	if (s->ssl == NULL || !SSL_is_server(s->ssl))
		return;
	if (on)
		SSL_set_options(s->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	else
		SSL_clear_options(s->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

void stream_tls_shutdown(struct stream *s)
{
	if (s->tls_state != STREAM_TLS_ON || s->dead || s->sent_fin)
		return;
	(void)SSL_shutdown(s->ssl);
	tls_error_clear();
}

void stream_tls_free(struct stream *s)
{
	SSL_free(s->ssl);
	stream_wire_free(s);
	tls_context_unref(&s->tls);
	free(s->key_digest);
}

bool stream_is_tls(const struct stream *s)
{
	return s->tls_state == STREAM_TLS_ON;
}

const char *stream_peer_key_digest(const struct stream *s)
{
	return s->key_digest;
}

int stream_peer_verify(const struct stream *s, enum tls_verify mode, const char *name,
	struct err *e)
{
	if (!stream_is_tls(s))
		return err_set(e, ERR_TEMP, 0, "no TLS");
	return tls_verify_peer(s->ssl, mode, name, e);
}

bool stream_peer_text(const struct stream *s, struct tls_peer_text *out)
{
	return stream_is_tls(s) && tls_peer_text(s->ssl, out);
}

bool stream_tls_resumed(const struct stream *s)
{
	return stream_is_tls(s) && SSL_session_reused(s->ssl);
}

bool stream_tls_was_asked(const struct stream *s)
{
	return stream_is_tls(s) && tls_was_asked(s->ssl);
}

struct ssl_session_st *stream_tls_session_take(const struct stream *s)
{
	return stream_is_tls(s) ? tls_session_take(s->ssl) : NULL;
}

unsigned char *stream_peer_certificate(const struct stream *s, size_t *size)
{
	const X509 *cert = stream_is_tls(s) ? SSL_get0_peer_certificate(s->ssl) : NULL;
	unsigned char *der, *p;
	int n = cert != NULL ? i2d_X509(cert, NULL) : -1;

	if (n <= 0)
		return NULL;
	der = p = xmalloc((size_t)n);
	*size = (size_t)i2d_X509(cert, &p);
	return der;
}

bool stream_channel_binding(const struct stream *s, unsigned char out[STREAM_BINDING_SIZE])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	/* before TLS 1.3 it is unique with extended master secrets only: RFC 9266 section 4.2 */
	return stream_is_tls(s) && (SSL_version(s->ssl) >= TLS1_3_VERSION ||
			SSL_get_extms_support(s->ssl) == 1) &&
		SSL_export_keying_material(s->ssl, out, STREAM_BINDING_SIZE, label,
			sizeof(label) - 1, NULL, 0, 0) == 1;
}

const char *stream_tls_version(const struct stream *s)
{
	return stream_is_tls(s) ? SSL_get_version(s->ssl) : NULL;
}

const char *stream_tls_cipher(const struct stream *s)
{
	return stream_is_tls(s) ? SSL_get_cipher_name(s->ssl) : NULL;
}

int stream_tls_bits(const struct stream *s)
{
	return stream_is_tls(s) ? SSL_get_cipher_bits(s->ssl, NULL) : 0;
}
