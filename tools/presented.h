/* presented.h - the certificate that an LDAP server shows, whatever it is worth. */
#ifndef HUB_TOOLS_PRESENTED_H
#define HUB_TOOLS_PRESENTED_H

#include "libhub/directory/entry.h"
#include "tools/ctl.h"

/* DER, in the arena of ctl. uri is ldaps://; -1 and *e if no TLS session comes about there. */
int presented_certificate(const struct ctl *ctl, const char *uri, struct blob *der, struct err *e)
	MUST_CHECK;

#endif
