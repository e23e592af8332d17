/* deliver_kit.h - queues and delivery on a small organization, against scripted peers on loopback.
 *
 * The configuration is made from entries by libhub/org. The spool and DNS are replaced by the few
 * functions of deliver_stand_ins.c: what they were told is in kit_told, one entry a line.
 */
#ifndef HUB_TESTS_DELIVER_KIT_H
#define HUB_TESTS_DELIVER_KIT_H

#include "await.h"
#include "hubd/config/live.h"
#include "hubd/deliver/deliver.h"
#include "hubd/queue/admin.h"
#include "hubd/queue/failover.h"
#include "org_text.h"
#include "peer.h"
#include "unit.h"

/* kit_body, its NUL included */
enum { KIT_BODY_SIZE = 19 };
enum { LOG_SIZE = 8000, PEERS = 16, WORKERS = 2 };
#define TOO_OLD_MS (INT64_C(172800) * 1000 + 5000)

#define BASE "cn=Transport,dc=example,dc=com"
#define SERVER "dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubFQDN: hub1.example.com\nhubServerSite: cn=London,cn=Sites," BASE "\n" \
	"hubGlitchRetryInterval: 1\nhubMessageRetryInterval: 1\n"
#define ORG "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: cn=hub2,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n" \
	"hubServerSite: cn=London,cn=Sites," BASE "\nhubAddress: 127.0.0.1:@PORT@\n\n" \
	"dn: cn=mbx,cn=Servers," BASE "\nobjectClass: hubMailboxServer\ncn: mbx\n" \
	"hubServerSite: cn=London,cn=Sites," BASE "\nhubAddress: 127.0.0.1:@PORT@\n\n" SERVER
#define OUT "\ndn: cn=Out,cn=Connectors," BASE "\nobjectClass: hubSendConnector\ncn: Out\n" \
	"hubAddressSpace: *\nhubSourceServer: cn=hub1,cn=Servers," BASE "\n"

/* Parts of scripts (peer.h). */
#define HELLO "S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 PIPELINING\n"
#define MAIL "C MAIL FROM:<s@y>\n"
#define DATA "C DATA\n"
#define BODY "C Subject: t\nC \nC hi\nC .\n"
#define ONE(d) MAIL "C RCPT TO:<r1@" d ">\n" DATA "S 250 ok\nS 250 ok\nS 354 go\n" BODY \
	"S 250 2.0.0 taken\n"
#define QUIT "C QUIT\nW\n"
#define SMART OUT "hubSmartHost: [127.0.0.1]:@PORT@\n"

struct house {
	int fd;
	uint16_t port;
	struct event *ev;
	const char *scripts[PEERS];
	struct peer *peers[PEERS];
	size_t n_scripts, n_peers;
};

extern struct loop *kit_loop;
extern struct queues *kit_queues;
extern struct queue_set *kit_set, *kit_sets[];
extern struct failover *kit_judge;
extern struct builder *kit_builder;
extern const struct snapshot *kit_snapshot;
extern const struct live *kit_live;
extern struct tls_context *kit_tls;
extern struct house kit_house;
extern char kit_told[LOG_SIZE];
extern bool kit_refuse_report, kit_hold_reports;
extern struct queue_ticket *kit_held[64];
extern size_t kit_n_held;
extern struct queue_item *kit_again[10];	/* handed back by the queues */
extern size_t kit_n_again;
extern const char kit_body[KIT_BODY_SIZE];

/* Of the agents; to be set before kit_begin. */
extern const char *kit_agents_folder;

/* A fixture. */
void kit_setup(void);
void kit_teardown(void);

void kit_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The next connection is to follow the script. */
void kit_expect(const char *script);
/* @PORT@ in the text is the peers' port. */
void kit_configure(const char *text);
/* After kit_configure. */
void kit_begin(void);
/* With so many workers, all on kit_loop, up to WORKERS; only the first, kit_set, delivers. */
void kit_begin_with(uint32_t workers);

/* The last two: by connectors Fax and Agent. */
enum { TO_OUT, TO_HUB2, TO_MAILBOX, TO_NOWHERE, TO_DROP, TO_AGENT };

struct route kit_route(int where, const char *domain);
/* Recipients r1@DOMAIN ... rN@DOMAIN. */
struct queue_item *kit_item(uint64_t id, uint32_t n, int where, const char *domain,
	int64_t age_ms);
void kit_post(uint64_t id, uint32_t n, int where, const char *domain);
void kit_await_log(const char *expected);

/* Answer of the administration; caller decrefs. */
json_t *kit_admin(const char *request);
/* The member of the first queue (or message). */
const char *kit_first_of(json_t *answer, const char *list, const char *name);
bool kit_has_status(const char *status);
void kit_await_status(const char *status);

#endif
