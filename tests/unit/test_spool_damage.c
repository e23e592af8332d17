/* test_spool_damage.c - hubd/spool when the disk or the process fails: nothing acknowledged is
 * lost, nothing refused comes back, damage is reported.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hubd/spool/record.h"
#include "libhub/base/mem.h"
#include "spool_kit.h"
#include "unit.h"

static struct kit k;

static void setup(void)
{
	kit_init(&k);
}

static void teardown(void)
{
	kit_deinit(&k);
}

/* ---- the log as bytes ---- */

struct image {
	char path[128];
	unsigned char *data;
	size_t size;
};

static void image_read(struct image *im, bool last)
{
	kit_segment_path(&k, last, im->path);
	im->data = kit_file_read(im->path, &im->size);
}

/* Offset of record number n (from 0) of a type; its header in *h. */
static size_t image_record(const struct image *im, enum record_type type, int n,
	struct record_header *h)
{
	uint64_t nonce;
	size_t at = 0;

	memcpy(&nonce, im->data, sizeof(nonce));
	while (record_valid(im->data + at, im->size - at, nonce)) {
		memcpy(h, im->data + at, sizeof(*h));
		if (h->type == type && n-- == 0)
			return at;
		at += RECORD_SPACE(h->length);
	}
	ck_abort_msg("no such record");
	return 0;
}

/* The spool's files as they are now, without the closing of the spool, in the folder to. */
static void snapshot(const char *to, const char *segment, const void *data, size_t size)
{
	char path[256];
	unsigned char *incarnation;
	size_t n;

	snprintf(path, sizeof(path), "%s/incarnation", k.folder);
	incarnation = kit_file_read(path, &n);
	ck_assert_int_eq(mkdir(to, 0700), 0);
	snprintf(path, sizeof(path), "%s/incarnation", to);
	kit_file_write(path, incarnation, n);
	free(incarnation);
	snprintf(path, sizeof(path), "%s%s", to, strrchr(segment, '/'));
	kit_file_write(path, data, size);
}

/* Opens a spool whose last segment has these bytes, and says how many messages come back. */
static size_t recovered(const struct image *im, const unsigned char *data, struct kit *out)
{
	kit_init(out);
	kit_remove_tree(out->folder);
	snapshot(out->folder, im->path, data, im->size);
	kit_open(out);
	return out->n;
}

START_TEST(torn_at_every_byte)
{
	unsigned char *torn;
	struct image im;
	struct record_header h;
	size_t start, end, cut;
	uint64_t a, b;
	struct kit out;
	bool whole;

	kit_open(&k);
	a = kit_put(&k, 1, 300, 1);
	b = kit_put(&k, 2, 10, 1);
	(void)kit_put(&k, 3, 50, 1);
	image_read(&im, true);
	start = image_record(&im, RECORD_MESSAGE, 2, &h);
	/* the padding behind the last byte does not count */
	end = start + sizeof(h) + h.length;
	torn = xmalloc(im.size);
	for (cut = start; cut <= end; cut++) {
		memcpy(torn, im.data, im.size);
		memset(torn + cut, _i == 0 ? 0 : 0xa5, im.size - cut);
		/* a record may end in the very bytes that were never written */
		whole = memcmp(torn, im.data, end) == 0;
		ck_assert_uint_eq(recovered(&im, torn, &out), whole ? 3 : 2);
		kit_check(&out, a, 1, 300);
		kit_check(&out, b, 2, 10);
		ck_assert_uint_eq(out.report.damaged_records, 0);
		kit_deinit(&out);
	}
	free(torn);
	free(im.data);
}
END_TEST

/* The log goes on behind a torn tail, and a second recovery finds the same. */
START_TEST(torn_then_used_again)
{
	struct image im;
	struct record_header h;
	struct kit out;
	size_t start;
	uint64_t a, b;

	kit_open(&k);
	a = kit_put(&k, 1, 300, 1);
	(void)kit_put(&k, 2, 3000, 1);
	image_read(&im, true);
	start = image_record(&im, RECORD_MESSAGE, 1, &h);
	memset(im.data + start + 1000, 0, im.size - start - 1000);
	ck_assert_uint_eq(recovered(&im, im.data, &out), 1);
	ck_assert_uint_gt(out.report.torn_bytes, 0);
	b = kit_put(&out, 3, 5000, 1);
	kit_close(&out);
	kit_open(&out);
	ck_assert_uint_eq(out.n, 2);
	kit_check(&out, a, 1, 300);
	kit_check(&out, b, 3, 5000);
	ck_assert_uint_eq(out.report.damaged_records, 0);
	kit_deinit(&out);
	free(im.data);
}
END_TEST

