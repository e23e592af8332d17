/* second_look.h - the guard of one tree at work: judges refreshes, tells, has the tree read again.
 *
 * What a held refresh showed is looked at again after a second and then after twice as long each
 * time, by a complete refresh from the next directory server if there are several. Loop of the
 * watch only.
 */
#ifndef HUB_ORG_SECOND_LOOK_H
#define HUB_ORG_SECOND_LOOK_H

#include "libhub/directory/watch.h"
#include "libhub/org/guard.h"

struct second_look;

/* name: of the tree, for the log; the caller's, alive with this. */
struct second_look *second_look_new(struct loop *loop, const char *name);
void second_look_free(struct second_look **s);
/* What is watched; before anything else, and no call after the watch is freed. */
void second_look_set_watch(struct second_look *s, struct watch *w);

/* A refresh begins: until then everything that came was in force. */
void second_look_begin(struct second_look *s);
/* A complete refresh ended; see guard_judge. The csn of shown is filled in here. */
enum guard_verdict second_look_judge(struct second_look *s, struct guard_state *shown,
	const struct guard_loss *losses, size_t n, bool changed);
/* Reads the tree anew, soon; whatever it shows then is believed. */
void second_look_believe(struct second_look *s);

/* Did the refresh that was believed last bring another hubEpoch than was in force? */
bool second_look_renewed(const struct second_look *s);
/* After a refresh: has hubEpoch been changed under our eyes? */
bool second_look_epoch_changed(struct second_look *s, const struct guard_state *shown);
/* What is in force, from before this process. */
void second_look_in_force(struct second_look *s, const struct guard_state *state);
/* The newest change that is in force, or "". While held that of the last good state. */
const char *second_look_csn(const struct second_look *s);
/* Why what the directory shows is not in force, or NULL. */
const char *second_look_reason(const struct second_look *s);

#endif
