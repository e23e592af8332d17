/* reader.h - what the sender of a message may read of its recipients, and of it. Pure.
 *
 * Somebody within the organization is told all. To others an address is named as they wrote it: who
 * the members of a group are, and where an alias leads, is not for them, nor how the organization's
 * servers are called and what they think of each other. A reply that names a hidden address shows
 * the known one instead.
 */
#ifndef HUB_REPORT_READER_H
#define HUB_REPORT_READER_H

#include "hubd/report/reporter.h"

/* Of one recipient. In the arena given, or as long as the request. */
struct report_line {
	enum queue_report_kind kind;
	const char *address;
	const char *via;	/* address that he wrote if that is another; or "" */
	const char *orcpt;	/* as received; or "" */
	const char *status;	/* of the class that the kind has */
	const char *words;	/* the peer's or ours; "" = none for him */
	bool from_peer;
	const char *remote;	/* name of the host that said them; "" = not for him, or none */
	struct report_line *next;	/* of the same kind, status and words; see people.c */
};

/* The report's recipient is one of ours. */
bool reader_is_within(const struct report_request *q);
/* The lines for q->v[due[0..n-1]] into *out; returns their number, as those that look alike are
 * told once. */
size_t reader_lines(const struct report_request *q, const uint32_t *due, size_t n,
	struct arena *a, struct report_line **out);
/* Whether the whole message comes back to him with these lines, and not just its header. */
bool reader_gets_whole(const struct report_request *q, const struct report_line *lines, size_t n);

#endif