START_TEST(flipped_byte_is_set_aside)
{
	uint64_t a, b, c;
	struct image im;
	struct record_header h;
	size_t start;
	int times;

	kit_open(&k);
	a = kit_put(&k, 1, 300, 1);
	b = kit_put(&k, 2, 500, 1);
	c = kit_put(&k, 3, 300, 2);
	kit_finish(&k, c, 1);
	kit_close(&k);
	image_read(&im, true);
	start = image_record(&im, RECORD_MESSAGE, 1, &h);
	/* in the header, the body, the envelope, the tail */
	im.data[start + (size_t[]){ 3, 9, 100, 540, 555, 580 }[_i]] ^= 0x10;
	kit_file_write(im.path, im.data, im.size);
	free(im.data);
	for (times = 0; times < 2; times++) {
		kit_open(&k);
		ck_assert_uint_eq(k.n, 2);
		ck_assert_ptr_null(kit_find(&k, b));
		kit_check(&k, a, 1, 300);
		kit_check(&k, c, 3, 300);
		ck_assert_uint_eq(kit_find(&k, c)->done, 2);
		/* reported once, then known */
		ck_assert_uint_eq(k.report.damaged_records, times == 0);
		ck_assert_int_eq(kit_count_files(&k, "quarantine"), 1);
		kit_close(&k);
	}
}
END_TEST

START_TEST(damaged_chunk_sets_the_message_aside)
{
	uint64_t a, b, c;
	struct image im;
	struct record_header h;
	size_t start;

	kit_open(&k);
	a = kit_put(&k, 1, 300, 1);
	b = kit_put(&k, 2, 40000, 1);
	c = kit_put(&k, 3, 300, 1);
	kit_close(&k);
	image_read(&im, false);
	start = image_record(&im, RECORD_CHUNK, 2, &h);
	im.data[start + 4000] ^= 1;
	kit_file_write(im.path, im.data, im.size);
	free(im.data);
	kit_open(&k);
	ck_assert_uint_eq(k.n, 2);
	ck_assert_ptr_null(kit_find(&k, b));
	kit_check(&k, a, 1, 300);
	kit_check(&k, c, 3, 300);
	ck_assert_uint_eq(k.report.damaged_records, 1);
	ck_assert_uint_eq(k.report.damaged_messages, 1);
	ck_assert_str_ne(k.report.quarantine, "");
}
END_TEST

START_TEST(body_damaged_while_running)
{
	struct image im;
	struct record_header h;
	struct err e = { 0 };
	uint64_t id;

	kit_open(&k);
	id = kit_put(&k, 1, 300, 1);
	image_read(&im, true);
	im.data[image_record(&im, RECORD_MESSAGE, 0, &h) + 100] ^= 1;
	/* the same file: the spool has it open */
	kit_file_write(im.path, im.data, im.size);
	free(im.data);
	ck_assert_int_eq(kit_read(&k, id, 1, &e), -1);
	ck_assert_int_eq(e.class, ERR_PERM);
}
END_TEST

/* A body that holds what records look like is never read as records. */
START_TEST(body_that_imitates_records)
{
	struct spool_draft *d;
	struct image im;
	uint64_t a;

	kit_open(&k);
	a = kit_put(&k, 1, 300, 1);
	image_read(&im, true);
	kit_close(&k);
	/* another segment has another nonce: yesterday's bytes mean nothing today */
	kit_open(&k);
	d = spool_draft_new(k.port, NULL, NULL);
	(void)spool_draft_write(d, im.data, im.size);
	spool_draft_abort(&d);
	(void)kit_put(&k, 2, 4, 1);
	kit_close(&k);
	kit_open(&k);
	ck_assert_uint_eq(k.n, 2);
	kit_check(&k, a, 1, 300);
	free(im.data);
}
END_TEST

START_TEST(foreign_folder_is_refused)
{
	struct err e = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/incarnation", k.folder);
	kit_file_write(path, "something else\n", 15);
	ck_assert_ptr_null(spool_open(&k.cfg, NULL, NULL, NULL, &e));
	ck_assert_int_eq(e.class, ERR_CONFIG);
	ck_assert_ptr_nonnull(strstr(e.text, "incarnation"));
}
END_TEST

/* ---- injected faults ---- */

static atomic_int fail_writes, fail_syncs, fail_creates;	/* how many of the next ones */
static atomic_int short_writes;
static atomic_int hold_writes;

