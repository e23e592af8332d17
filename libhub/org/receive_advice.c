/* receive_advice.c - see receive_advice.h
 *
 * Of two limits the one that can never be reached is most often a slip. A default that another
 * limit overtakes is none, unless the other is odd by itself.
 */
#include "libhub/org/receive_advice.h"

#include <stdarg.h>

struct advice {
	const struct receive_connector *c;
	struct arena *a;
	const char **out;
	size_t n;
};

static void add(struct advice *v, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add(struct advice *v, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	BUG_ON(v->n == RECEIVE_ADVICE_MAX);
	v->out[v->n++] = arena_printf(v->a, "%s: %s", v->c->obj.dn, text);
}

/* A limit that the other one never lets anybody come to. */
static void compare(struct advice *v, const char *name, uint64_t value, const char *other,
	uint64_t limit)
{
	if (value != 0 && limit != 0 && value > limit)
		add(v, "%s %llu is never reached: %s is %llu", name, (unsigned long long)value,
			other, (unsigned long long)limit);
}

static bool grants_partners(const struct receive_connector *c)
{
	uint32_t bit = UINT32_C(1) << GROUP_PARTNERS;
	size_t i;

	for (i = 0; i < c->grants.n; i++)
		if ((c->grants.v[i].groups & bit) != 0)
			return true;
	return (c->groups & bit) != 0;
}

size_t receive_advice(const struct receive_connector *c, struct arena *a,
	const char *out[RECEIVE_ADVICE_MAX])
{
	struct advice v = { .c = c, .a = a, .out = out };

	compare(&v, "hubMaxLocalHopCount", c->max_local_hops, "hubMaxHopCount", c->max_hops);
	if (c->max_per_source_given)
		compare(&v, "hubMaxInboundPerSource", c->max_per_source,
			"hubMaxInboundConnections", c->max_connections);
	compare(&v, "hubMaxHeaderSize", c->max_header_size, "hubMaxMessageSize", c->max_size);
	if (c->domain_secure && !grants_partners(c))
		add(&v, "hubDomainSecure without Partners in hubPermissionGroup: who has proven a "
			"domain has no more rights than anybody");
	if (c->message_rate_given && c->message_rate != 0 && c->message_rate_source == RATE_NONE)
		add(&v, "hubMessageRateLimit holds for nobody: hubMessageRateSource is None");
	return v.n;
}
