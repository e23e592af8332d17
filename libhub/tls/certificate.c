/* certificate.c - see certificate.h */
#include "libhub/tls/certificate.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/tls/error.h"
#include "libhub/tls/pin.h"

/* Certificates above the own one in a file; more is no chain but a heap. */
enum { CHAIN_MAX = 20 };

struct tls_certificate {
	X509 *cert;
	STACK_OF(X509) *chain;
	EVP_PKEY *key;
	char *path;
	char **names;
	size_t n_names;
	time_t not_before, not_after;
	bool self_signed;
	atomic_uint refs;
	char key_digest[TLS_PIN_SIZE];
};

/* --- names --- */

size_t tls_name_fit(const char *name, const char *host)
{
	const char *rest;

	if (strcmp(name, host) == 0)
		return 2 * TLS_NAME_MAX + strlen(name);
	rest = strchr(host, '.');
	if (strncmp(name, "*.", 2) != 0 || rest == NULL || rest == host)
		return 0;
	return strcmp(name + 1, rest) == 0 ? strlen(name) : 0;
}

/* A host name, or one with a first label "*" and two labels behind it. */
static bool is_usable(const char *name, size_t n)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
	bool wild = strncmp(name, "*.", 2) == 0;

	if (strlen(name) != n || n == 0 || name[0] == '.' || name[n - 1] == '.')
		return false;
	if (wild && strchr(name + 2, '.') == NULL)
		return false;
	return strspn(name + (wild ? 2 : 0), chars) == n - (wild ? 2 : 0);
}

static void add_name(struct tls_certificate *c, const unsigned char *text, int len)
{
	char name[TLS_NAME_MAX + 1];
	size_t n = len > 0 ? (size_t)len : 0, i;

	if (n > TLS_NAME_MAX || c->n_names == TLS_CERTIFICATE_NAMES_MAX)
		return;
	for (i = 0; i < n; i++)
		name[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
	name[n] = '\0';
	if (!is_usable(name, n))
		return;
	c->names = xrealloc(c->names, (c->n_names + 1) * sizeof(*c->names));
	c->names[c->n_names++] = xstrdup(name);
}

static void add_common_name(struct tls_certificate *c)
{
	X509_NAME *subject = X509_get_subject_name(c->cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *utf8 = NULL;
	int n;

	if (at < 0)
		return;
	n = ASN1_STRING_to_UTF8(&utf8,
		X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n > 0)
		add_name(c, utf8, n);
	OPENSSL_free(utf8);
}

static void read_names(struct tls_certificate *c)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(c->cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_STRING *value;
	int i, type, dns = 0;

	for (i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &type);
		if (type != GEN_DNS)
			continue;
		add_name(c, ASN1_STRING_get0_data(value), ASN1_STRING_length(value));
		dns++;
	}
	GENERAL_NAMES_free(all);
	/* RFC 6125 section 6.4.4 */
	if (dns == 0)
		add_common_name(c);
}

/* --- files --- */

static time_t seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? timegm(&tm) : 0;
}

