/* x400.h - the written form of X.400 addresses in address spaces (RFC 1685). Pure; any thread. */
#ifndef HUB_ORG_X400_H
#define HUB_ORG_X400_H

#include "libhub/org/value.h"

/*
 * Is text a list of LABEL=value with the labels and lengths of RFC 1685, divided by ';' (or by '/'
 * when it begins with one), with country (C) and administration domain (A)? A value may be or end
 * with '*'.
 */
int x400_check(const char *text, struct err *e) MUST_CHECK;

#endif
