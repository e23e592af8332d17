/* recipients_bench - what mirroring recipients takes; see tests/bench/recipients.
 * Usage: recipients_bench URI BASE ORGANIZATION STATE MODE N; MODE is first (STATE is empty),
 * resume or cache (nothing listens at URI). Prints name=value, a line.
 */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/mem.h"
#include "libhub/org/people.h"

enum { LOOKUPS = 1000000, LIMIT_S = 600, TICK_US = 1000 };

static struct loop *loop;
static struct people *people;
static const char *path;
static bool live;
static uint64_t began_ns, turn_ns, last_ns;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Of this thread: another process that takes the processor is no fault of the loop. */
static uint64_t worked_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double seconds_since(uint64_t ns)
{
	return (double)(now_ns() - ns) / 1e9;
}

/* Of the process's own memory, in bytes. */
static size_t resident(void)
{
	char line[200];
	FILE *f = fopen("/proc/self/status", "re");
	size_t kib = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "RssAnon: %zu", &kib) == 1)
			break;
	if (f != NULL)
		fclose(f);
	return kib * 1024;
}

static void on_begun(void *ctx)
{
	(void)ctx;
}

static bool believe(size_t known, size_t missing, void *ctx)
{
	(void)known;
	(void)missing;
	(void)ctx;
	return true;
}

static void on_loaded(void *ctx)
{
	(void)ctx;
}

static void on_state(enum watch_state state, const char *text, void *ctx)
{
	(void)ctx;
	if (state == WATCH_DOWN)
		fprintf(stderr, "%s\n", text);
	if (state == WATCH_LIVE && !live) {
		live = true;
		loop_stop(loop);
	}
}

/* Comes once a millisecond, unless a turn of the loop takes longer. */
static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	uint64_t now = worked_ns();

	(void)fd;
	(void)what;
	(void)ctx;
	if (last_ns != 0 && now - last_ns > turn_ns)
		turn_ns = now - last_ns;
	last_ns = now;
	if (seconds_since(began_ns) > LIMIT_S)
		exit(1);
	if (live && access(path, F_OK) == 0)
		loop_stop(loop);
}

static int compare(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static void look_up(unsigned int n)
{
	uint32_t *took = xcalloc(LOOKUPS, sizeof(*took));
	struct recipient_info info;
	char address[80];
	uint64_t t;
	int i;

	for (i = 0; i < LOOKUPS; i++) {
		snprintf(address, sizeof(address), "User%07u@contoso.com", arc4random_uniform(n));
		t = now_ns();
		recipients_find(people_recipients(people), address, &info);
		took[i] = (uint32_t)(now_ns() - t);
		if (info.outcome != RECIPIENT_MAILBOX) {
			fprintf(stderr, "%s is unknown\n", address);
			exit(1);
		}
	}
	qsort(took, LOOKUPS, sizeof(*took), compare);
	printf("p50_us=%.2f\np99_us=%.2f\n", took[LOOKUPS / 2] / 1e3,
		took[LOOKUPS / 100 * 99] / 1e3);
	free(took);
}

static void follow(unsigned int n, size_t before)
{
	static const struct timeval tick_every = { 0, TICK_US };
	struct event *tick = event_new(loop_base(loop), -1, EV_PERSIST, on_tick, NULL);
	struct recipients *r = people_recipients(people);
	struct stat st = { .st_size = 0 };
	uint64_t live_ns;

	event_add(tick, &tick_every);
	while (!live)
		loop_run(loop);
	live_ns = now_ns();
	printf("live_s=%.3f\nturn_ms=%.1f\n", seconds_since(began_ns), (double)turn_ns / 1e6);
	printf("rss_each=%.1f\nown_each=%.1f\n", (double)(resident() - before) / n,
		(double)recipients_memory(r) / n);
	fflush(stdout);
	turn_ns = 0;
	loop_run(loop);
	if (stat(path, &st) != 0)
		exit(1);
	printf("saved_s=%.3f\nsaving_turn_ms=%.1f\nfile_each=%.1f\n", seconds_since(live_ns),
		(double)turn_ns / 1e6, (double)st.st_size / n);
	event_free(tick);
}

int main(int argc, char **argv)
{
	static const struct people_callbacks cbs = {
		.begun = on_begun, .believe = believe, .loaded = on_loaded, .state = on_state,
	};
	const char *uris[2] = { argc > 1 ? argv[1] : NULL, NULL };
	struct directory_config directory = { .uris = uris, .bind_external = true };
	struct people_config cfg = { .directory = &directory };
	size_t before;
	unsigned int n;

	if (argc != 7)
		return 2;
	cfg.base = argv[2];
	cfg.epoch_dn = argv[3];
	cfg.path = path = xasprintf("%s/recipients", argv[4]);
	n = (unsigned int)strtoul(argv[6], NULL, 10);
	loop = loop_new("bench");
	before = resident();
	began_ns = now_ns();
	people = people_new(loop, NULL, &cfg, &cbs, NULL);
	if (strcmp(argv[5], "cache") == 0) {
		printf("loaded_s=%.3f\n", seconds_since(began_ns));
		printf("rss_each=%.1f\n", (double)(resident() - before) / n);
		look_up(n);
	} else {
		follow(n, before);
	}
	people_free(&people);
	loop_free(&loop);
	return 0;
}
