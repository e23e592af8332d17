/* text.h - the words and the machine-readable part of a report. Pure. */
#ifndef HUB_REPORT_TEXT_H
#define HUB_REPORT_TEXT_H

#include <stdio.h>

#include "hubd/report/reader.h"

struct report_parts {
	const struct report_request *q;
	const char *id;			/* of the original, as logs have it */
	const char *from, *to;		/* addresses */
	const char *reporting;		/* our name */
	const char *boundary;
	const char *message_id;
	struct report_line *lines;	/* what it tells of */
	size_t n;
	bool within;			/* for one of ours */
	bool whole;			/* the original follows as a whole, else its header */
	int64_t now_s;
};

/* Everything up to the copied original; malloc'd, *size without a NUL. */
char *report_text(const struct report_parts *p, size_t *size);
/* What follows it; malloc'd. */
char *report_tail(const struct report_parts *p, size_t *size);

/* --- between the files of this folder --- */

/* people.c: the part that is read; its text without the head. malloc'd. */
char *report_people_text(const struct report_parts *p, size_t *size);
/* machine.c: the whole part (RFC 3464, RFC 6533), but for the boundary before it. */
void report_put_machine_part(FILE *f, const struct report_parts *p);

#endif
