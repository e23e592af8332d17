/* ctl.c - see ctl.h */
#include "tools/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { PASSWORD_MAX = 1024 };

static void complain(const char *fmt, va_list ap)
{
	fflush(stdout);
	fputs("hubctl: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int ctl_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return CTL_FAILED;
}

int ctl_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
	return CTL_USAGE;
}

void ctl_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(fmt, ap);
	va_end(ap);
}

int ctl_check_regular(const char *path, struct err *e)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return err_set(e, ERR_CONFIG, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, 0, "%s: not a regular file", path);
	return 0;
}

void *ctl_read_file(const struct ctl *ctl, const char *path, size_t max, size_t *size,
	struct err *e)
{
	char *data = arena_alloc(ctl->arena, max + 2);
	FILE *f = fopen(path, "re");
	bool failed;

	if (f == NULL) {
		err_set(e, ERR_CONFIG, errno, "%s", path);
		return NULL;
	}
	*size = fread(data, 1, max + 1, f);
	failed = ferror(f) != 0;
	fclose(f);
	if (failed || *size > max) {
		err_set(e, ERR_CONFIG, 0, failed ? "%s: cannot be read" :
			"%s: too large for what it is given as", path);
		return NULL;
	}
	data[*size] = '\0';
	return data;
}

const char *ctl_password(const struct ctl *ctl, struct err *e)
{
	size_t size;
	char *text;

	if (ctl->password_file == NULL) {
		err_set(e, ERR_CONFIG, 0, "-D needs the password in a file: -y FILE");
		return NULL;
	}
	text = ctl_read_file(ctl, ctl->password_file, PASSWORD_MAX, &size, e);
	if (text == NULL)
		return NULL;
	text[strcspn(text, "\r\n")] = '\0';
	if (*text != '\0')
		return text;
	/* a bind without a password succeeds as nobody (RFC 4513 section 5.1.2) */
	err_set(e, ERR_CONFIG, 0, "%s: the first line is empty", ctl->password_file);
	return NULL;
}
