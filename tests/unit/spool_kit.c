/* spool_kit.c - see spool_kit.h */
#include "spool_kit.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhub/base/loop.h"
#include "libhub/base/mem.h"

void kit_init(struct kit *k)
{
	memset(k, 0, sizeof(*k));
	snprintf(k->folder, sizeof(k->folder), "/tmp/hub-test-spool.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(k->folder));
	k->cfg.folder = k->folder;
	k->cfg.segment_size = 64 * 1024;
	k->loop = loop_new("test");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void kit_remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void kit_deinit(struct kit *k)
{
	kit_close(k);
	loop_free(&k->loop);
	free(k->found);
	kit_remove_tree(k->folder);
}

static void on_recovered(const struct spool_recovered *m, void *ctx)
{
	struct kit *k = ctx;
	struct kit_found *f;

	k->found = xreallocarray(k->found, k->n + 1, sizeof(*k->found));
	f = &k->found[k->n++];
	memset(f, 0, sizeof(*f));
	f->id = m->id;
	f->recipients = m->recipients;
	f->done = m->done[0];
	f->body_size = m->body_size;
	ck_assert_uint_lt(m->envelope_size, sizeof(f->envelope));
	memcpy(f->envelope, m->envelope, m->envelope_size);
}

void kit_open(struct kit *k)
{
	struct err e = { 0 };

	k->n = 0;
	k->spool = spool_open(&k->cfg, on_recovered, k, &k->report, &e);
	ck_assert_msg(k->spool != NULL, "%s", e.text);
	k->port = spool_port_new(k->spool, k->loop);
}

void kit_close(struct kit *k)
{
	spool_close(&k->spool);
	spool_port_free(&k->port);
}

void kit_wait(struct kit *k, const bool *flag)
{
	while (!*flag)
		ck_assert_int_ge(event_base_loop(loop_base(k->loop), EVLOOP_ONCE), 0);
}

void kit_fill(unsigned char *buf, size_t size, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
	size_t i;

	for (i = 0; i < size; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf[i] = (unsigned char)x;
	}
}

struct commit_wait {
	bool done;
	bool failed;
	uint64_t id;
	struct err e;
};

static void on_commit(uint64_t id, const struct err *e, void *ctx)
{
	struct commit_wait *w = ctx;

	ck_assert(!w->done);
	w->done = true;
	w->id = id;
	w->failed = e != NULL;
	if (e != NULL)
		w->e = *e;
}

int kit_try(struct kit *k, uint64_t seed, size_t size, uint32_t recipients, uint64_t *id,
	struct err *e)
{
	struct spool_draft *d = spool_draft_new(k->port, NULL, NULL);
	unsigned char *body = xmalloc(size);
	struct commit_wait w = { 0 };
	char envelope[64];
	size_t at = 0, n;

	*id = spool_draft_id(d);
	kit_fill(body, size, seed);
	for (n = 1; at < size; at += n, n = n * 3 + 1) {
		if (n > size - at)
			n = size - at;
		(void)spool_draft_write(d, body + at, n);
	}
	free(body);
	ck_assert_uint_eq(spool_draft_size(d), size);
	snprintf(envelope, sizeof(envelope), "envelope %" PRIu64, seed);
	spool_draft_commit(&d, envelope, strlen(envelope), recipients, on_commit, &w);
	ck_assert_ptr_null(d);
	ck_assert(!w.done);
	kit_wait(k, &w.done);
	ck_assert_uint_eq(w.id, *id);
	*e = w.e;
	return w.failed ? -1 : 0;
}

uint64_t kit_put(struct kit *k, uint64_t seed, size_t size, uint32_t recipients)
{
	struct err e = { 0 };
	uint64_t id;
	int rc = kit_try(k, seed, size, recipients, &id, &e);

	ck_assert_msg(rc == 0, "%s", e.text);
	return id;
}

static void on_outcome(uint64_t id, void *ctx)
{
	(void)id;
	*(bool *)ctx = true;
}

void kit_finish(struct kit *k, uint64_t id, uint32_t recipient)
{
	struct spool_outcome o = { recipient, SPOOL_DELIVERED };
	bool done = false;

	spool_outcomes(k->port, id, &o, 1, on_outcome, &done);
	ck_assert(!done);
	kit_wait(k, &done);
}

const struct kit_found *kit_find(const struct kit *k, uint64_t id)
{
	size_t i;

	for (i = 0; i < k->n; i++) {
		if (k->found[i].id == id)
			return &k->found[i];
	}
	return NULL;
}

static void on_ready(void *ctx)
{
	*(bool *)ctx = true;
}

int kit_read(struct kit *k, uint64_t id, uint64_t seed, struct err *e)
{
	bool ready = false;
	struct spool_body *b = spool_body_open(k->port, id, on_ready, &ready, e);
	unsigned char *want, *got;
	size_t size, at = 0;
	ssize_t n;

	ck_assert_msg(b != NULL, "%s", e->text);
	size = spool_body_size(b);
	want = xmalloc(size);
	got = xmalloc(size + 1);
	kit_fill(want, size, seed);
	while ((n = spool_body_read(b, got + at, size + 1 - at, e)) > 0 || n == SPOOL_BODY_WAIT) {
		if (n == SPOOL_BODY_WAIT) {
			kit_wait(k, &ready);
			ready = false;
			continue;
		}
		at += (size_t)n;
	}
	if (n == 0) {
		ck_assert_uint_eq(at, size);
		ck_assert(memcmp(want, got, size) == 0);
	}
	free(want);
	free(got);
	spool_body_close(&b);
	return (int)n;
}

void kit_check(struct kit *k, uint64_t id, uint64_t seed, size_t size)
{
	const struct kit_found *f = kit_find(k, id);
	struct err e = { 0 };
	char envelope[64];

	ck_assert_ptr_nonnull(f);
	snprintf(envelope, sizeof(envelope), "envelope %" PRIu64, seed);
	ck_assert_str_eq(f->envelope, envelope);
	ck_assert_uint_eq(f->body_size, size);
	ck_assert_msg(kit_read(k, id, seed, &e) == 0, "%s", e.text);
}

unsigned char *kit_file_read(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	unsigned char *data;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	*size = (size_t)st.st_size;
	data = xmalloc(*size);
	ck_assert_int_eq(read(fd, data, *size), (ssize_t)*size);
	close(fd);
	return data;
}

void kit_file_write(const char *path, const void *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
	close(fd);
}

static bool has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

void kit_segment_path(const struct kit *k, bool last, char *path)
{
	DIR *dir = opendir(k->folder);
	struct dirent *entry;
	char best[64] = "";

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL) {
		if (!has_prefix(entry->d_name, "segment-"))
			continue;
		if (best[0] == '\0' || (strcmp(entry->d_name, best) > 0) == last)
			snprintf(best, sizeof(best), "%.63s", entry->d_name);
	}
	closedir(dir);
	snprintf(path, 128, "%s/%s", k->folder, best);
}

int kit_count_files(const struct kit *k, const char *prefix)
{
	DIR *dir = opendir(k->folder);
	struct dirent *entry;
	int n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)) != NULL)
		n += has_prefix(entry->d_name, prefix);
	closedir(dir);
	return n;
}
