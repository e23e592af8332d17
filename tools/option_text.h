/* option_text.h - options of a command line that are kept as they are given. */
#ifndef HUB_TOOLS_OPTION_TEXT_H
#define HUB_TOOLS_OPTION_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* What getopt_long gives for the option, and the const char * that takes its argument. */
struct option_text {
	int c;
	size_t offset;
};

#define OPTION_TEXT(c, type, field) { (c), offsetof(type, field) }

/* Keeps getopt's optarg in *target if c is one of the n rows. */
bool option_text_take(const struct option_text *rows, size_t n, int c, void *target);

#endif
