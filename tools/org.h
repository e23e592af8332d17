/* org.h - the organization as hubctl sees it: from the directory or from a file.
 *
 * A reader who is no hub server does not get the passwords of connectors. So that a connector which
 * needs one is not taken for broken, a stand-in is put where a user name is and the password is
 * not; it is never written anywhere and leaves no mark in the fingerprint.
 */
#ifndef HUB_TOOLS_ORG_H
#define HUB_TOOLS_ORG_H

#include "libhub/org/builder.h"
#include "libhub/org/recipients.h"
#include "tools/session.h"

struct org_place;

struct org {
	struct ctl *ctl;
	const char *base;
	struct session *session;	/* NULL when read from a file */
	struct builder *builder;
	const struct snapshot *snapshot;
	const struct entry **entries;	/* all under base, as read */
	size_t n, room;
	struct org_place *by_dn;	/* the same entries by DN */
	const struct entry **others;	/* of a file: those not under base */
	size_t n_others, room_others;
	struct recipients *recipients;	/* NULL = none could be read */
};

/* Reads everything under the base; *out is to be closed in any case. */
int org_open(struct ctl *ctl, struct org *out, struct err *e) MUST_CHECK;
void org_close(struct org *org);

/* The entry of that DN as it was read, or NULL. */
const struct entry *org_entry(const struct org *org, const char *dn);
/* The class of an entry, NULL if it is no object of ours. */
const struct obj_class *org_entry_class(const struct entry *entry);
/* First value of an attribute, or NULL. */
const char *org_entry_value(const struct entry *entry, const char *name);
/* Does a stand-in take the place of what is not readable? */
bool org_is_stand_in(const struct entry_attr *attr);
/* Why the object is not in force as it stands, or NULL if it is. */
const char *org_rejection(const struct snapshot *s, const char *dn);
/* The object in force at that DN, or NULL. */
const struct obj *org_object(const struct snapshot *s, enum obj_kind kind, const char *dn);
bool org_same_dn(const char *a, const char *b);

/* from, --server, the server of the settings, or the only one there is; else NULL. */
const char *org_point_of_view(const struct org *org, const char *from);

/* Makes org->recipients hold what routing needs to know of the address. */
int org_load_recipient(struct org *org, const char *address, struct err *e) MUST_CHECK;

#endif
