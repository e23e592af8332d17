/* partner.h - DomainSecure: mail of listed domains by mutual TLS only. Pure but for the session.
 *
 * On a connector with hubDomainSecure a client certificate that our authorities know, and that is
 * for a domain of the organization's list (hubTLSReceiveDomainSecure), makes the session a
 * partner's. Mail from a listed domain is taken of nobody who has not proven just that domain; of
 * our own servers, which have taken it by these rules themselves, it is taken. The list counts as
 * it is now, also for sessions that were there before.
 */
#ifndef HUB_RECEIVE_PARTNER_H
#define HUB_RECEIVE_PARTNER_H

#include "hubd/receive/session.h"

/* After a handshake: principal and domain of the session by its certificate. */
void partner_judge(struct session *s);
/* May mail from that domain ("" = null sender) come by this session? If not, replies. */
bool partner_allows(struct session *s, const char *domain);

#endif
