/* test_spool.c - hubd/spool on a healthy disk: what is committed comes back, until it is done. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/mem.h"
#include "spool_kit.h"
#include "unit.h"

static struct kit k;

static void setup(void)
{
	kit_init(&k);
	kit_open(&k);
}

static void teardown(void)
{
	kit_deinit(&k);
}

static void reopen(void)
{
	kit_close(&k);
	kit_open(&k);
}

START_TEST(ids_as_text)
{
	char text[SPOOL_ID_TEXT];
	uint64_t id;

	ck_assert_str_eq(spool_id_text(0x1234abcdu, text), "000000001234abcd");
	ck_assert(spool_id_parse("000000001234abcd", &id));
	ck_assert_uint_eq(id, 0x1234abcdu);
	ck_assert(spool_id_parse("FF", &id));
	ck_assert(!spool_id_parse("", &id));
	ck_assert(!spool_id_parse("0x12", &id));
	ck_assert(!spool_id_parse("00000000000000001", &id));
	ck_assert(!spool_id_parse("12 ", &id));
}
END_TEST

/* Small segments: chunks of 8 KiB, inline up to 16 KiB; segments of 64 KiB. */
static const size_t sizes[] = { 0, 1, 7, 8, 4096, 8191, 8192, 8193, 16383, 16384, 16385, 24576,
	24577, 65536, 300000, 3000001 };

START_TEST(every_size_comes_back)
{
	size_t size = sizes[_i];
	uint64_t id = kit_put(&k, 5, size, 1), other = kit_put(&k, 6, 100, 1);
	struct err e = { 0 };

	ck_assert_uint_gt(other, id);
	ck_assert_int_eq(kit_read(&k, id, 5, &e), 0);
	reopen();
	ck_assert_uint_eq(k.n, 2);
	ck_assert_uint_eq(k.found[0].id, id);
	kit_check(&k, id, 5, size);
	kit_check(&k, other, 6, 100);
	ck_assert_uint_eq(k.report.damaged_records, 0);
	ck_assert_uint_eq(k.report.damaged_messages, 0);
	kit_finish(&k, id, 0);
	reopen();
	ck_assert_uint_eq(k.n, 1);
	kit_check(&k, other, 6, 100);
}
END_TEST

START_TEST(outcomes_are_kept)
{
	uint64_t a = kit_put(&k, 1, 100, 3), b = kit_put(&k, 2, 100, 200), c = kit_put(&k, 3, 9, 2);
	struct spool_outcome both[] = { { 0, SPOOL_RELAYED }, { 1, SPOOL_FAILED } };
	struct spool_stats st;
	uint32_t i;

	kit_finish(&k, a, 1);
	kit_finish(&k, a, 1);
	for (i = 0; i < 200; i++) {
		if (i != 5 && i != 150)
			spool_outcome(k.port, b, i, SPOOL_DELIVERED);
	}
	spool_outcomes(k.port, c, both, 2, NULL, NULL);
	/* nobody and nothing: taken and ignored */
	spool_outcome(k.port, c, 77, SPOOL_DELIVERED);
	spool_outcome(k.port, 12345, 0, SPOOL_DELIVERED);
	kit_finish(&k, a, 99);
	spool_stats(k.spool, &st);
	ck_assert_uint_eq(st.messages, 2);
	ck_assert_uint_eq(st.outcomes, 1 + 198 + 2);
	reopen();
	ck_assert_uint_eq(k.n, 2);
	ck_assert_uint_eq(kit_find(&k, a)->done, 1 << 1);
	ck_assert_uint_eq(kit_find(&k, b)->done, ~((uint64_t)1 << 5));
	kit_finish(&k, b, 5);
	kit_finish(&k, b, 150);
	kit_finish(&k, a, 0);
	kit_finish(&k, a, 2);
	reopen();
	ck_assert_uint_eq(k.n, 0);
}
END_TEST

struct watched {
	uint64_t id, tag;
	unsigned int calls;
	bool done;
};

static void on_done(uint64_t id, uint64_t tag, void *ctx)
{
	struct watched *w = ctx;

	w->id = id;
	w->tag = tag;
	w->calls++;
	w->done = true;
}

