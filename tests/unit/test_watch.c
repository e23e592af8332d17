/* test_watch.c - libhub/directory/watch against a real slapd. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "await.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/directory/draft.h"
#include "libhub/directory/watch.h"
#include "slapd.h"
#include "unit.h"

enum { SKIPPED = 77, ENTRIES_MAX = 64 };

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: ou=a,o=x\nobjectClass: organizationalUnit\nou: a\n\n"
	"dn: cn=one,ou=a,o=x\nobjectClass: device\ncn: one\ndescription: first\n\n"
	"dn: cn=two,ou=a,o=x\nobjectClass: device\ncn: two\n\n"
	"dn: cn=nobody,o=x\nobjectClass: person\ncn: nobody\nsn: n\nuserPassword: secret\n\n"
	"dn: cn=half,o=x\nobjectClass: person\ncn: half\nsn: h\nuserPassword: secret\n\n";

struct seen {
	struct arena *arena;
	struct entry *e;
	bool marked;
};

/* What a consumer of the callbacks knows. */
struct view {
	struct seen seen[ENTRIES_MAX];
	size_t n;
	unsigned int begun, ended, aborted, downs, reached;
	bool in_refresh;
	enum watch_state state;
	char text[400];
	struct watch **free_at_put;
	struct slapd *stop_at_put;
	const char *wanted;
};

static struct loop *loop;
static struct view view;
static struct slapd server;
static struct watch *watch;
static const char *uris[3];
static struct directory_config config;

static struct seen *find(const unsigned char uuid[16])
{
	size_t i;

	for (i = 0; i < view.n; i++)
		if (memcmp(view.seen[i].e->uuid, uuid, 16) == 0)
			return &view.seen[i];
	return NULL;
}

static void forget(struct seen *s)
{
	arena_free(&s->arena);
	*s = view.seen[--view.n];
}

static void on_begin(void *ctx)
{
	size_t i;

	(void)ctx;
	ck_assert(!view.in_refresh);
	view.in_refresh = true;
	view.begun++;
	for (i = 0; i < view.n; i++)
		view.seen[i].marked = false;
}

static void on_put(const struct entry *e, void *ctx)
{
	struct seen *s = find(e->uuid);

	(void)ctx;
	ck_assert(e->has_uuid);
	if (s == NULL) {
		ck_assert_uint_lt(view.n, ENTRIES_MAX);
		s = &view.seen[view.n++];
	} else {
		arena_free(&s->arena);
	}
	s->arena = arena_new();
	s->e = entry_copy(s->arena, e);
	s->marked = true;
	if (view.free_at_put != NULL)
		watch_free(view.free_at_put);
	if (view.stop_at_put != NULL)
		slapd_signal(view.stop_at_put, SIGSTOP);
	view.stop_at_put = NULL;
}

static void on_deleted(const unsigned char uuid[16], void *ctx)
{
	struct seen *s = find(uuid);

	(void)ctx;
	if (s != NULL)
		forget(s);
}

static void on_end(void *ctx)
{
	size_t i;

	(void)ctx;
	ck_assert(view.in_refresh);
	view.in_refresh = false;
	view.ended++;
	for (i = view.n; i-- > 0;)
		if (!view.seen[i].marked)
			forget(&view.seen[i]);
}

static void on_abort(void *ctx)
{
	(void)ctx;
	ck_assert(view.in_refresh);
	view.in_refresh = false;
	view.aborted++;
}

static void on_state(enum watch_state state, const char *text, void *ctx)
{
	(void)ctx;
	view.state = state;
	if (state != WATCH_DOWN)
		return;
	view.downs++;
	snprintf(view.text, sizeof(view.text), "%s", text);
}

static void on_reached(void *ctx)
{
	(void)ctx;
	view.reached++;
}

static const struct watch_callbacks callbacks = {
	.refresh_begin = on_begin, .put = on_put, .deleted = on_deleted,
	.refresh_end = on_end, .refresh_abort = on_abort, .state = on_state, .reached = on_reached,
};

static const struct entry *by_dn(const char *dn)
{
	size_t i;

	for (i = 0; i < view.n; i++)
		if (strcmp(view.seen[i].e->dn, dn) == 0)
			return view.seen[i].e;
	return NULL;
}

static const char *value(const struct entry *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcmp(e->attrs[i].name, name) == 0)
			return (const char *)e->attrs[i].values[0].data;
	return "";
}

static bool is_live(void *ctx)
{
	(void)ctx;
	return view.state == WATCH_LIVE;
}

