/* recipient_scan.h - the hashes of all addresses that take mail from outside, in their buckets.
 *
 * Done in slices of SCAN_SLICE_MS, so that the loop goes on meanwhile; about 2 us an address in
 * all, and 25 bytes of memory until recipient_scan_free. What changes during the scan may be in it
 * or not: who starts it looks at the change log from then on. Owning loop only.
 */
#ifndef HUB_EDGESYNCD_RECIPIENT_SCAN_H
#define HUB_EDGESYNCD_RECIPIENT_SCAN_H

#include "libhub/base/loop.h"
#include "libhub/org/buckets.h"
#include "libhub/org/recipients.h"

enum { SCAN_SLICE_MS = 8 };

struct recipient_scan;

/* r outlives it. done is called once, not before this returns, unless it is freed first. */
struct recipient_scan *recipient_scan_start(struct loop *loop, const struct recipients *r,
	const unsigned char key[BUCKET_KEY], void (*done)(void *ctx), void *ctx);
/* Cancels if need be. Sets *s to NULL; accepts a pointer to NULL. */
void recipient_scan_free(struct recipient_scan **s);

/* After done: sorted. */
const struct bucket *recipient_scan_bucket(const struct recipient_scan *s, unsigned int number);
const unsigned char (*recipient_scan_digests(const struct recipient_scan *s))[BUCKET_DIGEST];
/* How many hashes there are. */
size_t recipient_scan_count(const struct recipient_scan *s);

#endif