START_TEST(last_outcome_is_told)
{
	uint64_t a = kit_put(&k, 1, 100, 2), b = kit_put(&k, 2, 100, 1);
	struct watched of_a = { 0 }, of_b = { 0 }, of_none = { 0 };

	spool_watch(k.port, a, on_done, 7, &of_a);
	spool_watch(k.port, b, on_done, 8, &of_b);
	kit_finish(&k, a, 1);
	ck_assert(!of_a.done);
	spool_outcome(k.port, a, 0, SPOOL_FAILED);
	kit_wait(&k, &of_a.done);
	ck_assert_uint_eq(of_a.id, a);
	ck_assert_uint_eq(of_a.tag, 7);
	/* who comes too late hears it at once */
	spool_watch(k.port, a, on_done, 9, &of_none);
	kit_wait(&k, &of_none.done);
	/* and whose message stays, nothing */
	kit_close(&k);
	ck_assert_uint_eq(of_a.calls, 1);
	ck_assert(!of_b.done);
}
END_TEST

START_TEST(ids_are_never_reused)
{
	uint64_t last = kit_put(&k, 1, 10, 1), id;
	struct spool_draft *d;
	int round;

	kit_finish(&k, last, 0);
	for (round = 0; round < 3; round++) {
		d = spool_draft_new(k.port, NULL, NULL);
		id = spool_draft_id(d);
		ck_assert_uint_gt(id, last);
		spool_draft_abort(&d);
		last = id;
		reopen();
	}
}
END_TEST

START_TEST(incarnation_stays)
{
	char first[40];
	struct kit other;

	snprintf(first, sizeof(first), "%s", spool_incarnation(k.spool));
	ck_assert_uint_eq(strlen(first), 36);
	reopen();
	ck_assert_str_eq(spool_incarnation(k.spool), first);
	kit_init(&other);
	kit_open(&other);
	ck_assert_str_ne(spool_incarnation(other.spool), first);
	kit_deinit(&other);
}
END_TEST

START_TEST(one_spool_one_process)
{
	struct err e = { 0 };

	ck_assert_ptr_null(spool_open(&k.cfg, NULL, NULL, NULL, &e));
	ck_assert_int_eq(e.class, ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "another process"));
}
END_TEST

START_TEST(bad_configuration_is_refused)
{
	struct spool_config cfg = { .folder = "/proc/no/such", .segment_size = 0 };
	struct err e = { 0 };

	ck_assert_ptr_null(spool_open(&cfg, NULL, NULL, NULL, &e));
	ck_assert_int_eq(e.class, ERR_CONFIG);
	cfg.folder = k.folder;
	cfg.segment_size = 1000;
	ck_assert_ptr_null(spool_open(&cfg, NULL, NULL, NULL, &e));
	ck_assert_int_eq(e.class, ERR_CONFIG);
}
END_TEST

/* The log goes round many times; what is left is exactly what is not done. */
START_TEST(segments_are_recycled)
{
	uint64_t kept = 0, id;
	struct spool_stats st;
	int i;

	for (i = 0; i < 400; i++) {
		id = kit_put(&k, (uint64_t)i, 4000, 1);
		if (i == 380)
			kept = id;
		else
			spool_outcome(k.port, id, 0, SPOOL_RELAYED);
	}
	spool_stats(k.spool, &st);
	ck_assert_uint_lt(st.segments, 8);
	reopen();
	ck_assert_uint_eq(k.n, 1);
	kit_check(&k, kept, 380, 4000);
	ck_assert_uint_eq(k.report.damaged_records, 0);
	ck_assert_int_lt(kit_count_files(&k, "segment-"), 8);
}
END_TEST

