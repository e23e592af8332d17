/* mirror.h - the organization, live: directory watch, offline cache, snapshots, recipients.
 *
 * Main thread. Owns two watches (the organization's tree, the recipients), the builder and the
 * cache files under the state directory. Changes are gathered for 20 ms (at most 100 ms in a
 * storm), then one snapshot is built and given to on_snapshot if its fingerprint, rejections or
 * warnings differ from those before. At start the cache is loaded first, so a server comes up
 * without its directory; it is given to on_snapshot when no server of the directory is to be had,
 * or after 2 s without an answer, and with one only what that shows. A directory that shows much
 * less than before, or an older state, is not believed (guard.h) unless hubEpoch has changed: then
 * everything is read anew and taken. In the directory of a subscribed edge what was pushed by half
 * does not count (replica.h).
 */
#ifndef HUB_ORG_MIRROR_H
#define HUB_ORG_MIRROR_H

#include "libhub/directory/watch.h"
#include "libhub/org/recipients.h"
#include "libhub/org/replica.h"
#include "libhub/org/snapshot.h"

struct mirror;

struct mirror_config {
	struct directory_config directory;
	const char *base;		/* DN of the hubOrganization */
	const char *recipient_base;
	const char *cache_dir;		/* directory for the cache files, or NULL = none */
	bool recipients;		/* mirror them too */
	/* in step with the server at that place in directory.uris; may be NULL, ctx as below */
	void (*on_provider)(size_t uri, void *ctx);
	/* what mirror_status tells but for counts may be other; may be NULL, ctx as below */
	void (*on_status)(void *ctx);
};

/*
 * A new snapshot is in force; the callee takes its own reference if it keeps it. Comes once more
 * with the same snapshot when the recipients are loaded after it.
 */
typedef void mirror_snapshot_cb(const struct snapshot *s, void *ctx);

struct mirror *mirror_new(struct loop *loop, struct resolver *resolver,
	const struct mirror_config *cfg, mirror_snapshot_cb *on_snapshot, void *ctx);
/* Writes the cache if it is behind. */
void mirror_free(struct mirror **m);

const struct snapshot *mirror_snapshot(const struct mirror *m);	/* borrowed; NULL before any */
struct recipients *mirror_recipients(const struct mirror *m);	/* shared with all threads */

struct mirror_status {
	enum watch_state state;		/* of the organization's watch */
	const char *uri, *error;
	const char *csn;		/* of the newest change that is in the snapshot, or "" */
	bool from_cache;		/* nothing but the cache so far */
	/*
	 * What is in force is all that the directory had at that moment (clock_mono_ms); 0 = it may
	 * be older than the connection to it, or it is held. An audit or a change that is not built
	 * yet takes nothing from it.
	 */
	uint64_t as_of_ms, recipients_as_of_ms;
	int64_t in_step_since_ms;	/* wall; last moment known in step, 0 = never */
	enum watch_state recipients_state;
	size_t recipients;		/* by hash: their addresses */
	/* why what the directory shows is not in force (guard.h), or NULL; valid for now */
	const char *held, *recipients_held;
};
void mirror_status(const struct mirror *m, struct mirror_status *out);
/*
 * Has the directory say what it has by now: both times as_of become this moment or later, soon, or
 * 0 if it does not answer.
 */
void mirror_ask(struct mirror *m);
/* What of an edge's own directory counts; strings valid for now. */
void mirror_replica_status(const struct mirror *m, struct replica_status *out);

#endif
