/* request.c - see request.h */
#include "tools/validator/request.h"

#include <string.h>
#include <strings.h>

#include <lber.h>
#include <ldif.h>

#include "libhub/directory/draft.h"

struct parser {
	struct arena *a;
	char *next;		/* what is left of the text */
	const char *type;	/* of the present line; NULL at the end */
	struct blob value;
	struct request *out;
	struct err *e;
};

/* Values of one attribute in the making. */
struct values {
	struct blob *v;
	size_t n, room;
};

size_t request_end(const char *text, size_t size)
{
	const char *end = memmem(text, size, "\n\n", 2);

	return end != NULL ? (size_t)(end - text) + 2 : 0;
}

static int bad(struct parser *p, const char *reason)
{
	return err_set(p->e, ERR_PERM, 0, "a request that makes no sense: %s", reason);
}

/* Cuts off the next line, folded ones joined; NULL at the end. */
static char *next_line(struct parser *p)
{
	char *line = p->next, *end, *to;

	if (*line == '\0' || *line == '\n')
		return NULL;
	end = strchrnul(line, '\n');
	for (to = end; end[0] == '\n' && end[1] == ' ';) {
		char *from = end + 2;

		end = strchrnul(from, '\n');
		memmove(to, from, (size_t)(end - from));
		to += end - from;
	}
	p->next = *end == '\n' ? end + 1 : end;
	*to = '\0';
	return line;
}

/* The next "type: value"; type is NULL at the end and "-" for that line. */
static int read_line(struct parser *p)
{
	struct berval type, value = { 0, NULL };
	char *line = next_line(p), *colon;
	int allocated = 0;

	p->type = line;
	p->value = (struct blob){ (const unsigned char *)"", 0 };
	if (line == NULL || strcmp(line, "-") == 0)
		return 0;
	colon = strchr(line, ':');
	if (colon == NULL || colon == line || colon[1] == '<')
		return bad(p, "a line is not \"attribute: value\"");
	/* type and value point into the line; after base64 the value has memory of its own */
	if (ldif_parse_line2(line, &type, &value, &allocated) != 0)
		return bad(p, "base64");
	p->type = type.bv_val;
	if (value.bv_len != 0)
		p->value = (struct blob){ (const unsigned char *)arena_strndup(p->a, value.bv_val,
			value.bv_len), value.bv_len };
	if (allocated)
		ber_memfree(value.bv_val);
	return 0;
}

static bool is(const struct parser *p, const char *type)
{
	return p->type != NULL && strcasecmp(p->type, type) == 0;
}

/* The value of the present line as a string. */
static int take_text(struct parser *p, const char **out)
{
	if (strlen((const char *)p->value.data) != p->value.size)
		return bad(p, "NUL in a name");
	*out = (const char *)p->value.data;
	return read_line(p);
}

/* Up to and with the dn. */
static int parse_head(struct parser *p)
{
	if (read_line(p) != 0)
		return -1;
	while (p->type != NULL && !is(p, "dn")) {
		if (is(p, "binddn") ? take_text(p, &p->out->bind_dn) != 0 : read_line(p) != 0)
			return -1;
	}
	if (p->type == NULL)
		return bad(p, "dn is missing");
	return take_text(p, &p->out->dn);
}

static int parse_add(struct parser *p)
{
	struct draft *r = arena_alloc(p->a, sizeof(*r));

	draft_init(r, p->a);
	r->entry.dn = p->out->dn;
	for (; p->type != NULL; ) {
		if (draft_add(r, p->type, strlen(p->type), p->value.data, p->value.size,
			p->e) != 0 || read_line(p) != 0)
			return -1;
	}
	p->out->entry = draft_entry(r);
	return 0;
}

static int mod_kind(struct parser *p, enum mod_kind *kind)
{
	static const char *const words[] = { "add", "delete", "replace", "increment" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		*kind = (enum mod_kind)i;
		if (is(p, words[i]))
			return 0;
	}
	return bad(p, "neither add, delete, replace nor increment");
}

