/* quarantine.c - damaged bytes are copied to quarantine/ for a person to look at. */
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

/* A new file; -1 with errno, EEXIST if this damage is known from an earlier start. */
static int quarantine_create(struct recovery *r, const char *name)
{
	int folder = r->spool->store.folder, sub, fd, saved;

	if (mkdirat(folder, "quarantine", 0700) != 0 && errno != EEXIST)
		return -1;
	sub = openat(folder, "quarantine", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sub < 0)
		return -1;
	fd = openat(sub, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	saved = errno;
	close(sub);
	errno = saved;
	return fd;
}

static int write_all(int fd, const void *data, size_t size)
{
	const char *p = data;
	ssize_t n;

	while (size > 0) {
		n = write(fd, p, size);
		if (n == 0 || (n < 0 && errno != EINTR))
			return -1;
		p += n > 0 ? n : 0;
		size -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static void quarantine_end(struct recovery *r, const char *name, int fd, bool written)
{
	bool ok = fd >= 0 && written && fsync(fd) == 0;

	if (fd >= 0)
		close(fd);
	log_event(LOG_LEVEL_ERROR, ok ? "spool-quarantined" : "spool-quarantine-failed",
		LOG_STR("file", name), LOG_STR("reason", ok ? NULL : strerror(errno)), LOG_END);
	if (r->report->quarantine[0] == '\0')
		snprintf(r->report->quarantine, sizeof(r->report->quarantine), "quarantine/%s",
			name);
}

void quarantine_bytes(struct recovery *r, const struct segment *seg, uint32_t offset,
	const unsigned char *data, size_t size)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "segment-%016" PRIx64 "-%08" PRIx32, seg->sequence, offset);
	fd = quarantine_create(r, name);
	if (fd < 0 && errno == EEXIST)
		return;
	r->report->damaged_records++;
	quarantine_end(r, name, fd, fd >= 0 && write_all(fd, data, size) == 0);
}

static bool copy_record(int to, const struct extent *x)
{
	unsigned char *buf = xmalloc(x->length);
	ssize_t n = pread(x->seg->fd, buf, x->length,
		(off_t)(x->offset + sizeof(struct record_header)));
	bool ok = n == (ssize_t)x->length && write_all(to, buf, x->length) == 0;

	free(buf);
	return ok;
}

void quarantine_message(struct recovery *r, const struct stored *m)
{
	const struct place *p = m->place;
	bool ok = true;
	char name[64];
	uint32_t i;
	int fd;

	r->report->damaged_messages++;
	snprintf(name, sizeof(name), "message-%016" PRIx64, m->id);
	fd = quarantine_create(r, name);
	if (fd < 0 && errno == EEXIST)
		return;
	for (i = 0; i < p->extents && fd >= 0; i++)
		ok = copy_record(fd, &p->chunk[i]) && ok;
	ok = fd >= 0 && copy_record(fd, &p->message) && ok;
	quarantine_end(r, name, fd, ok);
}
