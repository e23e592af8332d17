/* receive_advice.h - what is odd about a Receive connector though nothing forbids it. */
#ifndef HUB_ORG_RECEIVE_ADVICE_H
#define HUB_ORG_RECEIVE_ADVICE_H

#include "libhub/base/mem.h"
#include "libhub/org/connector.h"

enum { RECEIVE_ADVICE_MAX = 8 };

/* Lines that begin with its DN, in the arena; returns how many. */
size_t receive_advice(const struct receive_connector *c, struct arena *a,
	const char *out[RECEIVE_ADVICE_MAX]);

#endif
