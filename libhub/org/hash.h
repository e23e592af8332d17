/* hash.h - uthash with memory that cannot fail. Include instead of <uthash.h>. */
#ifndef HUB_ORG_HASH_H
#define HUB_ORG_HASH_H

#include "libhub/base/mem.h"

#define uthash_malloc(size) xmalloc(size)
#include <uthash.h>

#endif
