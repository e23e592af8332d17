/* pending.h - changes that were let through and that the directory does not show yet.
 *
 * The trial holds the entries as they will be; for each that has changes on their way what the
 * directory showed last is kept beside. A message that shows what a pending change made ends that
 * change and those before it; one that shows something else is another writer's: it is remembered,
 * and what is pending stays on top. What the directory refused after us is never shown and ends
 * after PENDING_MS. Owner: the view; one thread.
 */
#ifndef HUB_VALIDATOR_PENDING_H
#define HUB_VALIDATOR_PENDING_H

#include "libhub/org/trial.h"

enum { PENDING_MS = 3000 };

struct pendings;

/* t is the caller's, and outlives this. */
struct pendings *pendings_new(struct trial *t);
/* Sets *p to NULL; accepts a pointer to NULL. */
void pendings_free(struct pendings **p);

bool pendings_any(const struct pendings *p);
/* Is there an entry of that name only because we let it through? */
bool pendings_made(const struct pendings *p, const char *ndn);

/* A change of the entry from before to after was let through; NULL = none. Takes references. */
void pendings_add(struct pendings *p, const char *ndn, struct record *before,
	struct record *after);
/*
 * The directory shows r (takes a reference), or that the entry of that UUID is gone. false: nothing
 * was on its way there, and the trial is the caller's to change.
 */
bool pendings_shown(struct pendings *p, struct record *r);
bool pendings_gone(struct pendings *p, const unsigned char uuid[16]);
/* Ends what has not been seen in time. Did anything end? */
bool pendings_expire(struct pendings *p);

/* The trial gets what the directory shows, and back what is on its way. */
void pendings_set_aside(struct pendings *p);
void pendings_bring_back(struct pendings *p);

#endif
