/* error.h - OpenSSL's error queue as one line. Any thread (the queue is the thread's own). */
#ifndef HUB_TLS_ERROR_H
#define HUB_TLS_ERROR_H

#include <stddef.h>

#include "libhub/base/err.h"

/* Forgets what earlier calls left; before a call whose errors are to be told. */
void tls_error_clear(void);
/* The first error in the queue, for people, into buf (fallback if there is none); empties it. */
void tls_error_text(char *buf, size_t size, const char *fallback);
/* Fills *e with "<message>: <first error>" and empties the queue. Always returns -1. */
int tls_error_set(struct err *e, enum err_class class, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
