/* change_log.h - the addresses that changed, in order, for several readers. Owning loop only.
 *
 * Each edge reads on from where it was. What all have read is dropped; a reader that is further
 * behind than CHANGE_LOG_MAX has lost its place and compares everything.
 */
#ifndef HUB_EDGESYNCD_CHANGE_LOG_H
#define HUB_EDGESYNCD_CHANGE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHANGE_LOG_MAX = 65536 };

struct change_log;

struct change_log *change_log_new(void);
/* Sets *l to NULL; accepts a pointer to NULL. */
void change_log_free(struct change_log **l);
void change_log_add(struct change_log *l, const char *address);
/* The place after the last. */
uint64_t change_log_end(const struct change_log *l);
/* Is everything from that place on still there? */
bool change_log_reaches(const struct change_log *l, uint64_t place);
/* The address at a place that is there; until the next add or trim. */
const char *change_log_at(const struct change_log *l, uint64_t place);
/* Nobody needs what is before that place. */
void change_log_trim(struct change_log *l, uint64_t place);

#endif
