/* crc32c.c - CRC-32C by the SSE 4.2 instruction where the processor has it, else by table.
 *
 * The instruction takes three cycles, but a new one can begin in each. So three lanes of LANE bytes
 * are done side by side, and put together: a checksum is linear, hence that of A followed by B is
 * that of B alone, xor that of A after as many zero bytes as B has.
 */
#include "libhub/base/crc32c.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

#define POLY_REFLECTED 0x82f63b78u

enum { LANE = 256 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t table[256];

static void table_init(void)
{
	uint32_t i, crc;
	int bit;

	for (i = 0; i < 256; i++) {
		crc = i;
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLY_REFLECTED : 0);
		table[i] = crc;
	}
}

static uint32_t crc_table(uint32_t crc, const unsigned char *p, size_t size)
{
	pthread_once(&once, table_init);
	while (size-- > 0)
		crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return crc;
}

#if defined(__x86_64__)
static pthread_once_t shift_once = PTHREAD_ONCE_INIT;
/* A checksum after LANE zero bytes is the xor of what its four bytes give. */
static uint32_t shift_table[4][256];

__attribute__((target("sse4.2")))
static void shift_init(void)
{
	uint32_t of_bit[32];
	size_t i, byte, value;

	for (i = 0; i < 32; i++) {
		uint64_t crc = UINT64_C(1) << i;

		for (byte = 0; byte < LANE; byte += sizeof(uint64_t))
			crc = _mm_crc32_u64(crc, 0);
		of_bit[i] = (uint32_t)crc;
	}
	for (byte = 0; byte < 4; byte++)
		for (value = 0; value < 256; value++)
			for (i = 0; i < 8; i++)
				if (value >> i & 1)
					shift_table[byte][value] ^= of_bit[byte * 8 + i];
}

static uint64_t shift(uint64_t crc)
{
	return shift_table[0][crc & 0xff] ^ shift_table[1][crc >> 8 & 0xff] ^
		shift_table[2][crc >> 16 & 0xff] ^ shift_table[3][crc >> 24];
}

static uint64_t word_at(const unsigned char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

__attribute__((target("sse4.2")))
static uint64_t crc_lanes(uint64_t a, const unsigned char *p)
{
	uint64_t b = 0, c = 0;
	size_t i;

	for (i = 0; i < LANE; i += sizeof(uint64_t)) {
		a = _mm_crc32_u64(a, word_at(p + i));
		b = _mm_crc32_u64(b, word_at(p + LANE + i));
		c = _mm_crc32_u64(c, word_at(p + 2 * LANE + i));
	}
	return shift(shift(a) ^ b) ^ c;
}

__attribute__((target("sse4.2")))
static uint32_t crc_sse42(uint32_t crc32, const unsigned char *p, size_t size)
{
	uint64_t crc = crc32;

	if (size >= 3 * LANE)
		pthread_once(&shift_once, shift_init);
	for (; size >= 3 * LANE; size -= 3 * LANE, p += 3 * LANE)
		crc = crc_lanes(crc, p);
	for (; size >= sizeof(uint64_t); size -= sizeof(uint64_t), p += sizeof(uint64_t))
		crc = _mm_crc32_u64(crc, word_at(p));
	while (size-- > 0)
		crc = _mm_crc32_u8((uint32_t)crc, *p++);
	return (uint32_t)crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *data, size_t size)
{
	crc = ~crc;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(crc, data, size);
#endif
	return ~crc_table(crc, data, size);
}
