/* generalized_time.c - see generalized_time.h */
#include "libhub/directory/generalized_time.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

enum { DIGITS = 14 };

#define LAST_TIME_S INT64_C(253402300799)	/* 9999-12-31 23:59:59 */

static int number(const char *text, int n)
{
	int value = 0;

	while (n-- > 0)
		value = 10 * value + (*text++ - '0');
	return value;
}

/* timegm takes the 31st of June for the 1st of July: what it makes must be what was written. */
static bool is_date(const struct tm *written, time_t made)
{
	struct tm tm;

	return gmtime_r(&made, &tm) != NULL && tm.tm_mon == written->tm_mon &&
		tm.tm_mday == written->tm_mday;
}

int generalized_time_parse(const char *text, int64_t *time_s)
{
	static const char digits[] = "0123456789";
	const char *rest = text + DIGITS;
	struct tm tm, copy;
	time_t made;

	if (strspn(text, digits) != DIGITS)
		return -1;
	if (*rest == '.' || *rest == ',') {
		size_t n = strspn(++rest, digits);

		if (n == 0)
			return -1;
		rest += n;
	}
	if (strcmp(rest, "Z") != 0)
		return -1;
	memset(&tm, 0, sizeof(tm));
	tm.tm_year = number(text, 4) - 1900;
	tm.tm_mon = number(text + 4, 2) - 1;
	tm.tm_mday = number(text + 6, 2);
	tm.tm_hour = number(text + 8, 2);
	tm.tm_min = number(text + 10, 2);
	tm.tm_sec = number(text + 12, 2);
	/* a leap second may be written */
	if (tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return -1;
	copy = tm;
	copy.tm_hour = copy.tm_min = copy.tm_sec = 0;
	made = timegm(&copy);
	if (made < 0 || !is_date(&tm, made))
		return -1;
	*time_s = (int64_t)timegm(&tm);
	return 0;
}

void generalized_time_format(int64_t time_s, char out[GENERALIZED_TIME_TEXT])
{
	time_t t = time_s < 0 ? 0 : time_s > LAST_TIME_S ? LAST_TIME_S : time_s;
	struct tm tm;

	BUG_ON(gmtime_r(&t, &tm) == NULL ||
		strftime(out, GENERALIZED_TIME_TEXT, "%Y%m%d%H%M%SZ", &tm) == 0);
}
