/* push_kit.c - see push_kit.h */
#include "push_kit.h"

#include <stdio.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/base/resolver.h"
#include "org_text.h"
#include "unit.h"

static const char edge_tree[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: " HALF "\nobjectClass: person\ncn: half\nsn: half\nuserPassword: secret\n\n"
	"dn: " B "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxRecipients: 7\n"
	"hubEpoch: local\n\n"
	"dn: cn=Servers," B "\nobjectClass: hubContainer\ncn: Servers\n\n"
	"dn: cn=Connectors," B "\nobjectClass: hubContainer\ncn: Connectors\n\n"
	"dn: cn=Edge1,cn=Servers," B "\nobjectClass: hubServer\ncn: Edge1\nhubRole: Edge\n\n";

const char kit_organization[] =
	"dn: " T "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxSendSize: 1000\n\n"
	"dn: cn=London,cn=Sites," T "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=Hub1" SERVERS "\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," T "\n\n"
	"dn: cn=Edge1" SERVERS "\nobjectClass: hubServer\ncn: Edge1\nhubRole: Edge\n\n"
	"dn: cn=Edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\ncn: Edge1\n"
	"hubServerRef: cn=Edge1" SERVERS "\nhubServerSite: cn=London,cn=Sites," T "\n\n"
	"dn: cn=Out,cn=Connectors," T "\nobjectClass: hubSendConnector\ncn: Out\n"
	"hubAddressSpace: SMTP:*;1\nhubSourceServer: cn=Edge1" SERVERS "\n\n";

struct push_kit kit;

static struct resolver *resolver;
static struct directory_config config;
static const char *uris[2];
static bool ready;

static void on_ready(void *ctx)
{
	(void)ctx;
	ready = true;
}

static void on_lost(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

static void on_fenced(const char *text, void *ctx)
{
	(void)ctx;
	ck_assert_ptr_nonnull(strstr(text, "(50)"));
	kit.fenced = true;
}

static bool flag_holds(void *ctx)
{
	return *(bool *)ctx;
}

void kit_await_flag(bool *flag)
{
	AWAIT(kit.loop, flag_holds, flag, PATIENCE_MS);
}

void kit_connect_as(const char *dn)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };

	uris[0] = kit.slapd.ldapi;
	config = (struct directory_config){
		.uris = uris, .bind_dn = dn, .password_file = kit.slapd.password_file,
	};
	ready = false;
	kit.connection = directory_open(kit.loop, resolver, &config, uris[0], true, 0, &cbs, NULL);
	kit_await_flag(&ready);
}

void kit_set_organization(const char *text)
{
	const struct snapshot *s;

	org_text_put(kit.builder, text);
	s = builder_build(kit.builder, kit.snapshot);
	snapshot_unref(&kit.snapshot);
	kit.snapshot = s;
	pushers_set_organization(kit.pushers, s, kit.recipients, UINT64_MAX, UINT64_MAX);
}

void kit_put_person(unsigned int i, const char *address, bool refuse_outside_mail)
{
	char dn[60];
	struct roster_entry e = {
		.has_uuid = true, .routing = "", .host = "", .expansion = "", .dn = dn,
		.mail = address, .addresses = &address, .address_count = 1,
		.refuse_outside_mail = refuse_outside_mail,
	};

	snprintf(dn, sizeof(dn), "uid=u%u,ou=people,dc=org", i);
	memcpy(e.uuid, &i, sizeof(i));
	recipients_put_decoded(kit.recipients, &e);
}

void kit_drop_person(unsigned int i)
{
	unsigned char uuid[16] = { 0 };

	memcpy(uuid, &i, sizeof(i));
	recipients_delete(kit.recipients, uuid);
}

void kit_put_people(unsigned int n)
{
	char address[40];
	unsigned int i;

	for (i = 1; i <= n; i++) {
		snprintf(address, sizeof(address), "user%u@a.example", i);
		kit_put_person(i, address, false);
	}
}

bool kit_in_step(void *ctx)
{
	(void)ctx;
	pusher_status(kit.pusher, &kit.status);
	return kit.status.side[PUSH_CONFIGURATION].in_step &&
		kit.status.side[PUSH_RECIPIENTS].in_step;
}