/* A few old messages pin the log; they are copied forward and the rest is freed. */
START_TEST(old_messages_are_copied_forward)
{
	uint64_t old[3], id;
	struct spool_stats st;
	int i;

	kit_close(&k);
	k.cfg.compact_segments = 4;
	kit_open(&k);
	old[0] = kit_put(&k, 1, 3000, 2);
	old[1] = kit_put(&k, 2, 100000, 70);
	old[2] = kit_put(&k, 3, 10, 1);
	kit_finish(&k, old[0], 1);
	kit_finish(&k, old[1], 69);
	/* who copies has its own thread, which may be behind */
	for (i = 0; i < 1500 || (st.segments >= 20 && i < 15000); i++) {
		id = kit_put(&k, (uint64_t)i, 4000, 1);
		spool_outcome(k.port, id, 0, SPOOL_RELAYED);
		spool_stats(k.spool, &st);
	}
	ck_assert_uint_ge(st.copied, 3);
	ck_assert_uint_lt(st.segments, 20);
	reopen();
	ck_assert_uint_eq(k.n, 3);
	ck_assert_uint_eq(k.report.damaged_messages, 0);
	kit_check(&k, old[0], 1, 3000);
	kit_check(&k, old[1], 2, 100000);
	kit_check(&k, old[2], 3, 10);
	ck_assert_uint_eq(kit_find(&k, old[0])->done, 1 << 1);
	kit_finish(&k, old[0], 0);
	for (i = 0; i < 69; i++)
		spool_outcome(k.port, old[1], (uint32_t)i, SPOOL_RELAYED);
	reopen();
	ck_assert_uint_eq(k.n, 1);
	kit_check(&k, old[2], 3, 10);
}
END_TEST

START_TEST(aborted_drafts_leave_nothing)
{
	static unsigned char data[100000];
	struct spool_draft *d;
	struct spool_stats st;
	uint64_t id;
	int i;

	for (i = 0; i < 50; i++) {
		d = spool_draft_new(k.port, NULL, NULL);
		(void)spool_draft_write(d, data, (size_t)i * 2000);
		spool_draft_abort(&d);
		ck_assert_ptr_null(d);
		id = kit_put(&k, 1, 1000, 1);
		kit_finish(&k, id, 0);
	}
	spool_draft_abort(&d);
	spool_stats(k.spool, &st);
	ck_assert_uint_lt(st.segments, 8);
	reopen();
	ck_assert_uint_eq(k.n, 0);
	ck_assert_uint_eq(k.report.damaged_messages, 0);
}
END_TEST

/* ---- bodies ---- */

START_TEST(body_rewinds_and_outlives_its_message)
{
	uint64_t id = kit_put(&k, 9, 20000, 1);
	unsigned char want[20000], got[20001];
	struct spool_body *b, *none;
	struct err e = { 0 };
	int pass;
	ssize_t n;
	size_t at;

	kit_fill(want, sizeof(want), 9);
	b = spool_body_open(k.port, id, NULL, NULL, &e);
	ck_assert_ptr_nonnull(b);
	kit_finish(&k, id, 0);
	none = spool_body_open(k.port, id, NULL, NULL, &e);
	ck_assert_ptr_null(none);
	ck_assert_int_eq(e.class, ERR_PERM);
	for (pass = 0; pass < 3; pass++) {
		n = spool_body_read(b, got, 100, &e);
		ck_assert_int_eq(n, 100);
		spool_body_rewind(b);
		for (at = 0; (n = spool_body_read(b, got + at, 777, &e)) > 0;)
			at += (size_t)n;
		ck_assert_int_eq(n, 0);
		ck_assert_uint_eq(at, sizeof(want));
		ck_assert(memcmp(want, got, at) == 0);
		/* the log goes round; these bytes must stay */
		for (at = 0; at < 60; at++)
			kit_finish(&k, kit_put(&k, 1, 4000, 1), 0);
		spool_body_rewind(b);
	}
	spool_body_close(&b);
	spool_body_close(&b);
}
END_TEST

