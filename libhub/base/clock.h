/* clock.h - the two clocks. Any thread.
 *
 * Intervals are measured on the monotonic clock in milliseconds; what is written to disk or shown
 * to people is wall time in seconds since 1970.
 */
#ifndef HUB_BASE_CLOCK_H
#define HUB_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_ms(void);
int64_t clock_wall_s(void);
int64_t clock_wall_ms(void);
/* RFC 5322 date-time in local time, such as "Sat, 21 Nov 2026 18:00:00 +0000"; buf >= 40 bytes. */
void clock_rfc5322(int64_t wall_s, char *buf, size_t size);
/* RFC 3339 UTC with milliseconds, such as "2026-11-21T18:00:00.123Z"; buf >= 32 bytes. */
void clock_rfc3339(int64_t wall_ms, char *buf, size_t size);
/*
 * How long ago wall_ms was, in seconds, such as "12.345"; 0 if the clock was set back meanwhile;
 * buf >= 32 bytes.
 */
void clock_since(int64_t wall_ms, char *buf, size_t size);

#endif
