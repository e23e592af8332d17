/* mem.h - allocation that cannot fail, and arenas.
 *
 * Out of memory ends the process: therefore every size that a peer, a file or the directory
 * controls is bounded before it is allocated. An arena frees everything in it at once; nothing in
 * it is freed alone. An arena belongs to one thread at a time.
 */
#ifndef HUB_BASE_MEM_H
#define HUB_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"

/*
 * Each thread keeps up to MEM_KEPT bytes that were freed, instead of giving them back to the system
 * and taking them again, cleared page by page, for the next message; but for pieces from MEM_LARGE
 * on. Before there are other threads.
 */
void mem_keep_freed(void);
enum { MEM_KEPT = 4 * 1024 * 1024, MEM_LARGE = 512 * 1024 };

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
/* xrealloc for arrays; aborts on multiplication overflow. */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

struct arena;

struct arena *arena_new(void);
/* Frees all memory of the arena and sets *a to NULL; accepts a pointer to NULL. */
void arena_free(struct arena **a);
/* The same for what holds secrets: nothing of it is left. */
void arena_free_wiped(struct arena **a);
/* Zeroed memory aligned for any type; never NULL, size 0 included. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
/* s may be NULL if n is 0: "". */
char *arena_strndup(struct arena *a, const char *s, size_t n);
void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Bytes taken from the system, for accounting. */
size_t arena_size(const struct arena *a);

#endif