static bool take_one(atomic_int *left)
{
	int n = atomic_load(left);

	while (n > 0) {
		if (atomic_compare_exchange_weak(left, &n, n - 1))
			return true;
	}
	return false;
}

/* Faults are for the log, not for the making of files. */
static bool is_new_file(int fd)
{
	char link[64], path[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	return strstr(path, "/new-") != NULL;
}

static ssize_t faulty_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	struct iovec part;

	if (is_new_file(fd))
		return pwritev(fd, iov, n, offset);
	while (atomic_load(&hold_writes) != 0)
		sched_yield();
	if (take_one(&fail_writes)) {
		/* half of it reaches the disk */
		part = (struct iovec){ iov->iov_base, iov->iov_len / 2 };
		(void)!pwritev(fd, &part, 1, offset);
		errno = EIO;
		return -1;
	}
	if (atomic_load(&short_writes) != 0) {
		part = (struct iovec){ iov->iov_base, iov->iov_len > 5 ? 5 : iov->iov_len };
		return pwritev(fd, &part, 1, offset);
	}
	return pwritev(fd, iov, n, offset);
}

static int faulty_fdatasync(int fd)
{
	if (!is_new_file(fd) && take_one(&fail_syncs)) {
		errno = EIO;
		return -1;
	}
	return fdatasync(fd);
}

static int faulty_create(int folder, const char *name)
{
	if (take_one(&fail_creates)) {
		errno = ENOSPC;
		return -1;
	}
	return spool_io_system.create(folder, name);
}

static const struct spool_io faulty = { faulty_create, faulty_pwritev, faulty_fdatasync };

static void open_faulty(void)
{
	atomic_store(&fail_writes, 0);
	atomic_store(&fail_syncs, 0);
	atomic_store(&fail_creates, 0);
	atomic_store(&short_writes, 0);
	atomic_store(&hold_writes, 0);
	k.cfg.io = &faulty;
	kit_open(&k);
}

/* Both segment files beyond the present one are there: no filling goes on. */
static void wait_spare(void)
{
	struct spool_stats st;

	do
		spool_stats(k.spool, &st);
	while (st.free_segments < 2);
}

START_TEST(one_failure_refuses_one_batch)
{
	atomic_int *fault = _i == 0 ? &fail_writes : &fail_syncs;
	uint64_t a, b, c, refused;
	struct err e = { 0 };

	open_faulty();
	a = kit_put(&k, 1, 300, 2);
	spool_outcome(k.port, a, 0, SPOOL_RELAYED);
	wait_spare();
	atomic_store(fault, 1);
	/* the outcome may be alone in the batch that fails: then once more */
	while (kit_try(&k, 2, 2000, 1, &refused, &e) == 0)
		atomic_store(fault, 1);
	ck_assert_int_eq(e.class, ERR_TEMP);
	ck_assert_int_eq(e.sys, EIO);
	b = kit_put(&k, 3, 300, 1);
	c = kit_put(&k, 4, 70000, 1);
	kit_finish(&k, b, 0);
	kit_close(&k);
	kit_open(&k);
	ck_assert_ptr_null(kit_find(&k, refused));
	ck_assert_ptr_null(kit_find(&k, b));
	kit_check(&k, a, 1, 300);
	kit_check(&k, c, 4, 70000);
	ck_assert_uint_eq(kit_find(&k, a)->done, 1);
	ck_assert_uint_eq(k.report.damaged_records, 0);
}
END_TEST

START_TEST(outcome_survives_a_failing_disk)
{
	uint64_t a;

	open_faulty();
	a = kit_put(&k, 1, 300, 3);
	wait_spare();
	atomic_store(&fail_writes, 1);
	kit_finish(&k, a, 1);
	wait_spare();
	atomic_store(&fail_syncs, 1);
	kit_finish(&k, a, 2);
	kit_close(&k);
	kit_open(&k);
	ck_assert_uint_eq(k.n, 1);
	ck_assert_uint_eq(kit_find(&k, a)->done, 6);
}
END_TEST

