/* rota.h - whose turn it is, among servers that are equally good. Owning loop's thread.
 *
 * One worker's connections go to whoever had none for longest. So servers share evenly, the rest of
 * them too when one is left out, whatever queue a connection belongs to; and one that returns takes
 * its share, not more. It is remembered as well when a server last answered, so that it need not be
 * asked before it is given mail (ladder.h).
 *
 * Servers are known by a text of the caller: an entry's DN, a smart host as it is written. At most
 * ROTA_MAX are remembered, those used last.
 */
#ifndef HUB_DELIVER_ROTA_H
#define HUB_DELIVER_ROTA_H

#include <stdbool.h>
#include <stdint.h>

enum { ROTA_MAX = 10000, ROTA_FRESH_MS = 60 * 1000 };

struct rota;

struct rota *rota_new(void);
/* Accepts a pointer to NULL; sets it to NULL. */
void rota_free(struct rota **r);

/* A connection to it begins. */
void rota_take(struct rota *r, const char *server);
/* Grows with each rota_take; 0 = it never had one. The lowest is next. */
uint64_t rota_turn(const struct rota *r, const char *server);
/* It had its turn and answered, or did not. */
void rota_note(struct rota *r, const char *server, bool answered);
/* Did it answer in the last ROTA_FRESH_MS, and not fail since? */
bool rota_answers(const struct rota *r, const char *server);

#endif
