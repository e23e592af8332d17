/* fuzz_world.c - see fuzz_world.h */
#include "fuzz_world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hubd/receive/session.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/print.h"

#include "identity.h"
#include "org_text.h"

enum {
	SESSIONS_PER_SPOOL = 500,
	SEGMENT = 64 * 1024,
	WAIT_US = 500,
	ROUNDS_MAX = 20000,	/* of the loop for one write: more is a session that hangs */
	QUIET_ROUNDS = 3,	/* deferred callbacks take a turn each */
};

#define BASE "cn=Transport,o=Contoso"
#define HUB "cn=hub1,cn=Servers," BASE
#define CONNECTOR(name) "dn: cn=" name "," HUB "\nobjectClass: hubReceiveConnector\ncn: " name \
	"\nhubTarpitInterval: 0\nhubMaxProtocolErrors: 20\n"

static const char organization[] =
	"dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: " HUB "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n"
	"hubFQDN: hub1.contoso.com\nhubServerSite: cn=London,cn=Sites," BASE "\n\n"
	"dn: cn=contoso.com,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\n"
	"cn: contoso.com\nhubDomain: contoso.com\nhubDomainType: Authoritative\n\n"
	CONNECTOR("open") "hubBinding: 127.0.0.1:1025\nhubAuthMechanism: Tls\n"
	"hubPermissionGroup: AnonymousUsers\n\n"
	CONNECTOR("trusted") "hubBinding: 127.0.0.1:1026\nhubAuthMechanism: ExternalAuthoritative\n"
	"hubAuthMechanism: Tls\nhubPermissionGroup: HubServers\n\n"
	CONNECTOR("users") "hubBinding: 127.0.0.1:1027\nhubAuthMechanism: BasicAuth\n"
	"hubPermissionGroup: HubUsers\n\n"
	"dn: cn=tight," HUB "\nobjectClass: hubReceiveConnector\ncn: tight\n"
	"hubBinding: 127.0.0.1:1028\nhubPermissionGroup: AnonymousUsers\n"
	"hubGrant: AnonymousUsers Accept-Any-Recipient\nhubTarpitInterval: 0\n"
	"hubMaxProtocolErrors: 2\nhubMaxLogonFailures: 1\nhubMaxRecipients: 2\n"
	"hubMaxMessageSize: 65536\nhubMaxHeaderSize: 600\nhubMaxHopCount: 3\n"
	"hubMaxLocalHopCount: 1\nhubExtension: Pipelining\nhubExtension: Size\n"
	"hubExtension: Chunking\n\n";

static const char people[] =
	"dn: uid=anna,ou=People,o=Contoso\nobjectClass: inetOrgPerson\n"
	"entryUUID: 00000000000000000000000000000001\nuid: anna\nmail: anna@contoso.com\n"
	"mailLocalAddress: a@contoso.com\nmailHost: mbx1\n\n"
	"dn: uid=bruno,ou=People,o=Contoso\nobjectClass: inetOrgPerson\n"
	"entryUUID: 00000000000000000000000000000002\nuid: bruno\nmail: bruno@contoso.com\n"
	"hubRefuseOutsideMail: TRUE\n\n";

static const char *const connectors[] = { "open", "trusted", "users", "tight" };

struct world_session {
	uint64_t id;
	int fd;			/* the client's end */
	char *text;
	size_t length, room;
	bool ended;		/* EOF or reset from the session */
};

static struct {
	struct loop *loop;
	struct event *turn_over;
	char folder[64];
	struct spool *spool;
	struct spool_port *port;
	struct recipients *recipients;
	struct tls_context *tls;
	const struct snapshot *snapshot;
	const struct live *live;
	struct rate_table *rates;
	struct inbox *logins, *departures;
	struct receiver *receiver;
	struct message *messages[256];	/* committed, not yet checked */
	size_t message_count;
	uint32_t departed, sessions;
} world;

/* --- turns of the loop --- */

static void on_turn_over(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	loop_stop(world.loop);
}

/* One turn for what is ready, or turns for a moment while something is under way. */
static void turn(bool waiting)
{
	static const struct timeval moment = { .tv_usec = WAIT_US };

	if (waiting)
		evtimer_add(world.turn_over, &moment);
	else
		event_active(world.turn_over, EV_TIMEOUT, 0);
	loop_run(world.loop);
}

/* --- what the session asks of other rooms --- */

static void on_message(struct message *m, void *ctx)
{
	(void)ctx;
	BUG_ON(world.message_count == sizeof(world.messages) / sizeof(world.messages[0]));
	world.messages[world.message_count++] = m;
	loop_stop(world.loop);
}

