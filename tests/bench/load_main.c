/* load_main.c - the load tool: measures a relay that stands between its source and its sink
 *
 *	load [-p SINK-PORT] [-d DESTINATIONS]
 *
 * Prints "sink port=PORT", then takes commands from standard input, one at a time, and answers each
 * with one line of figures when all its messages have arrived, or none came for 30 seconds:
 *
 *	run PORT SESSIONS MESSAGES SIZE PIPELINING [WATCHED]
 *							hands in the messages itself
 *	count MESSAGES					counts what another program hands in
 *	trouble SLOW DEAD				so many destinations, the last ones
 *	state						connections to the sink, no run
 *
 * With destinations (load.h) only mail for the first WATCHED is waited for and figured.
 *
 * The sink goes on between runs, so connections that the relay keeps open stay usable. ack: from
 * the end of data to its 250. through: from the end of data to the end of data at the sink.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/mem.h"
#include "load.h"

enum { MAX_MESSAGES = 10000000, MAX_SESSIONS = 10000, MAX_SIZE = 64 << 20, STALL_S = 30,
	MAX_DESTINATIONS = 10000 };

static struct run *current;
static bool ended;
static char command[200];

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool run_expects(const struct run *r, uint32_t message)
{
	return r->destinations == 0 || message % r->destinations < r->watched;
}

static void print_times(const char *what, const struct run *r, const uint64_t *end)
{
	uint64_t *v = xcalloc(r->messages, sizeof(*v));
	uint32_t n = 0, i;

	for (i = 0; i < r->messages; i++)
		if (end[i] != 0 && run_expects(r, i))
			v[n++] = end[i] - r->sent[i];
	qsort(v, n, sizeof(*v), order);
	if (n > 0)
		printf(" %s_p50_us=%" PRIu64 " %s_p99_us=%" PRIu64 " %s_max_us=%" PRIu64, what,
			v[n / 2] / 1000, what, v[(uint64_t)n * 99 / 100] / 1000, what,
			v[n - 1] / 1000);
	free(v);
}

static void run_report(const struct run *r)
{
	double seconds = r->last_arrived > r->first_sent ?
		(double)(r->last_arrived - r->first_sent) / 1e9 : 0;

	printf("result messages=%" PRIu32 " arrived=%" PRIu32 " duplicates=%" PRIu32
		" strays=%" PRIu32 " refused=%" PRIu32 " seconds=%.3f rate=%.1f connections=%"
		PRIu32, r->expected, r->n_arrived, r->n_duplicates, r->n_strays, r->n_refused,
		seconds, seconds > 0 ? r->n_arrived / seconds : 0, r->n_connections);
	if (!r->foreign_source) {
		print_times("ack", r, r->acknowledged);
		print_times("through", r, r->arrived);
	}
	if (r->error[0] != '\0')
		printf(" error=%s", r->error);
	putchar('\n');
	fflush(stdout);
}

static void run_free(struct run *r)
{
	free(r->sent);
	free(r->acknowledged);
	free(r->arrived);
	free(r);
}

static bool run_done(const struct run *r)
{
	if (now_ns() - r->progress > (uint64_t)STALL_S * 1000000000)
		return true;
	return r->n_open == 0 && (r->n_arrived >= r->expected || r->error[0] != '\0');
}

/* Sessions of a run that stalled still point to it; the driver gives up then, and so do we. */
static void run_one(struct run *r)
{
	r->sent = xcalloc(r->messages, sizeof(*r->sent));
	r->acknowledged = xcalloc(r->messages, sizeof(*r->acknowledged));
	r->arrived = xcalloc(r->messages, sizeof(*r->arrived));
	r->progress = now_ns();
	if (r->foreign_source)
		r->first_sent = r->progress;
	current = r;
	if (!r->foreign_source)
		source_start(r);
	while (!run_done(r))
		poll_turn(delays_turn(1000));
	current = NULL;
	run_report(r);
	if (r->n_open > 0)
		exit(1);
	run_free(r);
}

static bool run_parse(struct run *r, const char *text)
{
	unsigned int pipelining = 0;
	uint32_t i;

	if (sscanf(text, "count %" SCNu32, &r->messages) == 1)
		r->foreign_source = true;
	else if (sscanf(text, "run %" SCNu16 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %u %" SCNu32,
			&r->port, &r->sessions, &r->messages, &r->size, &pipelining,
			&r->watched) < 5)
		return false;
	r->pipelining = pipelining != 0;
	r->destinations = destinations_count();
	if (r->watched == 0)
		r->watched = r->destinations;
	for (i = 0; i < r->messages && i < MAX_MESSAGES; i++)
		r->expected += run_expects(r, i);
	return r->messages > 0 && r->messages <= MAX_MESSAGES && r->sessions <= MAX_SESSIONS &&
		r->size <= MAX_SIZE;
}

/* Keeps one line; it is carried out when the loop's turn is over. */
static size_t command_input(struct conn *c, const char *data, size_t size, void *ctx)
{
	const char *end = memchr(data, '\n', size);

	(void)c;
	(void)ctx;
	if (end == NULL)
		return 0;
	snprintf(command, sizeof(command), "%.*s", (int)(end - data), data);
	return (size_t)(end - data) + 1;
}

static void command_gone(struct conn *c, void *ctx)
{
	(void)c;
	(void)ctx;
	ended = true;
}

/* Those that are no run. */
static bool command_other(void)
{
	unsigned int slow, dead;

	if (sscanf(command, "trouble %u %u", &slow, &dead) == 2 &&
		slow <= destinations_count() && dead <= destinations_count() - slow)
		destinations_trouble(slow, dead);
	else if (strcmp(command, "state") != 0)
		return false;
	printf("result connections=%" PRIu32 "\n", sink_connections());
	fflush(stdout);
	command[0] = '\0';
	return true;
}

static void command_run(void)
{
	static unsigned int number;
	struct run *r;

	if (command_other())
		return;
	r = xcalloc(1, sizeof(*r));
	r->number = ++number;
	if (run_parse(r, command)) {
		command[0] = '\0';
		run_one(r);
		return;
	}
	printf("error not a command: %s\n", command);
	fflush(stdout);
	command[0] = '\0';
	free(r);
}

int main(int argc, char **argv)
{
	unsigned long destinations = 0;
	uint16_t port = 0;
	int c;

	while ((c = getopt(argc, argv, "p:d:")) != -1) {
		if (c == 'p') {
			port = (uint16_t)strtoul(optarg, NULL, 10);
		} else if (c == 'd') {
			destinations = strtoul(optarg, NULL, 10);
		} else {
			fprintf(stderr, "usage: load [-p SINK-PORT] [-d DESTINATIONS]\n");
			return 2;
		}
	}
	poll_init();
	port = sink_start(port, &current);
	if (port == 0 || destinations > MAX_DESTINATIONS ||
		!destinations_start((uint32_t)destinations, port, &current)) {
		perror("load: cannot listen");
		return 1;
	}
	printf("sink port=%u\n", (unsigned int)port);
	fflush(stdout);
	conn_new(STDIN_FILENO, command_input, command_gone, NULL);
	while (!ended) {
		poll_turn(delays_turn(-1));
		if (command[0] != '\0')
			command_run();
	}
	return 0;
}
