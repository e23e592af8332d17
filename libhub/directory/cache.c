/* cache.c - see cache.h */
#include "libhub/directory/cache.h"

#include <pthread.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/inbox.h"
#include "libhub/base/mem.h"
#include "libhub/directory/ldif.h"
#include "libhub/directory/draft.h"

enum { READ_SIZE = 4096 };

static const char form_attr[] = "hubCacheForm";
static const char form_last_good[] = "LastGood";
static const char csn_comment[] = "newest change: ";

struct kept {
	struct entry *entry;
	bool last_good;
};

struct cache_batch {
	struct arena *arena;
	struct kept *kept;
	size_t n, room;
	char csn[COOKIE_CSN_SIZE];
};

struct cache_batch *cache_batch_new(void)
{
	struct cache_batch *b = xcalloc(1, sizeof(*b));

	b->arena = arena_new();
	return b;
}

void cache_batch_free(struct cache_batch **bp)
{
	struct cache_batch *b = *bp;

	if (b == NULL)
		return;
	arena_free_wiped(&b->arena);
	free(b->kept);
	free(b);
	*bp = NULL;
}

static struct kept *append(struct cache_batch *b, const struct entry *e)
{
	if (b->n == b->room) {
		b->room = b->room != 0 ? b->room * 2 : 64;
		b->kept = xreallocarray(b->kept, b->room, sizeof(*b->kept));
	}
	b->kept[b->n] = (struct kept){ .entry = entry_copy(b->arena, e) };
	return &b->kept[b->n++];
}

/* The marker goes first, where a person sees it. */
static void mark(struct arena *a, struct entry *e)
{
	struct entry_attr *attrs = arena_alloc(a, (e->n + 1) * sizeof(*attrs));
	struct blob *value = arena_alloc(a, sizeof(*value));

	*value = (struct blob){ (const unsigned char *)form_last_good, strlen(form_last_good) };
	attrs[0] = (struct entry_attr){ .name = form_attr, .values = value, .n = 1 };
	if (e->n > 0)
		memcpy(attrs + 1, e->attrs, e->n * sizeof(*attrs));
	e->attrs = attrs;
	e->n++;
}

void cache_batch_add(struct cache_batch *b, const struct entry *e, bool last_good)
{
	struct kept *k = append(b, e);

	k->last_good = last_good;
	if (last_good)
		mark(b->arena, k->entry);
}

void cache_batch_set_csn(struct cache_batch *b, const char *csn)
{
	snprintf(b->csn, sizeof(b->csn), "%s", csn);
}

static void write_csn(struct ldif_writer *w, const char *csn)
{
	char *comment;

	if (*csn == '\0')
		return;
	comment = xasprintf("%s%s", csn_comment, csn);
	ldif_write_comment(w, comment);
	free(comment);
}

static char *last_line(size_t n, const char *base)
{
	return xasprintf("# complete: %zu entries of %s", n, base);
}

int cache_batch_write(const struct cache_batch *b, const char *path, const char *base,
	struct err *e)
{
	struct ldif_writer *w = ldif_writer_open(path, e);
	char *last;
	size_t i;

	if (w == NULL)
		return -1;
	for (i = 0; i < b->n; i++)
		ldif_write(w, b->kept[i].entry, NULL);
	write_csn(w, b->csn);
	last = last_line(b->n, base);
	ldif_write_comment(w, last + strlen("# "));
	free(last);
	return ldif_writer_commit(&w, e);
}

/* --- reading --- */

static void take_entry(const struct entry *e, void *ctx)
{
	append(ctx, e);
}

static void unmark(struct kept *k)
{
	struct entry_attr *attrs = (struct entry_attr *)(uintptr_t)k->entry->attrs;
	size_t i;

	for (i = 0; i < k->entry->n; i++) {
		if (strcasecmp(attrs[i].name, form_attr) != 0)
			continue;
		k->last_good = true;
		memmove(&attrs[i], &attrs[i + 1], (k->entry->n - i - 1) * sizeof(*attrs));
		k->entry->n--;
		return;
	}
}

bool cache_entry_last_good(const struct entry *e, struct arena *a, struct entry *out)
{
	struct entry copy = *e;
	struct kept k = { &copy, false };

	if (e->n == 0)
		return false;
	copy.attrs = arena_memdup(a, e->attrs, e->n * sizeof(*e->attrs));
	unmark(&k);
	*out = copy;
	return k.last_good;
}

