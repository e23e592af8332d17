/* snapshot.h - the organization at one moment: immutable, reference-counted, checked as a whole.
 *
 * A snapshot is built on the main thread from raw entries, then shared: any thread may read it
 * while it holds a reference. Nothing in it is ever edited. An object that breaks a rule is
 * rejected alone; its last good form (from the snapshot before, or the cache) stays in force where
 * there is one.
 */
#ifndef HUB_ORG_SNAPSHOT_H
#define HUB_ORG_SNAPSHOT_H

#include "libhub/org/connector.h"
#include "libhub/org/domain.h"
#include "libhub/org/topology.h"

enum { FINGERPRINT_HEX = 64 };

/* One object that is not in force as it stands in the directory. */
struct rejection {
	const char *dn;
	const char *object_class;
	const char *reason;
	bool last_good;		/* its earlier form is in force */
};

/* Pointers to the objects of one kind, sorted by name_compare, then by DN. */
struct objects {
	const struct obj *const *v;
	size_t n;
};

struct snapshot {
	char fingerprint[FINGERPRINT_HEX + 1];	/* SHA-256 of what is in force */
	/* the same without secrets, for who may not read them; equal if there are none */
	char visible_fingerprint[FINGERPRINT_HEX + 1];
	uint64_t generation;		/* counts up within one process */
	int64_t built_ms;		/* wall */
	const char *base;		/* DN of the organization */
	const struct organization *org;	/* never NULL: defaults when the entry is missing */
	struct objects all[OBJ_KINDS];
	const struct rejection *rejections;
	size_t rejection_count;
	const char *const *warnings;	/* dangling references and the like, a line each */
	size_t warning_count;
	size_t advice_count;		/* so many at the end are of what is odd, but not wrong */
	bool unpushed;			/* an edge's: subscribed, and has got nothing yet */
};

const struct snapshot *snapshot_ref(const struct snapshot *s);
/* Accepts a pointer to NULL; sets it to NULL. */
void snapshot_unref(const struct snapshot **s);

/* Typed access; i < s->all[KIND].n. */
#define SNAPSHOT_AT(s, KIND, type, i) ((const struct type *)(const void *)(s)->all[KIND].v[i])

/* By cn, compared with name_compare; NULL if there is none. */
const struct obj *snapshot_find(const struct snapshot *s, enum obj_kind kind, const char *name);
/* True if text is one of the warnings. */
bool snapshot_warns(const struct snapshot *s, const char *text);
/* The entry that an object in force was made of; NULL if there is none (defaults). */
const struct entry *snapshot_entry(const struct snapshot *s, const struct obj *o);
/* Objects of two snapshots are the same if they are called the same; either may be NULL. */
bool snapshot_same_name(const struct obj *a, const struct obj *b);
/*
 * Is the object o of one or the other in force in both under the same DN, and says the same? The
 * organization that has no entry is the same everywhere. Not what follows from other objects.
 */
bool snapshot_is_alike(const struct snapshot *a, const struct snapshot *b, const struct obj *o);
/* The same for all objects of a kind: there are no others in either. */
bool snapshot_kind_is_alike(const struct snapshot *a, const struct snapshot *b,
	enum obj_kind kind);
/* The hubMailboxServer whose hubFQDN or cn is host (case-insensitive), or NULL. */
const struct mailbox_server *snapshot_mailbox_server(const struct snapshot *s, const char *host);
/* The most specific accepted (remote) domain that covers domain (lower case), or NULL. */
const struct accepted_domain *snapshot_accepted_domain(const struct snapshot *s,
	const char *domain);
const struct remote_domain *snapshot_remote_domain(const struct snapshot *s, const char *domain);
/* The enabled server whose hubCertificate or hubKeyDigest matches; digest is "sha256:hex". */
const struct server *snapshot_server_by_key(const struct snapshot *s, const char *digest);
bool server_has_key(const struct server *server, const char *digest);
/* The Receive connectors of a server of this snapshot, disabled ones included. */
struct objects snapshot_server_connectors(const struct snapshot *s, const struct server *server);
/*
 * Calls cb for each object that names target (by its DN) in a reference, and for each Receive
 * connector below it if it is a server. attr is the attribute, or NULL for "stands below it".
 */
void snapshot_each_referrer(const struct snapshot *s, const struct obj *target,
	void (*cb)(const struct obj *referrer, const char *attr, void *ctx), void *ctx);

#endif
