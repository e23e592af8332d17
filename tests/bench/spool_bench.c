/* spool_bench.c - how many durable messages a second the spool takes.
 *
 *	spool_bench [-k] [-d folder] [-t threads] [-w window] [-s body-bytes] [-n messages]
 *
 * Each thread keeps window messages under way, as that many sessions would; each acknowledged one
 * gets its outcome at once. Prints the rate, the processor time and the system calls per message.
 * With -k nothing gets an outcome, and the time to recover all of it is printed as well.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "hubd/spool/spool.h"
#include "libhub/base/loop.h"
#include "libhub/base/mem.h"

enum { THREADS_MAX = 64 };

struct client {
	pthread_t thread;
	struct loop *loop;
	struct spool_port *port;
	long sent, answered;
};

static long threads = 2, window = 32, body_size = 4096, messages = 100000;
static bool keep;
static char *body;

static void client_send(struct client *c);

static void on_commit(uint64_t id, const struct err *e, void *ctx)
{
	struct client *c = ctx;

	if (e != NULL) {
		fprintf(stderr, "refused: %s\n", e->text);
		exit(1);
	}
	if (!keep)
		spool_outcome(c->port, id, 0, SPOOL_RELAYED);
	if (++c->answered == messages)
		loop_stop(c->loop);
	else if (c->sent < messages)
		client_send(c);
}

static void client_send(struct client *c)
{
	static const char envelope[300] = "an envelope of the usual size";
	struct spool_draft *d = spool_draft_new(c->port, NULL, NULL);

	c->sent++;
	(void)spool_draft_write(d, body, (size_t)body_size);
	spool_draft_commit(&d, envelope, sizeof(envelope), 1, on_commit, c);
}

static void *client_run(void *ctx)
{
	struct client *c = ctx;
	long i;

	for (i = 0; i < window && i < messages; i++)
		client_send(c);
	loop_run(c->loop);
	return NULL;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec)
		+ (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static int arguments(int argc, char **argv, const char **folder)
{
	int c;

	while ((c = getopt(argc, argv, "kd:t:w:s:n:")) != -1) {
		switch (c) {
		case 'k': keep = true; break;
		case 'd': *folder = optarg; break;
		case 't': threads = atol(optarg); break;
		case 'w': window = atol(optarg); break;
		case 's': body_size = atol(optarg); break;
		case 'n': messages = atol(optarg); break;
		default: return -1;
		}
	}
	return threads > 0 && threads <= THREADS_MAX && window > 0 && body_size >= 0
		&& messages > 0 ? 0 : -1;
}

static void run(struct spool *s)
{
	static struct client clients[THREADS_MAX];
	struct spool_stats st;
	double total, wall, cpu;
	long t;

	for (t = 0; t < threads; t++) {
		clients[t].loop = loop_new("bench");
		clients[t].port = spool_port_new(s, clients[t].loop);
	}
	do
		spool_stats(s, &st);
	while (st.free_segments < 2);
	wall = now_s();
	cpu = cpu_s();
	for (t = 0; t < threads; t++)
		pthread_create(&clients[t].thread, NULL, client_run, &clients[t]);
	for (t = 0; t < threads; t++)
		pthread_join(clients[t].thread, NULL);
	wall = now_s() - wall;
	cpu = cpu_s() - cpu;
	spool_stats(s, &st);
	total = (double)(threads * messages);
	printf("threads=%ld window=%ld body=%ld: %.0f msg/s, %.1f us cpu, %.3f syncs, %.3f writes "
		"per message, %lu segments\n", threads, window, body_size, total / wall,
		cpu * 1e6 / total, (double)st.syncs / total, (double)st.writes / total,
		(unsigned long)st.segments);
	spool_close(&s);
	for (t = 0; t < threads; t++) {
		spool_port_free(&clients[t].port);
		loop_free(&clients[t].loop);
	}
}

static void on_recovered(const struct spool_recovered *m, void *ctx)
{
	*(uint64_t *)ctx += m->envelope_size;
}

static int recover(const struct spool_config *cfg)
{
	struct spool_report report;
	uint64_t bytes = 0;
	struct err e;
	struct spool *s = spool_open(cfg, on_recovered, &bytes, &report, &e);

	if (s == NULL)
		return 1;
	printf("recovered %lu messages in %lu segments in %lu ms\n",
		(unsigned long)report.messages, (unsigned long)report.segments,
		(unsigned long)report.took_ms);
	spool_close(&s);
	return 0;
}

int main(int argc, char **argv)
{
	char made[] = "./spool-bench.XXXXXX", command[64];
	const char *folder = NULL;
	struct spool_config cfg = { 0 };
	struct err e = { 0 };
	struct spool *s;

	if (arguments(argc, argv, &folder) != 0) {
		fprintf(stderr, "usage: spool_bench [-k] [-d folder] [-t threads] [-w window] "
			"[-s body-bytes] [-n messages]\n");
		return 2;
	}
	cfg.folder = folder != NULL ? folder : mkdtemp(made);
	body = xmalloc((size_t)body_size);
	memset(body, 'x', (size_t)body_size);
	messages /= threads;
	s = spool_open(&cfg, NULL, NULL, NULL, &e);
	if (s == NULL) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	run(s);
	free(body);
	if (keep && recover(&cfg) != 0)
		return 1;
	if (folder == NULL) {
		snprintf(command, sizeof(command), "rm -rf %s", made);
		return system(command) == 0 ? 0 : 1;
	}
	return 0;
}
