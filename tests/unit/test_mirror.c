/* test_mirror.c - libhub/org/mirror against a real slapd: live changes, cache, coming back.
 *
 * With the argument "latency" it prints how long after ldapmodify a snapshot is in force.
 */
#include <ldap.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "await.h"
#include "libhub/org/mirror.h"
#include "slapd.h"
#include "unit.h"

enum { SKIPPED = 77, CHANGES = 200 };

#define SITES "cn=Sites,cn=Transport,o=x"
#define LINKS "cn=Site Links,cn=Transport,o=x"

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: cn=Transport,o=x\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: " SITES "\nobjectClass: hubContainer\ncn: Sites\n\n"
	"dn: cn=A," SITES "\nobjectClass: hubSite\ncn: A\n\n"
	"dn: cn=B," SITES "\nobjectClass: hubSite\ncn: B\n\n"
	"dn: " LINKS "\nobjectClass: hubContainer\ncn: Site Links\n\n"
	"dn: cn=A-B," LINKS "\nobjectClass: hubSiteLink\ncn: A-B\n"
	"hubSiteList: cn=A," SITES "\nhubSiteList: cn=B," SITES "\nhubCost: 10\n\n"
	"dn: ou=people,o=x\nobjectClass: organizationalUnit\nou: people\n\n"
	"dn: uid=anna,ou=people,o=x\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: A\n"
	"mail: anna@x.example\n\n";

static struct loop *loop;
static struct slapd server;
static const char *uris[2];
static struct mirror_config config;
static struct mirror *mirror;
static const struct snapshot *current;	/* a reference of our own */
static unsigned int snapshots;

static void on_snapshot(const struct snapshot *s, void *ctx)
{
	(void)ctx;
	/* the same one comes again when the recipients are loaded after it */
	snapshots += s != current;
	snapshot_unref(&current);
	current = snapshot_ref(s);
}

static void set_up(void)
{
	snapshots = 0;
	loop = loop_new("test");
	slapd_make_schema(&server, data, HUB_SCHEMA);
	uris[0] = server.ldapi;
	config = (struct mirror_config){
		.directory = { .uris = uris, .bind_external = true },
		.base = "cn=Transport,o=x",
		.recipient_base = "ou=people,o=x",
		.cache_dir = server.dir,
		.recipients = true,
	};
}

static void tear_down(void)
{
	mirror_free(&mirror);
	snapshot_unref(&current);
	loop_free(&loop);
	slapd_remove(&server);
}

static void start(void)
{
	mirror = mirror_new(loop, NULL, &config, on_snapshot, NULL);
	ck_assert_uint_eq(snapshots, 0);
}

static bool is_live(void *ctx)
{
	struct mirror_status st;

	(void)ctx;
	mirror_status(mirror, &st);
	return st.state == WATCH_LIVE && st.recipients_state == WATCH_LIVE && snapshots > 0 &&
		!st.from_cache;
}

static bool is_down(void *ctx)
{
	(void)ctx;
	return !is_live(NULL);
}

static bool has_site(void *name)
{
	return current != NULL && snapshot_find(current, OBJ_SITE, name) != NULL;
}

static bool has_rejection(void *ctx)
{
	(void)ctx;
	return current != NULL && current->rejection_count == 1;
}

static bool has_no_link(void *ctx)
{
	(void)ctx;
	return current->rejection_count == 0 && current->all[OBJ_SITE_LINK].n == 0;
}

