/* test_pickup.c - what happens to a file beside us while it is taken, and calls that fail.
 *
 * The linker leads renameat2, unlinkat and fsync through the functions below, which are called on
 * the pickup's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "await.h"
#include "hubd/pickup/pickup.h"
#include "libhub/base/mem.h"
#include "org_text.h"
#include "spool_kit.h"
#include "unit.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define ORG "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubFQDN: hub1.example.com\nhubServerSite: cn=London,cn=Sites," BASE "\n"
#define GOOD "X-Sender: <a@b.example>\nX-Receiver: <c@d.example>\nSubject: x\n" \
	"X-Hub-Organization-AuthAs: Internal\nX-Hub-Organization-AuthSource: x.example\n" \
	"X-Hub-Organization-AuthMechanism: 04\n\nHello\n"
#define BROKEN "no header\n\n"

enum accident { NOTHING, EXCHANGED, WRITTEN, OPENED, ACCIDENTS };

static struct kit spool;
static struct builder *builder;
static const struct snapshot *snapshot;
static const struct live *live;
static struct pickup *pickup;
static char folder[64];
static ino_t inode;
static bool stopped;
/* of the pickup's thread and ours */
static atomic_int accident, received, internal, to_mail, to_bad, removed, unsynced;
static atomic_bool no_bad, no_remove;

static const char *path(const char *name)
{
	static char text[200];

	snprintf(text, sizeof(text), "%s/%s", folder, name);
	return text;
}

static bool is_there(const char *name)
{
	return access(path(name), F_OK) == 0;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(path(name), "w");

	fputs(text, f);
	ck_assert_int_eq(fchmod(fileno(f), mode), 0);
	fclose(f);
}

/* As one should: under its name at once and whole. */
static void put(const char *name, const char *text)
{
	char to[200];

	write_file("made", text, 0640);
	snprintf(to, sizeof(to), "%s", path(name));
	ck_assert_int_eq(rename(path("made"), to), 0);
}

/* --- the calls --- */

int __real_renameat2(int from_dir, const char *from, int to_dir, const char *to,
	unsigned int flags);
int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
	unsigned int flags);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

static bool ends(const char *name, const char *suffix)
{
	return strlen(name) > 4 && strcmp(name + strlen(name) - 4, suffix) == 0;
}

static void let_happen(int dir, const char *name)
{
	int fd;

	switch ((enum accident)atomic_exchange(&accident, NOTHING)) {
	case EXCHANGED:
		BUG_ON(__real_renameat2(dir, name, dir, "other", RENAME_EXCHANGE) != 0);
		break;
	case WRITTEN:
		fd = openat(dir, name, O_WRONLY | O_APPEND | O_CLOEXEC);
		BUG_ON(fd < 0 || write(fd, "more\n", 5) != 5);
		close(fd);
		break;
	case OPENED:
		BUG_ON(fchmodat(dir, name, 0660, 0) != 0);
		break;
	default:
		break;
	}
}

int __wrap_renameat2(int from_dir, const char *from, int to_dir, const char *to,
	unsigned int flags)
{
	int rc;

	if (ends(to, ".tmp"))
		let_happen(from_dir, from);
	if (ends(to, ".bad")) {
		atomic_fetch_add(&to_bad, 1);
		if (atomic_load(&no_bad)) {
			errno = EROFS;
			return -1;
		}
	}
	rc = __real_renameat2(from_dir, from, to_dir, to, flags);
	if (rc == 0 && ends(to, ".eml"))
		atomic_fetch_add(&to_mail, 1);
	return rc;
}

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	if (ends(name, ".tmp")) {
		if (atomic_load(&no_remove)) {
			errno = EROFS;
			return -1;
		}
		atomic_fetch_add(&removed, 1);
		atomic_fetch_add(&unsynced, 1);
	}
	return __real_unlinkat(dir, name, flags);
}

int __wrap_fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_ino == inode && S_ISDIR(st.st_mode))
		atomic_store(&unsynced, 0);
	return __real_fsync(fd);
}

/* --- the pickup --- */

static void on_message(struct message *m, void *ctx)
{
	(void)ctx;
	atomic_fetch_add(&internal, m->envelope->origin.as == ORIGIN_INTERNAL);
	atomic_fetch_add(&received, 1);
	message_free(&m);
}

static void configure(void)
{
	char *text = xasprintf("%shubReplayDirectory: %s\n", ORG, folder);
	struct err e;

	builder = builder_new(BASE);
	org_text_put(builder, text);
	free(text);
	snapshot = builder_build(builder, NULL);
	live = live_new(snapshot, "hub1", NULL, NULL, NULL, &e);
	ck_assert_msg(live != NULL, "%s", e.text);
}

