/* judge.h - what slapd asks, tried on the organization: may it be? One thread.
 *
 * What is let through has changed the trial, and can be taken back; what is refused has not.
 */
#ifndef HUB_VALIDATOR_JUDGE_H
#define HUB_VALIDATOR_JUDGE_H

#include "libhub/org/trial.h"
#include "tools/validator/pending.h"
#include "tools/validator/request.h"

enum { JUDGE_STEPS_MAX = 2 };

/* One entry that the change touches; references of the judgement's own, NULL = none. */
struct judge_step {
	const char *ndn;	/* in the arena */
	struct record *before, *after;
};

struct judgement {
	int code;		/* LDAP result; 0 = let it through */
	char text[400];
	struct judge_step steps[JUDGE_STEPS_MAX];
	size_t n;		/* 0 also of what is let through and not our business */
};

/* pendings are looked at only. End it with judgement_end. */
void judge(struct trial *t, const struct pendings *pendings, struct arena *a,
	const struct request *r, struct judgement *out);
/* Takes back what was let through; the last judgement of the trial. */
void judgement_undo(struct trial *t, const struct judgement *j);
void judgement_end(struct judgement *j);

#endif