static bool is_down(void *ctx)
{
	(void)ctx;
	return view.state == WATCH_DOWN;
}

static bool is_there(void *dn)
{
	return by_dn(dn) != NULL;
}

static bool is_gone(void *dn)
{
	return by_dn(dn) == NULL;
}

static bool says(void *text)
{
	return strstr(view.text, text) != NULL;
}

static bool is_down_by(void *text)
{
	return is_down(NULL) && says(text);
}

/* For that reason at last: a busy machine may have had another one first. */
static void await_down(char *text)
{
	ck_assert_msg(await_for(loop, is_down_by, text, PATIENCE_MS) >= 0, "%s, not %s",
		view.text, text);
}

static void set_up_with(bool tls)
{
	memset(&view, 0, sizeof(view));
	loop = loop_new("test");
	slapd_make(&server, data, tls);
	uris[0] = server.ldapi;
	uris[1] = NULL;
	config = (struct directory_config){ .uris = uris, .bind_external = true };
}

static void set_up(void)
{
	set_up_with(false);
}

static void set_up_tls(void)
{
	set_up_with(true);
	slapd_start(&server);
	uris[0] = server.ldaps;
	config.bind_external = false;
	config.bind_dn = SLAPD_ADMIN;
	config.password_file = server.password_file;
	config.ca = server.ca;
}

static void tear_down(void)
{
	watch_free(&watch);
	while (view.n > 0)
		forget(&view.seen[0]);
	loop_free(&loop);
	slapd_remove(&server);
}

static void start(const char *base)
{
	watch = watch_new(loop, NULL, &config, base, "(objectClass=*)", NULL, &callbacks, NULL);
	ck_assert_uint_eq(view.begun, 0);
}

static void start_live(void)
{
	slapd_start(&server);
	start("o=x");
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
}

static void modify(const char *ldif)
{
	ck_assert_int_eq(slapd_modify(&server, ldif), 0);
}

START_TEST(refreshes)
{
	start_live();
	ck_assert_uint_eq(view.n, 6);
	ck_assert_uint_eq(view.begun, 1);
	ck_assert_uint_eq(view.ended, 1);
	ck_assert_str_eq(value(by_dn("cn=one,ou=a,o=x"), "description"), "first");
	ck_assert_str_eq(watch_uri(watch), server.ldapi);
	ck_assert_str_eq(watch_error(watch), "");
}
END_TEST

static bool is_second(void *ctx)
{
	(void)ctx;
	return strcmp(value(by_dn("cn=one,ou=a,o=x"), "description"), "second") == 0;
}

START_TEST(follows_changes)
{
	unsigned char uuid[16];

	start_live();
	modify("dn: cn=three,ou=a,o=x\nchangetype: add\nobjectClass: device\ncn: three\n");
	AWAIT(loop, is_there, "cn=three,ou=a,o=x", PATIENCE_MS);
	modify("dn: cn=one,ou=a,o=x\nchangetype: modify\nreplace: description\n"
		"description: second\n");
	AWAIT(loop, is_second, NULL, PATIENCE_MS);
	memcpy(uuid, by_dn("cn=one,ou=a,o=x")->uuid, 16);
	modify("dn: cn=one,ou=a,o=x\nchangetype: modrdn\nnewrdn: cn=uno\ndeleteoldrdn: 1\n");
	AWAIT(loop, is_there, "cn=uno,ou=a,o=x", PATIENCE_MS);
	ck_assert_mem_eq(by_dn("cn=uno,ou=a,o=x")->uuid, uuid, 16);
	ck_assert_ptr_null(by_dn("cn=one,ou=a,o=x"));
	modify("dn: cn=uno,ou=a,o=x\nchangetype: delete\n");
	AWAIT(loop, is_gone, "cn=uno,ou=a,o=x", PATIENCE_MS);
	ck_assert_uint_eq(view.n, 6);
	ck_assert_uint_eq(view.begun, 1);
}
END_TEST

static bool has_reached(void *ctx)
{
	return view.reached == *(unsigned int *)ctx;
}

static void expect_reached(unsigned int n)
{
	AWAIT(loop, has_reached, &n, PATIENCE_MS);
	ck_assert_uint_eq(view.begun, 1);
}

