/* recipients_file_impl.h - the form of the file, for who writes and who reads it. */
#ifndef HUB_ORG_RECIPIENTS_FILE_IMPL_H
#define HUB_ORG_RECIPIENTS_FILE_IMPL_H

#include "libhub/org/recipients_codec.h"
#include "libhub/org/recipients_file.h"

/* Another form gets another number. */
#define RECIPIENTS_FILE_MAGIC "hub recipients 1\n"

enum {
	CHUNK_HEAD = 'H',		/* base DN; once, first */
	CHUNK_CHANGES = 'R',
	CHUNK_END = 'E',		/* of the first part: number of records, uint64_t */
	CHUNK_POINT = 'C',		/* directory, NUL, cookie */
};

#endif
