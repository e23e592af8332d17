/* file_header_priv.h - shared by the reader of headers and its two kinds. */
#ifndef HUB_PICKUP_FILE_HEADER_PRIV_H
#define HUB_PICKUP_FILE_HEADER_PRIV_H

#include <stdarg.h>
#include <stdio.h>

#include "hubd/pickup/file_header.h"

struct field {
	const char *name;
	const char *value;		/* unfolded, without blanks at its ends */
	const char *text;		/* as it is stored: all lines, with CRLF */
};

struct reading {
	const char *p, *at;
	size_t n;
	struct arena *arena;
	const struct file_header_limits *limits;
	struct file_header *out;
	const char **rule;
	struct err *e;
	FILE *head;
	uint32_t room;			/* of out->recipients */
	bool has_date, has_message_id;
	/* pickup */
	uint32_t from_count, sender_count;
	const char *from, *header_sender;	/* the first of each */
	bool has_visible;		/* To or Cc names somebody */
	/* replay */
	bool injected_over, has_sender;
};

/* A rule is broken: sets it and *e; -1. */
int file_rule(struct reading *r, const char *rule, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool field_is(const struct field *f, const char *name);
int file_add_recipient(struct reading *r, const struct envelope_recipient *to);

/* --- pickup_header.c --- */

int pickup_take(struct reading *r, const struct field *f);
bool pickup_keeps(const struct field *f);
int pickup_end(struct reading *r);

/* --- replay_header.c --- */

/* 1 = it was of the envelope; 0 = of the message, as all behind it; -1 = a rule is broken. */
int replay_take(struct reading *r, const struct field *f);
int replay_end(struct reading *r);

#endif
