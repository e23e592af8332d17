/* load_sink.c - takes every message, counts it and forgets it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/mem.h"
#include "load.h"

static const char end_of_data[] = "\r\n.\r\n";
enum { END_SIZE = sizeof(end_of_data) - 1 };

struct sink {
	struct run **run;
	bool data;
	unsigned int run_number, message;	/* by the sender address */
	bool numbered;
};

static void sink_arrived(struct sink *s)
{
	struct run *r = *s->run;

	if (r == NULL)
		return;
	r->progress = now_ns();
	if (r->foreign_source) {
		r->n_arrived++;
	} else if (!s->numbered || s->run_number != r->number || s->message >= r->messages) {
		r->n_strays++;
		return;
	} else if (r->arrived[s->message] != 0) {
		r->n_duplicates++;
		return;
	} else {
		r->arrived[s->message] = r->progress;
		r->n_arrived++;
	}
	r->last_arrived = r->progress;
}

/* Data and the CRLF before it, as the line DATA ended by one. */
static size_t sink_data(struct sink *s, struct conn *c, const char *data, size_t size)
{
	const char *end = memmem(data, size, end_of_data, END_SIZE);

	if (end == NULL)
		return size < END_SIZE ? 0 : size - (END_SIZE - 1);
	s->data = false;
	sink_arrived(s);
	conn_puts(c, "250 2.0.0 Ok\r\n");
	return (size_t)(end - data) + END_SIZE;
}

static void sink_command(struct sink *s, struct conn *c, const char *line)
{
	if (strncasecmp(line, "EHLO", 4) == 0) {
		conn_puts(c, "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
			"250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n");
	} else if (strncasecmp(line, "MAIL FROM:", 10) == 0) {
		s->numbered = sscanf(line + 10, "<r%u.m%u@", &s->run_number, &s->message) == 2;
		conn_puts(c, "250 2.1.0 Ok\r\n");
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		s->data = true;
		conn_puts(c, "354 Go on\r\n");
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		conn_puts(c, "221 2.0.0 Bye\r\n");
		conn_end(c);
	} else {
		conn_puts(c, "250 2.0.0 Ok\r\n");
	}
}

static size_t sink_input(struct conn *c, const char *data, size_t size, void *ctx)
{
	struct sink *s = ctx;
	size_t taken = 0;

	for (;;) {
		const char *line = data + taken, *end;
		bool was_data = s->data;

		if (was_data) {
			taken += sink_data(s, c, line, size - taken);
			if (s->data)
				return taken;
			continue;
		}
		end = memchr(line, '\n', size - taken);
		if (end == NULL)
			return taken;
		sink_command(s, c, line);
		taken += (size_t)(end - line) + 1;
		if (s->data)
			taken -= 2;
	}
}

static void sink_gone(struct conn *c, void *ctx)
{
	(void)c;
	free(ctx);
}

static void sink_accepted(int fd, void *ctx)
{
	struct sink *s = xcalloc(1, sizeof(*s));
	struct conn *c = conn_new(fd, sink_input, sink_gone, s);

	s->run = ctx;
	conn_puts(c, "220 sink.example ESMTP\r\n");
	conn_flush(c);
}

uint16_t sink_start(uint16_t port, struct run **run)
{
	return listen_start(port, sink_accepted, run);
}
