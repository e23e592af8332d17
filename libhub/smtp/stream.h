/* stream.h - a connection that carries lines and bulk data, plain or TLS. Owning loop's thread.
 *
 * Below both SMTP sides, and anything else that speaks in lines. Above it there is no OpenSSL.
 * The owner gets events through callbacks and pulls the input itself; what it writes during one
 * turn of the loop goes out together at the turn's end. An idle stream holds no buffers.
 *
 * A stream is made by stream_accept or stream_connect and ends by stream_close or stream_finish,
 * which may be called anywhere, its own callbacks included, and after which no callback comes.
 * No callback ever comes from inside a stream_ function.
 */
#ifndef HUB_SMTP_STREAM_H
#define HUB_SMTP_STREAM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "libhub/base/err.h"
#include "libhub/base/loop.h"
#include "libhub/tls/context.h"
#include "libhub/tls/peer.h"
#include "libhub/tls/verify.h"

struct stream;

enum stream_end {
	STREAM_END_EOF,			/* the peer sends no more; what we write still goes out */
	STREAM_END_RESET,		/* reading or writing failed */
	STREAM_END_INACTIVE,		/* inactivity timeout */
	STREAM_END_DEADLINE,		/* absolute timeout */
	STREAM_END_CONNECT,		/* stream_connect did not succeed (its timeout included) */
	STREAM_END_TLS,			/* handshake or record failure */
};

/*
 * Any of them may be NULL but on_closed. on_readable: new input came since the last call (or
 * stream_resume was called with input still there); take all you can, it is not repeated for what
 * you leave. on_drained: the output that was written is with the kernel. on_connected: only after
 * stream_connect. on_tls: the handshake succeeded (nothing about the peer has been checked).
 * on_closed: no more input will come; once, but after EOF another reason may follow. After EOF,
 * INACTIVE and DEADLINE (not during a handshake) input that is left can be read and a last output
 * written; otherwise the stream is dead and swallows it. The owner still calls stream_close or
 * stream_finish. text is one line.
 */
struct stream_callbacks {
	void (*on_connected)(struct stream *s, void *ctx);
	void (*on_readable)(struct stream *s, void *ctx);
	void (*on_drained)(struct stream *s, void *ctx);
	void (*on_tls)(struct stream *s, void *ctx);
	void (*on_closed)(struct stream *s, enum stream_end reason, const char *text, void *ctx);
};

/* --- life --- */

/* Takes fd (made non-blocking here). cb must outlive the stream. Reading is on. */
struct stream *stream_accept(struct loop *l, int fd, const struct stream_callbacks *cb, void *ctx);
/*
 * Begins to connect; then on_connected, or on_closed with STREAM_END_CONNECT, never before this
 * returns. source may be NULL. Always returns a stream.
 */
struct stream *stream_connect(struct loop *l, const struct sockaddr *to, socklen_t to_len,
	const struct sockaddr *source, socklen_t source_len, uint32_t timeout_ms,
	const struct stream_callbacks *cb, void *ctx);
/*
 * A socket that begins to connect, for who watches it by himself and gives it to stream_accept
 * then. It or -1; errno in *error, 0 there while the connection is under way. source may be NULL.
 */
int stream_connect_socket(const struct sockaddr *to, socklen_t to_len,
	const struct sockaddr *source, socklen_t source_len, int *error);
/* Ends at once; output not yet sent is dropped. *s becomes NULL; accepts a pointer to NULL. */
void stream_close(struct stream **s);
/*
 * Ends after the pending output is sent, and waits briefly for the peer to close, so that a last
 * reply is not lost to a reset. Bounded by STREAM_FINISH_MS. *s becomes NULL.
 */
void stream_finish(struct stream **s);
/* The same; gone(ctx) comes on this thread once the connection is closed, after this returns. */
void stream_finish_then(struct stream **s, void (*gone)(void *ctx), void *ctx);
enum { STREAM_FINISH_MS = 5000 };

/* Another owner takes over (an idle connection changes hands). */
void stream_set_callbacks(struct stream *s, const struct stream_callbacks *cb, void *ctx);

/* --- input --- */

enum stream_line {
	STREAM_LINE_NONE,	/* no complete line yet */
	STREAM_LINE_OK,
	STREAM_LINE_TOO_LONG,	/* told once, as soon as max is passed; the rest is skipped */
	STREAM_LINE_BARE_LF,	/* ended by LF without CR: never to be obeyed */
	STREAM_LINE_BARE_CR,	/* ended by CRLF with a CR inside: never to be obeyed */
};

/*
 * Takes the next line, without its end, of at most max bytes (max below the input limit). The
 * text is followed by a NUL that does not count, may hold NULs itself, and is valid until the next
 * call on this stream's input or the return to the loop. TOO_LONG gives NULL and 0.
 */
