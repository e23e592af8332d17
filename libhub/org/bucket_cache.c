/* bucket_cache.c - see bucket_cache.h */
#include "libhub/org/bucket_cache.h"

#include <errno.h>
#include <stdlib.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/directory/cache_saver.h"

static const char name[] = "buckets";

struct bucket_cache {
	struct replica *replica;
	char *base, *path;		/* path NULL = no file */
	struct cache_saver *saver;	/* NULL likewise */
	uint64_t round;			/* of the recipients that are saved or about to be */
};

static void add(const struct entry *e, void *ctx)
{
	cache_batch_add(ctx, e, false);
}

/* What is in force is always whole. */
static enum cache_state state(void *ctx)
{
	(void)ctx;
	return CACHE_STATE_WHOLE;
}

static struct cache_batch *batch(void *ctx)
{
	struct bucket_cache *c = ctx;
	struct cache_batch *b = cache_batch_new();

	replica_each_recipient(c->replica, add, b);
	return b;
}

struct bucket_cache *bucket_cache_new(struct loop *loop, const char *dir, const char *base,
	struct replica *r)
{
	static const struct cache_saver_callbacks cbs = { .state = state, .batch = batch };
	struct bucket_cache *c = xcalloc(1, sizeof(*c));

	c->replica = r;
	c->base = xstrdup(base);
	if (dir == NULL)
		return c;
	c->path = xasprintf("%s/%s.ldif", dir, name);
	c->saver = cache_saver_new(loop, name, c->path, c->base, &cbs, c);
	return c;
}

void bucket_cache_free(struct bucket_cache **cp)
{
	struct bucket_cache *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	cache_saver_free(&c->saver);
	free(c->base);
	free(c->path);
	free(c);
}

static void take(const struct entry *e, bool last_good, void *ctx)
{
	struct bucket_cache *c = ctx;

	if (!last_good)
		replica_put(c->replica, e);
}

void bucket_cache_load(struct bucket_cache *c)
{
	char csn[COOKIE_CSN_SIZE];
	struct err e = { 0 };

	if (c->path == NULL)
		return;
	if (cache_read(c->path, c->base, csn, take, c, &e) == 0)
		log_event(LOG_LEVEL_INFO, "cache-loaded", LOG_STR("tree", name),
			LOG_STR("file", c->path), LOG_END);
	else if (e.sys != ENOENT)
		log_event(LOG_LEVEL_WARNING, "cache-refused", LOG_STR("tree", name),
			LOG_STR("reason", e.text), LOG_END);
}

void bucket_cache_settled(struct bucket_cache *c)
{
	uint64_t round = replica_recipients_round(c->replica);

	if (c->round == round)
		return;
	c->round = round;
	if (c->saver != NULL)
		cache_saver_changed(c->saver);
}
