/* recipients.h - the mirror of people and groups that receive mail.
 *
 * Written by the main thread as the directory watch delivers; read by any thread through
 * recipients_find (an internal read-write lock held for one look-up). Addresses compare
 * case-insensitively as a whole.
 */
#ifndef HUB_ORG_RECIPIENTS_H
#define HUB_ORG_RECIPIENTS_H

#include "libhub/org/builder.h"

struct recipients;

/* base: DN under which recipients live. */
struct recipients *recipients_new(void);
void recipients_free(struct recipients **r);

void recipients_put(struct recipients *r, const struct entry *e);
void recipients_delete(struct recipients *r, const unsigned char uuid[16]);
void recipients_refresh_begin(struct recipients *r);
/* How many of those that were there the refresh has not shown so far. */
size_t recipients_missing(const struct recipients *r);
void recipients_refresh_end(struct recipients *r);
/* True once a complete refresh or a cache was loaded: before that, look-ups answer NOT_LOADED. */
bool recipients_loaded(const struct recipients *r);
void recipients_set_loaded(struct recipients *r);
size_t recipients_count(const struct recipients *r);
void recipients_each(struct recipients *r, void (*cb)(const struct entry *e, void *ctx),
	void *ctx);
/*
 * The same in steps between which they may change; one walk at a time, the writer's thread. What is
 * put meanwhile comes too, if it came before once more: then the later one counts.
 */
void recipients_walk_begin(struct recipients *r);
/* Up to max of them; false when there are no more. */
bool recipients_walk(struct recipients *r, size_t max,
	void (*cb)(const struct entry *e, void *ctx), void *ctx);

/*
 * Every host that people name as mailHost, in lower case, and how many do; "" for those who name
 * none and have no mailRoutingAddress either. cb must not call back in here.
 */
void recipients_homes(const struct recipients *r,
	void (*cb)(const char *host, size_t count, void *ctx), void *ctx);

enum recipient_outcome {
	RECIPIENT_NOT_LOADED,
	RECIPIENT_UNKNOWN,
	RECIPIENT_AMBIGUOUS,	/* two entries claim the address */
	RECIPIENT_MAILBOX,	/* a person */
	RECIPIENT_GROUP,
};

enum { RECIPIENT_TEXT_MAX = 320 };

/* Copied out, so that it stays valid without the lock. */
struct recipient_info {
	enum recipient_outcome outcome;
	char mail[RECIPIENT_TEXT_MAX + 1];
	char routing_address[RECIPIENT_TEXT_MAX + 1];	/* mailRoutingAddress or "" */
	char mail_host[256];				/* mailHost or "" */
	bool refuse_outside_mail;
	/* RECIPIENT_GROUP: addresses of the members that have one; freed by recipient_info_clear */
	char **members;
	size_t member_count;
	char expansion_server[256];			/* ndn of hubExpansionServer or "" */
};

void recipients_find(struct recipients *r, const char *address, struct recipient_info *out);
/*
 * The same with hubPlusAddressing: user+detail@domain that nobody has is found as user@domain. Who
 * delivers to the mailbox still gets the address as it was written.
 */
void recipients_find_plus(struct recipients *r, bool plus, const char *address,
	struct recipient_info *out);
/* False if there is no detail to leave out. */
bool recipient_without_detail(const char *address, char out[RECIPIENT_TEXT_MAX + 1]);
void recipient_info_clear(struct recipient_info *info);

#endif
