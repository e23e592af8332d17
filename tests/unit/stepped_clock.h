/* stepped_clock.h - the monotonic clock of all modules, which a test may set on: programs that
 * include it are linked with --wrap=clock_mono_ms. Timers of the loop do not follow; nor must it be
 * set while something is awaited.
 */
#ifndef HUB_TESTS_STEPPED_CLOCK_H
#define HUB_TESTS_STEPPED_CLOCK_H

#include <stdint.h>

static uint64_t clock_ahead_ms;

uint64_t __real_clock_mono_ms(void);
uint64_t __wrap_clock_mono_ms(void);

uint64_t __wrap_clock_mono_ms(void)
{
	return __real_clock_mono_ms() + clock_ahead_ms;
}

#endif