static void add_value(struct parser *p, struct values *values)
{
	if (values->n == values->room) {
		struct blob *v;

		values->room = values->room != 0 ? values->room * 2 : 4;
		v = arena_alloc(p->a, values->room * sizeof(*v));
		if (values->n != 0)
			memcpy(v, values->v, values->n * sizeof(*v));
		values->v = v;
	}
	values->v[values->n++] = p->value;
}

/* Options (";binary") are not part of the name here, as in entries. */
static const char *plain_name(struct arena *a, const char *name)
{
	return arena_strndup(a, name, strcspn(name, ";"));
}

static int parse_mod(struct parser *p, struct mod *mod)
{
	struct values values = { 0 };
	const char *name = "";

	if (mod_kind(p, &mod->kind) != 0 || take_text(p, &name) != 0)
		return -1;
	if (*name == '\0')
		return bad(p, "a modification without an attribute");
	while (p->type != NULL && strcmp(p->type, "-") != 0) {
		if (!is(p, name))
			return bad(p, "a value of another attribute");
		add_value(p, &values);
		if (read_line(p) != 0)
			return -1;
	}
	if (p->type == NULL)
		return bad(p, "a modification does not end");
	mod->attr = (struct entry_attr){ plain_name(p->a, name), values.v, values.n };
	return read_line(p);
}

static int parse_modify(struct parser *p)
{
	struct mod *mods = arena_alloc(p->a, REQUEST_MODS_MAX * sizeof(*mods));
	size_t n = 0;

	while (p->type != NULL) {
		if (n == REQUEST_MODS_MAX)
			return bad(p, "more than 1000 modifications");
		if (parse_mod(p, &mods[n++]) != 0)
			return -1;
	}
	p->out->mods = mods;
	p->out->mod_count = n;
	return 0;
}

static int parse_rename(struct parser *p)
{
	const char *flag = "";
	int rc = 0;

	while (p->type != NULL && rc == 0) {
		if (is(p, "newrdn"))
			rc = take_text(p, &p->out->new_rdn);
		else if (is(p, "newSuperior"))
			rc = take_text(p, &p->out->new_superior);
		else if (is(p, "deleteoldrdn"))
			rc = take_text(p, &flag);
		else
			rc = bad(p, "a line that does not belong to MODRDN");
	}
	if (rc != 0)
		return -1;
	if (p->out->new_rdn == NULL || (strcmp(flag, "0") != 0 && strcmp(flag, "1") != 0))
		return bad(p, "MODRDN without newrdn or deleteoldrdn");
	p->out->delete_old_rdn = *flag == '1';
	return 0;
}

static const struct {
	const char *name;
	enum request_kind kind;
	int (*parse)(struct parser *p);
} operations[] = {
	{ "ADD", REQUEST_ADD, parse_add },
	{ "MODIFY", REQUEST_MODIFY, parse_modify },
	{ "MODRDN", REQUEST_RENAME, parse_rename },
	{ "DELETE", REQUEST_DELETE, NULL },
};

int request_parse(struct arena *a, const char *text, size_t size, struct request *out,
	struct err *e)
{
	struct parser p = { .a = a, .out = out, .e = e };
	char *word;
	size_t i;

	*out = (struct request){ .kind = REQUEST_OTHER };
	if (size > REQUEST_MAX || memchr(text, '\0', size) != NULL)
		return bad(&p, "too long, or NUL in the text");
	p.next = arena_strndup(a, text, size);
	word = next_line(&p);
	if (word == NULL)
		return bad(&p, "no operation");
	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(word, operations[i].name) != 0)
			continue;
		out->kind = operations[i].kind;
		if (parse_head(&p) != 0)
			return -1;
		return operations[i].parse != NULL ? operations[i].parse(&p) : 0;
	}
	return 0;
}

bool request_is_change(const struct request *r)
{
	return r->kind != REQUEST_OTHER && (r->bind_dn == NULL || *r->bind_dn != '\0');
}
