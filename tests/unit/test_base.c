/* test_base.c - libhub/base: settings, arena, checksum, inbox. */
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/crc32c.h"
#include "libhub/base/gather.h"
#include "libhub/base/inbox.h"
#include "libhub/base/log.h"
#include "libhub/base/log_writer.h"
#include "libhub/base/mem.h"
#include "libhub/base/settings.h"
#include "unit.h"

struct sample {
	const char *server;
	const char *state;
	uint32_t workers;
	bool flag;
	int format;
};

static const char *const formats[] = { "text", "json", NULL };

static const struct setting sample_table[] = {
	{ "server", SETTING_TEXT, SETTING_REQUIRED, offsetof(struct sample, server), 0, 0, NULL },
	{ "state", SETTING_PATH, 0, offsetof(struct sample, state), 0, 0, NULL },
	{ "workers", SETTING_UINT, 0, offsetof(struct sample, workers), 1, 64, NULL },
	{ "flag", SETTING_FLAG, 0, offsetof(struct sample, flag), 0, 0, NULL },
	{ "log", SETTING_CHOICE, 0, offsetof(struct sample, format), 0, 0, formats },
	{ NULL, SETTING_TEXT, 0, 0, 0, 0, NULL },
};

static int read_text(const char *text, struct sample *out, struct arena *a, struct err *e)
{
	char path[] = "/tmp/hub-test-settings.XXXXXX";
	int fd = mkstemp(path), rc;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	rc = settings_read(path, sample_table, out, a, e);
	unlink(path);
	return rc;
}

START_TEST(settings_good)
{
	struct arena *a = arena_new();
	struct sample s = { .workers = 2 };
	struct err e = { 0 };

	ck_assert_int_eq(read_text("# c\n\n server = hub 1 \nstate=/var/x\nflag = yes\n"
		"log = json\n",
		&s, a, &e), 0);
	ck_assert_str_eq(s.server, "hub 1");
	ck_assert_str_eq(s.state, "/var/x");
	ck_assert_uint_eq(s.workers, 2);
	ck_assert(s.flag);
	ck_assert_int_eq(s.format, 1);
	arena_free(&a);
}
END_TEST

static const struct { const char *text, *reason; } bad_settings[] = {
	{ "server = x\ncolour = red\n", ":2: unknown key: colour" },
	{ "server = x\nserver = y\n", ":2: given twice: server" },
	{ "state = /x\n", "missing key: server" },
	{ "server = x\nworkers = 0\n", ":2: workers must be a number from 1 to 64" },
	{ "server = x\nworkers = 4x\n", ":2: workers must be" },
	{ "server = x\nworkers = -1\n", ":2: workers must be" },
	{ "server = x\nstate = here\n", ":2: path must begin with /: state" },
	{ "server = x\nflag = TRUE\n", ":2: flag must be yes or no" },
	{ "server = x\nlog = xml\n", ":2: log cannot be \"xml\"" },
	{ "server\n", ":1: not \"key = value\": server" },
	{ "server =\n", ":1: no value for: server" },
};

START_TEST(settings_bad)
{
	struct arena *a = arena_new();
	struct sample s = { 0 };
	struct err e = { 0 };

	ck_assert_int_eq(read_text(bad_settings[_i].text, &s, a, &e), -1);
	ck_assert_msg(strstr(e.text, bad_settings[_i].reason) != NULL, "%s", e.text);
	arena_free(&a);
}
END_TEST

START_TEST(arena_keeps_everything)
{
	struct arena *a = arena_new();
	char *texts[2000];
	int i;

	for (i = 0; i < 2000; i++)
		texts[i] = arena_printf(a, "text number %d", i);
	ck_assert_ptr_nonnull(arena_alloc(a, 1 << 20));
	for (i = 0; i < 2000; i++)
		ck_assert_int_eq(atoi(texts[i] + strlen("text number ")), i);
	arena_free(&a);
	ck_assert_ptr_null(a);
}
END_TEST

START_TEST(crc_vectors)
{
	unsigned char zeros[32] = { 0 };

	/* RFC 3720 appendix B.4 */
	ck_assert_uint_eq(crc32c(0, zeros, sizeof(zeros)), 0x8a9136aau);
	ck_assert_uint_eq(crc32c(0, "123456789", 9), 0xe3069283u);
	ck_assert_uint_eq(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283u);
}
END_TEST

/* Large pieces are done in another way than single bytes. */
START_TEST(crc_of_any_size)
{
	unsigned char text[5000];
	uint32_t crc = 0, noise = 1;
	size_t i;

	for (i = 0; i < sizeof(text); i++) {
		noise = noise * 1103515245 + 12345;
		text[i] = (unsigned char)(noise >> 16);
	}
	for (i = 1; i < sizeof(text); i++) {
		ck_assert_uint_eq(crc32c(0, text + 1, i - 1), crc);
		ck_assert_uint_eq(crc32c(crc32c(0, text + 1, i / 3), text + 1 + i / 3,
			i - 1 - i / 3), crc);
		crc = crc32c(crc, text + i, 1);
	}
}
END_TEST

