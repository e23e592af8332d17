/* view.h - the organization as it will be: what the directory shows, and changes on their way.
 *
 * A change that was let through is pending until the directory shows it (or, if the directory
 * refused it after us, until PENDING_MS are over). Until then nobody knows, so the next change is
 * judged with what is pending and without: if both agree that is the answer, else it has to wait.
 * Owner: the loop.
 */
#ifndef HUB_VALIDATOR_VIEW_H
#define HUB_VALIDATOR_VIEW_H

#include "libhub/directory/watch.h"
#include "tools/validator/request.h"

/* Refreshing: soon in step, unless the connection is lost. */
enum view_state { VIEW_OUT_OF_STEP, VIEW_REFRESHING, VIEW_IN_STEP };

struct verdict {
	int code;		/* LDAP result; 0 = let it through */
	char text[400];
};

enum view_answer { VIEW_ANSWERED, VIEW_LATER };

struct view_callbacks {
	void (*state)(enum view_state state, void *ctx);
	/* a pending change has ended: what had to wait may be judged now */
	void (*settled)(void *ctx);
};

struct view;

/* cfg and base are the caller's, alive with the view. Callbacks never come before this returns. */
struct view *view_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *base,
	const struct view_callbacks *cbs, void *ctx);
/* Sets *v to NULL; accepts a pointer to NULL. */
void view_free(struct view **v);
enum view_state view_state(const struct view *v);

/* Is nothing pending? */
bool view_is_settled(const struct view *v);
/*
 * Judges and, if it is let through, remembers the change. In step only, and changes only.
 * VIEW_LATER: depends on what is pending; try again when that has settled. Nothing is remembered.
 */
enum view_answer view_judge(struct view *v, const struct request *r, struct verdict *out);

#endif
