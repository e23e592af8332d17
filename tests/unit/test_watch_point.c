/* test_watch_point.c - going on from a cookie, against a real slapd; and merging cookies. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "await.h"
#include "libhub/base/mem.h"
#include "libhub/directory/watch.h"
#include "slapd.h"
#include "unit.h"

enum { SKIPPED = 77, ENTRIES_MAX = 64 };

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: ou=a,o=x\nobjectClass: organizationalUnit\nou: a\n\n"
	"dn: cn=one,ou=a,o=x\nobjectClass: device\ncn: one\n\n"
	"dn: cn=two,ou=a,o=x\nobjectClass: device\ncn: two\n\n"
	"dn: cn=six,o=x\nobjectClass: device\ncn: six\n\n"
	"dn: cn=top,o=x\nobjectClass: hubOrganization\ncn: top\n"
	"hubEpoch: 00000000-0000-0000-0000-000000000001\n\n";

struct seen {
	unsigned char uuid[16];
	char dn[80];
	bool marked;
};

/* What a consumer of the callbacks knows, and what it was told since clear(). */
static struct {
	struct seen seen[ENTRIES_MAX];
	size_t n;
	unsigned int begun, ended, resumed, puts, presents, deleted, reached;
	enum watch_state state;
} view;

static struct loop *loop;
static struct slapd server;
static struct watch *watch;
static const char *uris[2];
static struct directory_config config;
static struct watch_point saved;

static struct seen *find(const unsigned char uuid[16])
{
	size_t i;

	for (i = 0; i < view.n; i++)
		if (memcmp(view.seen[i].uuid, uuid, 16) == 0)
			return &view.seen[i];
	return NULL;
}

static void on_begin(void *ctx)
{
	size_t i;

	(void)ctx;
	view.begun++;
	for (i = 0; i < view.n; i++)
		view.seen[i].marked = false;
}

static void on_put(const struct entry *e, void *ctx)
{
	struct seen *s = find(e->uuid);

	(void)ctx;
	view.puts++;
	if (s == NULL) {
		ck_assert_uint_lt(view.n, ENTRIES_MAX);
		s = &view.seen[view.n++];
		memcpy(s->uuid, e->uuid, 16);
	}
	snprintf(s->dn, sizeof(s->dn), "%s", e->dn);
	s->marked = true;
}

static void on_present(const unsigned char uuid[16], void *ctx)
{
	struct seen *s = find(uuid);

	(void)ctx;
	view.presents++;
	if (s != NULL)
		s->marked = true;
}

static void on_deleted(const unsigned char uuid[16], void *ctx)
{
	struct seen *s = find(uuid);

	(void)ctx;
	view.deleted++;
	if (s != NULL)
		*s = view.seen[--view.n];
}

static void on_end(void *ctx)
{
	size_t i;

	(void)ctx;
	view.ended++;
	for (i = view.n; i-- > 0;)
		if (!view.seen[i].marked)
			view.seen[i] = view.seen[--view.n];
}

static void on_resumed(void *ctx)
{
	(void)ctx;
	view.resumed++;
}

static void on_abort(void *ctx)
{
	(void)ctx;
}

static void on_state(enum watch_state state, const char *text, void *ctx)
{
	(void)text;
	(void)ctx;
	view.state = state;
}

/* Only ou=a has others below it. */
static bool moves(const struct entry *e, void *ctx)
{
	struct seen *s = find(e->uuid);

	(void)ctx;
	return s != NULL && strncmp(s->dn, "ou=", 3) == 0 && strcmp(s->dn, e->dn) != 0;
}

static bool has(void *dn)
{
	size_t i;

	for (i = 0; i < view.n; i++)
		if (strcmp(view.seen[i].dn, dn) == 0)
			return true;
	return false;
}

