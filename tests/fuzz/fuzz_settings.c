/* fuzz_settings.c - fuzz target for the settings file: read or refused with a reason, whatever it
 * holds.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hubd/config/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

static void check(const struct settings *s)
{
	const struct common_settings *c = &s->common;

	BUG_ON(c->server == NULL || c->base == NULL || c->state == NULL || c->state[0] != '/');
	BUG_ON(s->workers < 1 || s->workers > 64);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("settings", MFD_CLOEXEC);
	struct arena *a = arena_new();
	struct settings s;
	struct err e = { 0 };
	char path[64];

	BUG_ON(fd < 0);
	if (size <= INPUT_MAX && write(fd, data, size) == (ssize_t)size) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (settings_load(path, a, &s, &e) == 0)
			check(&s);
		else
			BUG_ON(e.text[0] == '\0' || strchr(e.text, '\n') != NULL);
	}
	close(fd);
	arena_free(&a);
	return 0;
}
