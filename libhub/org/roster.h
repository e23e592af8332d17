/* roster.h - the records of recipients, packed: about 60 bytes each, and 20 of indexes.
 *
 * Records lie one after the other in blocks of a megabyte and are never edited; what replaces one
 * is written behind the last. An id names a record wherever it lies, so that the blocks with the
 * most garbage are emptied a few records at a time, with each change. Parents of DNs, domains of
 * addresses and hosts are interned. Indexes lead to a record by UUID, by DN and by each address;
 * several records may claim one address.
 *
 * Entries without an address are kept too (44 bytes): they may be the parents of others.
 *
 * No lock in here. "Reader" functions may run at the same time as each other, and as
 * roster_pack, but not as any other writer function; see recipients.c.
 */
#ifndef HUB_ORG_ROSTER_H
#define HUB_ORG_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct roster;

/* A group may be larger than any object of the organization. */
enum { ROSTER_MEMBERS_MAX = 100000, ROSTER_ADDRESSES_MAX = 1000, ROSTER_DN_MAX = 2048 };

/*
 * One entry, as text; strings are the caller's. DNs are normalized, addresses folded, each once.
 * mail is as written, "" if none; if there is one, its folded form is among the addresses.
 */
struct roster_entry {
	bool has_uuid, group, refuse_outside_mail;
	unsigned char uuid[16];
	const char *dn;
	const char *mail, *routing, *host, *expansion;	/* "" = none */
	const char *const *addresses;
	size_t address_count;
	const char *const *members;			/* DNs */
	size_t member_count;
};

struct roster *roster_new(void);
void roster_free(struct roster **r);

/* --- the writer --- */

/* A record that is not in the roster yet. */
struct roster_pack;

/*
 * NULL if the roster is full (16 million records) or the entry larger than any could be. Then
 * exactly one of roster_replace and roster_drop_pack.
 */
struct roster_pack *roster_pack(struct roster *r, const struct roster_entry *e);
void roster_drop_pack(struct roster *r, struct roster_pack **p);
/* The record that is the same in all, 0 = none. */
uint32_t roster_same(const struct roster *r, const struct roster_pack *p);
/* Takes the place of the records with its UUID or DN. Its id. */
uint32_t roster_replace(struct roster *r, struct roster_pack **p);
void roster_delete(struct roster *r, uint32_t id);
/* Room for about that many records. */
void roster_reserve(struct roster *r, size_t n);
/* Empties blocks with garbage, a few records; to be called with each change. */
void roster_tidy(struct roster *r);
/* 0 = none. */
uint32_t roster_find_dn(const struct roster *r, const char *ndn);
/* Is it the parent of any record? */
bool roster_has_children(const struct roster *r, const char *ndn);
/* Every id of a record is below it. */
uint32_t roster_end(const struct roster *r);

/* --- readers --- */

bool roster_has(const struct roster *r, uint32_t id);
/* 0 = none. */
uint32_t roster_find_uuid(const struct roster *r, const unsigned char uuid[16]);
/* How many claim the address (2 = two or more); the first is *id. */
unsigned int roster_find_address(const struct roster *r, const char *folded, uint32_t *id);
/* Does any that claims the address take mail from outside? */
bool roster_takes_outside_mail(const struct roster *r, const char *folded);
/* With at least one address. */
size_t roster_recipients(const struct roster *r);
size_t roster_count(const struct roster *r);
size_t roster_memory(const struct roster *r);

/* What a record says. Numbers of texts are those of roster_text. */
struct roster_view {
	const unsigned char *uuid;
	bool has_uuid, group, refuse_outside_mail;
	uint32_t parent;
	const char *rdn;
	size_t rdn_size;
	size_t address_count;
	const unsigned char *addresses;		/* for roster_next_address */
	const char *mail;			/* NULL = the first address */
	size_t mail_size;
	const char *routing;
	size_t routing_size;
	uint32_t host, expansion;		/* 0 = none */
	size_t member_count;
	const unsigned char *members, *end;	/* for roster_next_member */
};

struct roster_part {
	uint32_t text;			/* domain, or parent */
	const char *head;		/* local part, or RDN */
	size_t size;
};

/* Points into the record, as long as the roster does not change. */
void roster_look(const struct roster *r, uint32_t id, struct roster_view *v);
void roster_next_address(const unsigned char **at, struct roster_part *out);
void roster_next_member(const unsigned char **at, struct roster_part *out);
const char *roster_text(const struct roster *r, uint32_t text, size_t *size);
/* The record of a DN in parts; 0 = none. */
uint32_t roster_find_part(const struct roster *r, const struct roster_part *dn);

/* Any thread: what roster_next_member gave stays good for roster_find_part without the lock. */
void roster_hold(struct roster *r);
void roster_release(struct roster *r);

#endif
