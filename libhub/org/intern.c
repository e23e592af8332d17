/* intern.c - see intern.h */
#include "libhub/org/intern.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/org/id_index.h"

/* Numbers lead to texts by two steps, so that nothing moves under a reader when there are more. */
enum { CHUNK = 4096, CHUNKS = 4096 };

struct text {
	uint32_t refs, count, size;
	char text[];
};

struct intern {
	struct text **chunks[CHUNKS];
	struct id_index index;
	uint64_t seed;
	uint32_t next;			/* number that was never used */
	uint32_t *unused;		/* numbers that were */
	size_t unused_count, unused_room;
	size_t memory;
	atomic_uint holds;
};

static struct text *text_at(const struct intern *t, uint32_t number)
{
	return t->chunks[number / CHUNK][number % CHUNK];
}

static uint64_t hash_of(const struct intern *t, const char *text, size_t size)
{
	return id_index_hash(id_index_mix(t->seed, text, size));
}

static size_t hashes(uint32_t id, uint64_t out[ID_INDEX_HASHES_MAX], const void *ctx)
{
	const struct text *text = text_at(ctx, id);

	out[0] = hash_of(ctx, text->text, text->size);
	return 1;
}

struct intern *intern_new(uint64_t seed)
{
	struct intern *t = xcalloc(1, sizeof(*t));

	t->seed = seed;
	t->next = 1;
	atomic_init(&t->holds, 0);
	id_index_init(&t->index, hashes, t);
	return t;
}

void intern_free(struct intern **tp)
{
	struct intern *t = *tp;
	uint32_t i;

	*tp = NULL;
	if (t == NULL)
		return;
	for (i = 1; i < t->next; i++)
		free(text_at(t, i));
	for (i = 0; i < CHUNKS; i++)
		free(t->chunks[i]);
	id_index_deinit(&t->index);
	free(t->unused);
	free(t);
}

size_t intern_memory(const struct intern *t)
{
	return sizeof(*t) + t->memory + id_index_memory(&t->index) +
		(t->next / CHUNK + 1) * CHUNK * sizeof(**t->chunks) +
		t->unused_room * sizeof(*t->unused);
}

uint32_t intern_find(const struct intern *t, const char *text, size_t size)
{
	struct id_index_probe p;
	uint32_t number;

	id_index_begin(&t->index, hash_of(t, text, size), &p);
	while ((number = id_index_next(&p)) != 0) {
		const struct text *found = text_at(t, number);

		if (found->size == size && memcmp(found->text, text, size) == 0)
			break;
	}
	return number;
}

static uint32_t new_number(struct intern *t)
{
	if (t->unused_count != 0 && atomic_load(&t->holds) == 0)
		return t->unused[--t->unused_count];
	if (t->next > ID_INDEX_ID_MAX)
		return 0;
	if (t->chunks[t->next / CHUNK] == NULL)
		t->chunks[t->next / CHUNK] = xcalloc(CHUNK, sizeof(**t->chunks));
	return t->next++;
}

static size_t memory_of(size_t size)
{
	return sizeof(struct text) + size + 1;
}

uint32_t intern_get(struct intern *t, const char *text, size_t size)
{
	uint32_t number = intern_find(t, text, size);
	struct text *new;

	if (number != 0) {
		text_at(t, number)->refs++;
		return number;
	}
	number = new_number(t);
	if (number == 0)
		return 0;
	new = xcalloc(1, memory_of(size));
	new->refs = 1;
	new->size = (uint32_t)size;
	memcpy(new->text, text, size);
	t->memory += memory_of(size);
	t->chunks[number / CHUNK][number % CHUNK] = new;
	id_index_add(&t->index, hash_of(t, text, size), number);
	return number;
}

void intern_ref(struct intern *t, uint32_t number)
{
	text_at(t, number)->refs++;
}

void intern_unref(struct intern *t, uint32_t number)
{
	struct text *text = text_at(t, number);

	if (--text->refs != 0)
		return;
	id_index_remove(&t->index, hash_of(t, text->text, text->size), number);
	t->memory -= memory_of(text->size);
	free(text);
	t->chunks[number / CHUNK][number % CHUNK] = NULL;
	if (t->unused_count == t->unused_room) {
		t->unused_room = t->unused_room * 2 + 64;
		t->unused = xreallocarray(t->unused, t->unused_room, sizeof(*t->unused));
	}
	t->unused[t->unused_count++] = number;
}

const char *intern_text(const struct intern *t, uint32_t number, size_t *size)
{
	const struct text *text = text_at(t, number);

	*size = text->size;
	return text->text;
}

uint32_t intern_count(const struct intern *t, uint32_t number)
{
	return text_at(t, number)->count;
}

void intern_count_add(struct intern *t, uint32_t number, int by)
{
	text_at(t, number)->count += (uint32_t)by;
}

void intern_hold(struct intern *t)
{
	atomic_fetch_add(&t->holds, 1);
}

void intern_release(struct intern *t)
{
	atomic_fetch_sub(&t->holds, 1);
}
