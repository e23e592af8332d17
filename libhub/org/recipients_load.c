/* recipients_load.c - reading the file, see recipients_file.h */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libhub/org/recipients_file_impl.h"

struct loading {
	struct recipients *r;
	const char *path;
	const unsigned char *begin, *at, *end;
	struct recipients_file_content *out;
};

static void put(const struct roster_entry *e, void *ctx)
{
	recipients_put_decoded(ctx, e);
}

static void deleted(const unsigned char uuid[16], void *ctx)
{
	recipients_delete(ctx, uuid);
}

static void nothing_put(const struct roster_entry *e, void *ctx)
{
	(void)e;
	(void)ctx;
}

static void nothing_deleted(const unsigned char uuid[16], void *ctx)
{
	(void)uuid;
	(void)ctx;
}

static int refuse(const struct loading *l, struct err *e, const char *why)
{
	return err_set(e, ERR_PERM, 0, "%.200s: %s at byte %zu", l->path, why,
		(size_t)(l->at - l->begin));
}

static int read_head(struct loading *l, const char *base, struct err *e)
{
	struct codec_chunk chunk;
	size_t magic = strlen(RECIPIENTS_FILE_MAGIC);

	if ((size_t)(l->end - l->at) < magic || memcmp(l->at, RECIPIENTS_FILE_MAGIC, magic) != 0)
		return refuse(l, e, "not a file of recipients of this version");
	l->at += magic;
	if (!codec_read(&l->at, l->end, &chunk) || chunk.type != CHUNK_HEAD)
		return refuse(l, e, "damaged");
	if (chunk.size != strlen(base) || memcmp(chunk.data, base, chunk.size) != 0)
		return refuse(l, e, "for another base");
	return 0;
}

static void take_point(const struct codec_chunk *chunk, struct watch_point *p)
{
	const unsigned char *zero = memchr(chunk->data, '\0', chunk->size);
	size_t size = zero != NULL ? (size_t)(zero - chunk->data) : sizeof(p->directory);

	p->cookie.size = 0;
	if (size >= sizeof(p->directory))
		return;
	memcpy(p->directory, chunk->data, size + 1);
	cookie_set(&p->cookie, zero + 1, chunk->size - size - 1);
}

/* The records up to the end of the first part; count says how many there are. */
static int read_base(struct loading *l, const struct codec_reader *reader, uint64_t *count,
	struct err *e)
{
	const struct codec_reader *with = reader;
	struct codec_chunk chunk;

	for (;;) {
		if (!codec_read(&l->at, l->end, &chunk))
			return refuse(l, e, "damaged or not complete");
		if (chunk.type == CHUNK_END)
			break;
		if (chunk.type != CHUNK_CHANGES || codec_read_changes(&chunk, with) != 0)
			return refuse(l, e, "damaged");
	}
	if (chunk.size != sizeof(*count))
		return refuse(l, e, "damaged");
	memcpy(count, chunk.data, sizeof(*count));
	l->out->base_size = (uint64_t)(l->at - l->begin);
	return 0;
}

/* What follows is good as far as it goes. */
static void read_rest(struct loading *l, const struct codec_reader *check,
	const struct codec_reader *reader)
{
	struct codec_chunk chunk;

	l->out->size = (uint64_t)(l->at - l->begin);
	while (codec_read(&l->at, l->end, &chunk)) {
		if (chunk.type == CHUNK_POINT)
			take_point(&chunk, &l->out->point);
		else if (chunk.type != CHUNK_CHANGES || codec_read_changes(&chunk, check) != 0 ||
			 codec_read_changes(&chunk, reader) != 0)
			break;
		l->out->size = (uint64_t)(l->at - l->begin);
	}
	l->out->damaged = l->begin + l->out->size != l->end;
}

/* Twice: nothing is put from a file that turns out to be damaged half-way. */
static int read_all(struct loading *l, const char *base, struct err *e)
{
	const struct codec_reader check = { nothing_put, nothing_deleted, NULL };
	const struct codec_reader reader = { put, deleted, l->r };
	const unsigned char *first;
	uint64_t count;

	if (read_head(l, base, e) != 0)
		return -1;
	first = l->at;
	if (read_base(l, &check, &count, e) != 0)
		return -1;
	/* a record takes more bytes than that */
	if (count > (uint64_t)(l->end - l->begin) / 16)
		return refuse(l, e, "damaged");
	recipients_reserve(l->r, count);
	l->at = first;
	if (read_base(l, &reader, &count, e) != 0)
		return -1;
	read_rest(l, &check, &reader);
	return 0;
}

int recipients_file_load(const char *path, const char *base, struct recipients *r,
	struct recipients_file_content *out, struct err *e)
{
	struct loading l = { .r = r, .path = path, .out = out };
	struct stat st;
	void *map;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

	memset(out, 0, sizeof(*out));
	if (fd < 0)
		return err_set(e, ERR_TEMP, errno, "%.200s", path);
	if (fstat(fd, &st) != 0 || st.st_size == 0) {
		close(fd);
		return err_set(e, ERR_PERM, 0, "%.200s: empty", path);
	}
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return err_set(e, ERR_TEMP, errno, "%.200s", path);
	l.begin = l.at = map;
	l.end = l.begin + st.st_size;
	rc = read_all(&l, base, e);
	munmap(map, (size_t)st.st_size);
	return rc;
}