START_TEST(large_message_over_a_failure)
{
	static unsigned char data[200000];
	struct spool_draft *d;
	uint64_t refused, id;
	struct err e = { 0 };

	open_faulty();
	(void)kit_put(&k, 1, 100, 1);
	wait_spare();
	d = spool_draft_new(k.port, NULL, NULL);
	atomic_store(&fail_writes, 1);
	(void)spool_draft_write(d, data, sizeof(data));
	while (!spool_draft_failed(d))
		ck_assert_int_ge(event_base_loop(loop_base(k.loop), EVLOOP_ONCE), 0);
	(void)spool_draft_write(d, data, sizeof(data));
	spool_draft_abort(&d);
	wait_spare();
	atomic_store(&fail_syncs, 1);
	ck_assert_int_eq(kit_try(&k, 2, 500000, 1, &refused, &e), -1);
	ck_assert_int_eq(e.class, ERR_TEMP);
	id = kit_put(&k, 3, 500000, 1);
	kit_close(&k);
	kit_open(&k);
	ck_assert_uint_eq(k.n, 2);
	kit_check(&k, id, 3, 500000);
	ck_assert_uint_eq(k.report.damaged_messages, 0);
}
END_TEST

START_TEST(short_writes_are_continued)
{
	uint64_t a, b;

	open_faulty();
	a = kit_put(&k, 1, 300, 1);
	atomic_store(&short_writes, 1);
	b = kit_put(&k, 2, 3000, 1);
	atomic_store(&short_writes, 0);
	kit_close(&k);
	kit_open(&k);
	kit_check(&k, a, 1, 300);
	kit_check(&k, b, 2, 3000);
}
END_TEST

/* Messages are refused, outcomes are not, and with space it goes on by itself. */
START_TEST(full_disk)
{
	enum { MANY = 200 };
	uint64_t ids[MANY], refused;
	struct spool_stats st;
	struct err e = { 0 };
	int i, n = 0;

	open_faulty();
	wait_spare();
	atomic_store(&fail_creates, 1000000);
	while (n < MANY && kit_try(&k, (uint64_t)n, 4000, 1, &ids[n], &e) == 0)
		n++;
	ck_assert_int_lt(n, MANY);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(e.class, ERR_TEMP);
	ck_assert_int_eq(e.sys, ENOSPC);
	spool_stats(k.spool, &st);
	ck_assert_uint_eq(st.messages, (uint64_t)n);
	ck_assert_uint_eq(st.refused, 1);
	for (i = 1; i < n; i++)
		kit_finish(&k, ids[i], 0);
	atomic_store(&fail_creates, 0);
	while (kit_try(&k, 1000, 4000, 1, &refused, &e) != 0)
		ck_assert_int_eq(e.class, ERR_TEMP);
	spool_stats(k.spool, &st);
	ck_assert(st.accepting);
	kit_close(&k);
	kit_open(&k);
	ck_assert_uint_eq(k.n, 2);
	kit_check(&k, ids[0], 0, 4000);
	kit_check(&k, refused, 1000, 4000);
}
END_TEST

/* One old message in the oldest segment holds up all behind it: it is copied into the reserve. */
START_TEST(old_message_does_not_keep_a_full_disk_full)
{
	enum { MANY = 200 };
	uint64_t ids[MANY], late;
	struct err e = { 0 };
	int i, n = 0;

	open_faulty();
	wait_spare();
	atomic_store(&fail_creates, 1000000);
	while (n < MANY && kit_try(&k, (uint64_t)n, 4000, 1, &ids[n], &e) == 0)
		n++;
	ck_assert_int_lt(n, MANY);
	for (i = 1; i < n; i++)
		kit_finish(&k, ids[i], 0);
	/* no new file can be made all the while */
	while (kit_try(&k, 1000, 4000, 1, &late, &e) != 0)
		ck_assert_int_eq(e.class, ERR_TEMP);
	kit_close(&k);
	kit_open(&k);
	ck_assert_uint_eq(k.n, 2);
	kit_check(&k, ids[0], 0, 4000);
	kit_check(&k, late, 1000, 4000);
}
END_TEST

static void on_resume(void *ctx)
{
	*(bool *)ctx = true;
}

START_TEST(writer_is_paused_and_resumed)
{
	static unsigned char data[8192];
	struct spool_draft *d;
	bool resumed = false;
	int n = 0;

	k.cfg.segment_size = 4 * 1024 * 1024;
	open_faulty();
	(void)kit_put(&k, 1, 100, 1);
	atomic_store(&hold_writes, 1);
	memset(data, 'x', sizeof(data));
	d = spool_draft_new(k.port, on_resume, &resumed);
	while (spool_draft_write(d, data, sizeof(data)))
		ck_assert_int_lt(++n, 1000);
	ck_assert_int_gt(n, 64);
	ck_assert(!resumed);
	atomic_store(&hold_writes, 0);
	kit_wait(&k, &resumed);
	ck_assert(spool_draft_write(d, data, sizeof(data)));
	spool_draft_abort(&d);
}
END_TEST

/* ---- kill -9 ---- */

enum { KILL_ROUNDS = 30, KILL_WINDOW = 24 };