static bool is_saved(void *ctx)
{
	char path[100];

	(void)ctx;
	snprintf(path, sizeof(path), "%s/organization.ldif", server.dir);
	if (access(path, F_OK) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/recipients", server.dir);
	return access(path, F_OK) == 0;
}

static void start_live(void)
{
	slapd_start(&server);
	start();
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
}

static void modify(const char *ldif)
{
	ck_assert_int_eq(slapd_modify(&server, ldif), 0);
}

static uint64_t cost(void)
{
	const struct obj *o = snapshot_find(current, OBJ_SITE_LINK, "A-B");

	return o != NULL ? ((const struct site_link *)(const void *)o)->cost : 0;
}

static enum recipient_outcome outcome_of(const char *address)
{
	struct recipient_info info = { 0 };
	enum recipient_outcome outcome;

	recipients_find(mirror_recipients(mirror), address, &info);
	outcome = info.outcome;
	recipient_info_clear(&info);
	return outcome;
}

static bool is_known(void *address)
{
	return outcome_of(address) == RECIPIENT_MAILBOX;
}

static bool is_newer(void *csn)
{
	struct mirror_status st;

	mirror_status(mirror, &st);
	return strcmp(st.csn, csn) > 0;
}

START_TEST(follows_changes)
{
	struct mirror_status st;
	char csn[GUARD_CSN_SIZE];

	start_live();
	ck_assert_uint_eq(snapshots, 1);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 2);
	ck_assert_ptr_eq(mirror_snapshot(mirror), current);
	ck_assert(is_known("anna@x.example"));
	modify("dn: cn=C," SITES "\nchangetype: add\nobjectClass: hubSite\ncn: C\n\n"
		"dn: uid=otto,ou=people,o=x\nchangetype: add\nobjectClass: inetOrgPerson\n"
		"uid: otto\ncn: Otto\nsn: O\nmail: otto@x.example\n");
	AWAIT(loop, has_site, "C", PATIENCE_MS);
	AWAIT(loop, is_known, "otto@x.example", PATIENCE_MS);
	ck_assert_uint_eq(snapshots, 2);
	/* what changes nothing in force is no new snapshot */
	modify("dn: cn=Roles,cn=Transport,o=x\nchangetype: add\nobjectClass: hubContainer\n"
		"cn: Roles\n\n"
		"dn: cn=D," SITES "\nchangetype: add\nobjectClass: hubSite\ncn: D\n");
	AWAIT(loop, has_site, "D", PATIENCE_MS);
	mirror_status(mirror, &st);
	ck_assert_str_eq(st.uri, server.ldapi);
	ck_assert_uint_ge(st.recipients, 2);
	ck_assert_int_gt(st.in_step_since_ms, 0);
	strcpy(csn, st.csn);
	ck_assert_str_ne(csn, "");
	/* also by a change elsewhere, which is no snapshot */
	modify("dn: cn=Otto,o=x\nchangetype: add\nobjectClass: device\ncn: Otto\n");
	AWAIT(loop, is_newer, csn, PATIENCE_MS);
	strcpy(csn, (mirror_status(mirror, &st), st.csn));
	modify("dn: cn=D," SITES "\nchangetype: delete\n");
	AWAIT(loop, is_newer, csn, PATIENCE_MS);
	ck_assert(!has_site("D"));
}
END_TEST

START_TEST(many_changes_are_few_snapshots)
{
	char *ldif = NULL;
	size_t size;
	FILE *f = open_memstream(&ldif, &size);
	int i;

	start_live();
	for (i = 0; i < 300; i++)
		fprintf(f, "dn: cn=s%d," SITES "\nchangetype: add\nobjectClass: hubSite\n"
			"cn: s%d\n\n", i, i);
	fclose(f);
	modify(ldif);
	free(ldif);
	AWAIT(loop, has_site, "s299", PATIENCE_MS);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 302);
	ck_assert_uint_lt(snapshots, 60);
}
END_TEST

/* The next snapshot is the first. */
static void stop(void)
{
	mirror_free(&mirror);
	snapshot_unref(&current);
	snapshots = 0;
}

static void restart_without_directory(void)
{
	stop();
	if (server.pid != 0)
		slapd_stop(&server, SIGKILL);
	start();
}

static bool any_snapshot(void *ctx)
{
	(void)ctx;
	return snapshots > 0;
}

