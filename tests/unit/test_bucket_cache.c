/* test_bucket_cache.c - libhub/org/bucket_cache: an edge's recipients are there after a restart. */
#include "libhub/org/bucket_cache.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "await.h"
#include "libhub/base/log.h"
#include "libhub/org/replica_marker.h"
#include "org_text.h"
#include "unit.h"

#define BASE "cn=Transport,o=edge"

static const char state[] = "dn: cn=Edge State," BASE "\nobjectClass: hubEdgeState\n"
	"cn: Edge State\nhubSubscribed: TRUE\n\n";
static const unsigned char key[BUCKET_KEY] = "a key of no more than 31 bytes";

static char dir[] = "/tmp/hub-test-buckets.XXXXXX";
static char path[sizeof(dir) + 16];
static struct loop *loop;
static struct replica *r;
static struct recipients *people;
static struct bucket_cache *cache;

static void put_one(const struct entry *e, void *ctx)
{
	replica_put(ctx, e);
}

/* A process begins: all that it has is the file. */
static void start(const char *where)
{
	r = replica_new(BASE);
	people = recipients_new();
	org_text_each(state, put_one, r);
	cache = bucket_cache_new(loop, where, BASE, r);
}

static void settle(void)
{
	(void)replica_settle_recipients(r, people);
	bucket_cache_settled(cache);
}

static void stop(void)
{
	bucket_cache_free(&cache);
	ck_assert_ptr_null(cache);
	replica_free(&r);
	recipients_free(&people);
}

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/buckets.ldif", dir);
	ck_assert_int_eq(chdir(dir), 0);
	log_init(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	loop = loop_new("test");
	start(dir);
}

static void tear_down(void)
{
	stop();
	loop_free(&loop);
	unlink(path);
	/* and nothing else is in it */
	ck_assert_int_eq(rmdir(dir), 0);
}

static void put_bucket(unsigned int number, const struct bucket *bucket)
{
	struct blob value = { bucket->hashes, bucket->n * BUCKET_HASH };
	struct entry_attr attr = { "hubBucketHash", &value, 1 };
	char dn[100];
	struct entry e = { .dn = dn, .attrs = &attr, .n = 1 };

	snprintf(dn, sizeof(dn), "cn=%03x,cn=Recipients," BASE, number);
	replica_put(r, &e);
}

static void put_marker(const struct replica_marker *m)
{
	struct arena *a = arena_new();

	replica_put(r, replica_marker_entry(a, REPLICA_RECIPIENTS, BASE, m));
	arena_free(&a);
}

/* The directory shows a push of this recipient alone; half: which is not finished. */
static void push(const char *address, bool half)
{
	static unsigned char digests[BUCKETS][BUCKET_DIGEST];
	struct replica_marker m = { .holder = "hub1", .has_key = true };
	struct bucket_hasher *hasher = bucket_hasher_new(key);
	struct bucket bucket = { .n = 0 };
	unsigned char hash[BUCKET_HASH];
	size_t i;

	memcpy(m.key, key, sizeof(key));
	bucket_hash_address(hasher, address, hash);
	bucket_hasher_free(&hasher);
	ck_assert(bucket_add(&bucket, hash));
	for (i = 0; i < BUCKETS; i++)
		bucket_digest(NULL, 0, digests[i]);
	if (!half)
		bucket_digest(bucket.hashes, BUCKET_HASH, digests[bucket_number(hash)]);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, m.digest);
	replica_refresh_begin(r);
	org_text_each(state, put_one, r);
	put_bucket(bucket_number(hash), &bucket);
	put_marker(&m);
	replica_refresh_end(r);
	bucket_deinit(&bucket);
	settle();
}

static enum recipient_outcome find(const char *address)
{
	struct recipient_info info;

	recipients_find_plus(people, true, address, &info);
	recipient_info_clear(&info);
	return info.outcome;
}

