/* stream_priv.h - what the stream_*.c files share; nobody else includes it.
 *
 * stream.c: life, events, time. stream_input.c: lines and bulk input. stream_output.c: output.
 * stream_tls.c: TLS. stream_wire.c: TLS's records on the socket.
 * Reading stays armed while the owner has paused or the buffer is full, until the socket really
 * becomes readable: most pauses are over before that and then cost no system call.
 */
#ifndef HUB_SMTP_STREAM_PRIV_H
#define HUB_SMTP_STREAM_PRIV_H

#include "libhub/smtp/stream.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <openssl/types.h>
#include <sys/types.h>

/* One read; a bit under a power of two because evbuffer adds its header. */
enum { STREAM_READ_CHUNK = 32 * 1024 - 64 };

enum stream_tls_state {
	STREAM_TLS_NONE,
	STREAM_TLS_PENDING,	/* plain_left bytes have to go out in clear first */
	STREAM_TLS_HANDSHAKE,
	STREAM_TLS_ON,
};

/* What a read or write primitive came to, besides a number of bytes > 0. */
enum { STREAM_IO_AGAIN = 0, STREAM_IO_EOF = -1, STREAM_IO_RESET = -2, STREAM_IO_TLS = -3 };

struct stream {
	struct loop *loop;
	const struct stream_callbacks *cb;
	void *ctx;
	struct evbuffer *in, *out;
	SSL *ssl;
	struct tls_context *tls;
	char *key_digest;
	unsigned char *held;		/* the end of a handshake, not yet sent */
	size_t held_len;
	struct event read_ev, write_ev, timer_ev;
	struct loop_hook hook;		/* while finishing: nobody else knows the stream */
	void (*gone)(void *ctx);	/* of stream_finish_then, or NULL */
	void *gone_ctx;
	size_t taken;			/* bytes in front of in that stream_line gave out */
	size_t scanned;			/* bytes in front of in that hold no LF */
	size_t input_limit;
	size_t plain_left;
	uint64_t activity_ms;		/* when bytes last moved, or the clock was restarted */
	uint64_t deadline_ms;		/* 0 = none; while connecting, of the connect */
	uint64_t timer_due_ms;		/* 0 = timer not armed */
	uint64_t silence_due_ms;	/* when it is looked for the peer's host */
	uint32_t inactivity_ms, silence_ms;	/* 0 = never */
	int fd;
	int connect_errno;		/* known before the loop could tell */
	enum stream_tls_state tls_state;
	bool reading, writing;		/* events armed */
	bool connecting, paused, finishing, sent_fin;
	bool eof, dead;			/* no more input; nothing at all any more */
	bool hear_out;			/* see stream_set_hear_out */
	bool expired;			/* a timeout ended the hearing, output may still go */
	bool told;			/* on_closed was called for the last time */
	bool closed;			/* the owner is gone, memory goes after this turn */
	bool flush_scheduled;
	bool tls_held;			/* OpenSSL holds input that did not fit */
	bool drained;			/* OpenSSL's last read emptied the socket */
	bool skipping;			/* rest of a line that was too long */
	bool read_wants_write, write_wants_read;	/* TLS crosses over (key update) */
	struct sockaddr_storage peer;
};

/* stream.c */
bool stream_wants_input(const struct stream *s);
void stream_arm_read(struct stream *s);
void stream_arm_write(struct stream *s);
void stream_disarm_write(struct stream *s);
/* Ends the stream for its owner (on_closed). From the loop only; the stream may be gone after. */
void stream_fail(struct stream *s, enum stream_end reason, const char *text);
/* The same, of output. */
void stream_fail_output(struct stream *s, enum stream_end reason, const char *text);
/* Closes the socket; memory goes after this turn. */
void stream_end_now(struct stream *s);

static inline enum stream_end stream_end_of(ssize_t io)
{
	return io == STREAM_IO_TLS ? STREAM_END_TLS : STREAM_END_RESET;
}

/* stream_silence.c */
void stream_silence_keepalive(int fd, int silence_s);
/* Nothing heard for so long though something is due. If not: when to look again, from now. */
bool stream_silence_is_over(int fd, uint32_t silence_ms, uint32_t *wait_ms);

/* stream_output.c */
void stream_schedule_flush(struct stream *s);
/* Writes what the socket takes. From the loop only; the stream may be gone after. */
void stream_flush(struct stream *s);

/* stream_tls.c; they return bytes or STREAM_IO_*, and fill text (100 bytes) with an error. */
enum { STREAM_TEXT_SIZE = 100 };
ssize_t stream_tls_read(struct stream *s, void *buf, size_t size, char *text);
ssize_t stream_tls_write(struct stream *s, char *text);
bool stream_tls_has_input(const struct stream *s);
void stream_tls_begin(struct stream *s);
void stream_tls_handshake(struct stream *s);
/* Of a server's: whether OpenSSL wipes what has been read of it. It does until told otherwise. */
void stream_tls_cleanse(struct stream *s, bool on);
/* Sends close_notify if that is still possible. */
void stream_tls_shutdown(struct stream *s);
void stream_tls_free(struct stream *s);

/* stream_wire.c */
void stream_wire_attach(struct stream *s, SSL *ssl);
/* Sends what is held. Returns bytes or STREAM_IO_*, and fills text with an error. */
ssize_t stream_wire_push(struct stream *s, char *text);
void stream_wire_free(struct stream *s);

#endif
