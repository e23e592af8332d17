/* send_advice.h - what is odd about a Send connector though nothing forbids it. */
#ifndef HUB_ORG_SEND_ADVICE_H
#define HUB_ORG_SEND_ADVICE_H

#include "libhub/base/mem.h"
#include "libhub/org/snapshot.h"

/* A line that begins with its DN, in the arena; NULL if there is none. */
const char *send_advice(const struct send_connector *c, struct arena *a);
/* The same on source servers that are edges of s, which has hubs and subscriptions. */
const char *send_advice_edges(const struct send_connector *c, const struct snapshot *s,
	struct arena *a);

#endif
