/* receive_sharing.h - may two Receive connectors of one server stand beside each other? */
#ifndef HUB_ORG_RECEIVE_SHARING_H
#define HUB_ORG_RECEIVE_SHARING_H

#include "libhub/org/connector.h"

/* Both of one server, or the same. -1: c must not, and e names the rule and the other. */
int receive_sharing_check(const struct receive_connector *c, const struct receive_connector *other,
	struct err *e) MUST_CHECK;

#endif
