/* text.h - the words and the machine-readable part of a report. Pure. */
#ifndef HUB_REPORT_TEXT_H
#define HUB_REPORT_TEXT_H

#include "hubd/report/reporter.h"

struct report_parts {
	const char *from, *to;		/* addresses */
	const char *reporting;		/* our name */
	const char *boundary;
	const char *message_id;
	const uint32_t *due;		/* positions in q->v that the report names */
	size_t due_n;
	bool whole;			/* the original follows as a whole, else its header */
	int64_t now_s;
};

/* Everything up to the copied original; malloc'd, *size without a NUL. */
char *report_text(const struct report_request *q, const struct report_parts *p, size_t *size);
/* What follows it; malloc'd. */
char *report_tail(const struct report_parts *p, size_t *size);

#endif
