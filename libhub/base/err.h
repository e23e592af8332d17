/* err.h - how a failure travels upwards.
 *
 * Four kinds of trouble are kept apart everywhere: a bug (BUG_ON aborts, in production too), a
 * failure (int 0/-1 and a struct err, filled once at the lowest place that understands it and
 * logged once by whoever decides what to do), a protocol outcome (a value such as struct
 * smtp_reply, not an error), and lack of memory (abort, see mem.h).
 */
#ifndef HUB_BASE_ERR_H
#define HUB_BASE_ERR_H

#include <stdio.h>
#include <stdlib.h>

#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define MUST_CHECK __attribute__((warn_unused_result))

enum err_class {
	ERR_NONE = 0,
	ERR_TEMP,	/* may work when tried again */
	ERR_PERM,	/* will not */
	ERR_CONFIG,	/* a person must change something */
};

struct err {
	enum err_class class;
	int sys;		/* errno, or 0 */
	char text[300];		/* one line for a person; names the thing and the rule */
};

/* Fills *e (e may be NULL); sys other than 0 appends strerror. Always returns -1. */
int err_set(struct err *e, enum err_class class, int sys, const char *fmt, ...) PRINTF_LIKE(4, 5);

#define BUG_ON(cond)                                                                             \
	do {                                                                                     \
		if (__builtin_expect(!!(cond), 0))                                               \
			err_bug(__FILE__, __LINE__, #cond);                                      \
	} while (0)

_Noreturn void err_bug(const char *file, int line, const char *what);

#endif