/* What was changed before it asks has been shown when that is reached, and nothing is read anew. */
START_TEST(asks)
{
	uint64_t as_of_ms, now_ms;

	slapd_start(&server);
	start("ou=a,o=x");
	ck_assert_uint_eq(watch_as_of_ms(watch), 0);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	as_of_ms = watch_as_of_ms(watch);
	ck_assert_uint_ne(as_of_ms, 0);
	modify("dn: cn=three,ou=a,o=x\nchangetype: add\nobjectClass: device\ncn: three\n");
	now_ms = clock_mono_ms();
	watch_ask(watch);
	ck_assert_uint_eq(watch_as_of_ms(watch), as_of_ms);
	expect_reached(1);
	ck_assert_uint_ge(watch_as_of_ms(watch), now_ms);
	ck_assert(is_there("cn=three,ou=a,o=x"));
	/* again, and a change elsewhere */
	modify("dn: cn=four,o=x\nchangetype: add\nobjectClass: device\ncn: four\n");
	watch_ask(watch);
	watch_ask(watch);
	expect_reached(3);
}
END_TEST

/* A refresh that began after it was asked is the answer. */
START_TEST(asks_before_it_is_live)
{
	uint64_t now_ms;

	start("o=x");
	watch_ask(watch);
	await_down("No such file or directory");
	now_ms = clock_mono_ms();
	slapd_start(&server);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_ge(watch_as_of_ms(watch), now_ms);
}
END_TEST

START_TEST(asks_while_it_refreshes)
{
	unsigned int n = 1;
	uint64_t now_ms;

	start_live();
	ck_assert(watch_refresh(watch, false));
	now_ms = clock_mono_ms();
	watch_ask(watch);
	ck_assert_int_eq(view.state, WATCH_REFRESHING);
	ck_assert_uint_ne(watch_as_of_ms(watch), 0);
	AWAIT(loop, has_reached, &n, PATIENCE_MS);
	ck_assert_uint_ge(watch_as_of_ms(watch), now_ms);
}
END_TEST

/* The newest change is one that we may not see. */
START_TEST(asks_a_server_that_hides)
{
	uint64_t now_ms;

	slapd_start(&server);
	config.bind_external = false;
	config.bind_dn = "cn=half,o=x";
	config.password_file = server.password_file;
	start("ou=a,o=x");
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	modify("dn: cn=hidden,ou=a,o=x\nchangetype: add\nobjectClass: device\ncn: hidden\n");
	now_ms = clock_mono_ms();
	watch_ask(watch);
	expect_reached(1);
	ck_assert_uint_ge(watch_as_of_ms(watch), now_ms);
}
END_TEST

START_TEST(asks_a_server_that_hangs)
{
	uint64_t as_of_ms, now_ms;

	start_live();
	as_of_ms = watch_as_of_ms(watch);
	slapd_signal(&server, SIGSTOP);
	now_ms = clock_mono_ms();
	watch_ask(watch);
	/* sooner than the heartbeat would find out */
	ck_assert_int_eq(await_for(loop, is_down, NULL, 3000), -1);
	ck_assert_uint_eq(watch_as_of_ms(watch), as_of_ms);
	await_down("has stopped answering");
	ck_assert_uint_lt(clock_mono_ms() - now_ms, 8000);
	ck_assert_uint_eq(watch_as_of_ms(watch), 0);
	ck_assert_uint_eq(view.reached, 0);
}
END_TEST

START_TEST(options_left_out)
{
	slapd_start(&server);
	start("o=x");
	if (_i != 0)
		watch_leave_out_options(watch);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	modify("dn: cn=one,ou=a,o=x\nchangetype: modify\nreplace: description\n"
		"description: second\n-\nadd: description;lang-en\n"
		"description;lang-en: other\n");
	AWAIT(loop, is_second, NULL, PATIENCE_MS);
	ck_assert_uint_eq(entry_attr(by_dn("cn=one,ou=a,o=x"), "description")->n,
		_i != 0 ? 1 : 2);
}
END_TEST

START_TEST(renamed_parent_means_refresh)
{
	start_live();
	modify("dn: ou=a,o=x\nchangetype: modrdn\nnewrdn: ou=b\ndeleteoldrdn: 1\n");
	AWAIT(loop, is_there, "cn=two,ou=b,o=x", PATIENCE_MS);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_eq(view.ended, 2);
	ck_assert_uint_eq(view.n, 6);
	ck_assert_ptr_null(by_dn("cn=two,ou=a,o=x"));
	/* and it goes on living afterwards */
	modify("dn: cn=two,ou=b,o=x\nchangetype: delete\n");
	AWAIT(loop, is_gone, "cn=two,ou=b,o=x", PATIENCE_MS);
}
END_TEST

