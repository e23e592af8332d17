/* error.c - see error.h */
#include "libhub/tls/error.h"

#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void tls_error_clear(void)
{
	ERR_clear_error();
}

void tls_error_text(char *buf, size_t size, const char *fallback)
{
	unsigned long code = ERR_get_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	if (reason != NULL)
		snprintf(buf, size, "%s", reason);
	else if (ERR_SYSTEM_ERROR(code) && ERR_GET_REASON(code) != 0)
		snprintf(buf, size, "%s", strerror(ERR_GET_REASON(code)));
	else
		snprintf(buf, size, "%s", fallback);
	ERR_clear_error();
}

int tls_error_set(struct err *e, enum err_class class, const char *fmt, ...)
{
	char message[200], reason[100];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	tls_error_text(reason, sizeof(reason), "unknown TLS error");
	return err_set(e, class, 0, "%s: %s", message, reason);
}
