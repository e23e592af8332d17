/* recipients.h - the mirror of people and groups that receive mail.
 *
 * Written by the main thread as the directory watch delivers; read by any thread through
 * recipients_find (an internal read-write lock held for one look-up). Addresses compare
 * case-insensitively as a whole. About 85 bytes a recipient, see roster.h; ten million at most.
 *
 * Nothing here takes long: what could (a sweep, the members of a large group) goes in steps.
 */
#ifndef HUB_ORG_RECIPIENTS_H
#define HUB_ORG_RECIPIENTS_H

#include "libhub/org/builder.h"
#include "libhub/org/roster.h"

struct recipients;

struct hashed;

struct recipients *recipients_new(void);
void recipients_free(struct recipients **r);

void recipients_put(struct recipients *r, const struct entry *e);
/* The same of what was decoded before. */
void recipients_put_decoded(struct recipients *r, const struct roster_entry *e);
void recipients_delete(struct recipients *r, const unsigned char uuid[16]);
/* The entry is as it was: put, but not sent. */
void recipients_present(struct recipients *r, const unsigned char uuid[16]);
/* True if the entry is here under another DN, with others below it. */
bool recipients_moves(const struct recipients *r, const struct entry *e);

/*
 * A sweep under way is finished first. anew: everything is sent; who had addresses and now shows
 * none is then taken for missing, since an access rule may hide them, and keeps them until the
 * sweep.
 */
void recipients_refresh_begin(struct recipients *r, bool anew);
/* It counts for nothing, or nothing has to be swept after it. */
void recipients_refresh_abort(struct recipients *r);
/* What was neither put nor present since refresh_begin goes, by recipients_sweep; loaded. */
void recipients_refresh_end(struct recipients *r);
/* How many with an address, after refresh_begin, would have to go if it ended now. */
size_t recipients_missing(const struct recipients *r);
/* Looks at so many more; true while it has to be called again. */
bool recipients_sweep(struct recipients *r, size_t max);

/* True once a complete refresh or a cache was loaded: before that, look-ups answer NOT_LOADED. */
bool recipients_loaded(const struct recipients *r);
void recipients_set_loaded(struct recipients *r);
/* Those with an address; and all that is known. */
size_t recipients_count(const struct recipients *r);
size_t recipients_entries(const struct recipients *r);
size_t recipients_memory(const struct recipients *r);
/* Before many are put. */
void recipients_reserve(struct recipients *r, size_t n);

/*
 * A subscribed edge: from now on look-ups are answered from hashes alone (hashed.h), by UNKNOWN or
 * a MAILBOX with that address; NULL = none yet, NOT_LOADED. Taken over; the one before is freed.
 */
void recipients_use_hashes(struct recipients *r, struct hashed *h);
/* From the people again, as in the beginning. */
void recipients_use_people(struct recipients *r);
bool recipients_by_hash(const struct recipients *r);
/* False while they answer NOT_LOADED, one way or the other. */
bool recipients_answer(const struct recipients *r);
/* By people those with an address, by hashes addresses. */
size_t recipients_known(const struct recipients *r);

/*
 * Called by the writer after each change: id of the record that was put, or 0 and the UUID of one
 * that is gone. Entries without a UUID are not told of. One journal at a time; NULL = none.
 */
typedef void recipients_journal_cb(uint32_t id, const unsigned char uuid[16], void *ctx);
void recipients_journal(struct recipients *r, recipients_journal_cb *cb, void *ctx);
/*
 * Called by the writer for each address, folded, for which recipients_takes_outside_mail may say
 * something else than before: those that a record had and those it has. An address may come twice.
 * It must not change r. One watcher at a time; NULL = none.
 */
typedef void recipients_address_cb(const char *folded, void *ctx);
void recipients_watch_addresses(struct recipients *r, recipients_address_cb *cb, void *ctx);
/* For the writer's thread: is there any whose address it is and who takes mail from outside? */
bool recipients_takes_outside_mail(const struct recipients *r, const char *folded);
/* For the writer's thread: the records themselves. */
const struct roster *recipients_roster(const struct recipients *r);

/*
 * Every host that people name as mailHost, in lower case, and how many do; "" for those who name
 * none and have no mailRoutingAddress either. Until cb says false; it must not call back in here.
 */
void recipients_homes(const struct recipients *r,
	bool (*cb)(const char *host, size_t count, void *ctx), void *ctx);

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
