/* recover.c - what the spool holds when it is opened: one pass over the segments in order.
 *
 * Every segment begins with a HEAD record that says where the ones before it ended; what lies
 * behind such an end was refused or torn and is not read. Only the last segment, which nobody has
 * spoken of yet, may end torn. The log goes on in a fresh segment, whose HEAD seals the last one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubd/spool/recover.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { FILE_MAX = 1024 * 1024 * 1024 };

/* ---- files ---- */

/* "PREFIX-0123456789abcdef" -> its number */
static bool name_number(const char *name, const char *prefix, uint64_t *number)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && strlen(name + n) == 16
		&& spool_id_parse(name + n, number);
}

/* *info has its size, which is no more than FILE_MAX. */
static int open_found(struct store *st, const char *name, struct stat *info, struct err *e)
{
	int fd = openat(st->folder, name, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, info) != 0)
		err_set(e, ERR_TEMP, errno, "spool %s: %s", st->path, name);
	else if (info->st_size > FILE_MAX)
		err_set(e, ERR_CONFIG, 0, "spool %s: %s is too large", st->path, name);
	else
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int free_found(struct store *st, const char *name, uint64_t number, struct err *e)
{
	struct stat info;
	int fd = open_found(st, name, &info, e);

	if (fd < 0)
		return -1;
	if (info.st_size == (off_t)st->segment_size && st->free_count < st->keep) {
		store_free_add(st, number, fd);
		return 0;
	}
	close(fd);
	unlinkat(st->folder, name, 0);
	return 0;
}

static int segment_found(struct recovery *r, const char *name, uint64_t number, struct err *e)
{
	struct found_file f = { .number = number, .end = UINT64_MAX };
	struct stat info;
	int64_t written_ms;

	f.fd = open_found(&r->spool->store, name, &info, e);
	if (f.fd < 0)
		return -1;
	f.size = (uint32_t)info.st_size;
	written_ms = (int64_t)info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1000000;
	if (written_ms > r->written_ms)
		r->written_ms = written_ms;
	if (r->n == r->room) {
		r->room = r->room != 0 ? 2 * r->room : 64;
		r->files = xreallocarray(r->files, r->room, sizeof(*r->files));
	}
	r->files[r->n++] = f;
	return 0;
}

static int file_found(struct recovery *r, const char *name, struct err *e)
{
	struct store *st = &r->spool->store;
	uint64_t number;

	if (name_number(name, "segment-", &number))
		return segment_found(r, name, number, e);
	if (name_number(name, "free-", &number))
		return free_found(st, name, number, e);
	/* half made when the last process ended */
	if (name_number(name, "new-", &number))
		unlinkat(st->folder, name, 0);
	return 0;
}

static int file_compare(const void *a, const void *b)
{
	const struct found_file *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

static int files_list(struct recovery *r, struct err *e)
{
	struct store *st = &r->spool->store;
	int copy = openat(st->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *entry;

	if (dir == NULL)
		return err_set(e, ERR_TEMP, errno, "spool %s", st->path);
	while (rc == 0 && (entry = readdir(dir)) != NULL)
		rc = file_found(r, entry->d_name, e);
	closedir(dir);
	if (r->n > 1)
		qsort(r->files, r->n, sizeof(*r->files), file_compare);
	return rc;
}

/* ---- what the heads say ---- */

static void end_note(struct recovery *r, const struct record_end *end)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (r->files[i].number == end->sequence)
			r->files[i].end = end->end;
	}
}

static void head_read(struct recovery *r, struct found_file *f)
{
	struct { struct record_header h; struct record_head head; } in;
	uint64_t nonce = record_nonce(r->spool->store.key, f->number);
	uint64_t i;

	if (pread(f->fd, &in, sizeof(in), 0) != (ssize_t)sizeof(in)
		|| !record_valid((unsigned char *)&in, sizeof(in), nonce)
		|| in.h.type != RECORD_HEAD || in.h.length != sizeof(in.head)
		|| in.head.count > RECORD_ENDS)
		return;
	f->head_valid = true;
	for (i = 0; i < in.head.count; i++)
		end_note(r, &in.head.ends[i]);
}

/* Number of files up to the last that holds anything; a crash may leave fresh ones behind it. */
static size_t used_files(struct recovery *r)
{
	size_t n = r->n;

	while (n > 0 && !r->files[n - 1].head_valid && !recover_has_record(r, &r->files[n - 1]))
		n--;
	return n;
}

static void drop_unused(struct recovery *r, size_t from)
{
	char name[40];

	for (; from < r->n; from++) {
		snprintf(name, sizeof(name), "segment-%016" PRIx64, r->files[from].number);
		unlinkat(r->spool->store.folder, name, 0);
		if (r->files[from].number >= r->spool->store.next_sequence)
			r->spool->store.next_sequence = r->files[from].number + 1;
	}
}

static int segments_read(struct recovery *r, struct err *e)
{
	size_t i, used;

	for (i = 0; i < r->n; i++)
		head_read(r, &r->files[i]);
	used = used_files(r);
	for (i = 0; i < used; i++) {
		if (recover_scan(r, &r->files[i], i + 1 == used, e) != 0)
			return -1;
	}
	drop_unused(r, used);
	return 0;
}

/* ---- handing out ---- */

static void broken_remove(struct recovery *r)
{
	struct index *ix = &r->spool->index;
	struct broken *b, *next;
	struct stored *m;

	HASH_ITER(hh, r->broken, b, next) {
		m = index_find(ix, b->id);
		if (m == NULL)
			continue;
		quarantine_message(r, m);
		index_remove(ix, m);
	}
}

static bool hand_out(struct recovery *r, const struct stored *m, spool_recover_cb *cb, void *ctx)
{
	const struct place *p = m->place;
	struct spool_recovered out = { .id = m->id, .envelope_size = p->envelope_size,
		.recipients = m->recipients, .done = stored_done(m), .body_size = p->body_size,
		.written_ms = r->written_ms };
	void *envelope = xmalloc(p->envelope_size);
	off_t at = (off_t)(p->message.offset + sizeof(struct record_header) + p->inline_size);
	bool ok = pread(p->message.seg->fd, envelope, p->envelope_size, at)
		== (ssize_t)p->envelope_size;

	if (ok) {
		out.envelope = envelope;
		r->report->messages++;
		cb(&out, ctx);
	}
	free(envelope);
	return ok;
}

static void hand_out_all(struct recovery *r, spool_recover_cb *cb, void *ctx)
{
	struct index *ix = &r->spool->index;
	struct stored *m, *next;

	broken_remove(r);
	HASH_ITER(hh, ix->messages, m, next) {
		if (cb != NULL && !hand_out(r, m, cb, ctx)) {
			quarantine_message(r, m);
			index_remove(ix, m);
		}
	}
}

static void files_close(struct recovery *r)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		if (r->files[i].fd >= 0)
			close(r->files[i].fd);
	}
	free(r->files);
}

int spool_recover(struct spool *s, spool_recover_cb *cb, void *ctx, struct spool_report *report,
	struct err *e)
{
	struct recovery r = { .spool = s, .report = report };
	int rc = files_list(&r, e);

	if (rc == 0)
		rc = segments_read(&r, e);
	if (rc == 0) {
		hand_out_all(&r, cb, ctx);
		atomic_store(&s->next_id, r.next_id);
	}
	recover_forget(&r);
	files_close(&r);
	return rc;
}
