/* presented.c - see presented.h */
#include "tools/presented.h"

#include <ldap.h>

static int set_options(LDAP *ld)
{
	struct timeval network = { .tv_sec = CTL_NETWORK_TIMEOUT_S };
	int never = LDAP_OPT_X_TLS_NEVER, fresh = 0;

	/* it is asked for in order to be trusted later */
	if (ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &network) != 0 ||
		ldap_set_option(ld, LDAP_OPT_TIMEOUT, &network) != 0 ||
		ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &never) != 0 ||
		ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &fresh) != 0)
		return -1;
	return 0;
}

int presented_certificate(const struct ctl *ctl, const char *uri, struct blob *der, struct err *e)
{
	struct berval cert = { 0, NULL };
	LDAP *ld = NULL;
	int code = ldap_initialize(&ld, uri), rc = 0;

	if (code == LDAP_SUCCESS)
		code = set_options(ld) == 0 ? ldap_connect(ld) : LDAP_LOCAL_ERROR;
	if (code != LDAP_SUCCESS)
		rc = err_set(e, ERR_TEMP, 0, "%s: %s", uri, ldap_err2string(code));
	else if (ldap_get_option(ld, LDAP_OPT_X_TLS_PEERCERT, &cert) != 0 || cert.bv_len == 0)
		rc = err_set(e, ERR_TEMP, 0, "%s shows no certificate", uri);
	else
		*der = (struct blob){ arena_memdup(ctl->arena, cert.bv_val, cert.bv_len),
			cert.bv_len };
	ldap_memfree(cert.bv_val);
	if (ld != NULL)
		ldap_unbind_ext_s(ld, NULL, NULL);
	return rc;
}
