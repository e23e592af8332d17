/* generalized_time.h - times as a directory writes them, 20261122101931Z. Pure; any thread. */
#ifndef HUB_DIRECTORY_GENERALIZED_TIME_H
#define HUB_DIRECTORY_GENERALIZED_TIME_H

#include <stdint.h>

#include "libhub/base/err.h"

/* "20261122101931Z" with NUL */
enum { GENERALIZED_TIME_TEXT = 16 };

/*
 * Seconds since 1970 of a GeneralizedTime with seconds, perhaps a fraction (dropped: a CSN begins
 * so too) and Z (RFC 4517 section 3.3.13, as slapd writes it). -1 if it has another form.
 */
int generalized_time_parse(const char *text, int64_t *time_s) MUST_CHECK;
/* Of the years 1970 to 9999; a time outside becomes the nearest of them. */
void generalized_time_format(int64_t time_s, char out[GENERALIZED_TIME_TEXT]);

#endif
