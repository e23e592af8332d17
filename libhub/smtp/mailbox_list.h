/* mailbox_list.h - the addresses of a header field (RFC 5322 section 3.4), one after the other.
 *
 * Names, comments, groups and what else the RFC allows around an address are passed over. The value
 * is unfolded. Pure; any thread.
 */
#ifndef HUB_SMTP_MAILBOX_LIST_H
#define HUB_SMTP_MAILBOX_LIST_H

#include "libhub/smtp/address.h"

struct mailbox_list {
	const char *p, *end;		/* what is left of the value */
	/* ---- */
	char text[SMTP_ADDRESS_SIZE];
	size_t n;
	bool angle;			/* the address stood in <> and is complete */
	bool gap;			/* behind a blank or a comment */
	bool split;			/* with a gap where an address has none */
	bool full;			/* more than text takes */
	bool bad;
};

void mailbox_list_init(struct mailbox_list *l, const char *value, size_t n);
/* 1 = the next address is in *a; 0 = no more; -1 = the field cannot be read. */
int mailbox_list_next(struct mailbox_list *l, struct smtp_address *a);

#endif