START_TEST(comes_up_from_the_cache)
{
	char fingerprint[FINGERPRINT_HEX + 1];
	struct mirror_status st;

	start_live();
	strcpy(fingerprint, current->fingerprint);
	restart_without_directory();
	/* there at once, and told when nobody answers */
	ck_assert_ptr_nonnull(mirror_snapshot(mirror));
	ck_assert(is_known("anna@x.example"));
	AWAIT(loop, any_snapshot, NULL, PATIENCE_MS);
	ck_assert_str_eq(current->fingerprint, fingerprint);
	mirror_status(mirror, &st);
	ck_assert(st.from_cache);
	ck_assert_int_eq(st.in_step_since_ms, 0);
	modify("dn: cn=C," SITES "\nchangetype: add\nobjectClass: hubSite\ncn: C\n\n"
		"dn: cn=A-B," LINKS "\nchangetype: modify\nreplace: hubCost\nhubCost: 20\n");
	slapd_start(&server);
	AWAIT(loop, has_site, "C", PATIENCE_MS);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_eq(cost(), 20);
	ck_assert_uint_eq(snapshots, 2);
}
END_TEST

START_TEST(cache_does_not_count_while_the_directory_is_there)
{
	start_live();
	stop();
	modify("dn: cn=C," SITES "\nchangetype: add\nobjectClass: hubSite\ncn: C\n\n"
		"dn: uid=otto,ou=people,o=x\nchangetype: add\nobjectClass: inetOrgPerson\n"
		"uid: otto\ncn: Otto\nsn: O\nmail: otto@x.example\n");
	start();
	ck_assert_ptr_nonnull(mirror_snapshot(mirror));
	AWAIT(loop, any_snapshot, NULL, PATIENCE_MS);
	ck_assert(has_site("C"));
	ck_assert(is_known("otto@x.example"));
	ck_assert_uint_eq(snapshots, 1);
}
END_TEST

START_TEST(cache_counts_while_the_directory_hangs)
{
	start_live();
	stop();
	slapd_signal(&server, SIGSTOP);
	start();
	AWAIT(loop, any_snapshot, NULL, PATIENCE_MS);
	ck_assert(has_site("A"));
	slapd_signal(&server, SIGCONT);
	modify("dn: cn=C," SITES "\nchangetype: add\nobjectClass: hubSite\ncn: C\n");
	AWAIT(loop, has_site, "C", PATIENCE_MS);
}
END_TEST

/* Whatever is said to be current has what was added while nobody looked. */
static void on_status(void *ctx)
{
	struct mirror_status st;

	(void)ctx;
	mirror_status(mirror, &st);
	ck_assert(st.as_of_ms == 0 || (!st.from_cache && snapshot_find(mirror_snapshot(mirror),
		OBJ_SITE, "C") != NULL));
	ck_assert(st.recipients_as_of_ms == 0 || is_known("berta@x.example"));
}

static bool is_current(void *recipients)
{
	struct mirror_status st;

	mirror_status(mirror, &st);
	return (recipients != NULL ? st.recipients_as_of_ms : st.as_of_ms) != 0;
}

START_TEST(what_is_old_is_not_current)
{
	start_live();
	AWAIT(loop, is_current, NULL, PATIENCE_MS);
	AWAIT(loop, is_current, uris, PATIENCE_MS);
	mirror_free(&mirror);
	modify("dn: cn=C," SITES "\nchangetype: add\nobjectClass: hubSite\ncn: C\n\n"
		"dn: uid=berta,ou=people,o=x\nchangetype: add\nobjectClass: inetOrgPerson\n"
		"uid: berta\ncn: Berta\nsn: B\nmail: berta@x.example\n");
	snapshots = 0;
	snapshot_unref(&current);
	config.on_status = on_status;
	start();
	AWAIT(loop, is_current, NULL, PATIENCE_MS);
	AWAIT(loop, is_current, uris, PATIENCE_MS);
	slapd_stop(&server, SIGTERM);
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	ck_assert(!is_current(NULL) || !is_current(uris));
	/* nothing is new to be announced, and yet it is told */
	slapd_start(&server);
	AWAIT(loop, is_current, NULL, PATIENCE_MS);
	AWAIT(loop, is_current, uris, PATIENCE_MS);
}
END_TEST

