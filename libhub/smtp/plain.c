/* plain.c - see plain.h. 64 bytes at a time, each byte a bit: where the CRs, LFs and dots are. */
#include "libhub/smtp/plain.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#include <stdint.h>

enum { BLOCK = 64 };

static uint64_t places_of(char c, const char *p)
{
	const __m128i wanted = _mm_set1_epi8(c);
	uint64_t places = 0;
	int i;

	for (i = 0; i < BLOCK; i += 16) {
		__m128i v = _mm_loadu_si128((const void *)(p + i));

		places |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, wanted)) << i;
	}
	return places;
}

size_t smtp_plain_lines(const char *p, size_t n)
{
	/* what the last byte of the block before lets expect at the first of this one */
	uint64_t behind_cr = 0, behind_lf = 1, cr, lf;
	size_t at, plain = 0;

	for (at = 0; n - at >= BLOCK; at += BLOCK) {
		cr = places_of('\r', p + at);
		lf = places_of('\n', p + at);
		if (lf != (cr << 1 | behind_cr) || ((lf << 1 | behind_lf) & places_of('.', p + at)))
			break;
		behind_cr = cr >> (BLOCK - 1);
		behind_lf = lf >> (BLOCK - 1);
		if (lf != 0)
			plain = at + BLOCK - (size_t)__builtin_clzll(lf);
	}
	return plain;
}
#else
size_t smtp_plain_lines(const char *p, size_t n)
{
	(void)p;
	(void)n;
	return 0;
}
#endif
