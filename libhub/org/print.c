/* print.c - see print.h */
#include "libhub/org/print.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "libhub/org/attr.h"
#include "libhub/org/connector.h"
#include "libhub/org/dn.h"

/* Collects the values of one attribute. */
struct printer {
	struct arena *a;
	const struct obj *o;
	const char **v;
	size_t n;
	bool relative_refs;
};

static void reserve(struct printer *p, size_t n)
{
	p->v = arena_alloc(p->a, n * sizeof(*p->v));
}

static void put(struct printer *p, const char *text)
{
	if (text != NULL)
		p->v[p->n++] = text;
}

static void put_strings(struct printer *p, const struct strings *s)
{
	size_t i;

	reserve(p, s->n);
	for (i = 0; i < s->n; i++)
		put(p, s->v[i]);
}

/* The organization's DN is what remains of ours after our relative part. */
static const char *base_of(const struct obj *o)
{
	size_t n = strlen(o->rdn);

	return n != 0 ? o->ndn + n + 1 : o->ndn;
}

static void put_ref(struct printer *p, const struct ref *r)
{
	const char *relative = NULL;

	if (r->dn == NULL)
		return;
	if (p->relative_refs)
		relative = dn_relative(p->a, r->ndn, base_of(p->o));
	put(p, relative != NULL ? relative : p->relative_refs ? r->ndn : r->dn);
}

static void put_refs(struct printer *p, const struct refs *r)
{
	size_t i;

	reserve(p, r->n);
	for (i = 0; i < r->n; i++)
		put_ref(p, &r->v[i]);
}

static void put_bits(struct printer *p, const struct attr_def *def, uint32_t bits)
{
	size_t i;

	reserve(p, 32);
	for (i = 0; def->choices[i] != NULL; i++)
		if ((bits & UINT32_C(1) << i) != 0)
			put(p, def->choices[i]);
}

static void put_blobs(struct printer *p, const struct blobs *b)
{
	size_t i;

	reserve(p, b->n);
	for (i = 0; i < b->n; i++) {
		unsigned char *text = arena_alloc(p->a, (b->v[i].size + 2) / 3 * 4 + 1);

		EVP_EncodeBlock(text, b->v[i].data, (int)b->v[i].size);
		put(p, (const char *)text);
	}
}

static void put_spaces(struct printer *p, const struct address_spaces *s)
{
	size_t i;

	reserve(p, s->n);
	for (i = 0; i < s->n; i++)
		put(p, arena_printf(p->a, "%s:%s;%u", s->v[i].type, s->v[i].text, s->v[i].cost));
}

#define PUT_TEXTS(list)                                                                          \
	do {                                                                                     \
		size_t i_;                                                                       \
												 \
		reserve(p, (list)->n);                                                           \
		for (i_ = 0; i_ < (list)->n; i_++)                                               \
			put(p, (list)->v[i_].text);                                              \
	} while (0)

static int first_bit(uint32_t bits)
{
	return __builtin_ctz(bits);
}

static void put_grants(struct printer *p, const struct grants *g)
{
	size_t i;

	reserve(p, g->n);
	for (i = 0; i < g->n; i++)
		put(p, arena_printf(p->a, "%s %s",
			permission_group_names[first_bit(g->v[i].groups)],
			right_names[first_bit(g->v[i].rights)]));
}

static void put_sources(struct printer *p, const struct source_addresses *s)
{
	char buf[INET6_ADDRSTRLEN];
	size_t i;

	reserve(p, s->n);
	for (i = 0; i < s->n; i++) {
		const struct source_address *sa = &s->v[i];
		const struct sockaddr_in *v4 = (const void *)&sa->addr;
		const struct sockaddr_in6 *v6 = (const void *)&sa->addr;
		bool is_v4 = sa->addr.ss_family == AF_INET;

		inet_ntop(sa->addr.ss_family,
			is_v4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, buf,
			sizeof(buf));
		put(p, arena_printf(p->a, "%s%s%s", sa->server != NULL ? sa->server : "",
			sa->server != NULL ? " " : "", buf));
	}
}

/* Below its least value a number can only be one that was not written. */
static bool is_absent(const struct obj *o, const struct attr_def *def)
{
	return *ATTR_OF(uint64_t, o, def) < def->min;
}

static void put_single(struct printer *p, const struct attr_def *def)
{
	const struct obj *o = p->o;

	reserve(p, 1);
	switch (def->kind) {
	case ATTR_FLAG:
		put(p, *ATTR_OF(bool, o, def) ? "TRUE" : "FALSE");
		break;
	case ATTR_INT:
		if (!is_absent(o, def))
			put(p, arena_printf(p->a, "%llu",
				(unsigned long long)*ATTR_OF(uint64_t, o, def)));
		break;
	case ATTR_TEXT:
	case ATTR_NAME:
		put(p, *ATTR_OF(const char *, o, def));
		break;
	case ATTR_REF:
		put_ref(p, ATTR_OF(struct ref, o, def));
		break;
	case ATTR_ENUM:
		/* the empty word stands for an attribute that is absent */
		if (*def->choices[*ATTR_OF(int, o, def)] != '\0')
			put(p, def->choices[*ATTR_OF(int, o, def)]);
		break;
	case ATTR_ENDPOINT:
		put(p, ATTR_OF(struct endpoint, o, def)->text);
		break;
	default:
		BUG_ON(true);
	}
}

