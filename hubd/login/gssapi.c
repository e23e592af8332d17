/* gssapi.c - see gssapi.h */
#include "hubd/login/gssapi.h"

#include <errno.h>
#include <gsasl.h>
#include <string.h>

#include "libhub/base/mem.h"

struct gssapi {
	Gsasl_session *session;
	bool begun;		/* the first token was there */
};

/* A name server that does not answer must not hold up everybody's login. */
static const char without_dns[] =
	"# Made by hubd, read before the system's krb5.conf.\n"
	"[libdefaults]\n"
	"\tdns_canonicalize_hostname = false\n"
	"\tdns_lookup_realm = false\n"
	"\trdns = false\n";

static int write_file(const char *path, const char *text, struct err *e)
{
	FILE *f = fopen(path, "we");
	int rc = f != NULL && fputs(text, f) != EOF ? 0 : errno;

	if (f != NULL && fclose(f) != 0)
		rc = errno;
	return rc == 0 ? 0 : err_set(e, ERR_CONFIG, rc, "%s", path);
}

int gssapi_prepare(const char *keytab, const char *state, struct err *e)
{
	const char *given = getenv("KRB5_CONFIG");
	char *own = xasprintf("%s/krb5.conf", state), *path, *name;
	int rc;

	path = xasprintf("%s:%s", own, given != NULL ? given : "/etc/krb5.conf");
	name = xasprintf("FILE:%s", keytab);
	rc = write_file(own, without_dns, e);
	/* tickets of our own are nobody else's (hubd/proof/ticket.h) */
	if (rc == 0 && (setenv("KRB5_CONFIG", path, 1) != 0 ||
		setenv("KRB5_KTNAME", name, 1) != 0 || setenv("KRB5CCNAME", "MEMORY:hubd", 1) != 0))
		rc = err_set(e, ERR_TEMP, errno, "environment");
	free(own);
	free(path);
	free(name);
	return rc;
}

/*
 * RFC 4752 section 3.1 is about Kerberos; what else the library knows, such as SPNEGO, is more for
 * a stranger to try, and leaves memory behind. RFC 2743 section 3.1: [APPLICATION 0], its length,
 * then the mechanism.
 */
static bool is_kerberos(const struct login_bytes *token)
{
	static const unsigned char oid[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01,
		0x02, 0x02 };
	const unsigned char *p = token->data;
	size_t head;

	if (token->size < 2 || p[0] != 0x60)
		return false;
	head = 2 + (p[1] < 0x80 ? 0 : p[1] - (size_t)0x80);
	return head + sizeof(oid) <= token->size && memcmp(p + head, oid, sizeof(oid)) == 0;
}

/* Before it the client may let us begin, by nothing. */
static int look_at_first(struct login *l)
{
	if (l->gssapi->begun || l->response.size == 0)
		return GSASL_OK;
	l->gssapi->begun = true;
	return is_kerberos(&l->response) ? GSASL_OK : GSASL_MECHANISM_PARSE_ERROR;
}

static int start(Gsasl *g, struct login *l)
{
	Gsasl_session *session;
	int rc = gsasl_server_start(g, "GSSAPI", &session);

	if (rc != GSASL_OK)
		return rc;
	l->gssapi = xcalloc(1, sizeof(*l->gssapi));
	l->gssapi->session = session;
	(void)gsasl_property_set(session, GSASL_SERVICE, "smtp");
	(void)gsasl_property_set(session, GSASL_HOSTNAME, l->fqdn);
	return GSASL_OK;
}

/* RFC 4752 section 3.1: no authorization identity, or one that is the client's own. */
static bool is_own(const char *authzid, const char *principal)
{
	size_t n = strcspn(principal, "@");

	return authzid == NULL || *authzid == '\0' || strcmp(authzid, principal) == 0 ||
		(strlen(authzid) == n && strncmp(authzid, principal, n) == 0);
}

static enum login_outcome judge(const struct login *l, const char **why)
{
	const char *principal = gssapi_principal(l);

	*why = "no name of a person";
	/* instances ("anna/admin", "host/...") are others; what is escaped is no name in mail */
	if (principal == NULL || strpbrk(principal, "/\\") != NULL || *principal == '@' ||
		strchr(principal, '@') == NULL || strlen(principal) >= LOGIN_NAME_SIZE)
		return LOGIN_REFUSED;
	*why = "acting as somebody else";
	return is_own(gsasl_property_fast(l->gssapi->session, GSASL_AUTHZID), principal) ?
		LOGIN_OK : LOGIN_REFUSED;
}

static enum login_outcome outcome_of(int rc, const char **why)
{
	*why = gsasl_strerror(rc);
	switch (rc) {
	case GSASL_UNKNOWN_MECHANISM:		/* built without */
	case GSASL_GSSAPI_ACQUIRE_CRED_ERROR:	/* no key of that name in the keytab */
	case GSASL_MALLOC_ERROR:
		return LOGIN_UNAVAILABLE;
	default:
		return LOGIN_REFUSED;
	}
}

enum login_outcome gssapi_step(struct Gsasl *g, struct login *l, const char **why)
{
	char *out = NULL;
	size_t n = 0;
	int rc = l->gssapi == NULL ? start(g, l) : GSASL_OK;

	if (rc == GSASL_OK)
		rc = look_at_first(l);
	if (rc == GSASL_OK)
		rc = gsasl_step(l->gssapi->session, (const char *)l->response.data,
			l->response.size, &out, &n);
	if (rc == GSASL_NEEDS_MORE)
		login_bytes_set(&l->challenge, out != NULL ? out : "", n);
	gsasl_free(out);
	if (rc == GSASL_OK)
		return judge(l, why);
	return rc == GSASL_NEEDS_MORE ? LOGIN_CHALLENGE : outcome_of(rc, why);
}

const char *gssapi_principal(const struct login *l)
{
	return gsasl_property_fast(l->gssapi->session, GSASL_GSSAPI_DISPLAY_NAME);
}

void gssapi_free(struct login *l)
{
	if (l->gssapi == NULL)
		return;
	gsasl_finish(l->gssapi->session);
	free(l->gssapi);
	l->gssapi = NULL;
}
