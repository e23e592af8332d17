/* group.c - the committer's present group: written, synced, answered, or failed as a whole.
 *
 * A group is what was put into the present segment since the last answers. When a write or sync
 * fails, the segment is closed at the last good position, the next segment's HEAD record says so
 * (recovery reads no further than that), and the group's messages are refused. A sync is never
 * tried again on the same file: the kernel may have dropped the pages. Outcomes are not refused but
 * written again later. Committer's thread only.
 */
#include <errno.h>
#include <stdlib.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* ---- answers ---- */

static void answer(struct spool *s, struct item *it)
{
	if (it->port != NULL)
		inbox_post(it->port->inbox, &it->node);
	else
		compact_answer(s, it);
}

static struct err *err_copy(const struct err *e)
{
	return xmemdup(e, sizeof(*e));
}

void draft_extents_release(struct spool_draft *d)
{
	uint32_t i;

	for (i = 0; i < d->extents; i++)
		extent_release(&d->extent[i]);
	d->extents = 0;
}

/* Marks it refused; the answer is another matter. */
static void mark_refused(struct item *it, const struct err *e)
{
	struct spool_draft *d;

	if (it->kind == ITEM_CHUNK) {
		INBOX_ENTRY(it, struct chunk, item)->draft->broken = true;
	} else if (it->kind == ITEM_MESSAGE) {
		d = INBOX_ENTRY(it, struct spool_draft, item);
		draft_extents_release(d);
		place_unref(&d->place);
	}
	if (it->err == NULL)
		it->err = err_copy(e);
}

/* Final: the item belongs to its submitter again. */
static void answer_refused(struct spool *s, struct item *it)
{
	if (it->kind == ITEM_MESSAGE && !INBOX_ENTRY(it, struct spool_draft, item)->copy)
		atomic_fetch_add(&s->figures.refused, 1);
	answer(s, it);
}

/* Its own chunks may still be in the group, and the last answer frees the draft: it comes last. */
void group_answer(struct spool *s, struct item *it)
{
	if (s->c.group.head != NULL)
		item_list_add(&s->c.group, it);
	else if (it->err != NULL)
		answer_refused(s, it);
	else
		answer(s, it);
}

void group_refuse(struct spool *s, struct item *it, const struct err *e)
{
	mark_refused(it, e);
	group_answer(s, it);
}

void outcome_answer(struct spool *s, struct item *it)
{
	struct outcomes *o = INBOX_ENTRY(it, struct outcomes, item);

	if (o->cb != NULL)
		answer(s, it);
	else
		free(o);
}

static void unsynced_done(struct spool *s)
{
	struct item *it;

	s->c.sync_due_ms = 0;
	while ((it = item_list_pop(&s->c.unsynced)) != NULL)
		outcome_answer(s, it);
}

static void message_enter(struct spool *s, struct spool_draft *d)
{
	if (d->copy)
		index_move(&s->index, d->id, d->place);
	else
		index_add(&s->index, d->id, d->place, d->recipients, NULL);
	d->place = NULL;
	atomic_fetch_add(d->copy ? &s->figures.copied : &s->figures.committed, 1);
}

/* The group is written, and synced if a message is in it. */
static void answer_group(struct spool *s, bool synced)
{
	struct committer *c = &s->c;
	struct item *it;

	while ((it = item_list_pop(&c->group)) != NULL) {
		if (it->kind == ITEM_OUTCOME) {
			if (synced)
				outcome_answer(s, it);
			else
				item_list_add(&c->unsynced, it);
			continue;
		}
		if (it->err != NULL) {
			answer_refused(s, it);
			continue;
		}
		if (it->kind == ITEM_MESSAGE)
			message_enter(s, INBOX_ENTRY(it, struct spool_draft, item));
		answer(s, it);
	}
}

/* ---- failure ---- */

void group_retry_outcomes(struct committer *c, struct item_list *from)
{
	struct item *it;

	while ((it = item_list_pop(from)) != NULL)
		item_list_add(&c->retry, it);
}

static int sync_file(struct spool *s)
{
	atomic_fetch_add(&s->figures.syncs, 1);
	return s->store.io->fdatasync(s->c.cur->fd);
}

/* Closes the present segment before the group; e is why. */
static void fail_group(struct spool *s, bool sync_failed, const struct err *e)
{
	struct committer *c = &s->c;
	struct item *it;

	log_event(LOG_LEVEL_ERROR, "spool-write-failed", LOG_STR("reason", e->text), LOG_END);
	/* earlier outcomes and chunks in this segment were written but not synced */
	if (!sync_failed && c->synced < c->group_start)
		sync_failed = sync_file(s) != 0;
	c->cur->end = sync_failed ? c->synced : c->group_start;
	c->cur->poisoned = sync_failed;
	c->cur->retire = true;
	c->cur = NULL;
	c->iovs = 0;
	c->group_sync = false;
	if (sync_failed)
		group_retry_outcomes(c, &c->unsynced);
	else
		unsynced_done(s);
	while ((it = item_list_pop(&c->group)) != NULL) {
		if (it->kind == ITEM_OUTCOME) {
			item_list_add(&c->retry, it);
		} else if (it->kind == ITEM_ABORT) {
			answer(s, it);
		} else {
			mark_refused(it, e);
			answer_refused(s, it);
		}
	}
}

/* ---- writing ---- */

static void iov_skip(struct iovec **iov, int *n, size_t done)
{
	while (*n > 0 && done >= (*iov)->iov_len) {
		done -= (*iov)->iov_len;
		(*iov)++;
		(*n)--;
	}
	if (*n > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + done;
		(*iov)->iov_len -= done;
	}
}

/* Writes what is gathered. On failure the group has failed. */
int group_flush(struct spool *s)
{
	struct committer *c = &s->c;
	struct iovec *iov = c->iov;
	int n = c->iovs;
	ssize_t done;
	struct err e;

	while (n > 0) {
		done = s->store.io->pwritev(c->cur->fd, iov, n, (off_t)c->flushed);
		atomic_fetch_add(&s->figures.writes, 1);
		if (done == 0)
			errno = ENOSPC;
		if (done == 0 || (done < 0 && errno != EINTR)) {
			err_set(&e, ERR_TEMP, errno, "spool %s: write", s->store.path);
			fail_group(s, false, &e);
			return -1;
		}
		if (done > 0) {
			c->flushed += (uint32_t)done;
			atomic_fetch_add(&s->figures.bytes, (uint64_t)done);
			iov_skip(&iov, &n, (size_t)done);
		}
	}
	c->iovs = 0;
	return 0;
}

/* Ends the group: write, sync if somebody waits for that or force, answer. */
int group_settle(struct spool *s, bool force)
{
	struct committer *c = &s->c;
	struct err e;

	if (c->cur == NULL)
		return 0;
	if (group_flush(s) != 0)
		return -1;
	if (c->sync_due_ms != 0 && clock_mono_ms() >= c->sync_due_ms)
		force = true;
	if ((force || c->group_sync) && c->synced != c->pos) {
		if (sync_file(s) != 0) {
			err_set(&e, ERR_TEMP, errno, "spool %s: sync", s->store.path);
			fail_group(s, true, &e);
			return -1;
		}
		c->synced = c->pos;
	}
	answer_group(s, c->synced == c->pos);
	if (c->synced == c->pos)
		unsynced_done(s);
	else if (c->unsynced.head != NULL && c->sync_due_ms == 0)
		c->sync_due_ms = clock_mono_ms() + SYNC_DELAY_MS;
	c->group_start = c->pos;
	c->group_sync = false;
	return 0;
}