struct hasty {
	int out;
	uint64_t n;
};

static void hasty_send(struct hasty *h);

/* An acknowledged id goes to the parent first; every third message is then finished. */
static void on_hasty(uint64_t id, const struct err *e, void *ctx)
{
	struct hasty *h = ctx;

	if (e != NULL || write(h->out, &id, sizeof(id)) != (ssize_t)sizeof(id))
		_exit(1);
	if (id % 3 != 0)
		spool_outcome(k.port, id, 0, SPOOL_RELAYED);
	hasty_send(h);
}

static size_t hasty_size(uint64_t id)
{
	return id % 40 == 0 ? 60000 : (size_t)(id * 97 % 5000);
}

static void hasty_send(struct hasty *h)
{
	struct spool_draft *d = spool_draft_new(k.port, NULL, NULL);
	static unsigned char body[60000];
	uint64_t id = spool_draft_id(d);
	char envelope[64];

	kit_fill(body, hasty_size(id), id);
	(void)spool_draft_write(d, body, hasty_size(id));
	snprintf(envelope, sizeof(envelope), "envelope %" PRIu64, id);
	spool_draft_commit(&d, envelope, strlen(envelope), 2, on_hasty, h);
}

static _Noreturn void hasty_run(int out)
{
	struct hasty h = { .out = out };
	int i;

	kit_open(&k);
	for (i = 0; i < KILL_WINDOW; i++)
		hasty_send(&h);
	loop_run(k.loop);
	_exit(1);
}

/* Reads what the child acknowledges and kills it after so many. */
static size_t run_and_kill(uint64_t *ids, size_t max, size_t after)
{
	int ends[2], status;
	uint64_t id;
	size_t n = 0;
	pid_t pid;

	ck_assert_int_eq(pipe(ends), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(ends[0]);
		hasty_run(ends[1]);
	}
	close(ends[1]);
	/* after the kill, what was in the pipe counts too */
	while (n < max && read(ends[0], &id, sizeof(id)) == (ssize_t)sizeof(id)) {
		ids[n++] = id;
		if (n == after)
			kill(pid, SIGKILL);
	}
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	close(ends[0]);
	return n;
}

START_TEST(kill_at_any_moment)
{
	enum { MAX = 20000 };
	static uint64_t ids[MAX];
	size_t n = 0, before, i;
	int round;

	for (round = 0; round < KILL_ROUNDS; round++) {
		before = n;
		n += run_and_kill(ids + n, MAX - n, 1 + (size_t)round * 13);
		ck_assert_uint_gt(n, before);
		kit_open(&k);
		ck_assert_uint_eq(k.report.damaged_records, 0);
		ck_assert_uint_eq(k.report.damaged_messages, 0);
		for (i = 0; i < n; i++) {
			ck_assert_msg(kit_find(&k, ids[i]) != NULL, "round %d lost %zu", round, i);
			kit_check(&k, ids[i], ids[i], hasty_size(ids[i]));
		}
		/* never more than what was in flight at the kills besides */
		ck_assert_uint_le(k.n, n + (size_t)(round + 1) * KILL_WINDOW);
		/* the children's messages are looked at once or twice, then go */
		if (round % 3 == 2) {
			for (i = 0; i < k.n; i++) {
				spool_outcome(k.port, k.found[i].id, 0, SPOOL_REMOVED);
				kit_finish(&k, k.found[i].id, 1);
			}
			n = 0;
		}
		kit_close(&k);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("damage");

	tcase_set_timeout(tc, 180);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, torn_at_every_byte, 0, 2);
	tcase_add_test(tc, torn_then_used_again);
	tcase_add_loop_test(tc, flipped_byte_is_set_aside, 0, 6);
	tcase_add_test(tc, damaged_chunk_sets_the_message_aside);
	tcase_add_test(tc, body_damaged_while_running);
	tcase_add_test(tc, body_that_imitates_records);
	tcase_add_test(tc, foreign_folder_is_refused);
	tcase_add_loop_test(tc, one_failure_refuses_one_batch, 0, 2);
	tcase_add_test(tc, outcome_survives_a_failing_disk);
	tcase_add_test(tc, large_message_over_a_failure);
	tcase_add_test(tc, short_writes_are_continued);
	tcase_add_test(tc, full_disk);
	tcase_add_test(tc, old_message_does_not_keep_a_full_disk_full);
	tcase_add_test(tc, writer_is_paused_and_resumed);
	tcase_add_test(tc, kill_at_any_moment);
	return unit_run("spool-damage", &tc, 1);
}
