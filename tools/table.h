/* table.h - results for people: columns that line up, and values that cannot harm a terminal. */
#ifndef HUB_TOOLS_TABLE_H
#define HUB_TOOLS_TABLE_H

#include <jansson.h>

#include "tools/ctl.h"

struct table;

/* heads: names of the columns, ends with NULL; stays the caller's. */
struct table *table_new(struct arena *a, const char *const *heads);
/* As many cells as heads; NULL is shown as "-". Copied. */
void table_row(struct table *t, const char *const *cells);
void table_print(const struct table *t);
/* Each line begins with this. */
void table_print_after(const struct table *t, const char *lead);

/* A value as one line: lists joined by commas, null as NULL. In the arena. */
const char *table_text(struct arena *a, const json_t *value);
/* Objects of an array, one a row; heads are their members' names. */
void table_print_objects(struct arena *a, const json_t *list, const char *const *heads);
/* Members of an object, one a line. */
void table_print_members(struct arena *a, const json_t *object);
/* A JSON string, of what is not UTF-8 with ? for all but ASCII; null of NULL. A new reference. */
json_t *table_string(const char *text);
/* One JSON document, indented. */
void table_print_json(const json_t *value);

#endif
