/* authorities.c - whom we trust, and what they have revoked; see context.h.
 *
 * Revocation lists are looked at where there is one of the issuer; an issuer of whom there is none
 * has revoked nothing. A list that is too old says nothing that could be relied on: certificates of
 * its issuer are not accepted until there is a new one.
 */
#include "libhub/tls/context_priv.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libhub/base/mem.h"
#include "libhub/tls/error.h"

/* A file of lists may not be larger, in bytes. */
enum { CRL_FILE_MAX = 64 * 1024 * 1024 };

/* The sessions that were verified by one set of authorities are told from those of another. */
static int digest_file(EVP_MD_CTX *md, const char *path)
{
	FILE *f = fopen(path, "re");
	char buf[8192];
	size_t n;
	int rc = -1;

	if (f == NULL)
		return -1;
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		BUG_ON(!EVP_DigestUpdate(md, buf, n));
	rc = ferror(f) ? -1 : 0;
	fclose(f);
	return rc;
}

static int load_authorities(struct tls_authorities *a, EVP_MD_CTX *md, const char *ca,
	struct err *e)
{
	if (ca == NULL) {
		/* an empty or absent system store verifies nobody, which is what it should do */
		(void)X509_STORE_set_default_paths(a->store);
		(void)digest_file(md, X509_get_default_cert_file());
		tls_error_clear();
		return 0;
	}
	if (X509_STORE_load_file(a->store, ca) != 1)
		return tls_error_set(e, ERR_CONFIG, "authorities %s", ca);
	if (digest_file(md, ca) != 0)
		return err_set(e, ERR_CONFIG, 0, "authorities %s: cannot read", ca);
	return 0;
}

/* --- revocation lists --- */

/* Takes crl; NULL is none. */
static int add_crl(struct tls_authorities *a, X509_CRL *crl)
{
	if (crl == NULL)
		return 0;
	BUG_ON(X509_STORE_add_crl(a->store, crl) != 1);
	X509_CRL_free(crl);
	return 1;
}

/* PEM, any number of them, or one as authorities publish it, in DER. */
static int read_crls(struct tls_authorities *a, BIO *bio, const char *path, struct err *e)
{
	int n = 0;

	while (add_crl(a, PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL)) != 0)
		n++;
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return tls_error_set(e, ERR_CONFIG, "revocation lists %s", path);
	tls_error_clear();
	if (n == 0) {
		BUG_ON(BIO_reset(bio) != 0);
		n = add_crl(a, d2i_X509_CRL_bio(bio, NULL));
	}
	if (n == 0)
		return tls_error_set(e, ERR_CONFIG, "revocation lists %s", path);
	return 0;
}

static int load_crl_file(struct tls_authorities *a, EVP_MD_CTX *md, const char *path,
	struct err *e)
{
	struct stat st;
	BIO *bio;
	int rc;

	if (stat(path, &st) != 0)
		return err_set(e, ERR_CONFIG, errno, "revocation lists %s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > CRL_FILE_MAX)
		return err_set(e, ERR_CONFIG, 0, "revocation lists %s: no file, or too large",
			path);
	bio = BIO_new_file(path, "r");
	if (bio == NULL)
		return tls_error_set(e, ERR_CONFIG, "revocation lists %s", path);
	rc = read_crls(a, bio, path, e);
	BIO_free(bio);
	if (rc == 0 && digest_file(md, path) != 0)
		rc = err_set(e, ERR_CONFIG, 0, "revocation lists %s: cannot read", path);
	return rc;
}

static int is_visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int load_crl_folder(struct tls_authorities *a, EVP_MD_CTX *md, const char *path,
	struct err *e)
{
	struct dirent **list;
	int n = scandir(path, &list, is_visible, alphasort), i, rc = 0;

	if (n < 0)
		return err_set(e, ERR_CONFIG, errno, "revocation lists %s", path);
	for (i = 0; i < n; i++) {
		char *file = xasprintf("%s/%s", path, list[i]->d_name);

		if (rc == 0)
			rc = load_crl_file(a, md, file, e);
		free(file);
		free(list[i]);
	}
	free(list);
	return rc;
}

/* An issuer of whom there is no list has revoked nothing. */
static int on_doubt(int ok, X509_STORE_CTX *store)
{
	if (ok || X509_STORE_CTX_get_error(store) != X509_V_ERR_UNABLE_TO_GET_CRL)
		return ok;
	X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static int load_crls(struct tls_authorities *a, EVP_MD_CTX *md, const char *crl, struct err *e)
{
	struct stat st;
	int rc;

	if (stat(crl, &st) == 0 && S_ISDIR(st.st_mode))
		rc = load_crl_folder(a, md, crl, e);
	else
		rc = load_crl_file(a, md, crl, e);
	BUG_ON(X509_STORE_set_flags(a->store,
		X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL) != 1);
	X509_STORE_set_verify_cb(a->store, on_doubt);
	return rc;
}

/* --- life --- */

struct tls_authorities *tls_authorities_load(const char *ca, const char *crl, struct err *e)
{
	struct tls_authorities *a = xcalloc(1, sizeof(*a));
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	tls_error_clear();
	atomic_init(&a->refs, 1);
	a->store = X509_STORE_new();
	BUG_ON(a->store == NULL || md == NULL || !EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	if (load_authorities(a, md, ca, e) != 0 ||
		(crl != NULL && load_crls(a, md, crl, e) != 0))
		tls_authorities_unref(&a);
	else
		BUG_ON(!EVP_DigestFinal_ex(md, a->digest, NULL));
	EVP_MD_CTX_free(md);
	return a;
}

struct tls_authorities *tls_authorities_none(void)
{
	struct tls_authorities *a = xcalloc(1, sizeof(*a));

	atomic_init(&a->refs, 1);
	a->store = X509_STORE_new();
	BUG_ON(a->store == NULL);
	return a;
}

struct tls_authorities *tls_authorities_ref(struct tls_authorities *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void tls_authorities_unref(struct tls_authorities **ap)
{
	struct tls_authorities *a = *ap;

	*ap = NULL;
	if (a == NULL || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	X509_STORE_free(a->store);
	free(a);
}
