/* fuzz_world.c - see fuzz_world.h */
#include "fuzz_world_priv.h"

#include <event2/buffer.h>
#include <ftw.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/print.h"

#include "identity.h"
#include "org_text.h"

enum {
	SESSIONS_PER_SPOOL = 500,
	SEGMENT = 64 * 1024,
	WAIT_US = 500,
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
	"hubExtension: Chunking\n\n"
	CONNECTOR("secure") "hubBinding: 127.0.0.1:1029\nhubAuthMechanism: Tls\n"
	"hubPermissionGroup: AnonymousUsers\nhubRequireTLS: TRUE\n\n"
	"dn: cn=slow," HUB "\nobjectClass: hubReceiveConnector\ncn: slow\n"
	"hubBinding: 127.0.0.1:1030\nhubPermissionGroup: AnonymousUsers\n"
	"hubPermissionGroup: HubUsers\nhubAuthMechanism: Tls\nhubAuthMechanism: BasicAuth\n"
	"hubAuthMechanism: BasicAuthRequireTLS\nhubTarpitInterval: 5\n"
	"hubMaxProtocolErrors: 0\nhubMaxLogonFailures: 3\n\n"
	CONNECTOR("denied") "hubBinding: 127.0.0.1:1031\nhubAuthMechanism: BasicAuth\n"
	"hubPermissionGroup: AnonymousUsers\nhubPermissionGroup: HubUsers\n"
	"hubDeny: HubUsers Submit\nhubGrant: AnonymousUsers Accept-Headers-Routing\n"
	"hubDeny: AnonymousUsers Accept-Authoritative-Domain-Sender\n\n"
	CONNECTOR("every") "hubBinding: 127.0.0.1:1033\nhubAuthMechanism: Tls\n"
	"hubAuthMechanism: Integrated\nhubAuthMechanism: BasicAuth\n"
	"hubAuthMechanism: HubServer\nhubPermissionGroup: HubUsers\n"
	"hubPermissionGroup: HubServers\nhubDeny: HubServers Accept-Headers-Organization\n\n"
	CONNECTOR("bare") "hubBinding: 127.0.0.1:1032\nhubAuthMechanism: None\n"
	"hubPermissionGroup: AnonymousUsers\nhubExtension: Chunking\n"
	"hubExtension: BinaryMime\nhubExtension: DSN\n\n";

/* With the digest of its key. */
static const char other_hub[] =
	"dn: cn=hub2,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n"
	"hubFQDN: hub2.contoso.com\nhubServerSite: cn=London,cn=Sites," BASE "\n"
	"hubKeyDigest: %s\n\n";

static const char people[] =
	"dn: uid=anna,ou=People,o=Contoso\nobjectClass: inetOrgPerson\n"
	"entryUUID: 00000000000000000000000000000001\nuid: anna\nmail: anna@contoso.com\n"
	"mailLocalAddress: a@contoso.com\nmailHost: mbx1\n\n"
	"dn: uid=bruno,ou=People,o=Contoso\nobjectClass: inetOrgPerson\n"
	"entryUUID: 00000000000000000000000000000002\nuid: bruno\nmail: bruno@contoso.com\n"
	"hubRefuseOutsideMail: TRUE\n\n";

struct world world;

/* --- turns of the loop --- */

static void on_turn_over(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	loop_stop(world.loop);
}

void world_turn(bool waiting)
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
	BUG_ON(world.message_count == WORLD_MESSAGES_MAX);
	world.messages[world.message_count++] = m;
	loop_stop(world.loop);
}

/* "good" is everybody's proof; for "down" the directory does not answer, "more" asks on. */
static void on_login(struct inbox_node *node, void *ctx)
{
	struct login *l = INBOX_ENTRY(node, struct login, node);
	const char *said;

	(void)ctx;
	if (l->abandoned) {
		login_free(&l);
		return;
	}
	said = l->mechanism == LOGIN_PASSWORD ? l->password : l->mechanism == LOGIN_CERTIFICATE ?
		l->name : (const char *)l->response.data;
	snprintf(l->user, sizeof(l->user), "anna");
	snprintf(l->mail, sizeof(l->mail), "anna@contoso.com");
	login_bytes_set(&l->challenge, "more", 4);
	login_answer(l, strcmp(said, "good") == 0 ? LOGIN_OK : strcmp(said, "down") == 0 ?
		LOGIN_UNAVAILABLE : strcmp(said, "more") == 0 ? LOGIN_CHALLENGE :
		strcmp(said, "odd") == 0 ? LOGIN_MALFORMED : LOGIN_REFUSED, "so it is");
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
		.departures = world.departures, .gssapi = true, .on_message = on_message });
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
	char text[sizeof(other_hub) + TLS_PIN_SIZE];
	struct err e;

	snprintf(text, sizeof(text), other_hub, world.hub_pin);
	org_text_each(organization, put_object, b);
	org_text_each(text, put_object, b);
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

static struct ssl_ctx_st *client_tls_make(const struct identity *id)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	BUG_ON(context == NULL);
	BUG_ON(SSL_CTX_use_certificate_file(context, id->certificate, SSL_FILETYPE_PEM) != 1);
	BUG_ON(SSL_CTX_use_PrivateKey_file(context, id->key, SSL_FILETYPE_PEM) != 1);
	return context;
}

static void clients_tls_make(void)
{
	struct identity id;
	struct err e;

	identity_make(&id, "anna.contoso.com", 1);
	world.user_tls = client_tls_make(&id);
	identity_remove(&id);
	identity_make(&id, "hub2.contoso.com", 1);
	world.hub_tls = client_tls_make(&id);
	BUG_ON(tls_pin_of_file(id.certificate, world.hub_pin, &e) != 0);
	identity_remove(&id);
}

static void tls_make(void)
{
	struct identity id;
	struct err e;

	identity_make(&id, "hub1.contoso.com", 1);
	world.tls = tls_context_new_server(id.certificate, id.key, NULL, &e);
	BUG_ON(world.tls == NULL);
	identity_remove(&id);
	clients_tls_make();
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
			world_turn(true);
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
		BUG_ON(p[i] == '\0');
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

static void put_encoded(void *ctx, const char *p, size_t n)
{
	evbuffer_add(ctx, p, n);
}

/* What a server gets by DATA, where there is no bare CR or LF any more, is as clean. */
static void check_as_data(const char *body, size_t size)
{
	struct evbuffer *out = evbuffer_new();
	struct smtp_body_encoder x;

	BUG_ON(out == NULL);
	smtp_body_encoder_init(&x, put_encoded, out);
	smtp_body_encode(&x, body, size);
	smtp_body_encode_end(&x);
	check_header((const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
	evbuffer_free(out);
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
	check_as_data(body, size);
	if (m->envelope->body != ENVELOPE_BODY_BINARYMIME)
		check_text(body, size);
	free(body);
	for (i = 0; i < m->envelope->recipient_count; i++)
		spool_outcome(world.port, m->id, i, SPOOL_DISCARDED);
	message_free(&m);
}

uint32_t world_take_messages(uint32_t *recipients)
{
	uint32_t i, n = (uint32_t)world.message_count;

	for (i = 0; i < n; i++) {
		recipients[i] = world.messages[i]->envelope->recipient_count;
		take_message(world.messages[i]);
	}
	world.message_count = 0;
	return n;
}

void world_begin_session(void)
{
	if (world.loop == NULL)
		world_make();
	if (world.sessions++ % SESSIONS_PER_SPOOL != 0)
		return;
	spool_end();
	spool_begin();
}
