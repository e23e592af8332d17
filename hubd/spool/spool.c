/* spool.c - opening, closing and figures; see spool.h. */
#include "hubd/spool/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { SEGMENT_MAX = 1024 * 1024 * 1024, PAGE = 4096 };

/* Ids given out since the last record on disk are fewer than this: see spool_open. */
enum { ID_GAP = 1 << 20 };

const char *spool_id_text(uint64_t id, char buf[SPOOL_ID_TEXT])
{
	snprintf(buf, SPOOL_ID_TEXT, "%016" PRIx64, id);
	return buf;
}

bool spool_id_parse(const char *text, uint64_t *id)
{
	size_t n = strspn(text, "0123456789abcdefABCDEF");

	if (n == 0 || n >= SPOOL_ID_TEXT || text[n] != '\0')
		return false;
	*id = strtoull(text, NULL, 16);
	return true;
}

const char *spool_incarnation(const struct spool *s)
{
	return s->store.incarnation;
}

void spool_submit(struct spool *s, struct item *it)
{
	bool wake;

	pthread_mutex_lock(&s->queue_lock);
	item_list_add(&s->queue, it);
	wake = s->sleeping;
	s->sleeping = false;
	pthread_mutex_unlock(&s->queue_lock);
	if (wake)
		pthread_cond_signal(&s->queue_ready);
}

static void cond_init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void threads_start(struct spool *s)
{
	BUG_ON(pthread_create(&s->committer_thread, NULL, committer_run, s) != 0);
	BUG_ON(pthread_create(&s->filler_thread, NULL, store_run, &s->store) != 0);
	BUG_ON(pthread_create(&s->compact_thread, NULL, compact_run, s) != 0);
	BUG_ON(pthread_create(&s->reader_thread, NULL, reader_run, s) != 0);
}

static struct spool *spool_alloc(const struct spool_config *cfg)
{
	struct spool *s = xcalloc(1, sizeof(*s));

	s->compact_segments = cfg->compact_segments != 0 ? cfg->compact_segments : 16;
	index_init(&s->index);
	pthread_mutex_init(&s->queue_lock, NULL);
	cond_init_monotonic(&s->queue_ready);
	item_list_init(&s->queue);
	pthread_mutex_init(&s->compact_lock, NULL);
	pthread_cond_init(&s->compact_changed, NULL);
	item_list_init(&s->compact_answers);
	pthread_mutex_init(&s->reader_lock, NULL);
	pthread_cond_init(&s->reader_ready, NULL);
	s->reads_tail = &s->reads;
	return s;
}

static void spool_free(struct spool *s)
{
	index_deinit(&s->index);
	pthread_mutex_destroy(&s->queue_lock);
	pthread_cond_destroy(&s->queue_ready);
	pthread_mutex_destroy(&s->compact_lock);
	pthread_cond_destroy(&s->compact_changed);
	pthread_mutex_destroy(&s->reader_lock);
	pthread_cond_destroy(&s->reader_ready);
	free(s);
}

static int sizes_init(struct spool *s, const struct spool_config *cfg, struct err *e)
{
	uint64_t size = cfg->segment_size;

	if (size != 0 && (size < SEGMENT_MIN || size > SEGMENT_MAX || size % PAGE != 0))
		return err_set(e, ERR_CONFIG, 0,
			"spool: segment size %" PRIu64 " is not %d to %d in steps of %d", size,
			SEGMENT_MIN, SEGMENT_MAX, PAGE);
	if (size == 0)
		size = 64u << 20;
	s->chunk_size = (uint32_t)(size / 8 / PAGE * PAGE);
	if (s->chunk_size > CHUNK_SIZE)
		s->chunk_size = CHUNK_SIZE;
	s->inline_max = 2 * s->chunk_size;
	return 0;
}

static void report_log(const struct spool *s, const struct spool_report *r)
{
	bool damage = r->damaged_records != 0 || r->damaged_messages != 0;

	log_event(damage ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, "spool-open",
		LOG_STR("path", s->store.path), LOG_UINT("messages", r->messages),
		LOG_UINT("segments", r->segments), LOG_UINT("torn_bytes", r->torn_bytes),
		LOG_UINT("damaged_records", r->damaged_records),
		LOG_UINT("damaged_messages", r->damaged_messages),
		LOG_STR("quarantine", r->quarantine[0] != '\0' ? r->quarantine : NULL),
		LOG_UINT("ms", r->took_ms), LOG_END);
}

/*
 * A new spool begins at the time, so that one in a lost one's place does not use its ids again, and
 * somewhere within the second, so that the logs of servers set up together tell their mail apart.
 */
static uint64_t first_id(void)
{
	uint32_t within;

	BUG_ON(getrandom(&within, sizeof(within), 0) != (ssize_t)sizeof(within));
	return (uint64_t)clock_wall_s() << 24 | (within & 0xffffff);
}

struct spool *spool_open(const struct spool_config *cfg, spool_recover_cb *cb, void *ctx,
	struct spool_report *report, struct err *e)
{
	struct spool *s = spool_alloc(cfg);
	struct spool_report own;
	uint64_t started = clock_mono_ms();

	if (report == NULL)
		report = &own;
	memset(report, 0, sizeof(*report));
	if (sizes_init(s, cfg, e) != 0 || store_open(&s->store, cfg, e) != 0) {
		spool_free(s);
		return NULL;
	}
	if (spool_recover(s, cb, ctx, report, e) != 0) {
		index_deinit(&s->index);
		index_init(&s->index);
		store_close(&s->store);
		spool_free(s);
		return NULL;
	}
	if (atomic_load(&s->next_id) == 0)
		atomic_store(&s->next_id, first_id());
	else
		atomic_fetch_add(&s->next_id, ID_GAP);
	threads_start(s);
	report->took_ms = clock_mono_ms() - started;
	report_log(s, report);
	return s;
}

void spool_close(struct spool **sp)
{
	struct spool *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	/* in this order: each needs the next one to finish its work */
	compact_stop(s);
	pthread_join(s->compact_thread, NULL);
	pthread_mutex_lock(&s->queue_lock);
	s->stopping = true;
	pthread_cond_signal(&s->queue_ready);
	pthread_mutex_unlock(&s->queue_lock);
	pthread_join(s->committer_thread, NULL);
	store_stop(&s->store);
	pthread_join(s->filler_thread, NULL);
	pthread_mutex_lock(&s->reader_lock);
	s->reader_stopping = true;
	pthread_cond_signal(&s->reader_ready);
	pthread_mutex_unlock(&s->reader_lock);
	pthread_join(s->reader_thread, NULL);
	/* places refer to segments */
	index_deinit(&s->index);
	index_init(&s->index);
	store_close(&s->store);
	spool_free(s);
}

void spool_stats(struct spool *s, struct spool_stats *out)
{
	const struct figures *f = &s->figures;

	*out = (struct spool_stats){ .messages = index_count(&s->index),
		.committed = atomic_load(&f->committed), .refused = atomic_load(&f->refused),
		.outcomes = atomic_load(&f->outcomes), .copied = atomic_load(&f->copied),
		.syncs = atomic_load(&f->syncs), .writes = atomic_load(&f->writes),
		.bytes_written = atomic_load(&f->bytes), .segments = atomic_load(&s->store.used) };
	store_figures(&s->store, &out->free_segments, &out->accepting);
}