enum stream_line stream_line(struct stream *s, char **text, size_t *len, size_t max);
/* Bytes that stream_peek would show. */
size_t stream_input_len(struct stream *s);
/* The input as it lies in memory, up to n pieces, without taking it. Returns the pieces filled. */
size_t stream_peek(struct stream *s, struct iovec *pieces, size_t n);
/* Takes the first len bytes (at most stream_input_len). */
void stream_consume(struct stream *s, size_t len);
/*
 * Input held before reading stops, in bytes; begins with STREAM_INPUT_COMMANDS. The owner raises
 * it for bulk data.
 */
void stream_set_input_limit(struct stream *s, size_t limit);
enum { STREAM_INPUT_COMMANDS = 16 * 1024, STREAM_INPUT_BULK = 256 * 1024 };
/* No on_readable and no reading from the peer until resumed. Idempotent, does not nest. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);

/* --- output: never fails; on a dead stream it is dropped --- */

void stream_write(struct stream *s, const void *data, size_t len);
void stream_printf(struct stream *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
void stream_vprintf(struct stream *s, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* No copy: data stays valid until cleanup(ctx), which comes once, sent or not, on this thread. */
void stream_write_ref(struct stream *s, const void *data, size_t len, void (*cleanup)(void *ctx),
	void *ctx);
/* Bytes written by the owner and not yet taken by the kernel. */
size_t stream_pending_output(const struct stream *s);

/*
 * When output fails, what the peer had said before is read first: it may be why it went. For a
 * client; what a server is told after its reply was lost is better not done.
 */
void stream_set_hear_out(struct stream *s);

/* --- time --- */

/*
 * Seconds without a byte either way while the peer owes us something (reading is on, or output
 * waits); 0 = never. Starts anew now.
 */
void stream_set_inactivity(struct stream *s, uint32_t timeout_s);
/*
 * Seconds without an acknowledgement of the peer's host, of data or of probes while nothing is
 * said, after which the connection is held for cut (STREAM_END_RESET). A peer that takes its time
 * acknowledges, also while its window is closed; if it is gone then, that shows later, by probes
 * further and further apart. RFC 1122 section 4.2.3.5 asks for 100 or more across the Internet.
 */
void stream_set_silence(struct stream *s, int silence_s);
/* Milliseconds from now until STREAM_END_DEADLINE, whatever happens; 0 = never. */
void stream_set_deadline(struct stream *s, uint64_t timeout_ms);

/* --- TLS --- */

/*
 * Sends ready ("220 2.0.0 Ready\r\n"; NULL for TLS from the first byte) in clear, then shakes hands
 * as server; on_tls or on_closed follows. how says whether the client is asked for a certificate,
 * which it may not have; any is accepted, the caller checks. -1: there was input behind the
 * STARTTLS line (CVE-2011-0411); it has been thrown away, nothing sent, the stream is as before,
 * and the caller refuses and closes. Keeps a reference to tls.
 */
int stream_starttls_server(struct stream *s, struct tls_context *tls, const struct tls_accept *how,
	const char *ready, struct err *e) MUST_CHECK;
/*
 * The same as client, after the line 220 was taken. Any certificate is accepted; the caller checks
 * by stream_peer_key_digest or stream_peer_verify in on_tls. -1: the server sent something behind
 * its 220; close.
 */
int stream_starttls_client(struct stream *s, struct tls_context *tls,
	const struct tls_connect *how, struct err *e) MUST_CHECK;
bool stream_is_tls(const struct stream *s);
/* "sha256:<hex>" of the peer's public key info, or NULL: no TLS, or no certificate shown. */
const char *stream_peer_key_digest(const struct stream *s);
/* See tls/verify.h; -1 with the reason, no TLS included. */
int stream_peer_verify(const struct stream *s, enum tls_verify mode, const char *name,
	struct err *e) MUST_CHECK;
/* Of the peer's certificate; false if it showed none. */
bool stream_peer_text(const struct stream *s, struct tls_peer_text *out);
/* Did the handshake resume an earlier session? */
bool stream_tls_resumed(const struct stream *s);
/* tls_was_asked and tls_session_take of context.h; false and NULL without TLS. */
bool stream_tls_was_asked(const struct stream *s);
struct ssl_session_st *stream_tls_session_take(const struct stream *s);
/* The peer's certificate as DER, the caller's by free, and its size; NULL where there is none. */
unsigned char *stream_peer_certificate(const struct stream *s, size_t *size);
enum { STREAM_BINDING_SIZE = 32 };
/* The tls-exporter channel binding (RFC 9266); false without TLS, or where it is not safe. */
bool stream_channel_binding(const struct stream *s, unsigned char out[STREAM_BINDING_SIZE]);
/* Such as "TLSv1.3" and "TLS_AES_256_GCM_SHA384"; NULL without TLS. */
const char *stream_tls_version(const struct stream *s);
const char *stream_tls_cipher(const struct stream *s);
/* Secret bits of the cipher, 0 without TLS (for the Received line and logs). */
int stream_tls_bits(const struct stream *s);

/* --- addresses --- */

/* Both stay valid as long as the stream; family AF_UNSPEC where there is none (socketpair). */
const struct sockaddr_storage *stream_peer(const struct stream *s);
/* Our end. Asked of the kernel at each call. */
void stream_local(const struct stream *s, struct sockaddr_storage *out);

#endif