START_TEST(comes_back_with_the_server)
{
	start_live();
	slapd_stop(&server, SIGKILL);
	await_down("lost ldapi:");
	/* longer than the first waits */
	ck_assert_int_eq(await_for(loop, is_live, NULL, 2500), -1);
	ck_assert_uint_eq(view.n, 6);
	modify("dn: cn=one,ou=a,o=x\nchangetype: delete\n\n"
		"dn: cn=four,ou=a,o=x\nchangetype: add\nobjectClass: device\ncn: four\n");
	slapd_start(&server);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_ptr_null(by_dn("cn=one,ou=a,o=x"));
	ck_assert_ptr_nonnull(by_dn("cn=four,ou=a,o=x"));
	ck_assert_uint_eq(view.n, 6);
}
END_TEST

START_TEST(starts_before_the_server)
{
	start("o=x");
	await_down("No such file or directory");
	slapd_start(&server);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
}
END_TEST

static struct slapd other;

/* The same directory on two servers; none of them is started. */
static void set_up_two(void)
{
	set_up();
	slapd_make(&other, data, false);
	uris[0] = server.ldap;
	uris[1] = other.ldap;
	uris[2] = NULL;
	config.bind_external = false;
	config.bind_dn = SLAPD_ADMIN;
	config.password_file = server.password_file;
}

static void tear_down_two(void)
{
	tear_down();
	slapd_remove(&other);
}

static bool is_at(void *uri)
{
	return view.state == WATCH_LIVE && strcmp(watch_uri(watch), uri) == 0;
}

static void expect_at(char *uri)
{
	AWAIT(loop, is_at, uri, PATIENCE_MS);
	ck_assert_uint_eq(view.n, 6);
}

START_TEST(leaves_a_hung_server)
{
	slapd_start(&other);
	start_live();
	ck_assert_str_eq(watch_uri(watch), server.ldap);
	slapd_signal(&server, SIGSTOP);
	expect_at(other.ldap);
	ck_assert_msg(says("has stopped answering"), "%s", view.text);
	slapd_signal(&server, SIGCONT);
	slapd_stop(&other, SIGKILL);
	/* a closed connection is followed by the preferred server */
	expect_at(server.ldap);
}
END_TEST

START_TEST(leaves_a_killed_server)
{
	slapd_start(&other);
	start_live();
	slapd_stop(&server, SIGKILL);
	expect_at(other.ldap);
}
END_TEST

START_TEST(passes_over_a_server_that_hangs_from_the_start)
{
	slapd_start(&server);
	slapd_start(&other);
	slapd_signal(&server, SIGSTOP);
	start("o=x");
	expect_at(other.ldap);
	ck_assert_msg(says("does not answer the bind"), "%s", view.text);
}
END_TEST

/* So many bytes that a refresh does not fit into what is buffered on its way. */
static void add_bulk(const struct slapd *s)
{
	char *ldif = NULL;
	size_t size;
	FILE *f = open_memstream(&ldif, &size);
	int i;

	for (i = 0; i < 40; i++)
		fprintf(f, "dn: cn=bulk%d,o=x\nchangetype: add\nobjectClass: device\n"
			"cn: bulk%d\ndescription: %0300000d\n\n", i, i, i);
	fclose(f);
	ck_assert_int_eq(slapd_modify(s, ldif), 0);
	free(ldif);
}

START_TEST(leaves_a_server_that_hangs_in_a_refresh)
{
	slapd_start(&server);
	slapd_start(&other);
	add_bulk(&server);
	view.stop_at_put = &server;
	start("o=x");
	expect_at(other.ldap);
	ck_assert_msg(says("has stopped answering"), "%s", view.text);
	ck_assert_uint_eq(view.aborted, 1);
	ck_assert_uint_eq(view.ended, 1);
}
END_TEST

START_TEST(returns_to_the_preferred_server)
{
	unsigned int downs;

	slapd_start(&other);
	start("o=x");
	expect_at(other.ldap);
	slapd_start(&server);
	downs = view.downs;
	AWAIT(loop, is_at, server.ldap, PATIENCE_MS);
	ck_assert_uint_eq(view.downs, downs);
	ck_assert_uint_eq(view.n, 6);
}
END_TEST

START_TEST(second_uri_when_the_first_is_refused)
{
	slapd_make(&other, data, false);
	uris[0] = other.ldap;
	uris[1] = server.ldapi;
	uris[2] = NULL;
	start_live();
	ck_assert_str_eq(watch_uri(watch), server.ldapi);
	slapd_remove(&other);
}
END_TEST

