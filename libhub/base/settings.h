/* settings.h - the settings file: "key = value" lines. Start-up only, one thread.
 *
 * '#' begins a comment at the start of a line; blank lines are skipped; white space around key and
 * value is dropped. An unknown key, a key given twice, a required key missing, or a bad value is
 * refused with one line that names file, line and reason.
 */
#ifndef HUB_BASE_SETTINGS_H
#define HUB_BASE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"

enum setting_kind {
	SETTING_TEXT,		/* const char * */
	SETTING_PATH,		/* const char *, absolute */
	SETTING_UINT,		/* uint32_t within min..max */
	SETTING_SIZE,		/* uint64_t bytes, such as 500, 64K, 10M, 2G; min and max in K */
	SETTING_FLAG,		/* bool: yes or no */
	SETTING_CHOICE,		/* int: index into choices */
};

enum { SETTING_REQUIRED = 1 };

struct setting {
	const char *key;
	enum setting_kind kind;
	unsigned int flags;
	size_t offset;			/* of the field in the target struct */
	uint32_t min, max;		/* SETTING_UINT, SETTING_SIZE */
	const char *const *choices;	/* SETTING_CHOICE, ends with NULL */
};

/*
 * Reads path into target by the table (ends with a row whose key is NULL). Fields without a line
 * keep what the caller put there. Strings live in the arena. On failure e->text is
 * "FILE:LINE: reason".
 */
int settings_read(const char *path, const struct setting *table, void *target, struct arena *arena,
	struct err *e) MUST_CHECK;
/* The same; lines[i] becomes the line of row i of the table, 0 if the file does not have it. */
int settings_read_lines(const char *path, const struct setting *table, void *target,
	struct arena *arena, unsigned int *lines, struct err *e) MUST_CHECK;

#endif
