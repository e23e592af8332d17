/* mx.h - from the name of a next hop to the addresses to try, in order. Owning loop's thread.
 *
 * RFC 5321 section 5.1: MX by preference, equal ones shuffled for each question; without MX the
 * name's own addresses; RFC 7505 null MX; of a list that leads back to ourselves only what is
 * better than we are. Of one host its families alternate, IPv6 first (RFC 8305 section 4). Good
 * answers are kept as long as DNS lets them, and MX_KEEP_MS at most, since a queue opens many
 * connections to one place. At most MX_HOSTS hosts are looked up, MX_ADDRESSES of each and
 * MX_TARGETS in all given.
 */
#ifndef HUB_DELIVER_MX_H
#define HUB_DELIVER_MX_H

#include "hubd/deliver/verdict.h"
#include "libhub/base/resolver.h"

enum { MX_KEEP_MS = 30 * 1000, MX_HOSTS = 10, MX_ADDRESSES = 8, MX_TARGETS = 32 };

struct mx;
struct mx_op;

struct mx_question {
	const char *name;		/* domain or host, or [192.0.2.1], [IPv6:2001:db8::1] */
	uint16_t port;
	bool host;			/* a host: no MX is asked */
	const char *own_name;		/* ours; NULL = loops are not looked for */
	/* with own_name: does the address lead back to us? May be NULL. */
	bool (*is_own)(const struct sockaddr *sa, void *ctx);
	void *own_ctx;
};

struct mx_target {
	char host[RESOLVER_NAME_SIZE];	/* "" for a literal */
	uint16_t preference;
	union resolver_sockaddr addr;
};

/* Valid during the callback; of mx_cached until the return to the loop. */
struct mx_answer {
	bool ok;			/* n > 0 */
	enum verdict_event event;	/* unless ok */
	const char *text;
	size_t n;
	const struct mx_target *targets;
};

typedef void mx_cb(const struct mx_answer *a, void *ctx);

/* The resolver must outlive it. */
struct mx *mx_new(struct loop *l, struct resolver *r);
/* All operations have ended or been cancelled. Accepts a pointer to NULL; sets it to NULL. */
void mx_free(struct mx **mx);

/* The servers that were asked are no longer those to ask: nothing is kept of what they said. */
void mx_forget(struct mx *mx);

/* The answer without a look-up: a literal, or one found a moment ago. False: use mx_start. */
bool mx_cached(struct mx *mx, const struct mx_question *q, struct mx_answer *out);
/* The question is copied; is_own is called until the callback. */
struct mx_op *mx_start(struct mx *mx, const struct mx_question *q, mx_cb *cb, void *ctx);
/* No callback comes after it. Sets *op to NULL; accepts a pointer to NULL. */
void mx_cancel(struct mx_op **op);

#endif