START_TEST(base_missing)
{
	slapd_start(&server);
	start("ou=none,o=x");
	await_down("No such object (32)");
	ck_assert_uint_eq(view.aborted, 1);
	ck_assert_uint_eq(view.ended, 0);
}
END_TEST

START_TEST(nothing_readable)
{
	slapd_start(&server);
	config.bind_external = false;
	config.bind_dn = "cn=nobody,o=x";
	config.password_file = server.password_file;
	start("o=x");
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	ck_assert_uint_eq(view.ended, 0);
	ck_assert_msg(says("o=x"), "%s", view.text);
}
END_TEST

START_TEST(base_not_readable)
{
	slapd_start(&server);
	config.bind_external = false;
	config.bind_dn = "cn=half,o=x";
	config.password_file = server.password_file;
	start("o=x");
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	ck_assert_uint_gt(view.n, 0);
	ck_assert_uint_eq(view.ended, 0);
	ck_assert_uint_ge(view.aborted, 1);
	ck_assert_msg(says("does not show the entry o=x"), "%s", view.text);
}
END_TEST

START_TEST(tree_deleted_while_live)
{
	start_live();
	modify("dn: cn=one,ou=a,o=x\nchangetype: delete\n\n"
		"dn: cn=two,ou=a,o=x\nchangetype: delete\n\n"
		"dn: cn=nobody,o=x\nchangetype: delete\n\ndn: cn=half,o=x\nchangetype: delete\n\n"
		"dn: ou=a,o=x\nchangetype: delete\n\n"
		"dn: o=x\nchangetype: delete\n");
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	/* the base itself is kept: a directory without it is not believed */
	ck_assert_uint_eq(view.n, 1);
	ck_assert_uint_eq(view.ended, 1);
}
END_TEST

START_TEST(wrong_password)
{
	FILE *f = fopen(server.password_file, "w");

	ck_assert(fputs("wrong\n", f) > 0 && fclose(f) == 0);
	slapd_start(&server);
	config.bind_external = false;
	config.bind_dn = SLAPD_ADMIN;
	config.password_file = server.password_file;
	start("o=x");
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	ck_assert_msg(says("refuses the bind as " SLAPD_ADMIN ": Invalid credentials (49)"), "%s",
		view.text);
	/* it is read anew at each attempt */
	f = fopen(server.password_file, "w");
	ck_assert(fputs(SLAPD_PASSWORD, f) > 0 && fclose(f) == 0);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
}
END_TEST

START_TEST(empty_password_is_no_bind)
{
	FILE *f = fopen(server.password_file, "w");

	ck_assert(fputs("\n", f) > 0 && fclose(f) == 0);
	slapd_start(&server);
	config.bind_external = false;
	config.bind_dn = SLAPD_ADMIN;
	config.password_file = server.password_file;
	start("o=x");
	await_down("is empty");
}
END_TEST

static const struct { const char *uri, *text; } bad_uris[] = {
	{ "http://127.0.0.1/", "not an LDAP URI" },
	{ "ldap:///", "names no host" },
	{ "cldap://127.0.0.1", "not an LDAP URI" },
	{ "ldap://127.0.0.1:1", "Connection refused" },
};

START_TEST(bad_uri)
{
	uris[0] = bad_uris[_i].uri;
	start("o=x");
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	ck_assert_msg(says((void *)(uintptr_t)bad_uris[_i].text), "%s", view.text);
}
END_TEST

static bool is_freed(void *ctx)
{
	(void)ctx;
	return watch == NULL;
}

START_TEST(freed_in_a_callback)
{
	slapd_start(&server);
	start("o=x");
	view.free_at_put = &watch;
	AWAIT(loop, is_freed, NULL, PATIENCE_MS);
	ck_assert_int_eq(await_for(loop, is_live, NULL, 300), -1);
	ck_assert_uint_eq(view.n, 1);
}
END_TEST

START_TEST(freed_at_once)
{
	slapd_start(&server);
	start("o=x");
	watch_free(&watch);
	ck_assert_int_eq(await_for(loop, is_down, NULL, 100), -1);
	ck_assert_uint_eq(view.begun, 0);
}
END_TEST

static bool grew(void *ctx)
{
	return view.n >= *(size_t *)ctx;
}

