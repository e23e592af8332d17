/* fuzz_client.c - the peer's end of a fuzzed session; see fuzz_world.h */
#include "fuzz_world_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libhub/base/mem.h"
#include "libhub/smtp/stream_priv.h"

enum {
	ROUNDS_MAX = 20000,	/* of the loop for one write: more is a session that hangs */
	QUIET_ROUNDS = 3,	/* deferred callbacks take a turn each */
	READ_SIZE = 4096,
};

static const char *const connectors[] = {
	"open", "trusted", "users", "tight", "secure", "slow", "denied", "bare", "every", "every",
};

enum {
	CONNECTORS = sizeof(connectors) / sizeof(connectors[0]),
	CONNECTOR_NUMBERS = 16,	/* so that more connectors change no input's */
	OF_HUB = 9,
};

struct world_session {
	uint64_t id;
	int fd;			/* the client's end */
	SSL *ssl;		/* NULL in clear */
	char *text;
	size_t length, room;
	bool ended;		/* EOF or reset from the session */
};

static struct session *session_of(const struct world_session *s)
{
	return session_find(world.receiver, s->id);
}

/* --- bytes --- */

/* Bytes read, 0 for none now; ended is set at the end. */
static size_t read_bytes(struct world_session *s, char *to, size_t n)
{
	size_t got = 0;
	ssize_t rc;

	if (s->ssl != NULL) {
		ERR_clear_error();
		if (SSL_read_ex(s->ssl, to, n, &got) == 0)
			s->ended = SSL_get_error(s->ssl, 0) != SSL_ERROR_WANT_READ;
		return got;
	}
	rc = recv(s->fd, to, n, 0);
	s->ended = rc == 0 || (rc < 0 && errno != EAGAIN);
	return rc > 0 ? (size_t)rc : 0;
}

static size_t write_bytes(struct world_session *s, const char *p, size_t n)
{
	size_t sent = 0;
	ssize_t rc;

	if (s->ssl != NULL) {
		ERR_clear_error();
		if (SSL_write_ex(s->ssl, p, n, &sent) == 0 &&
			SSL_get_error(s->ssl, 0) != SSL_ERROR_WANT_WRITE)
			s->ended = true;
		return sent;
	}
	rc = send(s->fd, p, n, MSG_NOSIGNAL);
	return rc > 0 ? (size_t)rc : 0;
}

static bool listen_once(struct world_session *s)
{
	size_t got;

	if (s->ended)
		return false;
	if (s->room - s->length <= READ_SIZE) {
		s->room = 2 * s->room + 2 * READ_SIZE;
		s->text = xreallocarray(s->text, s->room, 1);
	}
	got = read_bytes(s, s->text + s->length, READ_SIZE);
	s->length += got;
	return got != 0 || s->ended;
}

/* --- waiting --- */

/* Something is under way that ends by itself. */
static bool is_waiting(const struct world_session *s)
{
	const struct session *session = session_of(s);

	return session != NULL && (session->wait == WAIT_LOGIN || session->wait == WAIT_SPOOL ||
		session->wait == WAIT_COMMIT || session->wait == WAIT_TURN);
}

static bool is_unread(const struct world_session *s)
{
	int left = 0;

	return session_of(s) != NULL && ioctl(s->fd, SIOCOUTQ, &left) == 0 && left != 0;
}

static bool end_tarpit(const struct world_session *s)
{
	struct session *session = session_of(s);

	if (session == NULL || session->wait != WAIT_TARPIT)
		return false;
	event_del(session->timer);
	event_active(session->timer, EV_TIMEOUT, 0);
	return true;
}

static void settle(struct world_session *s)
{
	unsigned int quiet, rounds = 0;

	for (quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
		bool waiting = is_waiting(s);

		world_turn(waiting);
		if (end_tarpit(s) || listen_once(s) || waiting || is_unread(s))
			quiet = 0;
		BUG_ON(++rounds > ROUNDS_MAX);
	}
}

void world_time_out(struct world_session *s, enum world_timeout t)
{
	struct session *session = session_of(s);

	if (session == NULL)
		return;
	session->stream->timer_due_ms = 0;
	if (t == WORLD_INACTIVE)
		session->stream->activity_ms = 0;
	else
		session->stream->deadline_ms = 1;
	event_active(&session->stream->timer_ev, EV_TIMEOUT, 0);
	settle(s);
}

/* --- begin, talk, end --- */

static void start_tls(struct world_session *s, bool of_hub)
{
	static const char hello[] = "EHLO client.example\r\nSTARTTLS\r\n";
	unsigned int rounds;

	world_say(s, hello, sizeof(hello) - 1);
	if (session_of(s) == NULL || session_of(s)->wait != WAIT_TLS)
		return;
	s->ssl = SSL_new(of_hub ? world.hub_tls : world.user_tls);
	BUG_ON(s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1);
	for (rounds = 0; SSL_connect(s->ssl) != 1; rounds++) {
		BUG_ON(rounds > ROUNDS_MAX);
		world_turn(false);
	}
	settle(s);
}

struct world_session *world_connect(unsigned int connector, bool tls)
{
	unsigned int number = connector % CONNECTOR_NUMBERS % CONNECTORS;
	struct world_session *s = xcalloc(1, sizeof(*s));
	struct arrival *a = xcalloc(1, sizeof(*a));
	int fds[2];

	world_begin_session();
	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0);
	s->fd = fds[0];
	a->fd = fds[1];
	strcpy(a->source, "local");
	a->live = live_ref(world.live);
	a->connector = (const void *)snapshot_find(world.snapshot, OBJ_RECEIVE_CONNECTOR,
		connectors[number]);
	BUG_ON(a->connector == NULL);
	world.departed = 0;
	s->id = world.receiver->next_id;
	inbox_post(receiver_inbox(world.receiver), &a->node);
	settle(s);
	if (tls) {
		start_tls(s, number == OF_HUB);
		s->length = 0;
	}
	return s;
}

void world_say(struct world_session *s, const void *data, size_t n)
{
	const char *p = data;
	size_t sent;

	for (; n != 0 && !s->ended; n -= sent, p += sent) {
		sent = write_bytes(s, p, n);
		if (sent == 0 && s->ssl == NULL && errno != EAGAIN)
			return;
		settle(s);
	}
}

static void close_client(struct world_session *s)
{
	if (s->ssl != NULL)
		SSL_free(s->ssl);
	close(s->fd);
}

void world_hang_up(struct world_session *s, struct world_result *r)
{
	unsigned int rounds;

	if (s->ssl != NULL)
		SSL_shutdown(s->ssl);
	shutdown(s->fd, SHUT_WR);
	settle(s);
	for (rounds = 0; !s->ended; rounds++) {
		world_turn(true);
		listen_once(s);
		BUG_ON(rounds > ROUNDS_MAX);
	}
	close_client(s);
	for (rounds = 0; session_of(s) != NULL || world.departed == 0; rounds++) {
		world_turn(true);
		BUG_ON(rounds > ROUNDS_MAX);
	}
	BUG_ON(world.departed != 1);
	r->committed = world_take_messages(r->recipients);
	s->text[s->length] = '\0';
	r->text = s->text;
	r->length = s->length;
	free(s);
}
