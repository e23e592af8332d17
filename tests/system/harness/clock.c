/*
 * Preloaded into one program: its wall clock is off by what the file named in HUB_CLOCK says (one
 * int64_t, seconds), from one call to the next. CLOCK_MONOTONIC, and with it every timer, goes on
 * as ever. libfaketime does the same for most programs, but slapd has a read_config_file() of its
 * own, which libfaketime then calls instead of its own and crashes.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_s;

/* Another library's constructor may ask for the time before one of ours would run. */
static int64_t offset_now(void)
{
	static const int64_t none;

	if (offset_s == NULL) {
		const char *path = getenv("HUB_CLOCK");
		int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
		void *map = fd < 0 ? MAP_FAILED :
			mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, fd, 0);

		offset_s = map == MAP_FAILED ? &none : map;
		if (fd >= 0)
			close(fd);
	}
	return *offset_s;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int status = (int)syscall(SYS_clock_gettime, clock, now);

	if (status == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += offset_now();
	return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec time;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &time) != 0)
		return -1;
	*now = (struct timeval){ .tv_sec = time.tv_sec, .tv_usec = time.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *seconds)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (seconds != NULL)
		*seconds = now.tv_sec;
	return now.tv_sec;
}
