/* drop_text.h - the envelope of a message as the first lines of its file. Pure; any thread.
 *
 *	X-Sender: <anna@contoso.com> BODY=8BITMIME RET=HDRS ENVID=qqq
 *	X-Receiver: <IMCEAFAX-+2B1234@contoso.com> NOTIFY=FAILURE ORcpt=rfc822;...
 *	X-Receiver-Address: FAX:+1234
 *	X-CreatedBy: hub-transport
 *	X-EndOfInjectedXHeaders: 183
 *
 * The replay directory takes the same lines. X-Receiver-Address is of the X-Receiver before it: an
 * address of another type as it is, for who does not want to open it. The number counts the bytes
 * of the lines above.
 */
#ifndef HUB_DROP_DROP_TEXT_H
#define HUB_DROP_DROP_TEXT_H

#include "hubd/spool/envelope.h"

enum { DROP_NAME_MAX = 255 };

/* relay_report: we answer for NOTIFY=SUCCESS ourselves. malloc'd; its length in *size. */
char *drop_text(const struct envelope *env, bool relay_report, size_t *size);

/*
 * The name of the file: always the same for the same recipients of a message, so that one that is
 * delivered again after a crash replaces itself. first: number of the first recipient in the spool.
 */
void drop_name(char out[DROP_NAME_MAX + 1], const char *fqdn, uint64_t id,
	const struct envelope *env, uint32_t first);

#endif
