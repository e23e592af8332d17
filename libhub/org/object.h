/* object.h - what every object of the organization has, and the table machinery.
 *
 * One table per object class (struct obj_class) is the only place where an attribute name, its C
 * field, type, limits and default stand. The decoder, the checks, hubctl's options and output, the
 * comparison and the test against ldap-schema/ all walk that table.
 *
 * Objects live in the arena of their snapshot and never change.
 */
#ifndef HUB_ORG_OBJECT_H
#define HUB_ORG_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/org/value.h"

enum obj_kind {
	OBJ_ORGANIZATION,
	OBJ_SEND_CONNECTOR,
	OBJ_FOREIGN_CONNECTOR,
	OBJ_AGENT_CONNECTOR,
	OBJ_ROUTING_GROUP_CONNECTOR,
	OBJ_RECEIVE_CONNECTOR,
	OBJ_ROUTING_GROUP,
	OBJ_SITE,
	OBJ_SITE_LINK,
	OBJ_SERVER,
	OBJ_MAILBOX_SERVER,
	OBJ_ACCEPTED_DOMAIN,
	OBJ_REMOTE_DOMAIN,
	OBJ_EDGE_SUBSCRIPTION,
	OBJ_KINDS
};

struct obj_class;

struct obj {
	const struct obj_class *class;
	const char *dn;		/* as the directory wrote it */
	const char *ndn;	/* normalized: lower case, no spaces around = and , */
	const char *rdn;	/* normalized and relative to the organization; "" for itself */
	const char *name;	/* cn */
	const char *description;
	const char *comment;
	bool enabled;
	unsigned char uuid[16];	/* entryUUID; zeros when read from a file without it */
};

/* A reference to another object. Dangling: target NULL, counts as absent and is reported. */
struct ref {
	const char *dn;		/* as written */
	const char *ndn;
	const struct obj *target;	/* of the class the table row names, or NULL */
};

struct refs {
	const struct ref *v;
	size_t n;
};

enum attr_kind {
	ATTR_FLAG,		/* bool */
	ATTR_INT,		/* uint64_t within min..max */
	ATTR_TEXT,		/* const char *, NULL = absent */
	ATTR_TEXTS,		/* struct strings */
	ATTR_NAME,		/* const char *: IA5 host or domain, checked, lower case */
	ATTR_NAMES,		/* struct strings */
	ATTR_REF,		/* struct ref; dn NULL = absent */
	ATTR_REFS,		/* struct refs */
	ATTR_ENUM,		/* int, index into choices */
	ATTR_ENUMS,		/* uint32_t, bit per index */
	ATTR_BLOBS,		/* struct blobs */
	ATTR_SPACES,		/* struct address_spaces */
	ATTR_SMART_HOSTS,	/* struct smart_hosts */
	ATTR_ENDPOINT,		/* struct endpoint; text NULL = absent */
	ATTR_ENDPOINTS,		/* struct endpoints */
	ATTR_RANGES,		/* struct ip_ranges */
	ATTR_GRANTS,		/* struct grants */
	ATTR_SOURCES,		/* struct source_addresses */
};

enum {
	ATTR_REQUIRED = 1,
	ATTR_SECRET = 2,	/* never printed, never in a log */
	ATTR_HUB_ONLY = 4,	/* never pushed to an edge */
	ATTR_PORT_REQUIRED = 8,	/* endpoints */
	ATTR_WILDCARD = 16,	/* names: a leading "*." is allowed */
	ATTR_BINDING = 32,	/* endpoints: port required, " tls" allowed */
	ATTR_INTERNAL = 64,	/* written by programs: no option of hubctl */
};

struct attr_def {
	const char *name;	/* LDAP attribute */
	enum attr_kind kind;
	unsigned int flags;
	size_t off;
	/*
	 * ATTR_INT: range and default; ATTR_FLAG, ATTR_ENUM, ATTR_ENUMS: dflt; ATTR_TEXT,
	 * ATTR_TEXTS: max bytes; ATTR_BLOBS: max bytes each and, in min, how many values.
	 */
	uint64_t min, max, dflt;
	const char *const *choices;	/* enums, ends with NULL */
	int ref_kind;		/* enum obj_kind that a reference must have */
	size_t present_off;	/* of a bool that tells "given in the entry"; 0 = not kept */
};

struct snapshot;

struct obj_class {
	enum obj_kind kind;
	const char *ldap_class;	/* objectClass */
	const char *noun;	/* of hubctl: send-connector */
	const char *container;	/* relative DN of the parent, NULL where it varies */
	size_t size;		/* of the struct */
	const struct attr_def *attrs;	/* ends with name NULL */
	/*
	 * Right after decoding: fills what follows from the object's own attributes (defaults by
	 * usage or role, parsed forms). What it allocates comes from a. May be NULL.
	 */
	int (*complete)(void *obj, struct arena *a, struct err *e);
	/*
	 * Fills defaults that depend on other objects, then checks cross-attribute and
	 * cross-object rules with references resolved. The snapshot holds what was accepted so far:
	 * all kinds that this one may refer to, and the earlier objects of this kind. The text
	 * names the rule, the attribute and the culprit. May be NULL.
	 */
	int (*check)(void *obj, const struct snapshot *s, struct err *e);
	/*
	 * Writes a key that no two objects in force may share, such as "accepted contoso.com", into
	 * buf, and returns the rule for people; NULL if the object claims none. May be NULL.
	 */
	const char *(*claim)(const void *obj, char *buf, size_t size);
	bool late_defaults;	/* check fills defaults from other objects */
};

/* Longest key of a claim, NUL included. */
enum { OBJ_CLAIM_MAX = 2200 };

/* All classes, indexed by enum obj_kind. */
extern const struct obj_class *const obj_classes[OBJ_KINDS];
/* By objectClass (case-insensitive) or noun; NULL if unknown. */
const struct obj_class *obj_class_by_ldap(const char *object_class);
const struct obj_class *obj_class_by_noun(const char *noun);

#endif
