/* view.h - the organization as it will be: what the directory shows, and changes on their way.
 *
 * A change that was let through is pending until the directory shows it (or, if the directory
 * refused it after us, until PENDING_MS are over), so the next change is judged with it. Owner:
 * the loop.
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

struct view;

/* cfg and base are the caller's, alive with the view. on_state never comes before this returns. */
struct view *view_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *base,
	void (*on_state)(enum view_state state, void *ctx), void *ctx);
/* Sets *v to NULL; accepts a pointer to NULL. */
void view_free(struct view **v);
enum view_state view_state(const struct view *v);

/* Judges and, if it is let through, remembers the change. In step only, and changes only. */
void view_judge(struct view *v, const struct request *r, struct verdict *out);

#endif
