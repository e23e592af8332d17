/* record.c - see record.h */
#include "hubd/spool/record.h"

#include <openssl/sha.h>
#include <string.h>

#include "libhub/base/crc32c.h"

_Static_assert(sizeof(struct record_header) == 40, "no padding");
_Static_assert(sizeof(struct record_tail) == 32, "no padding");
_Static_assert(sizeof(struct record_extent) == 16, "no padding");

uint64_t record_nonce(const unsigned char key[RECORD_KEY_SIZE], uint64_t sequence)
{
	unsigned char in[RECORD_KEY_SIZE + sizeof(sequence)], out[SHA256_DIGEST_LENGTH];
	uint64_t nonce;

	memcpy(in, key, RECORD_KEY_SIZE);
	memcpy(in + RECORD_KEY_SIZE, &sequence, sizeof(sequence));
	SHA256(in, sizeof(in), out);
	memcpy(&nonce, out, sizeof(nonce));
	/* what a fresh file holds is no nonce */
	return nonce != 0 ? nonce : 1;
}

void record_seal(struct record_header *h)
{
	h->header_crc = 0;
	h->header_crc = crc32c(0, h, sizeof(*h));
}

bool record_valid(const unsigned char *p, size_t room, uint64_t nonce)
{
	struct record_header h;
	uint32_t crc;

	if (room < sizeof(h))
		return false;
	memcpy(&h, p, sizeof(h));
	if (h.nonce != nonce)
		return false;
	crc = h.header_crc;
	record_seal(&h);
	return h.header_crc == crc && RECORD_SPACE(h.length) <= room
		&& crc32c(0, p + sizeof(h), h.length) == h.payload_crc;
}

bool record_tail_get(const unsigned char *payload, uint32_t length, struct record_tail *tail)
{
	uint64_t sum;

	if (length < sizeof(*tail))
		return false;
	memcpy(tail, payload + length - sizeof(*tail), sizeof(*tail));
	sum = (uint64_t)tail->inline_size + tail->envelope_size
		+ (uint64_t)tail->extents * sizeof(struct record_extent)
		+ (uint64_t)tail->done_words * sizeof(uint64_t) + sizeof(*tail);
	return sum == length && tail->recipients != 0 && tail->body_size >= tail->inline_size
		&& (tail->done_words == 0 || tail->done_words == (tail->recipients + 63ull) / 64);
}