static void put_attr(struct printer *p, const struct attr_def *def)
{
	const struct obj *o = p->o;

	switch (def->kind) {
	case ATTR_TEXTS:
	case ATTR_NAMES:
		put_strings(p, ATTR_OF(struct strings, o, def));
		break;
	case ATTR_REFS:
		put_refs(p, ATTR_OF(struct refs, o, def));
		break;
	case ATTR_ENUMS:
		put_bits(p, def, *ATTR_OF(uint32_t, o, def));
		break;
	case ATTR_BLOBS:
		put_blobs(p, ATTR_OF(struct blobs, o, def));
		break;
	case ATTR_SPACES:
		put_spaces(p, ATTR_OF(struct address_spaces, o, def));
		break;
	case ATTR_SMART_HOSTS:
		PUT_TEXTS(ATTR_OF(struct smart_hosts, o, def));
		break;
	case ATTR_ENDPOINTS:
		PUT_TEXTS(ATTR_OF(struct endpoints, o, def));
		break;
	case ATTR_RANGES:
		PUT_TEXTS(ATTR_OF(struct ip_ranges, o, def));
		break;
	case ATTR_GRANTS:
		put_grants(p, ATTR_OF(struct grants, o, def));
		break;
	case ATTR_SOURCES:
		put_sources(p, ATTR_OF(struct source_addresses, o, def));
		break;
	default:
		put_single(p, def);
	}
}

static int compare_texts(const void *x, const void *y)
{
	const char *const *a = x, *const *b = y;

	return strcmp(*a, *b);
}

const char *const *print_values(struct arena *a, const struct obj *o, const struct attr_def *def,
	bool relative_refs, size_t *n)
{
	struct printer p = { .a = a, .o = o, .relative_refs = relative_refs };

	put_attr(&p, def);
	if (p.n > 1)
		qsort(p.v, p.n, sizeof(*p.v), compare_texts);
	*n = p.n;
	return p.v;
}

void print_each(const struct obj *o, print_value_cb *cb, void *ctx)
{
	struct arena *a = arena_new();
	const struct attr_def *def;
	size_t i, j, n;

	for (i = 0; (def = obj_class_row(o->class, i)) != NULL; i++) {
		const char *const *v;

		if ((def->flags & ATTR_SECRET) != 0)
			continue;
		v = print_values(a, o, def, false, &n);
		for (j = 0; j < n; j++)
			cb(def, v[j], ctx);
	}
	arena_free(&a);
}

bool attr_is_multi(const struct attr_def *def)
{
	switch (def->kind) {
	case ATTR_FLAG:
	case ATTR_INT:
	case ATTR_TEXT:
	case ATTR_NAME:
	case ATTR_REF:
	case ATTR_ENUM:
	case ATTR_ENDPOINT:
		return false;
	case ATTR_BLOBS:
		return def->min > 1;
	default:
		return true;
	}
}

static json_t *value_to_json(const struct obj *o, const struct attr_def *def, const char *text)
{
	if (def->kind == ATTR_FLAG)
		return json_boolean(*ATTR_OF(bool, o, def));
	if (def->kind == ATTR_INT)
		return json_integer((json_int_t)*ATTR_OF(uint64_t, o, def));
	return json_string(text);
}

static json_t *attr_to_json(struct arena *a, const struct obj *o, const struct attr_def *def)
{
	size_t n, i;
	const char *const *v = print_values(a, o, def, false, &n);
	json_t *list;

	if (n == 0)
		return NULL;
	if (!attr_is_multi(def))
		return value_to_json(o, def, v[0]);
	list = json_array();
	for (i = 0; i < n; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

json_t *object_to_json(const struct obj *o)
{
	json_t *out = json_pack("{s:s, s:s}", "name", o->name, "dn", o->dn);
	struct arena *a = arena_new();
	char option[OPTION_NAME_MAX];
	const struct attr_def *def;
	size_t i;

	for (i = 0; (def = obj_class_row(o->class, i)) != NULL; i++) {
		json_t *value = (def->flags & ATTR_SECRET) == 0 ? attr_to_json(a, o, def) : NULL;

		option_name(def->name, option);
		if (value != NULL)
			json_object_set_new(out, option, value);
	}
	arena_free(&a);
	return out;
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

void option_name(const char *attr, char out[OPTION_NAME_MAX])
{
	const char *s = strncmp(attr, "hub", 3) == 0 ? attr + 3 : attr;
	size_t i, n = 0;

	for (i = 0; s[i] != '\0' && n + 2 < OPTION_NAME_MAX; i++) {
		/* a word begins at a capital after a small letter, or at the last one of several */
		if (i != 0 && is_upper(s[i]) &&
		    (!is_upper(s[i - 1]) || (s[i + 1] != '\0' && !is_upper(s[i + 1]))))
			out[n++] = '-';
		out[n++] = is_upper(s[i]) ? (char)(s[i] - 'A' + 'a') : s[i];
	}
	out[n] = '\0';
}

const struct attr_def *obj_class_option(const struct obj_class *class, const char *option)
{
	char name[OPTION_NAME_MAX];
	const struct attr_def *def;
	size_t i;

	for (i = 0; (def = obj_class_row(class, i)) != NULL; i++) {
		option_name(def->name, name);
		if (strcmp(name, option) == 0)
			return def;
	}
	return NULL;
}