static void setup(void)
{
	struct stat st;
	struct err e;

	accident = received = internal = to_mail = to_bad = removed = unsynced = 0;
	no_bad = no_remove = stopped = false;
	snprintf(folder, sizeof(folder), "/tmp/test_pickup.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(stat(folder, &st), 0);
	inode = st.st_ino;
	kit_init(&spool);
	kit_open(&spool);
	configure();
	pickup = pickup_new(&(struct pickup_config){ .spool = spool.spool,
		.main_loop = spool.loop, .on_message = on_message });
	ck_assert_msg(pickup_start(pickup, &e) == 0, "%s", e.text);
	pickup_set_live(pickup, live);
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	stopped = true;
}

static bool is_stopped(void *ctx)
{
	(void)ctx;
	return stopped;
}

static void stop(void)
{
	pickup_stop(pickup, on_stopped, NULL);
	AWAIT(spool.loop, is_stopped, NULL, PATIENCE_MS);
	pickup_join(pickup);
}

static void teardown(void)
{
	if (!stopped)
		stop();
	kit_close(&spool);
	pickup_free(&pickup);
	live_unref(&live);
	snapshot_unref(&snapshot);
	builder_free(&builder);
	kit_deinit(&spool);
	kit_remove_tree(folder);
}

static bool at_least_one(void *ctx)
{
	return atomic_load((atomic_int *)ctx) >= 1;
}

static bool at_least_two(void *ctx)
{
	return atomic_load((atomic_int *)ctx) >= 2;
}

static bool all_synced(void *ctx)
{
	(void)ctx;
	return atomic_load(&removed) == 1 && atomic_load(&unsynced) == 0;
}

/* --- tests --- */

/* What was not judged is not taken: it gets its name back. */
START_TEST(changed_between_judgement_and_taking)
{
	write_file("other", GOOD, 0660);
	atomic_store(&accident, _i);
	put("a.eml", GOOD);
	AWAIT(spool.loop, at_least_one, &to_mail, PATIENCE_MS);
	stop();
	ck_assert(is_there("a.eml") && is_there("other") && !is_there("a.hub1.tmp"));
	ck_assert_int_eq(received, 0);
}
END_TEST

START_TEST(removed_and_synced)
{
	put("a.eml", GOOD);
	AWAIT(spool.loop, at_least_one, &received, PATIENCE_MS);
	AWAIT(spool.loop, all_synced, NULL, PATIENCE_MS);
	ck_assert_int_eq(internal, 1);
	ck_assert(!is_there("a.eml") && !is_there("a.hub1.tmp"));
}
END_TEST

/* Also what the stop takes along. */
START_TEST(synced_at_the_end)
{
	put("a.eml", GOOD);
	AWAIT(spool.loop, at_least_one, &received, PATIENCE_MS);
	teardown();
	ck_assert_int_eq(removed, 1);
	ck_assert_int_eq(unsynced, 0);
	setup();
}
END_TEST

/* It is tried again when the folder is looked at, no oftener, and holds up nobody. */
START_TEST(cannot_be_put_aside)
{
	atomic_store(&no_bad, true);
	put("a.eml", BROKEN);
	AWAIT(spool.loop, at_least_one, &to_bad, PATIENCE_MS);
	put("b.eml", GOOD);
	AWAIT(spool.loop, at_least_one, &received, PATIENCE_MS);
	ck_assert(is_there("a.hub1.tmp"));
	/* each file that comes is two events at most */
	ck_assert_int_le(to_bad, 5);
	atomic_store(&no_bad, false);
	put("c.eml", GOOD);
	AWAIT(spool.loop, at_least_two, &received, PATIENCE_MS);
	stop();
	ck_assert(is_there("a.bad") && !is_there("a.hub1.tmp"));
}
END_TEST

/* Its message is there, and does not come twice. */
START_TEST(cannot_be_removed)
{
	atomic_store(&no_remove, true);
	put("a.eml", GOOD);
	AWAIT(spool.loop, at_least_one, &received, PATIENCE_MS);
	put("b.eml", BROKEN);
	AWAIT(spool.loop, at_least_one, &to_bad, PATIENCE_MS);
	ck_assert(is_there("a.hub1.tmp"));
	atomic_store(&no_remove, false);
	put("c.eml", BROKEN);
	AWAIT(spool.loop, at_least_one, &removed, PATIENCE_MS);
	AWAIT(spool.loop, all_synced, NULL, PATIENCE_MS);
	stop();
	ck_assert(!is_there("a.hub1.tmp"));
	ck_assert_int_eq(received, 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("pickup");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, changed_between_judgement_and_taking, EXCHANGED, ACCIDENTS);
	tcase_add_test(tc, removed_and_synced);
	tcase_add_test(tc, synced_at_the_end);
	tcase_add_test(tc, cannot_be_put_aside);
	tcase_add_test(tc, cannot_be_removed);
	return unit_run("pickup", &tc, 1);
}
