/* ticket.h - the keys of session tickets (RFC 5077, RFC 8446 section 4.6.1).
 *
 * All contexts of a process use the same ones, so that a session is resumed whichever thread it
 * comes to, and after certificates were read anew. They are replaced now and then, so that whoever
 * gets hold of the memory cannot read what was said long before; tickets of the keys before are
 * still taken then, and renewed. Immutable and counted; any thread.
 */
#ifndef HUB_TLS_TICKET_H
#define HUB_TLS_TICKET_H

struct tls_tickets;
struct ssl_st;
struct evp_cipher_ctx_st;
struct evp_mac_ctx_st;

/* How long a ticket may be used, and how old keys become before they are replaced. */
enum { TLS_TICKET_LIFE_S = 2 * 3600, TLS_TICKET_KEY_LIFE_S = 12 * 3600 };

/* Fresh keys; those that before has now are known still. before may be NULL. */
struct tls_tickets *tls_tickets_new(const struct tls_tickets *before);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *t);
/* Accepts a pointer to NULL; sets it to NULL. */
void tls_tickets_unref(struct tls_tickets **t);

/* What OpenSSL's ticket key callback does; see SSL_CTX_set_tlsext_ticket_key_evp_cb(3). */
int tls_tickets_key(const struct tls_tickets *t, unsigned char *name, unsigned char *iv,
	struct evp_cipher_ctx_st *cipher, struct evp_mac_ctx_st *mac, int encrypt);

#endif
