/* edge_time.c - see edge_time.h */
#include "edgesyncd/edge_time.h"

#include <string.h>
#include <time.h>

/* n decimal digits; -1 if there is something else. */
static int digits(const char **p, int n)
{
	int value = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		value = value * 10 + (**p - '0');
	}
	return value;
}

/* Of the fraction only milliseconds are of use. */
static int fraction(const char **p)
{
	int ms = 0, weight = 100;

	if (**p != '.' && **p != ',')
		return 0;
	for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, weight /= 10)
		ms += (**p - '0') * weight;
	return ms;
}

int edge_time_parse(const char *text, int64_t *ms)
{
	struct tm tm = { .tm_year = digits(&text, 4) - 1900, .tm_isdst = 0 };
	int thousandths;

	if (tm.tm_year < 70)
		return -1;
	tm.tm_mon = digits(&text, 2) - 1;
	if (tm.tm_mon < 0 || tm.tm_mon > 11)
		return -1;
	tm.tm_mday = digits(&text, 2);
	if (tm.tm_mday < 1 || tm.tm_mday > 31)
		return -1;
	tm.tm_hour = digits(&text, 2);
	if (tm.tm_hour < 0 || tm.tm_hour > 23)
		return -1;
	tm.tm_min = digits(&text, 2);
	if (tm.tm_min < 0 || tm.tm_min > 59)
		return -1;
	tm.tm_sec = digits(&text, 2);
	if (tm.tm_sec < 0 || tm.tm_sec > 60)
		return -1;
	thousandths = fraction(&text);
	if (*text != 'Z' || (text[1] != '\0' && text[1] != '#'))
		return -1;
	*ms = (int64_t)timegm(&tm) * 1000 + thousandths;
	return 0;
}

void edge_time_format(int64_t s, char out[EDGE_TIME_SIZE])
{
	time_t t = (time_t)s;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	BUG_ON(gmtime_r(&t, &tm) == NULL);
	BUG_ON(strftime(out, EDGE_TIME_SIZE, "%Y%m%d%H%M%SZ", &tm) == 0);
}
