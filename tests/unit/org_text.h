/* org_text.h - entries from text, for tests: "dn: ...\nattr: value\n...", records divided by an
 * empty line. No continuation lines, no base64. The UUID comes from an entryUUID line of 32 hex
 * digits.
 */
#ifndef HUB_TESTS_ORG_TEXT_H
#define HUB_TESTS_ORG_TEXT_H

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/mem.h"
#include "libhub/org/builder.h"

typedef void org_text_cb(const struct entry *e, void *ctx);

static inline void org_text_uuid(struct entry *e, const char *hex)
{
	unsigned int byte;
	size_t i;

	e->has_uuid = true;
	for (i = 0; i < 16; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		e->uuid[i] = (unsigned char)byte;
	}
}

static inline void org_text_line(struct arena *a, struct entry *e, struct entry_attr *attrs,
	const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	char *name = arena_strndup(a, line, (size_t)(colon - line));
	char *value = arena_strndup(a, colon + 2, n - (size_t)(colon + 2 - line));
	struct blob *v;
	size_t i;

	if (strcmp(name, "dn") == 0) {
		e->dn = value;
		return;
	}
	if (strcmp(name, "entryUUID") == 0) {
		org_text_uuid(e, value);
		return;
	}
	for (i = 0; i < e->n && strcasecmp(attrs[i].name, name) != 0; i++)
		;
	if (i == e->n) {
		attrs[i].name = name;
		attrs[i].values = arena_alloc(a, 64 * sizeof(struct blob));
		e->n++;
	}
	v = (struct blob *)(uintptr_t)attrs[i].values;
	v[attrs[i].n].data = (unsigned char *)value;
	v[attrs[i].n++].size = strlen(value);
}

static inline void org_text_each(const char *text, org_text_cb *cb, void *ctx)
{
	while (*text != '\0') {
		struct arena *a = arena_new();
		struct entry_attr *attrs = arena_alloc(a, 64 * sizeof(*attrs));
		struct entry e = { .attrs = attrs };

		for (; *text != '\0' && *text != '\n'; text++) {
			size_t n = strcspn(text, "\n");

			org_text_line(a, &e, attrs, text, n);
			text += n;
			if (*text == '\0')
				break;
		}
		if (*text == '\n')
			text++;
		if (e.dn != NULL)
			cb(&e, ctx);
		arena_free(&a);
	}
}

static inline void org_text_put_one(const struct entry *e, void *ctx)
{
	builder_put(ctx, e);
}

static inline void org_text_put(struct builder *b, const char *text)
{
	org_text_each(text, org_text_put_one, b);
}

#endif
