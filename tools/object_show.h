/* object_show.h - objects of the organization on standard output. */
#ifndef HUB_TOOLS_OBJECT_SHOW_H
#define HUB_TOOLS_OBJECT_SHOW_H

#include <jansson.h>

#include "tools/org.h"

/*
 * The object at dn as JSON: as object_to_json gives it, with "server" where it stands below one; an
 * object that breaks a rule has its attributes as they are written, and "invalid" with the reason.
 * NULL if there is none. A new reference.
 */
json_t *object_show_json(const struct org *org, const struct obj_class *class, const char *dn);
/* All of the class, in the order of names; server (may be NULL) keeps those below it. */
void object_show_list(const struct org *org, const struct obj_class *class, const char *server);
void object_show_one(const struct org *org, const struct obj_class *class, const char *dn);

#endif