bool kit_has_error(void *type)
{
	pusher_status(kit.pusher, &kit.status);
	return kit.status.side[*(enum push_type *)type].error != NULL;
}

bool kit_is_held(void *type)
{
	pusher_status(kit.pusher, &kit.status);
	return kit.status.side[*(enum push_type *)type].held != NULL;
}

void kit_await_in_step(void)
{
	AWAIT(kit.loop, kit_in_step, NULL, PATIENCE_MS);
}

void kit_setup(void)
{
	static const struct push_settings settings = { .recipient_delay_ms = 20,
		.comparison_interval_s = 3600 };
	static const struct pusher_callbacks cbs = { on_fenced, NULL };
	struct err e;

	slapd_make_schema(&kit.slapd, edge_tree, HUB_SCHEMA);
	slapd_start(&kit.slapd);
	kit.loop = loop_new("test");
	resolver = resolver_new(kit.loop, NULL, &e);
	ck_assert_ptr_nonnull(resolver);
	kit.builder = builder_new(T);
	kit.recipients = recipients_new();
	recipients_set_loaded(kit.recipients);
	kit.pushers = pushers_new(kit.loop, &settings);
	kit.pusher = pusher_new(kit.pushers, "Edge1", &cbs, NULL);
	kit.fenced = false;
}

void kit_teardown(void)
{
	pusher_free(&kit.pusher);
	directory_close(&kit.connection);
	pushers_free(&kit.pushers);
	recipients_free(&kit.recipients);
	snapshot_unref(&kit.snapshot);
	builder_free(&kit.builder);
	resolver_free(&resolver);
	loop_free(&kit.loop);
	slapd_remove(&kit.slapd);
}

void kit_attach(void)
{
	kit_connect_as(SLAPD_ADMIN);
	pusher_attach(kit.pusher, kit.connection, B, "hub1");
}

void kit_begin(void)
{
	kit_set_organization(kit_organization);
	kit_attach();
	kit_await_in_step();
}

void kit_attach_again(void)
{
	pusher_detach(kit.pusher);
	pusher_attach(kit.pusher, kit.connection, B, "hub1");
}

static void on_compared(const struct push_comparison *r, void *ctx)
{
	(void)ctx;
	snprintf(kit.error, sizeof(kit.error), "%s", r->error != NULL ? r->error : "");
	kit.differences = r->differences;
	kit.verified = r->verified;
	memcpy(kit.counts, r->counts, sizeof(kit.counts));
	kit.done = true;
}

static void on_difference(enum push_type type, enum push_difference what, const char *name,
	void *ctx)
{
	size_t n = strlen(kit.listed);

	(void)ctx;
	snprintf(kit.listed + n, sizeof(kit.listed) - n, "%s %s %s\n", push_type_names[type],
		push_difference_names[what], name);
}

const struct pusher_compare_callbacks kit_compare_cbs = { on_difference, on_compared };

void kit_compare(bool full, const char *address)
{
	struct err e;

	kit.done = false;
	kit.listed[0] = '\0';
	ck_assert_int_eq(pusher_compare(kit.pusher, full, address, &kit_compare_cbs, NULL, &e), 0);
	kit_await_flag(&kit.done);
}

void kit_on_started(const struct push_result *r, void *ctx)
{
	(void)ctx;
	snprintf(kit.error, sizeof(kit.error), "%s", r->error != NULL ? r->error : "");
	snprintf(kit.held, sizeof(kit.held), "%s", r->held != NULL ? r->held : "");
	memcpy(kit.counts, r->counts, sizeof(kit.counts));
	kit.done = true;
}

void kit_start(bool full, bool allow_loss)
{
	struct err e;

	kit.done = false;
	ck_assert_int_eq(pusher_start(kit.pusher, full, allow_loss, kit_on_started, NULL, &e), 0);
	kit_await_flag(&kit.done);
}

void kit_expect_same(const char *address, bool known)
{
	kit_compare(true, address);
	ck_assert_str_eq(kit.error, "");
	ck_assert_str_eq(kit.listed, "");
	ck_assert_uint_eq(kit.differences, 0);
	ck_assert_int_eq(kit.verified.edge, known);
	ck_assert_int_eq(kit.verified.here, known);
}