static bool has_not(void *dn)
{
	return !has(dn);
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

static void on_reached(void *ctx)
{
	(void)ctx;
	view.reached++;
}

static bool has_reached(void *ctx)
{
	(void)ctx;
	return view.reached != 0;
}

static void modify(const char *ldif)
{
	ck_assert_int_eq(slapd_modify(&server, ldif), 0);
}

/* A watch that goes on from the saved point; live when this returns. */
static void come(void)
{
	static const struct watch_callbacks callbacks = {
		.refresh_begin = on_begin, .put = on_put, .deleted = on_deleted,
		.refresh_end = on_end, .refresh_abort = on_abort, .state = on_state,
		.present = on_present, .resumed = on_resumed, .moves = moves,
		.reached = on_reached,
	};

	char csn[COOKIE_CSN_SIZE] = "";

	view.begun = view.ended = view.resumed = 0;
	view.puts = view.presents = view.deleted = view.reached = 0;
	view.state = WATCH_CONNECTING;
	watch = watch_new(loop, NULL, &config, "o=x", "(objectClass=*)", NULL, &callbacks, NULL);
	watch_keep_point(watch, &saved, "cn=top,o=x");
	/* how new what we have is: a directory that is older shows so at once */
	if (saved.cookie.size != 0)
		ck_assert(cookie_newest(&saved.cookie, csn));
	ck_assert_str_eq(watch_csn(watch), csn);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_ne(watch_point(watch)->cookie.size, 0);
}

static void go(void)
{
	saved = *watch_point(watch);
	watch_free(&watch);
}

/* What happens while nobody looks. */
static void change(void)
{
	modify("dn: cn=one,ou=a,o=x\nchangetype: delete\n\n"
		"dn: cn=two,ou=a,o=x\nchangetype: modrdn\nnewrdn: cn=2\ndeleteoldrdn: 1\n\n"
		"dn: cn=new,ou=a,o=x\nchangetype: add\nobjectClass: device\ncn: new\n");
}

static void check_changed(void)
{
	ck_assert(has("cn=2,ou=a,o=x") && has("cn=new,ou=a,o=x") && has("cn=six,o=x"));
	ck_assert(!has("cn=one,ou=a,o=x") && !has("cn=two,ou=a,o=x"));
	ck_assert_uint_eq(view.n, 6);
	/* and live it is */
	modify("dn: cn=new,ou=a,o=x\nchangetype: delete\n");
	AWAIT(loop, has_not, "cn=new,ou=a,o=x", PATIENCE_MS);
}

static void set_up(void)
{
	memset(&view, 0, sizeof(view));
	memset(&saved, 0, sizeof(saved));
	loop = loop_new("test");
	slapd_make_schema(&server, data, HUB_SCHEMA);
	uris[0] = server.ldapi;
	config = (struct directory_config){ .uris = uris, .bind_external = true };
}

static void tear_down(void)
{
	watch_free(&watch);
	loop_free(&loop);
	slapd_remove(&server);
}

START_TEST(nothing_changed)
{
	slapd_start(&server);
	come();
	ck_assert_uint_eq(view.ended, 1);
	ck_assert_uint_eq(view.puts, 6);
	go();
	come();
	ck_assert_uint_eq(view.resumed, 1);
	ck_assert_uint_eq(view.puts + view.deleted + view.presents + view.ended, 0);
	/* the answer brought no cookie: the one before is still good */
	ck_assert_uint_eq(watch_point(watch)->cookie.size, saved.cookie.size);
	/* nor is anything newer asked for */
	watch_ask(watch);
	AWAIT(loop, has_reached, NULL, PATIENCE_MS);
	ck_assert_uint_eq(view.begun, 1);
}
END_TEST

START_TEST(by_a_session_log)
{
	slapd_configure(&server, "syncprov-sessionlog 100\n");
	slapd_start(&server);
	come();
	go();
	change();
	come();
	ck_assert_uint_eq(view.resumed, 1);
	ck_assert_uint_eq(view.ended, 0);
	ck_assert_uint_eq(view.puts, 2);
	ck_assert_uint_ge(view.deleted, 1);
	check_changed();
}
END_TEST

START_TEST(by_what_is_present)
{
	slapd_start(&server);
	come();
	go();
	change();
	slapd_stop(&server, SIGTERM);
	slapd_start(&server);
	come();
	ck_assert_uint_eq(view.resumed, 0);
	ck_assert_uint_eq(view.ended, 1);
	ck_assert_uint_eq(view.puts, 2);
	ck_assert_uint_ge(view.presents, 4);
	check_changed();
}
END_TEST

START_TEST(changes_move_the_point)
{
	slapd_start(&server);
	come();
	modify("dn: cn=seven,o=x\nchangetype: add\nobjectClass: device\ncn: seven\n");
	AWAIT(loop, has, "cn=seven,o=x", PATIENCE_MS);
	modify("dn: cn=six,o=x\nchangetype: delete\n");
	AWAIT(loop, has_not, "cn=six,o=x", PATIENCE_MS);
	go();
	come();
	ck_assert_uint_eq(view.resumed, 1);
	ck_assert_uint_eq(view.puts + view.deleted + view.presents, 0);
}
END_TEST

START_TEST(server_killed_while_live)
{
	slapd_start(&server);
	come();
	slapd_stop(&server, SIGKILL);
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	slapd_start(&server);
	/* the loop does not turn meanwhile */
	change();
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_eq(view.puts, 6 + 2);
	check_changed();
}
END_TEST

/* Nothing of what is known goes while all of it is sent anew. */
static void check_sent_anew(void)
{
	ck_assert_uint_eq(view.resumed, 0);
	ck_assert_uint_eq(view.ended, 1);
	ck_assert_uint_eq(view.puts, 6);
	ck_assert_uint_eq(view.deleted, 0);
	check_changed();
}

START_TEST(refresh_required)
{
	/* what slapd answers to a stale cookie, if it is to, and there is no session log */
	slapd_configure(&server, "syncprov-reloadhint TRUE\n");
	slapd_start(&server);
	come();
	/* the changes make that of the cookie unknown */
	modify("dn: cn=six,o=x\nchangetype: modify\nreplace: description\ndescription: x\n");
	go();
	change();
	memcpy(strstr(saved.cookie.text, "csn=") + 4, "1999", 4);
	come();
	check_sent_anew();
}
END_TEST

START_TEST(newer_than_the_server)
{
	slapd_start(&server);
	come();
	go();
	change();
	/* as after a backup was restored: the year is one that slapd has not seen */
	memcpy(strstr(saved.cookie.text, "csn=") + 4, "2999", 4);
	come();
	check_sent_anew();
}
END_TEST

START_TEST(another_epoch)
{
	slapd_start(&server);
	come();
	go();
	change();
	modify("dn: cn=top,o=x\nchangetype: modify\nreplace: hubEpoch\n"
		"hubEpoch: 00000000-0000-0000-0000-000000000002\n");
	come();
	check_sent_anew();
}
END_TEST

START_TEST(another_directory)
{
	slapd_start(&server);
	come();
	go();
	slapd_remove(&server);
	slapd_make_schema(&server, data, HUB_SCHEMA);
	slapd_start(&server);
	change();
	come();
	check_sent_anew();
}
END_TEST

START_TEST(parent_renamed_meanwhile)
{
	slapd_configure(&server, "syncprov-sessionlog 100\n");
	slapd_start(&server);
	come();
	go();
	modify("dn: ou=a,o=x\nchangetype: modrdn\nnewrdn: ou=b\ndeleteoldrdn: 1\n");
	come();
	ck_assert_uint_eq(view.ended, 1);
	ck_assert(has("cn=one,ou=b,o=x") && has("cn=two,ou=b,o=x") && has("ou=b,o=x"));
	ck_assert_uint_eq(view.n, 6);
}
END_TEST

#define A1 "20261121211335.000001Z#000000#001#000000"
#define A2 "20261121211335.000002Z#000000#001#000000"
#define B1 "20261121211335.000001Z#000000#002#000000"

static const struct { const char *to, *from, *result; } merges[] = {
	{ "", "rid=000,csn=" A1, "rid=000,csn=" A1 },
	{ "rid=000,csn=" A1, "", "rid=000,csn=" A1 },
	{ "rid=000,csn=" A1, "rid=000,sid=001,csn=" A2, "rid=000,csn=" A2 },
	{ "rid=000,csn=" A2, "rid=000,csn=" A1, "rid=000,csn=" A2 },
	{ "rid=000,csn=" A1 ";" B1, "rid=000,csn=" A2, "rid=000,csn=" A2 ";" B1 },
	{ "rid=000,csn=" A1, "rid=000,sid=002,csn=" B1 ",delcsn=" A2, "rid=000,csn=" B1 ";" A1 },
	{ "rid=000,csn=" A1, "opaque", "opaque" },
	{ "opaque", "rid=000,csn=" A1, "rid=000,csn=" A1 },
	{ "rid=000,csn=" A1, "rid=000,csn=short", "rid=000,csn=short" },
	{ "rid=000,csn=" A1, "rid=000", "rid=000" },
};

START_TEST(merges_by_server)
{
	static struct cookie to, from;

	cookie_set(&to, merges[_i].to, strlen(merges[_i].to));
	cookie_set(&from, merges[_i].from, strlen(merges[_i].from));
	cookie_merge(&to, &from);
	ck_assert_msg(to.size == strlen(merges[_i].result) &&
		memcmp(to.text, merges[_i].result, to.size) == 0, "%.*s", (int)to.size, to.text);
}
END_TEST

START_TEST(too_many_servers)
{
	static struct cookie to, from;
	char text[60];
	int i, n;

	for (i = 0; i < 200; i++) {
		n = snprintf(text, sizeof(text),
			"rid=000,csn=20261121211335.000001Z#000000#%03x#000000", (unsigned int)i);
		cookie_set(&from, text, (size_t)n);
		cookie_merge(&to, &from);
		ck_assert_uint_le(to.size, COOKIE_MAX);
		ck_assert_uint_gt(to.size, 0);
	}
}
END_TEST

static TCase *point_case(void)
{
	TCase *t = tcase_create("point");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, nothing_changed);
	tcase_add_test(t, by_a_session_log);
	tcase_add_test(t, by_what_is_present);
	tcase_add_test(t, changes_move_the_point);
	tcase_add_test(t, server_killed_while_live);
	tcase_add_test(t, refresh_required);
	tcase_add_test(t, newer_than_the_server);
	tcase_add_test(t, another_epoch);
	tcase_add_test(t, another_directory);
	tcase_add_test(t, parent_renamed_meanwhile);
	return t;
}

static TCase *cookie_case(void)
{
	TCase *t = tcase_create("cookie");

	tcase_add_loop_test(t, merges_by_server, 0, sizeof(merges) / sizeof(merges[0]));
	tcase_add_test(t, too_many_servers);
	return t;
}

int main(void)
{
	if (!slapd_available())
		return SKIPPED;
	return unit_run("watch_point", (TCase *[]){ point_case(), cookie_case() }, 2);
}
