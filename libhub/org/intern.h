/* intern.h - texts that many records share, each kept once and named by a number.
 *
 * References are counted; a text goes with its last one. One writer; intern_text is for any thread
 * for numbers that it found in what the writer has published under a lock of theirs.
 */
#ifndef HUB_ORG_INTERN_H
#define HUB_ORG_INTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intern;

struct intern *intern_new(uint64_t seed);
void intern_free(struct intern **t);
size_t intern_memory(const struct intern *t);

/* One more reference. Never 0; 0 only when there is no number left (16 million texts). */
uint32_t intern_get(struct intern *t, const char *text, size_t size);
void intern_ref(struct intern *t, uint32_t number);
void intern_unref(struct intern *t, uint32_t number);
/* 0 if the text is not there. No reference. */
uint32_t intern_find(const struct intern *t, const char *text, size_t size);
/* Has a NUL, too. */
const char *intern_text(const struct intern *t, uint32_t number, size_t *size);

/* A count that the owner keeps for each text, 0 at first. */
uint32_t intern_count(const struct intern *t, uint32_t number);
void intern_count_add(struct intern *t, uint32_t number, int by);

/* Any thread: numbers held now are given to no other text until as many releases. */
void intern_hold(struct intern *t);
void intern_release(struct intern *t);

#endif
