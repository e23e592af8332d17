/* guard.h - is a directory that suddenly shows much less than before to be believed? Pure.
 *
 * A hub that believes a directory whose access rules were broken, or one that was restored by half,
 * bounces mail for people who exist. So the result of a complete refresh is compared with what is
 * in force before it counts:
 *
 * - It is held if it shows an older state than the one in force (the newest change sequence number
 *   went back): a backup was restored, or this replica is behind. Also with another epoch, for that
 *   may be an older one.
 * - It is held if a container of the tree is missing, or of any class more than GUARD_LOST_MIN and
 *   more than GUARD_LOST_PERCENT are, or all of GUARD_ALL_MIN or more.
 * - A large loss is believed when another server shows it too and something was written since; when
 *   hubEpoch has changed, with the organization's entry the same one as before; or when an
 *   administrator changes hubEpoch while the refresh is held ("hubctl config accept").
 *
 * While it is held, the last good state stays in force and the directory is read anew from time to
 * time, each time from another server if there is one. Changes that come one by one after a refresh
 * are never held: each is a write that the directory accepted.
 */
#ifndef HUB_ORG_GUARD_H
#define HUB_ORG_GUARD_H

#include <stdbool.h>
#include <stddef.h>

enum {
	GUARD_LOST_MIN = 10,
	GUARD_LOST_PERCENT = 10,
	GUARD_ALL_MIN = 3,
	GUARD_CSN_SIZE = 48,		/* of a change sequence number, with its NUL */
	GUARD_EPOCH_SIZE = 40,
};

/* Of one kind of entry: how many there were, and how many of them the refresh has not shown. */
struct guard_loss {
	const char *what;		/* for people: "recipients" */
	size_t before, lost;
	bool any;			/* already one is too many: containers */
};

/* What a complete refresh showed, or what is in force. Texts are "" where not known. */
struct guard_state {
	char epoch[GUARD_EPOCH_SIZE];	/* hubEpoch */
	unsigned char uuid[16];		/* of the organization's entry, or zero */
	char csn[GUARD_CSN_SIZE];	/* the newest; they compare as texts */
};

struct guard {
	struct guard_state in_force;
	bool held;
	size_t provider;		/* who showed what was held first */
	bool older;			/* why: else for a loss */
	bool override;			/* the next one counts whatever it shows */
	char reason[300];		/* while held, for people; else "" */
};

enum guard_verdict { GUARD_BELIEVE, GUARD_HOLD };

/*
 * shown by provider, a number that tells servers apart; changed: does it differ at all from what is
 * in force, but for what is proven otherwise (replica_is_proven)? Keeps in g what is in force, or
 * why it is held.
 */
enum guard_verdict guard_judge(struct guard *g, const struct guard_state *shown, size_t provider,
	const struct guard_loss *losses, size_t n, bool changed);

/* The worst of these, or NULL if none is too large. */
const struct guard_loss *guard_too_large(const struct guard_loss *losses, size_t n);

#endif
