/* words.h - what a status means to the sender: what happened, and what to do. Pure constants. */
#ifndef HUB_REPORT_WORDS_H
#define HUB_REPORT_WORDS_H

#include "hubd/queue/queue.h"

/* Whole sentences in ASCII, to be wrapped. */
struct report_words {
	const char *what;
	const char *todo;	/* after a failure */
};

/* status: such as "5.1.1" (RFC 3463); of one that is not known the subject counts. */
const struct report_words *report_words_of(const char *status);

/* Of a kind of report: the line before the addresses, what follows them, and names of it. */
struct report_kind_words {
	const char *action;	/* RFC 3464 section 2.3.3 */
	const char *subject;	/* before that of the message */
	const char *bare;	/* the whole subject when the message has none */
	const char *opening;	/* ends with a colon */
	const char *closing;	/* "" = words of the status */
};
extern const struct report_kind_words report_kinds[QUEUE_REPORT_KINDS];

#endif
