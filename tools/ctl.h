/* ctl.h - what all parts of hubctl share: who we are, where we ask, how we answer.
 *
 * hubctl is one thread that may block; everything it allocates lives in the one arena to the end.
 * A command prints its result on standard output and gives an exit status; what went wrong goes to
 * standard error as one line.
 */
#ifndef HUB_TOOLS_CTL_H
#define HUB_TOOLS_CTL_H

#include <stdbool.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"

enum ctl_output { CTL_TABLE, CTL_WIDE, CTL_JSON, CTL_LDIF };
enum ctl_status { CTL_DONE, CTL_FAILED, CTL_USAGE };

enum {
	CTL_NETWORK_TIMEOUT_S = 5,	/* to connect */
	CTL_ANSWER_TIMEOUT_S = 20,
};

/* Prefix of a directory that is a file. */
#define CTL_FILE_PREFIX "file:"

struct ctl {
	struct arena *arena;
	enum ctl_output output;
	bool what_if, force;
	const char *server;		/* --server, or NULL */
	const char *local_server;	/* of the settings file, or NULL */
	/* URIs divided by spaces, or file:PATH; NULL = the default */
	const char *directory;
	const char *base;		/* NULL = look for it */
	const char *recipient_base;
	const char *bind_dn, *password_file;
	bool external;			/* SASL EXTERNAL */
	const char *control;		/* path of the local control socket, or NULL */
	bool control_named;		/* by --control or -f, before the noun */
	const char *control_default;	/* what control is if nothing behind the noun says more */
	const char *ca, *certificate, *key;
};

/* Prints "hubctl: ..." on standard error; gives CTL_FAILED. */
int ctl_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Likewise for a wrong command line; gives CTL_USAGE. */
int ctl_usage(const char *fmt, ...) PRINTF_LIKE(1, 2);
void ctl_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The first line of the password file, or NULL and *e. */
const char *ctl_password(const struct ctl *ctl, struct err *e) MUST_CHECK;
/* For a file that is read more than once: a pipe would be empty the second time. */
int ctl_check_regular(const char *path, struct err *e) MUST_CHECK;
/* A whole file of at most max bytes; NULL and *e. */
void *ctl_read_file(const struct ctl *ctl, const char *path, size_t max, size_t *size,
	struct err *e) MUST_CHECK;

#endif