static int read_chain(struct tls_certificate *c, BIO *bio, const char *path, struct err *e)
{
	X509 *one;

	c->cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	if (c->cert == NULL)
		return tls_error_set(e, ERR_CONFIG, "certificate %s", path);
	c->chain = sk_X509_new_null();
	BUG_ON(c->chain == NULL);
	while ((one = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		BUG_ON(!sk_X509_push(c->chain, one));
		if (sk_X509_num(c->chain) > CHAIN_MAX)
			return err_set(e, ERR_CONFIG, 0, "certificate %s: a chain of more than %d",
				path, CHAIN_MAX);
	}
	/* the end of the file is told as a missing first line */
	tls_error_clear();
	return 0;
}

/* Never prompts: an encrypted key is refused, a daemon has nobody to ask. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static int read_key(struct tls_certificate *c, const char *certificate, const char *path,
	struct err *e)
{
	BIO *bio = BIO_new_file(path, "r");

	if (bio == NULL)
		return tls_error_set(e, ERR_CONFIG, "key %s", path);
	c->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	if (c->key == NULL)
		return tls_error_set(e, ERR_CONFIG, "key %s", path);
	if (X509_check_private_key(c->cert, c->key) != 1)
		return tls_error_set(e, ERR_CONFIG, "key %s does not belong to certificate %s",
			path, certificate);
	return 0;
}

static int load(struct tls_certificate *c, const char *certificate, const char *key,
	struct err *e)
{
	BIO *bio = BIO_new_file(certificate, "r");
	int rc;

	if (bio == NULL)
		return tls_error_set(e, ERR_CONFIG, "certificate %s", certificate);
	rc = read_chain(c, bio, certificate, e);
	BIO_free(bio);
	if (rc != 0 || read_key(c, certificate, key, e) != 0)
		return -1;
	c->not_before = seconds(X509_get0_notBefore(c->cert));
	c->not_after = seconds(X509_get0_notAfter(c->cert));
	c->self_signed = X509_NAME_cmp(X509_get_subject_name(c->cert),
		X509_get_issuer_name(c->cert)) == 0;
	read_names(c);
	return tls_pin_of_x509(c->cert, c->key_digest, e);
}

struct tls_certificate *tls_certificate_load(const char *certificate, const char *key,
	struct err *e)
{
	struct tls_certificate *c = xcalloc(1, sizeof(*c));

	tls_error_clear();
	atomic_init(&c->refs, 1);
	c->path = xstrdup(certificate);
	if (load(c, certificate, key, e) != 0)
		tls_certificate_unref(&c);
	return c;
}

struct tls_certificate *tls_certificate_ref(struct tls_certificate *c)
{
	atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
	return c;
}

void tls_certificate_unref(struct tls_certificate **cp)
{
	struct tls_certificate *c = *cp;
	size_t i;

	*cp = NULL;
	if (c == NULL || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
		return;
	X509_free(c->cert);
	sk_X509_pop_free(c->chain, X509_free);
	EVP_PKEY_free(c->key);
	for (i = 0; i < c->n_names; i++)
		free(c->names[i]);
	free(c->names);
	free(c->path);
	free(c);
}

/* --- what it is --- */

const char *tls_certificate_key_digest(const struct tls_certificate *c)
{
	return c->key_digest;
}

const char *tls_certificate_path(const struct tls_certificate *c)
{
	return c->path;
}

size_t tls_certificate_names(const struct tls_certificate *c, const char *const **names)
{
	*names = (const char *const *)c->names;
	return c->n_names;
}

struct x509_st *tls_certificate_x509(const struct tls_certificate *c)
{
	return c->cert;
}

struct evp_pkey_st *tls_certificate_private_key(const struct tls_certificate *c)
{
	return c->key;
}

bool tls_certificate_is_valid(const struct tls_certificate *c, time_t now)
{
	return now >= c->not_before && now <= c->not_after;
}

time_t tls_certificate_not_after(const struct tls_certificate *c)
{
	return c->not_after;
}

bool tls_certificate_is_self_signed(const struct tls_certificate *c)
{
	return c->self_signed;
}

int tls_certificate_use(const struct tls_certificate *c, struct ssl_ctx_st *ctx, struct err *e)
{
	tls_error_clear();
	if (SSL_CTX_use_cert_and_key(ctx, c->cert, c->key, c->chain, 1) != 1)
		return tls_error_set(e, ERR_CONFIG, "certificate %s", c->path);
	return 0;
}

int tls_certificate_use_once(const struct tls_certificate *c, struct ssl_st *ssl)
{
	return SSL_use_cert_and_key(ssl, c->cert, c->key, c->chain, 1) == 1 ? 0 : -1;
}

/* --- which one --- */

struct worth {
	size_t fit;
	unsigned int class;	/* valid before not, signed before self-signed */
};

static struct worth worth_of(const struct tls_certificate *c, const char *host, time_t now)
{
	struct worth w = { .class = 2u * tls_certificate_is_valid(c, now) + !c->self_signed };
	size_t i, fit;

	for (i = 0; i < c->n_names; i++) {
		fit = tls_name_fit(c->names[i], host);
		w.fit = fit > w.fit ? fit : w.fit;
	}
	return w;
}

static int compare(struct worth a, struct worth b)
{
	if (a.fit != b.fit)
		return a.fit > b.fit ? 1 : -1;
	return (a.class > b.class) - (a.class < b.class);
}

/* Adds c, or puts it in the place of an older one with the same type of key. */
static size_t add_newest(struct tls_certificate **out, size_t n, struct tls_certificate *c)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (EVP_PKEY_get_base_id(out[i]->key) != EVP_PKEY_get_base_id(c->key))
			continue;
		if (c->not_before > out[i]->not_before)
			out[i] = c;
		return n;
	}
	out[n] = c;
	return n + 1;
}

size_t tls_certificate_choose(struct tls_certificate *const *all, size_t n, const char *host,
	time_t now, struct tls_certificate **out)
{
	struct worth best = { 0 }, w;
	size_t i, found = 0;
	int order;

	for (i = 0; i < n; i++) {
		w = worth_of(all[i], host, now);
		order = compare(w, best);
		if (w.fit == 0 || order < 0)
			continue;
		if (order > 0)
			found = 0;
		best = w;
		found = add_newest(out, found, all[i]);
	}
	return found;
}
