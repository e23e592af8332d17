/* fingerprint.h - SHA-256 over what an object means, whatever the suffix, the order of attributes
 * and values, and whether defaults are written. Any thread.
 */
#ifndef HUB_ORG_FINGERPRINT_H
#define HUB_ORG_FINGERPRINT_H

#include "libhub/org/record.h"

/* Over relative DN, class and the canonical values of the whole table; secrets are hashed first. */
void fingerprint_object(const struct obj *o, unsigned char out[RECORD_DIGEST]);
/* As if the object had no secrets: what a reader who does not get them sees. */
void fingerprint_object_visible(const struct obj *o, unsigned char out[RECORD_DIGEST]);
/* Has it a value in an attribute that is secret? */
bool fingerprint_has_secret(const struct obj *o);

#endif