static void drop_cache(void)
{
	char path[128];
	int fd;

	kit_segment_path(&k, false, path);
	fd = open(path, O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

static void never(void *ctx)
{
	(void)ctx;
	ck_abort_msg("callback after close");
}

START_TEST(body_from_a_cold_disk)
{
	uint64_t id = kit_put(&k, 4, 50000, 1);
	struct err e = { 0 };
	struct spool_body *b;
	unsigned char buf[100];
	ssize_t n;

	reopen();
	drop_cache();
	ck_assert_int_eq(kit_read(&k, id, 4, &e), 0);
	/* closed while the disk is asked: nothing comes */
	drop_cache();
	b = spool_body_open(k.port, id, never, NULL, &e);
	n = spool_body_read(b, buf, sizeof(buf), &e);
	ck_assert(n == SPOOL_BODY_WAIT || n > 0);
	spool_body_close(&b);
	ck_assert_int_eq(kit_read(&k, id, 4, &e), 0);
}
END_TEST

/* ---- many at once ---- */

enum { THREADS = 4, PER_THREAD = 400, WINDOW = 16 };

struct client {
	pthread_t thread;
	struct loop *loop;
	struct spool_port *port;
	int number, sent, answered;
	uint64_t ids[PER_THREAD];
};

static void client_send(struct client *cl);

static uint64_t client_seed(const struct client *cl, int i)
{
	return (uint64_t)(cl->number * 10000 + i);
}

static size_t client_size(int i)
{
	return i % 50 == 0 ? 40000 : (size_t)(i * 37 % 6000);
}

static void on_client_commit(uint64_t id, const struct err *e, void *ctx)
{
	struct client *cl = ctx;

	ck_assert_ptr_null(e);
	if (id % 3 == 0)
		spool_outcome(cl->port, id, 0, SPOOL_RELAYED);
	if (++cl->answered == PER_THREAD)
		loop_stop(cl->loop);
	else if (cl->sent < PER_THREAD)
		client_send(cl);
}

static void client_send(struct client *cl)
{
	struct spool_draft *d = spool_draft_new(cl->port, NULL, NULL);
	unsigned char body[40000];
	char envelope[64];
	int i = cl->sent++;

	cl->ids[i] = spool_draft_id(d);
	kit_fill(body, client_size(i), client_seed(cl, i));
	(void)spool_draft_write(d, body, client_size(i));
	snprintf(envelope, sizeof(envelope), "envelope %" PRIu64, client_seed(cl, i));
	spool_draft_commit(&d, envelope, strlen(envelope), 1, on_client_commit, cl);
}

static void *client_run(void *ctx)
{
	struct client *cl = ctx;
	int i;

	for (i = 0; i < WINDOW; i++)
		client_send(cl);
	loop_run(cl->loop);
	return NULL;
}

START_TEST(many_threads)
{
	static struct client clients[THREADS];
	struct spool_stats st;
	struct client *cl;
	int t, i, left = 0;

	for (t = 0; t < THREADS; t++) {
		cl = &clients[t];
		cl->number = t;
		cl->loop = loop_new("client");
		cl->port = spool_port_new(k.spool, cl->loop);
		ck_assert_int_eq(pthread_create(&cl->thread, NULL, client_run, cl), 0);
	}
	for (t = 0; t < THREADS; t++)
		pthread_join(clients[t].thread, NULL);
	spool_stats(k.spool, &st);
	ck_assert_uint_eq(st.committed, THREADS * PER_THREAD);
	ck_assert_uint_lt(st.syncs, THREADS * PER_THREAD / 2);
	kit_close(&k);
	for (t = 0; t < THREADS; t++) {
		spool_port_free(&clients[t].port);
		loop_free(&clients[t].loop);
	}
	kit_open(&k);
	for (t = 0; t < THREADS; t++) {
		for (i = 0; i < PER_THREAD; i++) {
			if (clients[t].ids[i] % 3 == 0)
				continue;
			left++;
			kit_check(&k, clients[t].ids[i], client_seed(&clients[t], i),
				client_size(i));
		}
	}
	ck_assert_uint_eq(k.n, (size_t)left);
}
END_TEST

START_TEST(queued_message_is_small)
{
	/* malloc rounds to 16 and adds 8; a bucket of uthash takes 16 for up to ten messages */
	ck_assert_uint_le(sizeof(struct stored) + sizeof(struct place) + 2 * 16 + 16, 200);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("spool");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ids_as_text);
	tcase_add_loop_test(tc, every_size_comes_back, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_test(tc, outcomes_are_kept);
	tcase_add_test(tc, last_outcome_is_told);
	tcase_add_test(tc, ids_are_never_reused);
	tcase_add_test(tc, incarnation_stays);
	tcase_add_test(tc, one_spool_one_process);
	tcase_add_test(tc, bad_configuration_is_refused);
	tcase_add_test(tc, segments_are_recycled);
	tcase_add_test(tc, old_messages_are_copied_forward);
	tcase_add_test(tc, aborted_drafts_leave_nothing);
	tcase_add_test(tc, body_rewinds_and_outlives_its_message);
	tcase_add_test(tc, body_from_a_cold_disk);
	tcase_add_test(tc, many_threads);
	tcase_add_test(tc, queued_message_is_small);
	return unit_run("spool", &tc, 1);
}