/* "good" is everybody's password; for "down" the directory does not answer. */
static void on_login(struct inbox_node *node, void *ctx)
{
	struct login *l = INBOX_ENTRY(node, struct login, node);

	(void)ctx;
	l->outcome = strcmp(l->password, "good") == 0 ? AUTHENTICATE_OK :
		strcmp(l->password, "down") == 0 ? AUTHENTICATE_UNAVAILABLE :
		AUTHENTICATE_REFUSED;
	snprintf(l->mail, sizeof(l->mail), "anna@contoso.com");
	inbox_post(l->reply_to, &l->node);
}

static void on_departure(struct inbox_node *node, void *ctx)
{
	(void)ctx;
	world.departed++;
	free(INBOX_ENTRY(node, struct arrival, node));
}

/* --- making it --- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void spool_begin(void)
{
	struct spool_config cfg = { .folder = world.folder, .segment_size = SEGMENT };
	struct err e;

	snprintf(world.folder, sizeof(world.folder), "%s/hub-fuzz-session.XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	BUG_ON(mkdtemp(world.folder) == NULL);
	world.spool = spool_open(&cfg, NULL, NULL, NULL, &e);
	BUG_ON(world.spool == NULL);
	world.port = spool_port_new(world.spool, world.loop);
	world.receiver = receiver_new(&(struct receiver_config){ .loop = world.loop,
		.port = world.port, .rates = world.rates, .logins = world.logins,
		.departures = world.departures, .on_message = on_message });
}

static void spool_end(void)
{
	if (world.spool == NULL)
		return;
	receiver_close(world.receiver);
	spool_close(&world.spool);
	spool_port_free(&world.port);
	receiver_free(&world.receiver);
	nftw(world.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void put_person(const struct entry *e, void *ctx)
{
	recipients_put(ctx, e);
}

static void put_object(const struct entry *e, void *ctx)
{
	builder_put(ctx, e);
}

static void organization_make(void)
{
	struct builder *b = builder_new(BASE);
	struct err e;

	org_text_each(organization, put_object, b);
	world.snapshot = builder_build(b, NULL);
	if (world.snapshot->rejection_count != 0)
		fprintf(stderr, "%s: %s\n", world.snapshot->rejections[0].dn,
			world.snapshot->rejections[0].reason);
	BUG_ON(world.snapshot->rejection_count != 0);
	builder_free(&b);
	world.recipients = recipients_new();
	org_text_each(people, put_person, world.recipients);
	recipients_set_loaded(world.recipients);
	world.live = live_new(world.snapshot, "hub1", world.recipients, world.tls, NULL, &e);
	BUG_ON(world.live == NULL);
}

static void tls_make(void)
{
	struct identity id;
	struct err e;

	identity_make(&id, "hub1.contoso.com", 1);
	world.tls = tls_context_new_server(id.certificate, id.key, NULL, &e);
	BUG_ON(world.tls == NULL);
	identity_remove(&id);
}

static void world_make(void)
{
	log_init(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	world.loop = loop_new("fuzz");
	world.turn_over = evtimer_new(loop_base(world.loop), on_turn_over, NULL);
	BUG_ON(world.turn_over == NULL);
	tls_make();
	organization_make();
	world.rates = rate_table_new();
	world.logins = inbox_new(world.loop, on_login, NULL);
	world.departures = inbox_new(world.loop, on_departure, NULL);
	atexit(spool_end);
}

/* --- messages --- */

static void on_ready(void *ctx)
{
	*(bool *)ctx = true;
	loop_stop(world.loop);
}

static char *body_read(uint64_t id, size_t *size)
{
	bool ready = false;
	struct err e;
	struct spool_body *b = spool_body_open(world.port, id, on_ready, &ready, &e);
	size_t at = 0;
	char *body;
	ssize_t n;

	BUG_ON(b == NULL);
	*size = spool_body_size(b);
	body = xmalloc(*size + 1);
	while ((n = spool_body_read(b, body + at, *size + 1 - at, &e)) != 0) {
		BUG_ON(n < 0 && n != SPOOL_BODY_WAIT);
		for (; n == SPOOL_BODY_WAIT && !ready; )
			turn(true);
		ready = false;
		at += n > 0 ? (size_t)n : 0;
	}
	BUG_ON(at != *size);
	body[at] = '\0';
	spool_body_close(&b);
	return body;
}

static void check_text(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		BUG_ON(p[i] == '\n' && (i == 0 || p[i - 1] != '\r'));
		BUG_ON(p[i] == '\r' && (i + 1 == n || p[i + 1] != '\n'));
	}
}

/* A field or the continuation of one; the first line that is neither begins the body (header.h). */
static bool in_header(const char *p, size_t n)
{
	size_t i;

	if (n > 0 && (*p == ' ' || *p == '\t'))
		return true;
	for (i = 0; i < n && p[i] > ' ' && p[i] < 127 && p[i] != ':'; i++)
		;
	return i > 0 && i < n && p[i] == ':';
}

