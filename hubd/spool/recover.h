/* recover.h - what recovery's own files share: reading segments, setting damage aside. */
#ifndef HUB_SPOOL_RECOVER_H
#define HUB_SPOOL_RECOVER_H

#include "hubd/spool/spool_priv.h"

/* A chunk that was read whole; a message may refer to it. */
struct known_chunk {
	UT_hash_handle hh;
	struct { uint64_t sequence, offset; } key;
	uint64_t id;
	struct segment *seg;
	uint32_t length;
};

/* A message with a part missing; set aside at the end unless finished or found again by then. */
struct broken {
	UT_hash_handle hh;
	uint64_t id;
};

struct found_file {
	uint64_t number;
	int fd;
	uint32_t size;
	uint64_t end;		/* what a later segment says of it; UINT64_MAX = nothing */
	bool head_valid;
};

struct recovery {
	struct spool *spool;
	struct spool_report *report;
	struct found_file *files;
	size_t n, room;
	struct known_chunk *chunks;
	struct broken *broken;
	uint64_t next_id;
	int64_t written_ms;	/* wall: when a segment was written to last */
};

/* scan.c: one segment; last: its end may be torn. */
int recover_scan(struct recovery *r, struct found_file *f, bool last, struct err *e) MUST_CHECK;
/* Is there any record in it? */
bool recover_has_record(struct recovery *r, const struct found_file *f);
void recover_forget(struct recovery *r);

/* quarantine.c: failures are logged; damage never keeps the rest from being recovered. */
void quarantine_bytes(struct recovery *r, const struct segment *seg, uint32_t offset,
	const unsigned char *data, size_t size);
/* What is left of a message: its record, and the chunks in order, missing ones left out. */
void quarantine_message(struct recovery *r, const struct stored *m);

#endif
