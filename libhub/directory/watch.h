/* watch.h - the live view of a directory subtree: an RFC 4533 consumer on the loop.
 *
 * One watch keeps one LDAP connection (URIs in order of preference, its own OpenSSL stream under
 * libldap, so nothing ever blocks) with one refreshAndPersist search. It reconnects by itself with
 * a capped back-off, checks a stalled server by a heartbeat, and on every (re)connection does a
 * cookie-less refresh: refresh_begin, put for every entry, refresh_end. Main thread only.
 *
 * With several URIs a server that is gone is replaced at once, one that hangs within 1.5 s (a
 * search for the base entry after each half second of silence, an answer due within a second); the
 * preferred one is returned to when it has answered for a while (providers.h).
 *
 * A refresh that fails half-way never reaches refresh_end; refresh_abort comes instead, and what
 * was there before stays. A refresh in which the canary entry (the base) is missing is aborted too.
 */
#ifndef HUB_DIRECTORY_WATCH_H
#define HUB_DIRECTORY_WATCH_H

#include "libhub/base/loop.h"
#include "libhub/base/resolver.h"
#include "libhub/directory/entry.h"

/* How to reach a directory and who to be there. Strings are the caller's, alive with the watch. */
struct directory_config {
	const char *const *uris;	/* ldapi://, ldap://, ldaps://; ends with NULL */
	bool bind_external;		/* SASL EXTERNAL, else simple */
	const char *bind_dn;
	const char *password_file;	/* read anew at each bind; a trailing newline is dropped */
	const char *ca, *certificate, *key;	/* PEM files for ldaps, may be NULL */
};

enum watch_state { WATCH_CONNECTING, WATCH_REFRESHING, WATCH_LIVE, WATCH_DOWN };

struct watch_callbacks {
	void (*refresh_begin)(void *ctx);
	void (*put)(const struct entry *e, void *ctx);
	void (*deleted)(const unsigned char uuid[16], void *ctx);
	void (*refresh_end)(void *ctx);
	void (*refresh_abort)(void *ctx);
	/* text: what happened, for people ("cannot connect to ldap://...: Connection refused") */
	void (*state)(enum watch_state state, const char *text, void *ctx);
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
enum watch_state watch_state(const struct watch *w);
/* URI in use and last error text, for status displays; never NULL. */
const char *watch_uri(const struct watch *w);
size_t watch_provider(const struct watch *w);	/* its place in cfg->uris */
const char *watch_error(const struct watch *w);

#endif
