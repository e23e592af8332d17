/* test_cache.c - libhub/directory/cache: what was written comes back, what is damaged does not.
 *
 * And cache_saver: one save at a time, and none of what is mixed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "await.h"
#include "libhub/base/mem.h"
#include "libhub/directory/cache_saver.h"
#include "unit.h"

static const char base[] = "cn=Transport,o=x";

struct seen {
	size_t n, last_good;
	char dns[200];
	size_t attrs;
};

static char dir[] = "/tmp/hub-test-cache.XXXXXX";
static char path[sizeof(dir) + 16];

static void set_up(void)
{
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a.ldif", dir);
}

static void tear_down(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
}

static void on_entry(const struct entry *e, bool last_good, void *ctx)
{
	struct seen *s = ctx;
	size_t used = strlen(s->dns);

	s->n++;
	s->last_good += last_good;
	s->attrs += e->n;
	snprintf(s->dns + used, sizeof(s->dns) - used, "%s;", e->dn);
}

static struct cache_batch *batch(void)
{
	static const struct blob value = { (const unsigned char *)"a", 1 };
	static const struct entry_attr attr = { "cn", &value, 1 };
	static const struct entry one = { .dn = "cn=a,o=x", .attrs = &attr, .n = 1 };
	static const struct entry two = { .dn = "cn=b,o=x", .attrs = &attr, .n = 1 };
	struct cache_batch *b = cache_batch_new();

	cache_batch_add(b, &one, false);
	cache_batch_add(b, &two, false);
	cache_batch_add(b, &two, true);
	return b;
}

static void write_batch(void)
{
	struct cache_batch *b = batch();
	struct err e = { 0 };

	ck_assert_msg(cache_batch_write(b, path, base, &e) == 0, "%s", e.text);
	cache_batch_free(&b);
}

static char csn[COOKIE_CSN_SIZE];

static int read_it(struct seen *s, struct err *e)
{
	memset(s, 0, sizeof(*s));
	return cache_read(path, base, csn, on_entry, s, e);
}

START_TEST(newest_change_comes_back)
{
	static const char newest[] = "20261121100000.000000Z#000000#001#000000";
	struct cache_batch *b = batch();
	struct err e = { 0 };
	struct seen s;

	write_batch();
	ck_assert_int_eq(read_it(&s, &e), 0);
	ck_assert_str_eq(csn, "");
	cache_batch_set_csn(b, newest);
	ck_assert_int_eq(cache_batch_write(b, path, base, &e), 0);
	cache_batch_free(&b);
	ck_assert_int_eq(read_it(&s, &e), 0);
	ck_assert_str_eq(csn, newest);
}
END_TEST

START_TEST(comes_back)
{
	struct seen s;
	struct err e = { 0 };

	write_batch();
	ck_assert_msg(read_it(&s, &e) == 0, "%s", e.text);
	ck_assert_str_eq(s.dns, "cn=a,o=x;cn=b,o=x;cn=b,o=x;");
	ck_assert_uint_eq(s.last_good, 1);
	/* the marker is no attribute of the object */
	ck_assert_uint_eq(s.attrs, 3);
}
END_TEST

START_TEST(absent)
{
	struct seen s;
	struct err e = { 0 };

	ck_assert_int_eq(read_it(&s, &e), -1);
	ck_assert_int_eq(e.sys, ENOENT);
}
END_TEST

