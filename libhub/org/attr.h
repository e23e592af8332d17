/* attr.h - rows of attribute tables, checked against the C field by the compiler.
 *
 * A_INT(site_link, cost, "hubCost", 0, 1, 99999, 100) does not compile unless struct site_link has
 * a field cost of the type that ATTR_INT fills. The _GIVEN forms also name the bool that tells
 * whether the entry had the attribute.
 */
#ifndef HUB_ORG_ATTR_H
#define HUB_ORG_ATTR_H

#include "libhub/org/object.h"

#define ATTR_FIELD(S, f, T) _Generic(((struct S *)0)->f, T: offsetof(struct S, f))

#define ATTR_ROW(S, f, T, k, n, fl, ...)                                                         \
	{ .name = (n), .kind = (k), .flags = (fl), .off = ATTR_FIELD(S, f, T), __VA_ARGS__ }

#define A_FLAG(S, f, n, d) ATTR_ROW(S, f, bool, ATTR_FLAG, n, 0, .dflt = (d))
#define A_FLAG_GIVEN(S, f, n, d, g)                                                              \
	ATTR_ROW(S, f, bool, ATTR_FLAG, n, 0, .dflt = (d), .present_off = ATTR_FIELD(S, g, bool))
#define A_INT(S, f, n, lo, hi, d)                                                                \
	ATTR_ROW(S, f, uint64_t, ATTR_INT, n, 0, .min = (lo), .max = (hi), .dflt = (d))
#define A_INT_GIVEN(S, f, n, lo, hi, d, g)                                                       \
	ATTR_ROW(S, f, uint64_t, ATTR_INT, n, 0, .min = (lo), .max = (hi), .dflt = (d),          \
		.present_off = ATTR_FIELD(S, g, bool))
/* never pushed to an edge */
#define A_HUB_FLAG(S, f, n, d) ATTR_ROW(S, f, bool, ATTR_FLAG, n, ATTR_HUB_ONLY, .dflt = (d))
#define A_HUB_INT(S, f, n, lo, hi, d)                                                            \
	ATTR_ROW(S, f, uint64_t, ATTR_INT, n, ATTR_HUB_ONLY, .min = (lo), .max = (hi),           \
		.dflt = (d))
#define A_HUB_ENUM(S, f, n, names, d)                                                            \
	ATTR_ROW(S, f, int, ATTR_ENUM, n, ATTR_HUB_ONLY, .dflt = (d), .choices = (names))
#define A_TEXT(S, f, n, fl, bytes)                                                               \
	ATTR_ROW(S, f, const char *, ATTR_TEXT, n, fl, .max = (bytes))
#define A_TEXTS(S, f, n, fl, bytes)                                                              \
	ATTR_ROW(S, f, struct strings, ATTR_TEXTS, n, fl, .max = (bytes))
#define A_NAME(S, f, n, fl) ATTR_ROW(S, f, const char *, ATTR_NAME, n, fl, .max = 255)
#define A_NAMES(S, f, n, fl) ATTR_ROW(S, f, struct strings, ATTR_NAMES, n, fl, .max = 255)
#define A_REF(S, f, n, fl, k) ATTR_ROW(S, f, struct ref, ATTR_REF, n, fl, .ref_kind = (k))
#define A_REFS(S, f, n, fl, k) ATTR_ROW(S, f, struct refs, ATTR_REFS, n, fl, .ref_kind = (k))
#define A_ENUM(S, f, n, names, d)                                                                \
	ATTR_ROW(S, f, int, ATTR_ENUM, n, 0, .dflt = (d), .choices = (names))
#define A_ENUM_GIVEN(S, f, n, names, d, g)                                                       \
	ATTR_ROW(S, f, int, ATTR_ENUM, n, 0, .dflt = (d), .choices = (names),                    \
		.present_off = ATTR_FIELD(S, g, bool))
#define A_ENUMS(S, f, n, names, d)                                                               \
	ATTR_ROW(S, f, uint32_t, ATTR_ENUMS, n, 0, .dflt = (d), .choices = (names))
#define A_ENUMS_GIVEN(S, f, n, names, d, g)                                                      \
	ATTR_ROW(S, f, uint32_t, ATTR_ENUMS, n, 0, .dflt = (d), .choices = (names),              \
		.present_off = ATTR_FIELD(S, g, bool))
#define A_BLOBS(S, f, n, fl, count, bytes)                                                       \
	ATTR_ROW(S, f, struct blobs, ATTR_BLOBS, n, fl, .min = (count), .max = (bytes))
#define A_SPACES(S, f, n, fl) ATTR_ROW(S, f, struct address_spaces, ATTR_SPACES, n, fl, .max = 512)
#define A_SMART_HOSTS(S, f, n, fl)                                                               \
	ATTR_ROW(S, f, struct smart_hosts, ATTR_SMART_HOSTS, n, fl, .max = 300)
#define A_ENDPOINT(S, f, n, fl) ATTR_ROW(S, f, struct endpoint, ATTR_ENDPOINT, n, fl, .max = 64)
#define A_ENDPOINTS(S, f, n, fl)                                                                 \
	ATTR_ROW(S, f, struct endpoints, ATTR_ENDPOINTS, n, fl, .max = 64)
#define A_RANGES(S, f, n) ATTR_ROW(S, f, struct ip_ranges, ATTR_RANGES, n, 0, .max = 100)
#define A_GRANTS(S, f, n) ATTR_ROW(S, f, struct grants, ATTR_GRANTS, n, 0, .max = 100)
#define A_SOURCES(S, f, n)                                                                       \
	ATTR_ROW(S, f, struct source_addresses, ATTR_SOURCES, n, 0, .max = 300)
#define A_END { .name = NULL }

/* The largest size, count and time that the directory takes. */
#define ATTR_MAX_COUNT UINT64_C(2147483647)

/* Bounds of one entry, checked before anything is copied. */
enum { ENTRY_VALUES_MAX = 1000, ENTRY_BYTES_MAX = 1024 * 1024 };

/* What every class has beside its own table: description, hubComment, hubEnabled. */
extern const struct attr_def obj_common_attrs[];
extern const char *const protocol_logging_names[];

/* The row of an attribute of the class, common ones included; NULL if it has none. */
const struct attr_def *obj_class_attr(const struct obj_class *class, const char *name);

/* The n-th row of the class, common ones first; NULL after the last. */
const struct attr_def *obj_class_row(const struct obj_class *class, size_t n);

#define ATTR_AT(T, obj, def) ((T *)(void *)((char *)(obj) + (def)->off))
#define ATTR_OF(T, obj, def) ((T const *)(const void *)((const char *)(obj) + (def)->off))

/* The rule for lists of servers that send: not hubs and edges, not hubs of two sites. */
struct refs;
int refs_check_sources(const struct refs *sources, struct err *e) MUST_CHECK;
/* Is any (does exist) source an edge? */
bool refs_have_role(const struct refs *sources, int role);

extern const struct obj_class organization_class, send_connector_class, foreign_connector_class,
	agent_connector_class, routing_group_connector_class, receive_connector_class,
	routing_group_class, site_class, site_link_class, server_class, mailbox_server_class,
	accepted_domain_class, remote_domain_class, edge_subscription_class;

#endif
