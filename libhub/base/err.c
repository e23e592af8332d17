/* err.c - see err.h */
#include "libhub/base/err.h"

#include <stdarg.h>
#include <string.h>

int err_set(struct err *e, enum err_class class, int sys, const char *fmt, ...)
{
	va_list ap;
	size_t used;

	if (e == NULL)
		return -1;
	e->class = class;
	e->sys = sys;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	used = strlen(e->text);
	if (sys != 0)
		snprintf(e->text + used, sizeof(e->text) - used, ": %s", strerror(sys));
	return -1;
}

void err_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
	abort();
}