enum { POSTS = 20000 };

struct posted {
	struct inbox_node node;
	int number;
};

struct reader {
	struct loop *loop;
	int next;
	bool ordered;
};

static void on_posted(struct inbox_node *node, void *ctx)
{
	struct posted *p = INBOX_ENTRY(node, struct posted, node);
	struct reader *r = ctx;

	r->ordered = r->ordered && p->number == r->next;
	free(p);
	if (++r->next == POSTS)
		loop_stop(r->loop);
}

static void *post_all(void *arg)
{
	struct inbox *ib = arg;
	struct posted *p;
	int i;

	for (i = 0; i < POSTS; i++) {
		p = xcalloc(1, sizeof(*p));
		p->number = i;
		inbox_post(ib, &p->node);
	}
	return NULL;
}

START_TEST(inbox_across_threads)
{
	struct reader r = { .loop = loop_new("reader"), .ordered = true };
	struct inbox *ib = inbox_new(r.loop, on_posted, &r);
	pthread_t t;

	ck_assert_int_eq(pthread_create(&t, NULL, post_all, ib), 0);
	loop_run(r.loop);
	pthread_join(t, NULL);
	ck_assert_int_eq(r.next, POSTS);
	ck_assert(r.ordered);
	inbox_free(&ib);
	loop_free(&r.loop);
}
END_TEST

START_TEST(inbox_unwatched)
{
	struct reader r = { .ordered = true };
	struct inbox *ib = inbox_new_unwatched(on_posted, &r);
	struct posted *p;
	int i;

	for (i = 0; i < 3; i++) {
		p = xcalloc(1, sizeof(*p));
		p->number = i;
		inbox_post(ib, &p->node);
		ck_assert_int_eq(r.next, i == 2 ? 2 : 0);
		ck_assert_uint_eq(inbox_length(ib), i == 2 ? 1 : (size_t)i + 1);
		if (i == 1)
			inbox_read(ib);
	}
	/* what was not read by the end */
	inbox_free(&ib);
	ck_assert_int_eq(r.next, 3);
	ck_assert(r.ordered);
}
END_TEST

static void count_up(void *ctx)
{
	++*(int *)ctx;
}

static void stop_loop(void *ctx)
{
	loop_stop(ctx);
}

START_TEST(loop_runs_deferred_in_order)
{
	struct loop *l = loop_new("defer");
	int n = 0;

	loop_defer(l, count_up, &n);
	loop_defer(l, stop_loop, l);
	loop_run(l);
	ck_assert_int_eq(n, 1);
	loop_free(&l);
}
END_TEST

struct stream {
	struct gather gather;
	struct loop *loop;
	int pipe[2];			/* always readable: a change each turn */
	uint64_t first_ms;
	unsigned int notes, calls;
};

static void on_stream(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timespec a_while = { 0, 1000 * 1000 };
	struct stream *s = ctx;

	(void)fd;
	(void)what;
	s->notes++;
	/* longer than the timer still has, at last: it is due in the same turn */
	nanosleep(&a_while, NULL);
	gather_note(&s->gather);
	/* given up */
	if (clock_mono_ms() > s->first_ms + 3000)
		loop_stop(s->loop);
}

static void on_gathered(void *ctx)
{
	struct stream *s = ctx;

	ck_assert(!gather_is_due(&s->gather));
	if (++s->calls == 2)
		loop_stop(s->loop);
}

START_TEST(gather_ends_in_a_steady_stream)
{
	struct stream s = { .first_ms = clock_mono_ms() };
	struct event *io;

	s.loop = loop_new("gather");
	gather_init(&s.gather, s.loop, 20, 100, on_gathered, &s);
	ck_assert_int_eq(pipe(s.pipe), 0);
	ck_assert_int_eq(write(s.pipe[1], "x", 1), 1);
	io = event_new(loop_base(s.loop), s.pipe[0], EV_READ | EV_PERSIST, on_stream, &s);
	event_add(io, NULL);
	loop_run(s.loop);
	ck_assert_uint_eq(s.calls, 2);
	ck_assert_uint_gt(s.notes, s.calls);
	event_free(io);
	gather_deinit(&s.gather);
	close(s.pipe[0]);
	close(s.pipe[1]);
	loop_free(&s.loop);
}
END_TEST

static void stop_gathered(void *ctx)
{
	loop_stop(ctx);
}

START_TEST(gather_settled_calls_for_the_next_change_only)
{
	struct loop *l = loop_new("gather");
	struct gather g;

	gather_init(&g, l, 20, 100, stop_gathered, l);
	ck_assert(!gather_is_due(&g));
	gather_note(&g);
	ck_assert(gather_is_due(&g));
	gather_settle(&g);
	ck_assert(!gather_is_due(&g));
	gather_note(&g);
	loop_run(l);
	ck_assert(!gather_is_due(&g));
	gather_deinit(&g);
	loop_free(&l);
}
END_TEST

