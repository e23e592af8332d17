/* watch.h - the live view of a directory subtree: an RFC 4533 consumer on the loop.
 *
 * One watch keeps one LDAP connection (URIs in order of preference, its own OpenSSL stream under
 * libldap, so nothing ever blocks) with one refreshAndPersist search. It reconnects by itself with
 * a capped back-off, checks a stalled server by a heartbeat, and on every (re)connection does a
 * cookie-less refresh: refresh_begin, put for every entry, refresh_end. Main thread only.
 *
 * For a large tree watch_keep_point makes it go on from where it was instead: refresh_begin, what
 * changed since by put and deleted, then resumed. The server may not remember what was deleted;
 * then it names all that is unchanged (present) and refresh_end comes. A server that cannot go on
 * from there at all, or is another directory, leads to a cookie-less refresh.
 *
 * With several URIs a server that is gone is replaced at once, one that hangs within 1.3 s (a
 * search for the base entry after 0.4 s of silence, an answer due within 0.9 s); the preferred
 * one is returned to when it has answered for a while (providers.h).
 *
 * A refresh that fails half-way never reaches refresh_end; refresh_abort comes instead, and what
 * was there before stays. A refresh in which the canary entry (the base) is missing is aborted too.
 */
#ifndef HUB_DIRECTORY_WATCH_H
#define HUB_DIRECTORY_WATCH_H

#include "libhub/base/loop.h"
#include "libhub/base/resolver.h"
#include "libhub/directory/cookie.h"
#include "libhub/directory/entry.h"

/* How to reach a directory and who to be there. Strings are the caller's, alive with the watch. */
struct directory_config {
	const char *const *uris;	/* ldapi://, ldap://, ldaps://; ends with NULL */
	bool bind_external;		/* SASL EXTERNAL, else simple */
	const char *bind_dn;
	const char *password_file;	/* read anew at each bind; a trailing newline is dropped */
	const char *ca, *certificate, *key;	/* PEM files for ldaps, may be NULL */
	/*
	 * "sha256:<hex>" of the keys that the server of an ldaps URI may have,
		see libhub/tls/pin.h;
	 * ends with NULL. Then neither ca nor the names in its certificate matter. NULL = ca does.
	 */
	const char *const *pins;
	/*
	 * A connection with requests under way, but without a sign of the server for so long, is
	 * lost. 0 = never; a watch has its own heartbeat.
	 */
	unsigned int silence_ms;
	/*
	 * Nor does it count that others are answered: one with a request that has had no message
	 * of its own for so long is lost, too. 0 = never.
	 */
	unsigned int answer_ms;
	size_t message_max;		/* bytes of one answer; 0 = 64 MB */
};

enum watch_state { WATCH_CONNECTING, WATCH_REFRESHING, WATCH_LIVE, WATCH_DOWN };

struct watch_callbacks {
	/* The point (watch_point) is none from now on if everything will be sent anew. */
	void (*refresh_begin)(void *ctx);
	void (*put)(const struct entry *e, void *ctx);
	void (*deleted)(const unsigned char uuid[16], void *ctx);
	/* What was neither put nor present since refresh_begin does not exist. */
	void (*refresh_end)(void *ctx);
	void (*refresh_abort)(void *ctx);
	/* text: what happened, for people ("cannot connect to ldap://...: Connection refused") */
	void (*state)(enum watch_state state, const char *text, void *ctx);
	/* watch_as_of_ms is later, by watch_ask; may be NULL. */
	void (*reached)(void *ctx);
	/* The next three only, and needed, with watch_keep_point: */
	void (*present)(const unsigned char uuid[16], void *ctx);
	/* The refresh is over; what nothing was said of is as it was. */
	void (*resumed)(void *ctx);
	/* True if this entry is known under another DN and as the parent of others. */
	bool (*moves)(const struct entry *e, void *ctx);
};

struct watch;

/*
 * base and filter of the search (scope is subtree); attrs ends with NULL, NULL = all user
 * attributes. Callbacks never come before this returns, nor after watch_free.
 */
struct watch *watch_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *base, const char *filter,
	const char *const *attrs, const struct watch_callbacks *cbs, void *ctx);
void watch_free(struct watch **w);

enum { WATCH_DIRECTORY_MAX = 80 };

/* Where a watch has come to: what all that was put so far is in step with. */
struct watch_point {
	char directory[WATCH_DIRECTORY_MAX];	/* which one, see identify.h */
	struct cookie cookie;			/* size 0 = none: everything has to be sent anew */
};

/* Right after watch_new: see enum draft_options, else they are joined. */
void watch_leave_out_options(struct watch *w);
/*
 * Right after watch_new. from: a former point, which fits what the callee still has of then, or
 * NULL. epoch_dn: the entry with hubEpoch; when that changes no cookie is good any more.
 */
void watch_keep_point(struct watch *w, const struct watch_point *from, const char *epoch_dn);
/*
 * The point now; borrowed, changes. It moves only after the callbacks for what it covers have
 * returned, but for refresh_end and resumed, in which it has moved already.
 */
const struct watch_point *watch_point(const struct watch *w);
/*
 * There is none until the next refresh of all, which comes on the next connection at the latest:
 * what this one showed is not taken over.
 */
void watch_forget_point(struct watch *w);
/*
 * Reads everything anew: of the server in use, or of the next one if elsewhere and there is one.
 * Not in a callback; callbacks may come from within. False if it is not live: nothing was done.
 */
bool watch_refresh(struct watch *w, bool elsewhere);
/*
 * The newest change that the server has shown: at the end of the last complete refresh, or since
 * then, or that of the point it goes on from; "" if it does not say. Sequence numbers of slapd
 * compare as texts.
 */
const char *watch_csn(const struct watch *w);
/*
 * All that the server had at that moment (clock_mono_ms) has been shown; 0 while there is no server
 * that has been live. It moves at the end of a refresh, when the state is live again: one that is
 * under way takes nothing from what was known before.
 */
uint64_t watch_as_of_ms(const struct watch *w);
/*
 * Asks the server what its newest change is, now or when it is live: once that has been shown,
 * watch_as_of_ms is not before now, and reached is called, unless a refresh came first. A server
 * that does not answer within 5 s is left, as is one that does not show what it named. Only the
 * server in use is asked: what another one has that has not come there yet is not waited for.
 */
void watch_ask(struct watch *w);
enum watch_state watch_state(const struct watch *w);
/* URI in use and last error text, for status displays; never NULL. */
const char *watch_uri(const struct watch *w);
size_t watch_provider(const struct watch *w);	/* its place in cfg->uris */
const char *watch_error(const struct watch *w);

#endif
