/* load_sink.c - takes every message, counts it and forgets it */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/mem.h"
#include "load.h"

static const char end_of_data[] = "\r\n.\r\n";
enum { END_SIZE = sizeof(end_of_data) - 1, PIECE = 64, PIECE_MS = 250 };

struct sink {
	struct run **run;
	enum trouble trouble;
	uint32_t delay_ms;
	struct delay delay;
	bool data;
	unsigned int run_number, message;	/* by the sender address */
	bool numbered;
};

static uint32_t connections;

uint32_t sink_connections(void)
{
	return connections;
}

/* A slow one says it later, and takes nothing until then. */
static void sink_say(struct sink *s, struct conn *c, const char *text)
{
	bool late = s->trouble == TROUBLE_REPLIES;

	if (!late) {
		conn_puts(c, text);
		return;
	}
	BUG_ON(s->delay.due_ns != 0);
	snprintf(s->delay.reply, sizeof(s->delay.reply), "%s", text);
	delay_start(&s->delay, s->delay_ms);
}

static void sink_say_verdict(struct sink *s, struct conn *c)
{
	static const char text[] = "250 2.0.0 Ok\r\n";

	if (s->trouble != TROUBLE_VERDICT) {
		sink_say(s, c, text);
		return;
	}
	memcpy(s->delay.reply, text, sizeof(text));
	delay_start(&s->delay, s->delay_ms);
}

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
	} else if (r->destinations != 0 && s->message % r->destinations >= r->watched) {
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
	sink_say_verdict(s, c);
	return (size_t)(end - data) + END_SIZE;
}

static void sink_command(struct sink *s, struct conn *c, const char *line)
{
	if (strncasecmp(line, "EHLO", 4) == 0) {
		sink_say(s, c, "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
			"250-ENHANCEDSTATUSCODES\r\n250 SIZE 0\r\n");
	} else if (strncasecmp(line, "MAIL FROM:", 10) == 0) {
		s->numbered = sscanf(line + 10, "<r%u.m%u@", &s->run_number, &s->message) == 2;
		sink_say(s, c, "250 2.1.0 Ok\r\n");
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		s->data = true;
		sink_say(s, c, "354 Go on\r\n");
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		conn_puts(c, "221 2.0.0 Bye\r\n");
		conn_end(c);
	} else {
		sink_say(s, c, "250 2.0.0 Ok\r\n");
	}
}

static size_t sink_input(struct conn *c, const char *data, size_t size, void *ctx)
{
	struct sink *s = ctx;
	size_t taken = 0;

	while (s->delay.due_ns == 0) {
		const char *line = data + taken, *end;
		bool was_data = s->data;

		if (was_data) {
			taken += sink_data(s, c, line, size - taken);
			if (s->data && s->trouble == TROUBLE_READING)
				delay_start(&s->delay, PIECE_MS);
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
	return taken;
}

static void sink_gone(struct conn *c, void *ctx)
{
	struct sink *s = ctx;

	(void)c;
	delay_cancel(&s->delay);
	connections--;
	free(s);
}

void sink_accepted(int fd, void *ctx)
{
	struct sink *s = xcalloc(1, sizeof(*s));
	struct conn *c = conn_new(fd, sink_input, sink_gone, s);

	s->run = ctx;
	s->trouble = destination_trouble(fd, &s->delay_ms);
	s->delay.c = c;
	s->delay.piece = s->trouble == TROUBLE_READING ? PIECE : 0;
	connections++;
	if (*s->run != NULL)
		(*s->run)->n_connections++;
	sink_say(s, c, "220 sink.example ESMTP\r\n");
	conn_flush(c);
}

uint16_t sink_start(uint16_t port, struct run **run)
{
	return listen_start(INADDR_LOOPBACK, port, sink_accepted, run, NULL);
}
