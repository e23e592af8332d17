/* ladder.h - which site on the way gets mail that cannot reach its next stop. Pure; any thread.
 *
 * "Queue at the point of failure" (routing, section 3; who is on the ladder: route.h). The sites
 * stand between the next stop, which does not answer, and ourselves; site 0 is the nearest to the
 * stop. A site answers when a session with any of its hubs gets as far as mail could be sent: a
 * connection, a greeting, STARTTLS, and a key that the directory has for that hub. A refused key, a
 * 421 or a 5yz greeting is no answer; what is said to MAIL and RCPT concerns one message and is no
 * failure of the site.
 *
 * Over a few hops the sites are asked one after the other, and the first that answers gets the
 * mail. Over many they are searched by bisection, to the end: the middle site is asked; if it
 * answers we go on between it and the stop, if not, between it and ourselves. That finds the
 * farthest site that answers where a failure cuts the path in two. Sites can also fail one by one.
 * Then the search ends at a site that answers and whose next one on the ladder does not, and that
 * site, which is nearer, looks further when it has the mail. Only where the search finds nobody are
 * the sites that it passed by asked one after the other as well, so that mail stays here only when
 * no site answers.
 *
 * What is known comes from the caller, who also remembers it for the next time: each site is asked
 * at most once, and n sites cost log2(n + 1) questions when the path is cut in two.
 */
#ifndef HUB_DELIVER_LADDER_H
#define HUB_DELIVER_LADDER_H

#include <stdbool.h>
#include <stddef.h>

enum ladder_known {
	LADDER_UNKNOWN,
	LADDER_ANSWERS,
	LADDER_SILENT,
};

struct ladder {
	size_t n;
	bool bisect;
	unsigned char *known;		/* enum ladder_known of each site */
};

/* Everything unknown. deinit may follow, and init again after it. */
void ladder_init(struct ladder *l, size_t n, bool bisect);
void ladder_deinit(struct ladder *l);
void ladder_note(struct ladder *l, size_t site, enum ladder_known known);
/*
 * The site to go to next; n if no site answers. When it is known afterwards and is given once more,
 * it is the one that gets the mail.
 */
size_t ladder_next(const struct ladder *l);

#endif
