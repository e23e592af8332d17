/* fuzz_kerberos.h - a realm without a KDC, and clients with its tickets, for the GSSAPI logins of
 * fuzz_login.
 *
 * The keytab has a fixed key, so that tickets can be made of any name; what clients say is made by
 * the Kerberos library from them, as it would with a real KDC.
 */
#ifndef HUB_TESTS_FUZZ_KERBEROS_H
#define HUB_TESTS_FUZZ_KERBEROS_H

#include "hubd/login/login.h"

#define KERBEROS_REALM "CONTOSO.COM"
#define KERBEROS_HOST "hub1.contoso.com"

enum { KERBEROS_NAME_MAX = 300 };

struct kerberos_client;

/* The keytab's path; made, and the environment set for it, at the first call. */
const char *kerberos_keytab(void);
/* name: any bytes; '/' divides its components, the last '@' begins a realm other than ours. */
struct kerberos_client *kerberos_client_new(const char *name, size_t n);
void kerberos_client_free(struct kerberos_client **c);
/*
 * What a client answers to the challenge (NULL at the beginning); nothing if it does not take it.
 * When there is a context: that no security layer is wanted.
 */
void kerberos_client_answer(struct kerberos_client *c, const struct login_bytes *challenge,
	struct login_bytes *out);
/* Data within the context, which is nothing before there is one. */
void kerberos_client_wrap(struct kerberos_client *c, const char *p, size_t n, bool sealed,
	struct login_bytes *out);

#endif