static bool audited;
static unsigned int read_anew;

/* Nobody is the worse for it that what is in force is read once more, until it shows less. */
static void on_audit_status(void *ctx)
{
	struct mirror_status st;

	(void)ctx;
	if (!audited)
		return;
	mirror_status(mirror, &st);
	read_anew += st.recipients_state == WATCH_REFRESHING;
	ck_assert_uint_ne(st.as_of_ms, 0);
	ck_assert_int_eq(st.recipients_as_of_ms != 0, st.recipients_held == NULL);
}

static void start_audited(void)
{
	config.on_status = on_audit_status;
	start_live();
	AWAIT(loop, is_current, NULL, PATIENCE_MS);
	AWAIT(loop, is_current, uris, PATIENCE_MS);
	audited = true;
}

static bool was_read_anew(void *ctx)
{
	return read_anew != 0 && is_live(ctx);
}

START_TEST(what_is_read_anew_stays_current)
{
	start_audited();
	/* both trees are read */
	modify("dn: cn=Transport,o=x\nchangetype: modify\nadd: hubEpoch\n"
		"hubEpoch: 0b0e0f6e-1111-4222-8333-444455556666\n");
	AWAIT(loop, was_read_anew, NULL, PATIENCE_MS);
}
END_TEST

static bool are_recipients_held(void *ctx)
{
	struct mirror_status st;

	(void)ctx;
	mirror_status(mirror, &st);
	return st.recipients_held != NULL;
}

/* A directory that lost something without a word, as by a backup that lacks it. */
START_TEST(what_is_missing_when_read_anew_is_held)
{
	char ldif[4000], *end = ldif;
	pid_t pid;
	int i;

	start_audited();
	end += sprintf(end, "dn: ou=sub,ou=people,o=x\nchangetype: add\n"
		"objectClass: organizationalUnit\nou: sub\n\n");
	for (i = 0; i < 20; i++)
		end += sprintf(end, "dn: uid=p%d,ou=sub,ou=people,o=x\nchangetype: add\n"
			"objectClass: inetOrgPerson\nuid: p%d\ncn: P\nsn: P\n"
			"mail: p%d@x.example\n\n", i, i, i);
	modify(ldif);
	AWAIT(loop, is_known, "p19@x.example", PATIENCE_MS);
	for (i = 1, end = ldif; i < 20; i++)
		end += sprintf(end, "dn: uid=p%d,ou=sub,ou=people,o=x\nchangetype: delete\n\n",
			i);
	/* in its database, under its feet */
	pid = server.pid;
	server.pid = 0;
	modify(ldif);
	server.pid = pid;
	modify("dn: ou=sub,ou=people,o=x\nchangetype: modrdn\nnewrdn: ou=other\n"
		"deleteoldrdn: 1\n");
	AWAIT(loop, are_recipients_held, NULL, PATIENCE_MS);
	ck_assert_uint_ne(read_anew, 0);
	ck_assert(!is_current(uris));
	ck_assert(is_known("p19@x.example"));
}
END_TEST

START_TEST(saves_while_it_runs)
{
	start_live();
	AWAIT(loop, is_saved, NULL, PATIENCE_MS);
}
END_TEST

