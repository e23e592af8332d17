/* replica_marker.h - the two entries that a push ends with (class hubPushMarker). Pure.
 *
 * cn=Configuration and cn=Recipients below cn=Push. What was pushed is in force on the edge when
 * the edge's own digest of it is the marker's.
 */
#ifndef HUB_ORG_REPLICA_MARKER_H
#define HUB_ORG_REPLICA_MARKER_H

#include <stdbool.h>
#include <stdint.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"
#include "libhub/org/buckets.h"
#include "libhub/org/replica_digest.h"

enum replica_data { REPLICA_CONFIGURATION, REPLICA_RECIPIENTS, REPLICA_DATA };
/* "cn=Configuration,cn=Push" and "cn=Recipients,cn=Push"; and the same normalized. */
extern const char *const replica_marker_dns[REPLICA_DATA];
extern const char *const replica_marker_rdns[REPLICA_DATA];

enum { REPLICA_MARKER_TEXT = 257 };

struct replica_marker {
	char fingerprint[REPLICA_MARKER_TEXT];	/* hubPushFingerprint: of the source, or "" */
	char digest[REPLICA_DIGEST_TEXT];	/* hubPushDigest; "" = none: nothing is in force */
	char holder[REPLICA_MARKER_TEXT];	/* hubPushHolder, or "" */
	int64_t time_s;				/* hubPushTime since 1970, or 0 */
	bool has_key;
	unsigned char key[BUCKET_KEY];		/* hubHashKey; of REPLICA_RECIPIENTS only */
};

/* -1 if the entry is no marker or a value has another form; *m is then empty. */
int replica_marker_read(const struct entry *e, struct replica_marker *m,
	struct err *err) MUST_CHECK;
/*
 * The whole entry, in the arena, which holds the key then: free it wiped. base: DN of the tree.
 * Empty texts and time 0 are left out.
 */
const struct entry *replica_marker_entry(struct arena *a, enum replica_data which, const char *base,
	const struct replica_marker *m);

#endif
