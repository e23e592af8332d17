/* mem.c - see mem.h */
#include "libhub/base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* First block of an arena; each further one doubles up to the cap. */
enum { ARENA_FIRST = 1024, ARENA_CAP = 256 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size, used;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct arena_block *head;
	size_t total;
	size_t next_size;
};

static void *checked(void *p)
{
	if (p == NULL) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void mem_keep_freed(void)
{
	mallopt(M_TRIM_THRESHOLD, MEM_KEPT);
	mallopt(M_MMAP_THRESHOLD, MEM_LARGE);
}

void *xmalloc(size_t size)
{
	return checked(malloc(size != 0 ? size : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return checked(calloc(n != 0 ? n : 1, size != 0 ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
	return checked(realloc(p, size != 0 ? size : 1));
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	return checked(reallocarray(p, n != 0 ? n : 1, size));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);

	if (n != 0)
		memcpy(copy, p, n);
	return copy;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return checked(n < 0 ? NULL : s);
}

struct arena *arena_new(void)
{
	struct arena *a = xcalloc(1, sizeof(*a));

	a->next_size = ARENA_FIRST;
	return a;
}

void arena_free(struct arena **ap)
{
	struct arena *a = *ap;
	struct arena_block *b, *next;

	if (a == NULL)
		return;
	for (b = a->head; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
	*ap = NULL;
}

void arena_free_wiped(struct arena **ap)
{
	struct arena_block *b;

	for (b = *ap != NULL ? (*ap)->head : NULL; b != NULL; b = b->next)
		explicit_bzero(b->data, b->used);
	arena_free(ap);
}

static struct arena_block *arena_grow(struct arena *a, size_t need)
{
	size_t size = need > a->next_size ? need : a->next_size;
	struct arena_block *b = xmalloc(sizeof(*b) + size);

	b->size = size;
	b->used = 0;
	b->next = a->head;
	a->head = b;
	a->total += sizeof(*b) + size;
	if (a->next_size < ARENA_CAP)
		a->next_size *= 2;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t rounded = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
	struct arena_block *b = a->head;
	void *p;

	BUG_ON(rounded < size);
	if (b == NULL || b->size - b->used < rounded)
		b = arena_grow(a, rounded);
	p = b->data + b->used;
	b->used += rounded;
	return memset(p, 0, size);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	if (n > 0)
		memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);

	return n != 0 ? memcpy(copy, p, n) : copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	BUG_ON(n < 0);
	s = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

size_t arena_size(const struct arena *a)
{
	return a->total;
}
