/* resolver_priv.h - shared by resolver.c (look-ups) and resolver_channel.c (c-ares on the loop). */
#ifndef HUB_BASE_RESOLVER_PRIV_H
#define HUB_BASE_RESOLVER_PRIV_H

#include "libhub/base/resolver.h"

#include <ares.h>

struct resolver_sock;

/* One set of servers. */
struct resolver_channel {
	struct loop *loop;
	struct resolver_channel *next, *prev;	/* in the resolver's retired list */
	ares_channel ares;
	struct event *timer;
	struct resolver_sock *socks;
	size_t n_ops;			/* the owner's count of questions under way */
	bool system;			/* not explicit servers: the hosts file counts */
	bool retired;
};

struct resolver_channel *resolver_channel_new(struct loop *l, const char *servers,
	uint32_t timeout_ms, uint32_t tries, struct err *e);
/* Questions under way end with ARES_EDESTRUCTION. Not from inside a c-ares callback. */
void resolver_channel_free(struct resolver_channel *ch);
/* After questions were asked: c-ares may have to be woken at another time. */
void resolver_channel_rearm(struct resolver_channel *ch);

#endif