START_TEST(last_good_form_survives_a_restart)
{
	start_live();
	modify("dn: cn=A-B," LINKS "\nchangetype: modify\nreplace: hubSiteList\n"
		"hubSiteList: cn=A," SITES "\n");
	AWAIT(loop, has_rejection, NULL, PATIENCE_MS);
	ck_assert(current->rejections[0].last_good);
	ck_assert_uint_eq(cost(), 10);
	restart_without_directory();
	AWAIT(loop, has_rejection, NULL, PATIENCE_MS);
	ck_assert(current->rejections[0].last_good);
	ck_assert_uint_eq(cost(), 10);
	/* and the first refresh does not lose it either */
	slapd_start(&server);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert(current->rejections[0].last_good);
	ck_assert_uint_eq(cost(), 10);
	modify("dn: cn=A-B," LINKS "\nchangetype: delete\n");
	AWAIT(loop, has_no_link, NULL, PATIENCE_MS);
	ck_assert_uint_eq(cost(), 0);
}
END_TEST

START_TEST(damaged_cache_is_not_used)
{
	char path[100];
	FILE *f;

	start_live();
	mirror_free(&mirror);
	slapd_stop(&server, SIGKILL);
	snapshot_unref(&current);
	snapshots = 0;
	snprintf(path, sizeof(path), "%s/organization.ldif", server.dir);
	f = fopen(path, "a");
	ck_assert(fputs("dn: cn=half", f) > 0 && fclose(f) == 0);
	start();
	ck_assert_ptr_null(mirror_snapshot(mirror));
	slapd_start(&server);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 2);
}
END_TEST

START_TEST(keeps_what_it_has_when_the_tree_goes)
{
	start_live();
	slapd_stop(&server, SIGKILL);
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	modify("dn: cn=A-B," LINKS "\nchangetype: delete\n\ndn: " LINKS "\nchangetype: delete\n\n"
		"dn: cn=A," SITES "\nchangetype: delete\n\n"
		"dn: cn=B," SITES "\nchangetype: delete\n\n"
		"dn: " SITES "\nchangetype: delete\n\ndn: cn=Transport,o=x\nchangetype: delete\n");
	slapd_start(&server);
	ck_assert_int_eq(await_for(loop, is_live, NULL, 1500), -1);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 2);
	ck_assert_uint_eq(snapshots, 1);
}
END_TEST

static bool is_held(void *ctx)
{
	struct mirror_status st;

	(void)ctx;
	mirror_status(mirror, &st);
	return st.held != NULL && st.recipients_held == NULL;
}

static bool is_believed(void *ctx)
{
	return is_live(NULL) && !is_held(NULL) && !has_site(ctx);
}

/* Each of the sites s0 to s19 by a record that ends like that. */
static void each_site(const char *rest)
{
	char *ldif = NULL;
	size_t size;
	FILE *f = open_memstream(&ldif, &size);
	int i;

	for (i = 0; i < 20; i++)
		fprintf(f, "dn: cn=s%d," SITES "\nchangetype: %s\n\n", i, rest);
	fclose(f);
	modify(ldif);
	free(ldif);
}

START_TEST(loss_is_held_until_the_epoch_changes)
{
	start_live();
	each_site("add\nobjectClass: hubSite");
	AWAIT(loop, has_site, "s19", PATIENCE_MS);
	slapd_stop(&server, SIGTERM);
	AWAIT(loop, is_down, NULL, PATIENCE_MS);
	each_site("delete");
	slapd_start(&server);
	AWAIT(loop, is_held, NULL, PATIENCE_MS);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 22);
	/* another look, a second later, shows the same of course */
	ck_assert_int_eq(await_for(loop, is_believed, "s0", 1500), -1);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 22);
	modify("dn: cn=Transport,o=x\nchangetype: modify\nadd: hubEpoch\n"
		"hubEpoch: 0b0e0f6e-1111-4222-8333-444455556666\n");
	AWAIT(loop, is_believed, "s0", PATIENCE_MS);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 2);
}
END_TEST

START_TEST(loss_while_live_is_no_loss)
{
	start_live();
	each_site("add\nobjectClass: hubSite");
	AWAIT(loop, has_site, "s19", PATIENCE_MS);
	each_site("delete");
	AWAIT(loop, is_believed, "s19", PATIENCE_MS);
	ck_assert_uint_eq(current->all[OBJ_SITE].n, 2);
}
END_TEST

