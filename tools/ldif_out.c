/* ldif_out.c - see ldif_out.h */
#include "tools/ldif_out.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "libhub/base/mem.h"
#include "libhub/org/attr.h"
#include "tools/org.h"

/* RFC 2849 SAFE-STRING; a trailing space is not seen and so not safe either. */
static bool is_safe(const unsigned char *s, size_t size)
{
	size_t i;

	if (size == 0)
		return true;
	if (s[0] == ' ' || s[0] == ':' || s[0] == '<' || s[size - 1] == ' ')
		return false;
	for (i = 0; i < size; i++)
		if (s[i] < 0x20 || s[i] > 0x7e)
			return false;
	return true;
}

void ldif_out_value(FILE *out, const char *name, const void *data, size_t size)
{
	unsigned char *text;

	if (is_safe(data, size)) {
		fprintf(out, "%s: %.*s\n", name, (int)size, (const char *)data);
		return;
	}
	text = xmalloc((size + 2) / 3 * 4 + 1);
	EVP_EncodeBlock(text, data, (int)size);
	fprintf(out, "%s:: %s\n", name, text);
	free(text);
}

static bool is_secret(const struct obj_class *class, const char *name)
{
	const struct attr_def *def = class != NULL ? obj_class_attr(class, name) : NULL;

	return strcasecmp(name, "userPassword") == 0 ||
		(def != NULL && (def->flags & ATTR_SECRET) != 0);
}

void ldif_out_entry(FILE *out, const struct entry *entry)
{
	const struct obj_class *class = org_entry_class(entry);
	size_t i, j;

	ldif_out_value(out, "dn", entry->dn, strlen(entry->dn));
	for (i = 0; i < entry->n; i++)
		for (j = 0; j < entry->attrs[i].n && !is_secret(class, entry->attrs[i].name); j++)
			ldif_out_value(out, entry->attrs[i].name, entry->attrs[i].values[j].data,
				entry->attrs[i].values[j].size);
	fputc('\n', out);
}