static char *content(void)
{
	static char text[4096];
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void put_content(const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	ck_assert(f != NULL && fwrite(text, 1, size, f) == size && fclose(f) == 0);
}

/* Wherever the file is cut off, not one entry is used and the reason names file and line. */
START_TEST(cut_off_anywhere)
{
	struct seen s;
	struct err e = { 0 };
	char *text, where[sizeof(path) + 2];
	size_t size, cut;

	write_batch();
	text = content();
	size = strlen(text);
	snprintf(where, sizeof(where), "%s:", path);
	for (cut = 0; cut + 1 < size; cut++) {
		put_content(text, cut);
		ck_assert_msg(read_it(&s, &e) == -1, "cut at %zu", cut);
		ck_assert_uint_eq(s.n, 0);
		ck_assert_msg(strncmp(e.text, where, strlen(where)) == 0, "%s", e.text);
	}
}
END_TEST

START_TEST(damaged_line)
{
	struct seen s;
	struct err e = { 0 };
	char *text, *second;

	write_batch();
	text = content();
	second = strstr(text, "cn=b");
	memcpy(strstr(second, "cn: a"), "cn; a", 5);
	put_content(text, strlen(text));
	ck_assert_int_eq(read_it(&s, &e), -1);
	ck_assert_uint_eq(s.n, 0);
	ck_assert_msg(strstr(e.text, ":5: not") != NULL, "%s", e.text);
}
END_TEST

START_TEST(another_base)
{
	struct seen s = { 0 };
	struct err e = { 0 };

	write_batch();
	ck_assert_int_eq(cache_read(path, "cn=Transport,o=y", csn, on_entry, &s, &e), -1);
	ck_assert_msg(strstr(e.text, "of cn=Transport,o=y") != NULL, "%s", e.text);
	ck_assert_uint_eq(s.n, 0);
}
END_TEST

struct written {
	int calls;
	struct err err;
};

static void on_written(const struct err *error, void *ctx)
{
	struct written *w = ctx;

	w->calls++;
	if (error != NULL)
		w->err = *error;
}

static bool is_written(void *ctx)
{
	return ((struct written *)ctx)->calls > 0;
}

START_TEST(written_by_a_thread)
{
	struct loop *loop = loop_new("test");
	struct written written = { 0 };
	struct cache_writer *w = cache_writer_new(loop, path, base, on_written, &written);
	struct seen s;
	struct err e = { 0 };

	cache_writer_start(w, batch());
	ck_assert(cache_writer_busy(w));
	ck_assert_int_eq(written.calls, 0);
	AWAIT(loop, is_written, &written, PATIENCE_MS);
	ck_assert(!cache_writer_busy(w));
	ck_assert_str_eq(written.err.text, "");
	ck_assert_int_eq(read_it(&s, &e), 0);
	/* freed while writing: waits, without callback */
	cache_writer_start(w, batch());
	cache_writer_free(&w);
	ck_assert_int_eq(written.calls, 1);
	loop_free(&loop);
}
END_TEST

START_TEST(cannot_be_written)
{
	struct loop *loop = loop_new("test");
	struct written written = { 0 };
	struct cache_writer *w = cache_writer_new(loop, "/nonexistent/a.ldif", base, on_written,
		&written);

	cache_writer_start(w, batch());
	AWAIT(loop, is_written, &written, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(written.err.text, "/nonexistent/a.ldif"));
	cache_writer_free(&w);
	loop_free(&loop);
}
END_TEST

/* --- the saver --- */

struct tree {
	enum cache_state state;
	int asked, batches, turns;
};

static enum cache_state on_state(void *ctx)
{
	struct tree *t = ctx;

	t->asked++;
	return t->state;
}

static struct cache_batch *on_batch(void *ctx)
{
	((struct tree *)ctx)->batches++;
	return batch();
}

static const struct cache_saver_callbacks saver_cbs = { .state = on_state, .batch = on_batch };

static bool is_asked(void *ctx)
{
	return ((struct tree *)ctx)->asked > 0;
}

/* By the second turn every timer that was due before the first has fired. */
static bool has_turned(void *ctx)
{
	return ++((struct tree *)ctx)->turns == 2;
}

START_TEST(one_save_at_a_time)
{
	struct tree t = { .state = CACHE_STATE_UNSETTLED };
	struct loop *loop = loop_new("test");
	struct cache_saver *saver = cache_saver_new(loop, "a", path, base, &saver_cbs, &t);
	struct err e = { 0 };
	char slow[sizeof(path) + 4];
	struct seen s;
	int reader;

	/* which is not opened for writing before somebody reads */
	snprintf(slow, sizeof(slow), "%s.new", path);
	ck_assert_int_eq(mkfifo(slow, 0600), 0);
	cache_saver_changed(saver);
	AWAIT(loop, is_asked, &t, PATIENCE_MS);
	ck_assert_int_eq(t.batches, 0);
	/* a change between the timer and the save that waited for what settles */
	cache_saver_changed(saver);
	t.state = CACHE_STATE_WHOLE;
	cache_saver_settled(saver);
	ck_assert_int_eq(t.batches, 1);
	AWAIT(loop, has_turned, &t, PATIENCE_MS);
	ck_assert_int_eq(t.asked, 1);
	ck_assert_int_eq(t.batches, 1);
	reader = open(slow, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ck_assert_int_ge(reader, 0);
	unlink(slow);
	cache_saver_free(&saver);
	close(reader);
	ck_assert_int_eq(t.batches, 2);
	ck_assert_int_eq(read_it(&s, &e), 0);
	loop_free(&loop);
}
END_TEST

START_TEST(what_is_mixed_is_not_written)
{
	struct tree t = { .state = CACHE_STATE_MIXED };
	struct loop *loop = loop_new("test");
	struct cache_saver *saver = cache_saver_new(loop, "a", path, base, &saver_cbs, &t);

	cache_saver_changed(saver);
	AWAIT(loop, is_asked, &t, PATIENCE_MS);
	cache_saver_free(&saver);
	ck_assert_int_eq(t.batches, 0);
	loop_free(&loop);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cache");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, newest_change_comes_back);
	tcase_add_test(t, comes_back);
	tcase_add_test(t, absent);
	tcase_add_test(t, cut_off_anywhere);
	tcase_add_test(t, damaged_line);
	tcase_add_test(t, another_base);
	tcase_add_test(t, written_by_a_thread);
	tcase_add_test(t, cannot_be_written);
	tcase_add_test(t, one_save_at_a_time);
	tcase_add_test(t, what_is_mixed_is_not_written);
	return unit_run("cache", &t, 1);
}
