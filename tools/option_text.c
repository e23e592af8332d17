/* option_text.c - see option_text.h */
#include "tools/option_text.h"

#include <getopt.h>

bool option_text_take(const struct option_text *rows, size_t n, int c, void *target)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (rows[i].c != c)
			continue;
		*(const char **)(void *)((char *)target + rows[i].offset) = optarg;
		return true;
	}
	return false;
}
