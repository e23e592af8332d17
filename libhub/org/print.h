/* print.h - objects as text and JSON, by the table of their class. Pure; any thread.
 *
 * Values are written in their canonical form, sorted, defaults included. Secrets are left out
 * everywhere but in print_values, which is for digests and for writing to the directory.
 */
#ifndef HUB_ORG_PRINT_H
#define HUB_ORG_PRINT_H

#include <jansson.h>

#include "libhub/org/object.h"

/*
 * The values of one attribute, in the arena; *n is 0 when it has none. Blobs are base64. A
 * reference is the DN as written, or relative to the organization when relative_refs is set.
 */
const char *const *print_values(struct arena *a, const struct obj *o, const struct attr_def *def,
	bool relative_refs, size_t *n);

typedef void print_value_cb(const struct attr_def *def, const char *text, void *ctx);
/* Calls cb for each value of each attribute, in the order of the table. */
void print_each(const struct obj *o, print_value_cb *cb, void *ctx);

/*
 * {"name": ..., "dn": ..., "enabled": ..., option: value, ...}: options as hubctl names them; flags
 * and numbers have their own types, what may have several values is an array, what has none is left
 * out. A new reference.
 */
json_t *object_to_json(const struct obj *o);

enum { OPTION_NAME_MAX = 64 };
/* hubFQDN to fqdn, hubTLSDomain to tls-domain, hubAddressSpace to address-space. */
void option_name(const char *attr, char out[OPTION_NAME_MAX]);
/* The row whose option_name is option; NULL if the class has none. */
const struct attr_def *obj_class_option(const struct obj_class *class, const char *option);
/* May the attribute have several values? */
bool attr_is_multi(const struct attr_def *def);

#endif