static void take_csn(const char *line, char csn[COOKIE_CSN_SIZE])
{
	size_t head = strlen(csn_comment);

	if (strncmp(line, "# ", 2) == 0 && strncmp(line + 2, csn_comment, head) == 0)
		snprintf(csn, COOKIE_CSN_SIZE, "%s", line + 2 + head);
}

/* Only a file that was written to its end has the right last line. */
static int check_comments(const char *path, const char *base, size_t n,
	char csn[COOKIE_CSN_SIZE], struct err *e)
{
	char *line = NULL, *expected = last_line(n, base);
	FILE *f = fopen(path, "re");
	char buffer[READ_SIZE];
	unsigned long number = 0;
	size_t room = 0;
	ssize_t size;
	int rc = -1;

	/* its own buffer would be left behind; lines are bounded: ldif_read has read this file */
	if (f != NULL)
		setvbuf(f, buffer, _IOFBF, sizeof(buffer));
	while (f != NULL && (size = getline(&line, &room, f)) > 0) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		take_csn(line, csn);
		rc = strcmp(line, expected) == 0 ? 0 : -1;
	}
	if (rc != 0)
		err_set(e, ERR_PERM, 0, "%s:%lu: the last line is not \"%.150s\"", path, number,
			expected);
	if (f != NULL)
		fclose(f);
	explicit_bzero(buffer, sizeof(buffer));
	if (line != NULL)
		explicit_bzero(line, room);
	free(line);
	free(expected);
	return rc;
}

int cache_read(const char *path, const char *base, char csn[COOKIE_CSN_SIZE],
	void (*cb)(const struct entry *e, bool last_good, void *ctx), void *ctx, struct err *e)
{
	struct cache_batch *b = cache_batch_new();
	size_t i;
	int rc;

	csn[0] = '\0';
	rc = ldif_read(path, take_entry, b, e);
	if (rc == 0)
		rc = check_comments(path, base, b->n, csn, e);
	for (i = 0; rc == 0 && i < b->n; i++) {
		unmark(&b->kept[i]);
		cb(b->kept[i].entry, b->kept[i].last_good, ctx);
	}
	cache_batch_free(&b);
	return rc;
}

/* --- the writing thread --- */

struct cache_writer {
	struct inbox *inbox;
	char *path, *base;
	cache_written_cb *cb;
	void *ctx;
	bool busy;
	bool threaded;			/* to be joined */
	pthread_t thread;
	/* the thread's while busy: */
	struct cache_batch *batch;
	int rc;
	struct err err;
	struct inbox_node done;
};

static void *write_in_thread(void *arg)
{
	struct cache_writer *w = arg;

	pthread_setname_np(pthread_self(), "cache");
	w->rc = cache_batch_write(w->batch, w->path, w->base, &w->err);
	inbox_post(w->inbox, &w->done);
	return NULL;
}

static void join(struct cache_writer *w)
{
	if (w->threaded)
		pthread_join(w->thread, NULL);
	w->threaded = false;
}

static void on_done(struct inbox_node *node, void *ctx)
{
	struct cache_writer *w = ctx;

	(void)node;
	join(w);
	w->busy = false;
	cache_batch_free(&w->batch);
	if (w->cb != NULL)
		w->cb(w->rc == 0 ? NULL : &w->err, w->ctx);
}

struct cache_writer *cache_writer_new(struct loop *loop, const char *path, const char *base,
	cache_written_cb *cb, void *ctx)
{
	struct cache_writer *w = xcalloc(1, sizeof(*w));

	w->path = xstrdup(path);
	w->base = xstrdup(base);
	w->cb = cb;
	w->ctx = ctx;
	w->inbox = inbox_new(loop, on_done, w);
	return w;
}

void cache_writer_free(struct cache_writer **wp)
{
	struct cache_writer *w = *wp;

	if (w == NULL)
		return;
	*wp = NULL;
	w->cb = NULL;
	/* afterwards its node is in the inbox, which hands it over when freed */
	if (w->busy)
		join(w);
	inbox_free(&w->inbox);
	free(w->path);
	free(w->base);
	free(w);
}

bool cache_writer_busy(const struct cache_writer *w)
{
	return w->busy;
}

void cache_writer_start(struct cache_writer *w, struct cache_batch *b)
{
	BUG_ON(w->busy);
	w->busy = true;
	w->batch = b;
	w->threaded = pthread_create(&w->thread, NULL, write_in_thread, w) == 0;
	/* no thread to be had: late is better than never */
	if (!w->threaded)
		write_in_thread(w);
}
