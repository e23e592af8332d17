/* ldap_peer.h - an LDAP server on the test's loop, which answers as the test wants. One connection
 * at a time; a new one takes the place of the one before.
 */
#ifndef HUB_TESTS_LDAP_PEER_H
#define HUB_TESTS_LDAP_PEER_H

#include <ldap.h>
#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

enum { LDAP_PEER_CHANGES = 12, LDAP_PEER_TEXT = 300 };

/* An attribute of a modify, or of an add; value: the first, "" if there is none. */
struct ldap_peer_change {
	int how;
	char attr[60], value[LDAP_PEER_TEXT];
	size_t n;				/* values */
};

struct ldap_request {
	int id;
	ber_tag_t op;				/* LDAP_REQ_... */
	char dn[LDAP_PEER_TEXT];		/* of the entry, of a search, or bound as */
	char password[100];			/* of a bind */
	struct ldap_peer_change changes[LDAP_PEER_CHANGES];
	size_t n;
	bool asserts;				/* it goes with an assertion (RFC 4528) */
};

typedef void ldap_peer_cb(const struct ldap_request *r, void *ctx);

struct loop;
struct evconnlistener;
struct bufferevent;

struct ldap_peer {
	struct evconnlistener *listener;
	struct bufferevent *bev;		/* NULL = nobody is there */
	SSL_CTX *tls;
	ldap_peer_cb *cb;
	void *ctx;
	unsigned int port;
	char uri[60];
	size_t connections, requests;		/* so far */
};

/* Listens on a port of 127.0.0.1; tls, the caller's, may be NULL. cb is called for each request. */
void ldap_peer_open(struct ldap_peer *p, struct loop *loop, SSL_CTX *tls, ldap_peer_cb *cb,
	void *ctx);
void ldap_peer_close(struct ldap_peer *p);
/* Ends the connection. */
void ldap_peer_drop(struct ldap_peer *p);

/* attrs: name, value, name, value ..., NULL; a value NULL leaves the attribute out. */
void ldap_peer_entry(struct ldap_peer *p, int id, const char *dn, const char *const *attrs);
/* Of the kind that fits the request. */
void ldap_peer_answer(struct ldap_peer *p, const struct ldap_request *r, int code);
/* The same, with modifyTimestamp of the entry after the write (RFC 4527). */
void ldap_peer_written(struct ldap_peer *p, const struct ldap_request *r, const char *time);

#endif
