/* providers.c - see providers.h */
#include "libhub/directory/providers.h"

enum {
	DELAY_FIRST_MS = 100,
	DELAY_MAX_MS = 5000,
	DELAY_MAX_LOCAL_MS = 1000,
	OPEN_MAX_MS = 8000,		/* beyond the limits of all phases of opening */
	STEADY_MS = 3000,		/* live for so long: it worked */
	CALM_MS = 600 * 1000,		/* live for so long: its failures are forgotten */
};

static unsigned int twice(unsigned int value, unsigned int max)
{
	return value * 2 < max ? value * 2 : max;
}

void providers_init(struct providers *p, size_t n, bool local)
{
	*p = (struct providers){
		.n = n,
		.delay_ms = DELAY_FIRST_MS,
		.delay_max_ms = local ? DELAY_MAX_LOCAL_MS : DELAY_MAX_MS,
		.open_ms = PROVIDERS_OPEN_MS,
		/* twice as many are asked for when the preferred one is left */
		.probes = PROVIDERS_PROBES / 2,
	};
}

unsigned int providers_begin(struct providers *p)
{
	p->tried++;
	return p->n > 1 ? p->open_ms : 0;
}

void providers_live(struct providers *p, uint64_t now_ms)
{
	if (!p->live)
		p->live_since_ms = now_ms;
	p->live = true;
	p->good = 0;
	p->open_ms = PROVIDERS_OPEN_MS;
}

static void leave_preferred(struct providers *p, uint64_t lived_ms)
{
	p->probes = lived_ms < CALM_MS ? twice(p->probes, PROVIDERS_PROBES_MAX) :
		PROVIDERS_PROBES;
}

static unsigned int next_round(struct providers *p)
{
	unsigned int delay = p->delay_ms;

	p->tried = 0;
	p->at = 0;
	p->delay_ms = twice(p->delay_ms, p->delay_max_ms);
	p->open_ms = twice(p->open_ms, OPEN_MAX_MS);
	return delay;
}

unsigned int providers_failed(struct providers *p, bool hangs, uint64_t now_ms)
{
	uint64_t lived_ms = p->live ? now_ms - p->live_since_ms : 0;

	if (p->live && p->at == 0)
		leave_preferred(p, lived_ms);
	p->live = false;
	if (lived_ms >= STEADY_MS) {
		p->tried = 0;
		p->delay_ms = DELAY_FIRST_MS;
		if (p->n > 1 && !hangs) {
			p->at = 0;
			return 0;
		}
		/* the one that hangs comes last */
		p->tried = p->n > 1 ? 0 : 1;
	}
	if (p->tried >= p->n)
		return next_round(p);
	p->at = (p->at + 1) % p->n;
	return 0;
}

bool providers_probed(struct providers *p, bool good)
{
	p->good = good ? p->good + 1 : 0;
	if (p->good < p->probes || p->at == 0)
		return false;
	p->at = 0;
	p->good = 0;
	p->tried = 0;
	p->live = false;
	return true;
}

bool providers_other(struct providers *p)
{
	if (p->n < 2)
		return false;
	if (p->at == 0)
		leave_preferred(p, 0);
	p->at = (p->at + 1) % p->n;
	p->tried = 0;
	p->live = false;
	return true;
}
