/* draft.c - see draft.h */
#include "libhub/directory/draft.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct draft_attr {
	char *name;
	struct blob *values;
	size_t n, room;
};

static void *with_room(struct arena *a, void *old, size_t n, size_t *room, size_t size)
{
	void *grown;

	if (n < *room)
		return old;
	*room = *room != 0 ? *room * 2 : 4;
	grown = arena_alloc(a, *room * size);
	if (n != 0)
		memcpy(grown, old, n * size);
	return grown;
}

void draft_init(struct draft *r, struct arena *a)
{
	memset(r, 0, sizeof(*r));
	r->arena = a;
}

static struct draft_attr *find_attr(struct draft *r, const char *name, size_t size)
{
	size_t i;

	/* from the end: the values of one attribute come together nearly always */
	for (i = r->n; i-- > 0;)
		if (strncasecmp(r->attrs[i].name, name, size) == 0 &&
		    r->attrs[i].name[size] == '\0')
			return &r->attrs[i];
	return NULL;
}

static int take_uuid(struct draft *r, const void *value, size_t size, struct err *e)
{
	char text[ENTRY_UUID_TEXT];

	if (size != sizeof(text) - 1)
		return err_set(e, ERR_PERM, 0, "entryUUID is no UUID");
	memcpy(text, value, size);
	text[size] = '\0';
	if (entry_uuid_parse(text, r->entry.uuid) != 0)
		return err_set(e, ERR_PERM, 0, "entryUUID is no UUID");
	r->entry.has_uuid = true;
	return 0;
}

/* Those that make another attribute of it: ";binary" says only how values travel (RFC 4522). */
static bool has_options(const char *name, size_t size)
{
	static const char binary[] = ";binary";
	const char *options = memchr(name, ';', size);
	size_t n = options != NULL ? size - (size_t)(options - name) : 0;

	return n != 0 && (n != sizeof(binary) - 1 || strncasecmp(options, binary, n) != 0);
}

/* Words of LDIF itself (RFC 2849): no attributes, and not to be read back as such. */
static bool is_ldif_word(const char *name, size_t size)
{
	static const char *const words[] = { "dn", "changetype", "control" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (size == strlen(words[i]) && strncasecmp(name, words[i], size) == 0)
			return true;
	return false;
}

/* RFC 4512 section 1.4. Anything else could not be read back from the cache, or would mean more. */
static bool is_name(const char *name, size_t size, bool options)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '-' && name[i] != '.' &&
		    name[i] != '_' && !(options && i != 0 && (name[i] == ';' || name[i] == '=')))
			return false;
	return size != 0 && size <= DRAFT_NAME_MAX && !is_ldif_word(name, size);
}

int draft_add(struct draft *r, const char *name, size_t name_size, const void *value, size_t size,
	struct err *e)
{
	const char *option = memchr(name, ';', name_size);
	bool apart = r->options != DRAFT_JOINED && has_options(name, name_size);
	struct draft_attr *attr;
	unsigned char *copy;

	if (apart && r->options == DRAFT_LEFT_OUT)
		return 0;
	if (option != NULL && !apart)
		name_size = (size_t)(option - name);
	if (!is_name(name, name_size, apart))
		return err_set(e, ERR_PERM, 0, "not the name of an attribute");
	if (name_size == strlen("entryUUID") && strncasecmp(name, "entryUUID", name_size) == 0)
		return take_uuid(r, value, size, e);
	attr = find_attr(r, name, name_size);
	if (attr == NULL) {
		if (r->n == DRAFT_ATTRS_MAX)
			return err_set(e, ERR_PERM, 0, "more than %d attributes", DRAFT_ATTRS_MAX);
		r->attrs = with_room(r->arena, r->attrs, r->n, &r->room, sizeof(*r->attrs));
		attr = &r->attrs[r->n++];
		*attr = (struct draft_attr){ .name = arena_strndup(r->arena, name, name_size) };
	}
	copy = arena_alloc(r->arena, size + 1);
	if (size != 0)
		memcpy(copy, value, size);
	attr->values = with_room(r->arena, attr->values, attr->n, &attr->room,
		sizeof(*attr->values));
	attr->values[attr->n++] = (struct blob){ .data = copy, .size = size };
	return 0;
}

const struct entry *draft_entry(struct draft *r)
{
	struct entry_attr *attrs = arena_alloc(r->arena, r->n * sizeof(*attrs));
	size_t i;

	BUG_ON(r->entry.dn == NULL);
	for (i = 0; i < r->n; i++)
		attrs[i] = (struct entry_attr){
			.name = r->attrs[i].name,
			.values = r->attrs[i].values,
			.n = r->attrs[i].n,
		};
	r->entry.attrs = attrs;
	r->entry.n = r->n;
	return &r->entry;
}

static void copy_attr(struct arena *a, struct entry_attr *to, const struct entry_attr *from)
{
	struct blob *values = arena_alloc(a, from->n * sizeof(*values));
	unsigned char *data;
	size_t i;

	for (i = 0; i < from->n; i++) {
		data = arena_alloc(a, from->values[i].size + 1);
		memcpy(data, from->values[i].data, from->values[i].size);
		values[i] = (struct blob){ .data = data, .size = from->values[i].size };
	}
	*to = (struct entry_attr){
		.name = arena_strdup(a, from->name), .values = values, .n = from->n,
	};
}

struct entry *entry_copy(struct arena *a, const struct entry *e)
{
	struct entry *copy = arena_memdup(a, e, sizeof(*e));
	struct entry_attr *attrs = arena_alloc(a, e->n * sizeof(*attrs));
	size_t i;

	for (i = 0; i < e->n; i++)
		copy_attr(a, &attrs[i], &e->attrs[i]);
	copy->dn = arena_strdup(a, e->dn);
	copy->attrs = attrs;
	return copy;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int entry_uuid_parse(const char *text, unsigned char uuid[16])
{
	size_t i, at = 0;
	int hi, lo;

	if (strlen(text) != ENTRY_UUID_TEXT - 1)
		return -1;
	for (i = 0; i < 16; i++) {
		if ((at == 8 || at == 13 || at == 18 || at == 23) && text[at++] != '-')
			return -1;
		hi = hex_digit(text[at++]);
		lo = hex_digit(text[at++]);
		if (hi < 0 || lo < 0)
			return -1;
		uuid[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

void entry_uuid_format(const unsigned char uuid[16], char text[ENTRY_UUID_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	size_t i, at = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		text[at++] = digits[uuid[i] >> 4];
		text[at++] = digits[uuid[i] & 15];
	}
	text[at] = '\0';
}

const struct entry_attr *entry_attr(const struct entry *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcasecmp(e->attrs[i].name, name) == 0)
			return &e->attrs[i];
	return NULL;
}

const char *entry_text(const struct entry *e, const char *name)
{
	const struct entry_attr *a = entry_attr(e, name);

	return a != NULL && a->n > 0 ? (const char *)a->values[0].data : NULL;
}
