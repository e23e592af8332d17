/* providers.h - which of several directory servers is tried next, and when. Pure: no input or
 * output, the caller has the timers.
 *
 * Servers stand in order of preference. A round tries each once, at once; between rounds the wait
 * doubles. With more than one, opening a connection has a short limit, so that a server that hangs
 * costs no more than that; it grows with each round in which nobody was quick enough. A connection
 * that worked for a while and is gone begins a new round: with the preferred server, or with the
 * next one if this one hangs.
 *
 * Away from the preferred server it is probed, and returned to after several good probes in a row;
 * each time that it fails again soon after, or that another opinion is wanted, twice as many are
 * asked for.
 */
#ifndef HUB_DIRECTORY_PROVIDERS_H
#define HUB_DIRECTORY_PROVIDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PROVIDERS_OPEN_MS = 1000,	/* first limit of opening a connection */
	PROVIDERS_PROBE_MS = 5000,	/* between two probes */
	PROVIDERS_PROBES = 2,		/* good ones before a return, at first */
	PROVIDERS_PROBES_MAX = 64,
};

struct providers {
	size_t n, at;			/* how many; the one in use or tried last */
	size_t tried;			/* in this round */
	unsigned int delay_ms, delay_max_ms;
	unsigned int open_ms;
	unsigned int probes, good;	/* asked for, and seen in a row */
	bool live;
	uint64_t live_since_ms;
};

/* local: one of them is on this machine, so that trying often costs nothing. */
void providers_init(struct providers *p, size_t n, bool local);
/* An attempt at p->at begins. Its limit, or 0 if there is nobody else to turn to. */
unsigned int providers_begin(struct providers *p);
/* A refresh ended well. */
void providers_live(struct providers *p, uint64_t now_ms);
/* The connection is gone or was never had. Sets p->at; milliseconds until it is tried. */
unsigned int providers_failed(struct providers *p, bool hangs, uint64_t now_ms);
/* What a probe of the preferred server found. True: return to it now, p->at is set. */
bool providers_probed(struct providers *p, bool good);
/* On to the next one, though this one works: for a second opinion. False if there is no other. */
bool providers_other(struct providers *p);

#endif
