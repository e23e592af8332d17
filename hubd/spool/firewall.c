/* firewall.c - see firewall.h */
#include "hubd/spool/firewall.h"

#include <string.h>

/* What is taken out, by the bits that drop has. */
static const struct smtp_header_rule rules[FIREWALL_ALL + 1][FIREWALL_RULE_COUNT] = {
	{ FIREWALL_RULES(0) }, { FIREWALL_RULES(1) }, { FIREWALL_RULES(2) }, { FIREWALL_RULES(3) },
	{ FIREWALL_RULES(4) }, { FIREWALL_RULES(5) }, { FIREWALL_RULES(6) }, { FIREWALL_RULES(7) },
};

uint32_t firewall_class_of_rule(size_t i)
{
	static const uint32_t classes[FIREWALL_RULE_COUNT] = {
		FIREWALL_ORGANIZATION, FIREWALL_FOREST, FIREWALL_ROUTING, FIREWALL_ROUTING,
	};

	BUG_ON(i >= FIREWALL_RULE_COUNT);
	return classes[i];
}

static void keep(void *ctx, const char *p, size_t n)
{
	struct firewall *f = ctx;

	BUG_ON(n > sizeof(f->out) - f->n);
	memcpy(f->out + f->n, p, n);
	f->n += n;
}

void firewall_init(struct firewall *f, uint32_t drop)
{
	f->at = f->n = 0;
	smtp_header_init(&f->scan, rules[drop & FIREWALL_ALL], FIREWALL_RULE_COUNT, keep, NULL, f);
}

ssize_t firewall_read(struct firewall *f, struct spool_body *b, void *buf, size_t size,
	struct err *e)
{
	char raw[FIREWALL_PIECE];
	ssize_t got;
	size_t n;

	while (f->at == f->n) {
		if (f->scan.ended)
			return spool_body_read(b, buf, size, e);
		f->at = f->n = 0;
		got = spool_body_read(b, raw, sizeof(raw), e);
		if (got < 0)
			return got;
		if (got > 0)
			smtp_header_feed(&f->scan, raw, (size_t)got);
		else
			smtp_header_end(&f->scan);
	}
	n = f->n - f->at < size ? f->n - f->at : size;
	memcpy(buf, f->out + f->at, n);
	f->at += n;
	return (ssize_t)n;
}
