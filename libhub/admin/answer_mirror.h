/* answer_mirror.h - what every daemon that mirrors the organization tells of its directory. Main
 * thread.
 */
#ifndef HUB_ADMIN_ANSWER_MIRROR_H
#define HUB_ADMIN_ANSWER_MIRROR_H

#include <jansson.h>

#include "libhub/org/mirror.h"

struct evbuffer;

/*
 * Members of GET /status: directory, from_cache, in_step_since_ms, recipients. change_told: may the
 * newest change of the directory be told, for what has it is in force?
 */
void answer_mirror_put(json_t *o, const struct mirror *m, bool change_told);
/* The same as metrics, and the age of the snapshot s, which may be NULL. */
void answer_mirror_metrics(struct evbuffer *out, const struct mirror *m, const struct snapshot *s);

#endif