/* What is logged meanwhile. */
static const char *log_of(void (*what)(void))
{
	static char line[4096];
	int saved = dup(STDERR_FILENO);
	FILE *f = tmpfile();
	size_t n;

	ck_assert(f != NULL && saved >= 0);
	dup2(fileno(f), STDERR_FILENO);
	what();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(f);
	n = fread(line, 1, sizeof(line) - 1, f);
	line[n] = '\0';
	fclose(f);
	return line;
}

static void load(void)
{
	bucket_cache_load(cache);
	settle();
}

static bool is_file(void)
{
	return access(path, F_OK) == 0;
}

/* Without the directory: nothing but the file says who is there. */
START_TEST(in_force_after_a_restart)
{
	struct replica_status s;
	const char *line;

	push("anna@one.example", false);
	push("bruno@one.example", false);
	stop();
	ck_assert(is_file());
	start(dir);
	ck_assert_int_ne(find("bruno@one.example"), RECIPIENT_MAILBOX);
	line = log_of(load);
	ck_assert_msg(strstr(line, "cache-loaded") != NULL && strstr(line, path) != NULL, "%s",
		line);
	ck_assert_int_eq(find("bruno@one.example"), RECIPIENT_MAILBOX);
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_UNKNOWN);
	replica_status(r, &s);
	ck_assert(s.recipients.in_step);
	ck_assert_str_eq(s.recipients.holder, "hub1");
}
END_TEST

/* Half a push is neither in force nor saved, nor does it take away what was. */
START_TEST(half_a_push_is_not_saved)
{
	push("anna@one.example", true);
	stop();
	ck_assert(!is_file());
	start(dir);
	push("anna@one.example", false);
	push("bruno@one.example", true);
	stop();
	start(dir);
	load();
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	ck_assert_int_eq(find("bruno@one.example"), RECIPIENT_UNKNOWN);
}
END_TEST

static nlink_t tasks(void)
{
	struct stat st;

	ck_assert_int_eq(stat("/proc/self/task", &st), 0);
	return st.st_nlink;
}

/* The thread that wrote is gone, so the loop has its word. */
static bool is_written(void *ctx)
{
	return is_file() && tasks() == *(nlink_t *)ctx;
}

static bool has_turned(void *ctx)
{
	return ++*(int *)ctx == 2;
}

START_TEST(written_once)
{
	nlink_t before = tasks();
	int turns = 0;

	push("anna@one.example", false);
	AWAIT(loop, is_written, &before, PATIENCE_MS);
	AWAIT(loop, has_turned, &turns, PATIENCE_MS);
	unlink(path);
	/* the same again, and then what changes nothing that is in force */
	push("anna@one.example", true);
	settle();
	bucket_cache_free(&cache);
	ck_assert(!is_file());
	cache = bucket_cache_new(loop, dir, BASE, r);
	settle();
	bucket_cache_free(&cache);
	ck_assert(is_file());
}
END_TEST

START_TEST(without_a_directory)
{
	stop();
	start(NULL);
	push("anna@one.example", false);
	ck_assert_str_eq(log_of(load), "");
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	/* nor is one missed */
	ck_assert_str_eq(log_of(stop), "");
	ck_assert(!is_file());
	start(NULL);
}
END_TEST

START_TEST(absent_file)
{
	ck_assert_str_eq(log_of(load), "");
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_NOT_LOADED);
}
END_TEST

START_TEST(damaged_file)
{
	struct stat st;
	const char *line;

	push("anna@one.example", false);
	stop();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size - 5), 0);
	start(dir);
	line = log_of(load);
	ck_assert_msg(strstr(line, "cache-refused") != NULL && strstr(line, "tree=buckets") &&
		strstr(line, path) != NULL, "%s", line);
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_NOT_LOADED);
	ck_assert_uint_eq(replica_recipients_round(r), 0);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("bucket_cache");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, in_force_after_a_restart);
	tcase_add_test(t, half_a_push_is_not_saved);
	tcase_add_test(t, written_once);
	tcase_add_test(t, without_a_directory);
	tcase_add_test(t, absent_file);
	tcase_add_test(t, damaged_file);
	return unit_run("bucket_cache", &t, 1);
}