START_TEST(tls_with_the_right_authority)
{
	size_t wanted = 36;
	char ldif[200];
	int i;

	start("o=x");
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_eq(view.n, 6);
	for (i = 0; i < 30; i++) {
		snprintf(ldif, sizeof(ldif), "dn: cn=n%d,o=x\nchangetype: add\n"
			"objectClass: device\ncn: n%d\ndescription: %0100d\n", i, i, i);
		modify(ldif);
	}
	AWAIT(loop, grew, &wanted, PATIENCE_MS);
}
END_TEST

START_TEST(tls_with_a_client_certificate)
{
	config.bind_external = true;
	config.certificate = server.certificate;
	config.key = server.key;
	start("o=x");
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	/* passwords are shown to the administrator only */
	ck_assert_str_eq(value(by_dn("cn=nobody,o=x"), "userPassword"), "secret");
}
END_TEST

START_TEST(tls_external_without_certificate)
{
	config.bind_external = true;
	start("o=x");
	await_down("refuses the bind by certificate");
}
END_TEST

START_TEST(tls_with_another_authority)
{
	char path[60], ca[66];

	snprintf(path, sizeof(path), "%s/other", server.dir);
	slapd_certificate(path, "IP:127.0.0.1");
	snprintf(ca, sizeof(ca), "%s.pem", path);
	config.ca = ca;
	start("o=x");
	await_down("certificate not accepted: self-signed certificate");
	ck_assert_uint_eq(view.begun, 0);
}
END_TEST

START_TEST(tls_with_another_name)
{
	/* the same server, under an address that its certificate does not name */
	slapd_stop(&server, SIGTERM);
	slapd_move(&server, "127.0.0.2");
	slapd_start(&server);
	start("o=x");
	await_down("certificate is not for 127.0.0.2");
}
END_TEST

START_TEST(tls_to_a_server_without_it)
{
	char uri[40];

	snprintf(uri, sizeof(uri), "ldaps%s", strchr(server.ldap, ':'));
	uris[0] = uri;
	start("o=x");
	await_down("TLS");
}
END_TEST

static TCase *plain_case(void)
{
	TCase *t = tcase_create("watch");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, refreshes);
	tcase_add_test(t, follows_changes);
	tcase_add_test(t, asks);
	tcase_add_test(t, asks_before_it_is_live);
	tcase_add_test(t, asks_while_it_refreshes);
	tcase_add_test(t, asks_a_server_that_hides);
	tcase_add_test(t, asks_a_server_that_hangs);
	tcase_add_loop_test(t, options_left_out, 0, 2);
	tcase_add_test(t, renamed_parent_means_refresh);
	tcase_add_test(t, comes_back_with_the_server);
	tcase_add_test(t, starts_before_the_server);
	tcase_add_test(t, second_uri_when_the_first_is_refused);
	tcase_add_test(t, base_missing);
	tcase_add_test(t, nothing_readable);
	tcase_add_test(t, base_not_readable);
	tcase_add_test(t, tree_deleted_while_live);
	tcase_add_test(t, wrong_password);
	tcase_add_test(t, empty_password_is_no_bind);
	tcase_add_loop_test(t, bad_uri, 0, sizeof(bad_uris) / sizeof(bad_uris[0]));
	tcase_add_test(t, freed_in_a_callback);
	tcase_add_test(t, freed_at_once);
	return t;
}

static TCase *two_servers_case(void)
{
	TCase *t = tcase_create("two servers");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up_two, tear_down_two);
	tcase_add_test(t, leaves_a_hung_server);
	tcase_add_test(t, leaves_a_killed_server);
	tcase_add_test(t, passes_over_a_server_that_hangs_from_the_start);
	tcase_add_test(t, leaves_a_server_that_hangs_in_a_refresh);
	if (unit_slow())
		tcase_add_test(t, returns_to_the_preferred_server);
	return t;
}

static TCase *tls_case(void)
{
	TCase *t = tcase_create("tls");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up_tls, tear_down);
	tcase_add_test(t, tls_with_the_right_authority);
	tcase_add_test(t, tls_with_a_client_certificate);
	tcase_add_test(t, tls_external_without_certificate);
	tcase_add_test(t, tls_with_another_authority);
	tcase_add_test(t, tls_with_another_name);
	tcase_add_test(t, tls_to_a_server_without_it);
	return t;
}

int main(void)
{
	if (!slapd_available())
		return SKIPPED;
	return unit_run("watch", (TCase *[]){ plain_case(), two_servers_case(), tls_case() }, 3);
}
