/* ldif_out.h - LDIF (RFC 2849) to a stream, for people and for ldapmodify. */
#ifndef HUB_TOOLS_LDIF_OUT_H
#define HUB_TOOLS_LDIF_OUT_H

#include <stdio.h>

#include "libhub/directory/entry.h"

/* One line, base64 where the value needs it; not folded. */
void ldif_out_value(FILE *out, const char *name, const void *data, size_t size);
/* A content record and an empty line; secrets and operational attributes are left out. */
void ldif_out_entry(FILE *out, const struct entry *entry);

#endif
