/* record.h - what a record of the log looks like on disk. Pure; any thread.
 *
 * A segment file is a sequence of records, each 8-byte aligned: a header, a payload, padding. The
 * nonce in the header belongs to one use of one segment file and cannot be guessed from outside:
 * neither what a recycled file still holds nor a mail body that imitates a record is ever taken for
 * one. Numbers are in the byte order of the machine; the incarnation file names it.
 */
#ifndef HUB_SPOOL_RECORD_H
#define HUB_SPOOL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum record_type {
	RECORD_HEAD = 1,	/* first of a segment: struct record_head */
	RECORD_MARK,		/* struct record_mark */
	RECORD_CHUNK,		/* part of the body of message id */
	RECORD_MESSAGE,		/* the rest of it, see below */
	RECORD_OUTCOME,		/* struct spool_outcome, one or more, for message id */
};

struct record_header {
	uint64_t nonce;
	uint32_t header_crc;	/* of this struct with header_crc = 0 */
	uint32_t payload_crc;
	uint64_t id;
	uint32_t length;	/* of the payload, without padding */
	uint32_t synced;	/* all before this offset was on disk when this was written */
	uint16_t type;
	uint16_t zero16;
	uint32_t zero32;
};

/* How an earlier segment ended; what lies behind its end was never acknowledged. */
struct record_end {
	uint64_t sequence;
	uint64_t end;
};

enum { RECORD_ENDS = 8, RECORD_KEY_SIZE = 32 };

struct record_head {
	uint64_t next_id;
	uint64_t count;
	struct record_end ends[RECORD_ENDS];	/* of the newest segments before this one */
};

struct record_mark {
	uint64_t next_id;
};

/*
 * Payload of RECORD_MESSAGE: the rest of the body (all of it in a small message), the envelope
 * blob, the extents, the words of the bitmap of finished recipients, this tail.
 */
struct record_extent {
	uint64_t sequence;
	uint32_t offset;	/* of the chunk's record header */
	uint32_t length;	/* of its payload */
};

struct record_tail {
	uint64_t body_size;
	uint32_t body_crc;
	uint32_t envelope_size;
	uint32_t recipients;
	uint32_t extents;
	uint32_t done_words;	/* 0 = nobody finished yet */
	uint32_t inline_size;	/* body bytes in this record */
};

#define RECORD_ALIGN(n) (((n) + 7) & ~(uint64_t)7)
#define RECORD_SPACE(length) RECORD_ALIGN(sizeof(struct record_header) + (uint64_t)(length))

/* The nonce of one use of a segment file. */
uint64_t record_nonce(const unsigned char key[RECORD_KEY_SIZE], uint64_t sequence);
/* Fills header_crc; every other field is set. */
void record_seal(struct record_header *h);
/* A whole, undamaged record at p, with room bytes until the end of the segment? */
bool record_valid(const unsigned char *p, size_t room, uint64_t nonce);
/* false if the parts do not add up to the payload. */
bool record_tail_get(const unsigned char *payload, uint32_t length, struct record_tail *tail);

#endif
