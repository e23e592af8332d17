/* origin.c - see origin.h */
#include "hubd/spool/origin.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "libhub/base/clock.h"
#include "libhub/base/err.h"
#include "libhub/smtp/address.h"

static const char *const as_names[ORIGIN_KINDS] = {
	[ORIGIN_ANONYMOUS] = "Anonymous",
	[ORIGIN_INTERNAL] = "Internal",
	[ORIGIN_EXTERNAL] = "External",
	[ORIGIN_PARTNER] = "Partner",
};

bool origin_is_outside(const struct origin *o)
{
	return o->as == ORIGIN_ANONYMOUS || o->as == ORIGIN_PARTNER;
}

/* --- reading --- */

static bool read_as(struct origin *o, const char *value)
{
	int i;

	for (i = 0; i < ORIGIN_KINDS; i++)
		if (strcasecmp(value, as_names[i]) == 0) {
			o->as = (enum origin_as)i;
			return true;
		}
	return false;
}

static bool read_name(const char **out, const char *value, struct arena *a)
{
	size_t n = strlen(value);

	if (n > ORIGIN_NAME_MAX || !smtp_hostname_is_valid(value, n))
		return false;
	*out = arena_strndup(a, value, n);
	return true;
}

static bool read_mechanism(struct origin *o, const char *value)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *high, *low;

	if (strlen(value) != 2)
		return false;
	high = strchr(digits, value[0]);
	low = strchr(digits, value[1]);
	if (high == NULL || low == NULL)
		return false;
	o->mechanism = (uint8_t)((high - digits) % 16 << 4 | (low - digits) % 16);
	return true;
}

/* Digits where the pattern has 0, else what it has. */
static bool looks_like(const char *value, const char *pattern)
{
	for (; *pattern != '\0'; value++, pattern++)
		if (*pattern == '0' ? *value < '0' || *value > '9' : *value != *pattern)
			return false;
	return *value == '\0';
}

static int number(const char *p, size_t n)
{
	int v = 0;

	for (; n > 0; n--)
		v = v * 10 + *p++ - '0';
	return v;
}

static bool read_time(struct origin *o, const char *value)
{
	struct tm tm = { 0 };

	if (!looks_like(value, "0000-00-00T00:00:00.000Z") || number(value, 4) < 1970)
		return false;
	tm.tm_year = number(value, 4) - 1900;
	tm.tm_mon = number(value + 5, 2) - 1;
	tm.tm_mday = number(value + 8, 2);
	tm.tm_hour = number(value + 11, 2);
	tm.tm_min = number(value + 14, 2);
	tm.tm_sec = number(value + 17, 2);
	o->arrived_ms = (int64_t)timegm(&tm) * 1000 + number(value + 20, 3);
	return o->arrived_ms >= 0;
}

void origin_claim_add(struct origin_claim *c, enum origin_field f, const char *value,
	struct arena *a)
{
	struct origin *o = &c->origin;
	bool good = true;

	if ((c->seen >> f & 1) != 0)
		return;
	c->seen |= 1u << f;
	switch (f) {
	case ORIGIN_FIELD_AS:
		good = read_as(o, value);
		break;
	case ORIGIN_FIELD_SOURCE:
		good = read_name(&o->source, value, a);
		break;
	case ORIGIN_FIELD_MECHANISM:
		good = read_mechanism(o, value);
		break;
	case ORIGIN_FIELD_DOMAIN:
		good = read_name(&o->domain, value, a);
		break;
	case ORIGIN_FIELD_ARRIVED:
		good = read_time(o, value);
		break;
	case ORIGIN_FIELDS:
		break;
	}
	c->bad = c->bad || !good;
}

bool origin_claim_is_whole(const struct origin_claim *c)
{
	unsigned needed = 1u << ORIGIN_FIELD_AS | 1u << ORIGIN_FIELD_SOURCE |
		1u << ORIGIN_FIELD_MECHANISM;

	return !c->bad && (c->seen & needed) == needed;
}

/* --- writing --- */

size_t origin_format(const struct origin *o, const char *source, char *buf, size_t size)
{
	char time[32];
	int n;

	if (*o->source != '\0')
		source = o->source;
	n = snprintf(buf, size, ORIGIN_NAME_AS ": %s\r\n" ORIGIN_NAME_SOURCE ": %.255s\r\n"
		ORIGIN_NAME_MECHANISM ": %02X\r\n", as_names[o->as], source, o->mechanism);
	if (*o->domain != '\0')
		n += snprintf(buf + n, size - (size_t)n, ORIGIN_NAME_DOMAIN ": %.255s\r\n",
			o->domain);
	if (o->arrived_ms > 0) {
		clock_rfc3339(o->arrived_ms, time, sizeof(time));
		n += snprintf(buf + n, size - (size_t)n, ORIGIN_NAME_ARRIVED ": %s\r\n", time);
	}
	BUG_ON(n < 0 || (size_t)n >= size);
	return (size_t)n;
}
