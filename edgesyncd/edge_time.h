/* edge_time.h - times as directories write them: generalizedTime in UTC (RFC 4517 section 3.3.13),
 * and those that the change sequence numbers of slapd begin with. Pure.
 */
#ifndef HUB_EDGESYNCD_EDGE_TIME_H
#define HUB_EDGESYNCD_EDGE_TIME_H

#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"

enum { EDGE_TIME_SIZE = 24 };

/* "20261122101500Z", also with a fraction, which may be followed by "#". ms since 1970; -1: none. */
int edge_time_parse(const char *text, int64_t *ms) MUST_CHECK;
void edge_time_format(int64_t s, char out[EDGE_TIME_SIZE]);

#endif