START_TEST(clock_texts)
{
	char text[64];

	setenv("TZ", "XXX-05:30", 1);
	tzset();
	clock_rfc5322(1795263303, text, sizeof(text));
	ck_assert_str_eq(text, "Sat, 21 Nov 2026 17:45:03 +0530");
	setenv("TZ", "YYY+03:00", 1);
	tzset();
	clock_rfc5322(0, text, sizeof(text));
	ck_assert_str_eq(text, "Wed, 31 Dec 1969 21:00:00 -0300");
	clock_rfc3339(1795263303007, text, sizeof(text));
	ck_assert_str_eq(text, "2026-11-21T12:15:03.007Z");
	ck_assert_int_le(llabs(clock_wall_ms() / 1000 - clock_wall_s()), 1);
}
END_TEST

/* --- log --- */

/* What one event writes to stderr; n is its length. */
static void capture(const char *value, char *out, size_t size, size_t *n)
{
	int ends[2], saved = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_event(LOG_LEVEL_ERROR, "test", LOG_STR("a", value), LOG_STR("b", value),
		LOG_UINT("number", 7), LOG_STR("c", value), LOG_STR("d", value), LOG_END);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	*n = (size_t)read(ends[0], out, size);
	close(ends[0]);
}

/* A line cannot be forged by what a peer said, nor overrun by how much. */
START_TEST(log_lines)
{
	static char line[20000], value[9000];
	json_t *doc;
	size_t n;

	log_init(LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	memset(value, 'x', (size_t)_i);
	value[_i] = '\0';
	capture(value, line, sizeof(line), &n);
	ck_assert_uint_le(n, 4096);
	ck_assert_ptr_eq(memchr(line, '\n', n), line + n - 1);
	doc = json_loadb(line, n, 0, NULL);
	ck_assert_ptr_nonnull(doc);
	json_decref(doc);
}
END_TEST

START_TEST(log_escapes)
{
	char line[1000];
	size_t n;

	log_init(LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	capture("a b\r\nevent=forged \"q\"", line, sizeof(line), &n);
	ck_assert_ptr_eq(memchr(line, '\n', n), line + n - 1);
	line[n] = '\0';
	ck_assert_ptr_nonnull(strstr(line, "a=\"a b\\u000d\\u000aevent=forged \\\"q\\\"\" b="));
}
END_TEST

START_TEST(log_writer_keeps_order)
{
	int ends[2], saved = dup(STDERR_FILENO), i, got = 0;
	char text[64], line[64];
	FILE *f;

	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	log_writer_start();
	for (i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "%d\n", i);
		log_writer_put(text, strlen(text));
	}
	log_writer_stop();
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	f = fdopen(ends[0], "r");
	while (fgets(line, sizeof(line), f) != NULL)
		ck_assert_int_eq(atoi(line), got++);
	ck_assert_int_eq(got, 500);
	fclose(f);
}
END_TEST

/* A reader that stands still costs lines, never a thread that logs. */
START_TEST(log_writer_never_blocks)
{
	int ends[2], saved = dup(STDERR_FILENO), i;
	static char big[4000];

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\n';
	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	log_writer_start();
	for (i = 0; i < 4000; i++)
		log_writer_put(big, sizeof(big));
	ck_assert_uint_gt(log_writer_dropped(), 0);
	close(ends[0]);
	log_writer_stop();
	dup2(saved, STDERR_FILENO);
	close(saved);
}
END_TEST

int main(void)
{
	TCase *settings = tcase_create("settings"), *mem = tcase_create("mem"),
	      *loop = tcase_create("loop"), *log = tcase_create("log");
	TCase *const all[] = { settings, mem, loop, log };

	tcase_add_test(settings, settings_good);
	tcase_add_loop_test(settings, settings_bad, 0,
		(int)(sizeof(bad_settings) / sizeof(bad_settings[0])));
	tcase_add_test(mem, arena_keeps_everything);
	tcase_add_test(mem, crc_vectors);
	tcase_add_test(mem, crc_of_any_size);
	tcase_add_test(mem, clock_texts);
	tcase_add_test(loop, inbox_across_threads);
	tcase_add_test(loop, inbox_unwatched);
	tcase_add_test(loop, loop_runs_deferred_in_order);
	tcase_add_test(loop, gather_ends_in_a_steady_stream);
	tcase_add_test(loop, gather_settled_calls_for_the_next_change_only);
	tcase_add_loop_test(log, log_lines, 780, 1100);
	tcase_add_loop_test(log, log_lines, 3900, 4200);
	tcase_add_loop_test(log, log_lines, 8990, 8991);
	tcase_add_test(log, log_escapes);
	tcase_add_test(log, log_writer_keeps_order);
	tcase_add_test(log, log_writer_never_blocks);
	return unit_run("base", all, sizeof(all) / sizeof(all[0]));
}
