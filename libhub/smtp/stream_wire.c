/* stream_wire.c - what OpenSSL reads from and writes to: a stream's socket.
 *
 * OpenSSL's own socket BIO asks an empty socket once more after all input, and sends each thing by
 * itself: the ticket, the reply behind it, the farewell. Here
 *
 *   - a read that came short has emptied the socket: the next one is spared. Nothing is missed by
 *     that, since the loop's events are level-triggered;
 *   - what a handshake ends with is held until the turn's output joins it (stream_flush), and goes
 *     out at once where the handshake has to go on;
 *   - last words travel with the FIN that follows them.
 */
#include "libhub/smtp/stream_priv.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>

#include "libhub/base/mem.h"

/* A ticket and more; a long chain of certificates is not worth a copy. */
enum { HELD_MAX = 1000 };

static BIO_METHOD *method;

static int wire_read(BIO *bio, char *buf, int size)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t n = -1;

	BIO_clear_retry_flags(bio);
	if (s->drained) {
		s->drained = false;
		BIO_set_retry_read(bio);
		return -1;
	}
	n = recv(s->fd, buf, (size_t)size, 0);
	s->drained = n > 0 && n < size;
	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(bio);
	return (int)n;
}

static bool hold(struct stream *s, const char *data, size_t n)
{
	if (s->tls_state != STREAM_TLS_HANDSHAKE || s->held_len + n > HELD_MAX)
		return false;
	if (s->held == NULL)
		s->held = xmalloc(HELD_MAX);
	memcpy(s->held + s->held_len, data, n);
	s->held_len += n;
	return true;
}

static void drop_held(struct stream *s, size_t n)
{
	s->held_len -= n;
	if (s->held_len != 0) {
		memmove(s->held, s->held + n, s->held_len);
		return;
	}
	free(s->held);
	s->held = NULL;
}

/* Sends what is held, and data behind it. Returns what was sent of data; -1 and errno: of both. */
static ssize_t send_all(struct stream *s, const char *data, size_t n)
{
	struct iovec pieces[] = {
		{ .iov_base = s->held, .iov_len = s->held_len },
		{ .iov_base = (void *)(uintptr_t)data, .iov_len = n },
	};
	struct msghdr msg = { .msg_iov = pieces, .msg_iovlen = 2 };
	size_t held = s->held_len;
	ssize_t sent;

	/* who finishes shuts the socket down, which sends whatever waits for more */
	sent = sendmsg(s->fd, &msg, s->finishing ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
	if (sent < 0)
		return -1;
	if (held != 0)
		drop_held(s, (size_t)sent < held ? (size_t)sent : held);
	return (size_t)sent > held ? sent - (ssize_t)held : 0;
}

static int wire_write(BIO *bio, const char *data, int n)
{
	struct stream *s = BIO_get_data(bio);
	ssize_t sent;

	BIO_clear_retry_flags(bio);
	if (n <= 0 || hold(s, data, (size_t)n))
		return n;
	sent = send_all(s, data, (size_t)n);
	if (sent > 0)
		return (int)sent;
	if (sent == 0 || errno == EAGAIN || errno == EINTR)
		BIO_set_retry_write(bio);
	return -1;
}

static long wire_ctrl(BIO *bio, int command, long number, void *p)
{
	(void)number;
	(void)p;
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
	int type = BIO_get_new_index();

	BUG_ON(type < 0);
	method = BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "stream");
	BUG_ON(method == NULL || !BIO_meth_set_read(method, wire_read) ||
		!BIO_meth_set_write(method, wire_write) || !BIO_meth_set_ctrl(method, wire_ctrl));
}

void stream_wire_attach(struct stream *s, SSL *ssl)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	BIO *bio;

	pthread_once(&once, make_method);
	bio = BIO_new(method);
	BUG_ON(bio == NULL);
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
}

ssize_t stream_wire_push(struct stream *s, char *text)
{
	size_t before = s->held_len;

	if (before == 0)
		return STREAM_IO_AGAIN;
	if (send_all(s, NULL, 0) == 0)
		return (ssize_t)(before - s->held_len);
	if (errno == EAGAIN || errno == EINTR)
		return STREAM_IO_AGAIN;
	snprintf(text, STREAM_TEXT_SIZE, "%s", strerror(errno));
	return STREAM_IO_RESET;
}

void stream_wire_free(struct stream *s)
{
	free(s->held);
}