/* --- latency --- */

struct writer {
	LDAP *ld;
	pthread_t thread;
	uint64_t done_us;		/* ldapmodify returned */
	int n;
};

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void *write_one(void *arg)
{
	struct writer *w = arg;
	char text[20], *values[] = { text, NULL };
	LDAPMod mod = { .mod_op = LDAP_MOD_REPLACE, .mod_type = (char[]){ "hubCost" },
		.mod_values = values }, *mods[] = { &mod, NULL };

	snprintf(text, sizeof(text), "%d", w->n + 100);
	BUG_ON(ldap_modify_ext_s(w->ld, "cn=A-B," LINKS, mods, NULL, NULL) != LDAP_SUCCESS);
	w->done_us = now_us();
	return NULL;
}

static uint64_t in_force_us;
static uint64_t wanted_cost;

static void on_measured(const struct snapshot *s, void *ctx)
{
	on_snapshot(s, ctx);
	if (cost() == wanted_cost)
		in_force_us = now_us();
}

static bool in_force(void *ctx)
{
	(void)ctx;
	return in_force_us != 0;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int measure(void)
{
	struct berval password = { strlen(SLAPD_PASSWORD), (char[]){ SLAPD_PASSWORD } };
	static int64_t took[CHANGES];
	struct writer w = { 0 };
	int version = 3;

	set_up();
	slapd_start(&server);
	mirror = mirror_new(loop, NULL, &config, on_measured, NULL);
	if (await_for(loop, is_live, NULL, PATIENCE_MS) < 0)
		return EXIT_FAILURE;
	BUG_ON(ldap_initialize(&w.ld, server.ldapi) != LDAP_SUCCESS);
	ldap_set_option(w.ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	BUG_ON(ldap_sasl_bind_s(w.ld, SLAPD_ADMIN, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL) !=
		LDAP_SUCCESS);
	for (w.n = 0; w.n < CHANGES; w.n++) {
		in_force_us = 0;
		wanted_cost = (uint64_t)w.n + 100;
		BUG_ON(pthread_create(&w.thread, NULL, write_one, &w) != 0);
		BUG_ON(await_for(loop, in_force, NULL, PATIENCE_MS) < 0);
		pthread_join(w.thread, NULL);
		took[w.n] = (int64_t)in_force_us - (int64_t)w.done_us;
	}
	qsort(took, CHANGES, sizeof(took[0]), compare);
	printf("ldapmodify returned -> on_snapshot: p50 %.1f ms, p99 %.1f ms, max %.1f ms\n",
		(double)took[CHANGES / 2] / 1000, (double)took[CHANGES * 99 / 100] / 1000,
		(double)took[CHANGES - 1] / 1000);
	ldap_unbind_ext(w.ld, NULL, NULL);
	tear_down();
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	TCase *t = tcase_create("mirror");

	if (!slapd_available())
		return SKIPPED;
	if (argc > 1 && strcmp(argv[1], "latency") == 0)
		return measure();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, follows_changes);
	tcase_add_test(t, many_changes_are_few_snapshots);
	tcase_add_test(t, comes_up_from_the_cache);
	tcase_add_test(t, cache_does_not_count_while_the_directory_is_there);
	tcase_add_test(t, cache_counts_while_the_directory_hangs);
	tcase_add_test(t, what_is_old_is_not_current);
	tcase_add_test(t, what_is_read_anew_stays_current);
	tcase_add_test(t, what_is_missing_when_read_anew_is_held);
	tcase_add_test(t, saves_while_it_runs);
	tcase_add_test(t, last_good_form_survives_a_restart);
	tcase_add_test(t, damaged_cache_is_not_used);
	tcase_add_test(t, keeps_what_it_has_when_the_tree_goes);
	tcase_add_test(t, loss_is_held_until_the_epoch_changes);
	tcase_add_test(t, loss_while_live_is_no_loss);
	return unit_run("mirror", &t, 1);
}