static void check_header(const char *p, size_t n)
{
	static const char own[] = "X-Hub-Organization-";
	const char *end = p + n, *eol;

	BUG_ON(n < 10 || memcmp(p, "Received: ", 10) != 0);
	for (; p < end; p = eol + 1) {
		eol = memchr(p, '\n', (size_t)(end - p));
		eol = eol != NULL ? eol : end - 1;
		if (!in_header(p, (size_t)(eol - p)))
			return;
		BUG_ON((size_t)(end - p) >= sizeof(own) - 1 &&
			strncasecmp(p, own, sizeof(own) - 1) == 0);
	}
}

static void check_envelope(const struct envelope *env)
{
	uint32_t i;

	BUG_ON(env->recipient_count == 0 || strpbrk(env->sender, "\r\n") != NULL);
	for (i = 0; i < env->recipient_count; i++)
		BUG_ON(*env->recipients[i].address == '\0' ||
			strpbrk(env->recipients[i].address, "\r\n") != NULL);
}

static void take_message(struct message *m)
{
	size_t size;
	char *body = body_read(m->id, &size);
	uint32_t i;

	BUG_ON(size != m->body_size);
	check_envelope(m->envelope);
	check_header(body, size);
	if (m->envelope->body != ENVELOPE_BODY_BINARYMIME)
		check_text(body, size);
	free(body);
	for (i = 0; i < m->envelope->recipient_count; i++)
		spool_outcome(world.port, m->id, i, SPOOL_DISCARDED);
	message_free(&m);
}

static uint32_t take_messages(void)
{
	uint32_t i, n = (uint32_t)world.message_count;

	for (i = 0; i < n; i++)
		take_message(world.messages[i]);
	world.message_count = 0;
	return n;
}

/* --- the client's end --- */

static bool listen_once(struct world_session *s)
{
	ssize_t n;

	if (s->ended)
		return false;
	if (s->room - s->length < 4096) {
		s->room = 2 * s->room + 8192;
		s->text = xreallocarray(s->text, s->room, 1);
	}
	n = recv(s->fd, s->text + s->length, s->room - s->length - 1, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	s->ended = n <= 0;
	s->length += n > 0 ? (size_t)n : 0;
	return true;
}

/* Something is under way that ends by itself. */
static bool is_waiting(const struct world_session *s)
{
	const struct session *session = session_find(world.receiver, s->id);

	return session != NULL && (session->wait == WAIT_LOGIN || session->wait == WAIT_SPOOL ||
		session->wait == WAIT_COMMIT);
}

static bool is_unread(const struct world_session *s)
{
	int left = 0;

	return session_find(world.receiver, s->id) != NULL &&
		ioctl(s->fd, SIOCOUTQ, &left) == 0 && left != 0;
}

static void settle(struct world_session *s)
{
	unsigned int quiet, rounds = 0;

	for (quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
		bool waiting = is_waiting(s);

		turn(waiting);
		if (listen_once(s) || waiting || is_unread(s))
			quiet = 0;
		BUG_ON(++rounds > ROUNDS_MAX);
	}
}

struct world_session *world_connect(unsigned int connector)
{
	const char *name = connectors[connector % (sizeof(connectors) / sizeof(connectors[0]))];
	struct world_session *s = xcalloc(1, sizeof(*s));
	struct arrival *a = xcalloc(1, sizeof(*a));
	int fds[2];

	if (world.loop == NULL)
		world_make();
	if (world.sessions++ % SESSIONS_PER_SPOOL == 0) {
		spool_end();
		spool_begin();
	}
	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0);
	s->fd = fds[0];
	a->fd = fds[1];
	strcpy(a->source, "local");
	a->live = live_ref(world.live);
	a->connector = (const void *)snapshot_find(world.snapshot, OBJ_RECEIVE_CONNECTOR, name);
	BUG_ON(a->connector == NULL);
	world.departed = 0;
	s->id = world.receiver->next_id;
	inbox_post(receiver_inbox(world.receiver), &a->node);
	settle(s);
	return s;
}

void world_say(struct world_session *s, const void *data, size_t n)
{
	const char *p = data;
	ssize_t sent;

	for (; n != 0 && !s->ended; n -= (size_t)sent, p += sent) {
		sent = send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return;
		sent = sent < 0 ? 0 : sent;
		settle(s);
	}
}

uint32_t world_hang_up(struct world_session *s, char **text, size_t *length)
{
	unsigned int rounds;
	uint32_t committed;

	shutdown(s->fd, SHUT_WR);
	settle(s);
	for (rounds = 0; !s->ended; rounds++) {
		turn(true);
		listen_once(s);
		BUG_ON(rounds > ROUNDS_MAX);
	}
	close(s->fd);
	for (rounds = 0; session_find(world.receiver, s->id) != NULL || world.departed == 0;
		rounds++) {
		turn(true);
		BUG_ON(rounds > ROUNDS_MAX);
	}
	BUG_ON(world.departed != 1);
	committed = take_messages();
	s->text[s->length] = '\0';
	*text = s->text;
	*length = s->length;
	free(s);
	return committed;
}
