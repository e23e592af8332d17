/* folder.c - the spool's folder: its lock and its incarnation file. Start-up only.
 *
 * incarnation holds format and byte order, the uuid other hubs know this spool by, and the key the
 * nonces of records come from. The key never leaves the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hubd/spool/store.h"
#include "libhub/base/mem.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define FORMAT "hub-spool 1 little-endian"
#else
#define FORMAT "hub-spool 1 big-endian"
#endif

enum { INCARNATION_MAX = 256, UUID_TEXT = 36 };

static int folder_open(struct store *st, struct err *e)
{
	if (mkdir(st->path, 0700) != 0 && errno != EEXIST)
		return err_set(e, ERR_CONFIG, errno, "spool %s", st->path);
	st->folder = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->folder < 0)
		return err_set(e, ERR_CONFIG, errno, "spool %s", st->path);
	/* the lock is the open folder itself: nothing to clean up */
	if (flock(st->folder, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, ERR_CONFIG, 0, "spool %s: another process uses it", st->path);
	return 0;
}

static void uuid_make(char text[UUID_TEXT + 1])
{
	unsigned char b[16];

	BUG_ON(getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(text, UUID_TEXT + 1, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
		"%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8],
		b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static int incarnation_write(struct store *st, const char *text, struct err *e)
{
	size_t size = strlen(text);
	int fd = openat(st->folder, "incarnation.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		0600);
	bool ok = fd >= 0 && write(fd, text, size) == (ssize_t)size && fsync(fd) == 0;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	if (!ok)
		return err_set(e, ERR_TEMP, saved, "spool %s: incarnation", st->path);
	if (renameat(st->folder, "incarnation.new", st->folder, "incarnation") != 0
		|| fsync(st->folder) != 0)
		return err_set(e, ERR_TEMP, errno, "spool %s: incarnation", st->path);
	return 0;
}

static int incarnation_create(struct store *st, struct err *e)
{
	char text[INCARNATION_MAX], key[2 * RECORD_KEY_SIZE + 1];
	size_t i;

	BUG_ON(getrandom(st->key, sizeof(st->key), 0) != (ssize_t)sizeof(st->key));
	uuid_make(st->incarnation);
	for (i = 0; i < RECORD_KEY_SIZE; i++)
		snprintf(key + 2 * i, 3, "%02x", st->key[i]);
	snprintf(text, sizeof(text), FORMAT "\n%s\n%s\n", st->incarnation, key);
	return incarnation_write(st, text, e);
}

static int incarnation_parse(struct store *st, const char *text)
{
	char uuid[UUID_TEXT + 1], key[2 * RECORD_KEY_SIZE + 1];
	unsigned int byte;
	size_t i;

	if (strncmp(text, FORMAT "\n", sizeof(FORMAT)) != 0
		|| sscanf(text + sizeof(FORMAT), "%36[0-9a-f-]\n%64[0-9a-f]\n", uuid, key) != 2
		|| strlen(uuid) != UUID_TEXT || strlen(key) != 2 * RECORD_KEY_SIZE)
		return -1;
	memcpy(st->incarnation, uuid, sizeof(uuid));
	for (i = 0; i < RECORD_KEY_SIZE; i++) {
		if (sscanf(key + 2 * i, "%2x", &byte) != 1)
			return -1;
		st->key[i] = (unsigned char)byte;
	}
	return 0;
}

static int incarnation_read(struct store *st, struct err *e)
{
	char text[INCARNATION_MAX];
	int fd = openat(st->folder, "incarnation", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0 && errno == ENOENT)
		return incarnation_create(st, e);
	if (fd < 0)
		return err_set(e, ERR_CONFIG, errno, "spool %s: incarnation", st->path);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (incarnation_parse(st, text) != 0)
		return err_set(e, ERR_CONFIG, 0,
			"spool %s: incarnation is not \"" FORMAT "\" with uuid and key", st->path);
	return 0;
}

int store_open(struct store *st, const struct spool_config *cfg, struct err *e)
{
	pthread_condattr_t monotonic;

	memset(st, 0, sizeof(*st));
	st->io = cfg->io != NULL ? cfg->io : &spool_io_system;
	st->segment_size = cfg->segment_size != 0 ? (uint32_t)cfg->segment_size : 64u << 20;
	st->target = 1 + (cfg->spare_segments != 0 ? cfg->spare_segments : 1);
	st->keep = cfg->keep_segments != 0 ? cfg->keep_segments : 8;
	if (st->keep < st->target)
		st->keep = st->target;
	st->next_sequence = st->next_free = 1;
	st->path = xstrdup(cfg->folder);
	st->folder = -1;
	pthread_mutex_init(&st->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&st->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (folder_open(st, e) == 0 && incarnation_read(st, e) == 0)
		return 0;
	store_close(st);
	return -1;
}
