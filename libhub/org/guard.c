/* guard.c - see guard.h */
#include "libhub/org/guard.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static bool too_large(const struct guard_loss *l)
{
	if (l->any)
		return l->lost > 0;
	if (l->lost == l->before)
		return l->lost >= GUARD_ALL_MIN;
	return l->lost > GUARD_LOST_MIN &&
		(uint64_t)l->lost * 100 > (uint64_t)l->before * GUARD_LOST_PERCENT;
}

const struct guard_loss *guard_too_large(const struct guard_loss *losses, size_t n)
{
	const struct guard_loss *worst = NULL;
	size_t i;

	for (i = 0; i < n; i++)
		if (too_large(&losses[i]) && (worst == NULL || losses[i].lost > worst->lost))
			worst = &losses[i];
	return worst;
}

/* Is a loss explained by what the administrator says of the whole directory? */
static bool new_epoch(const struct guard_state *before, const struct guard_state *shown)
{
	return shown->epoch[0] != '\0' && strcmp(shown->epoch, before->epoch) != 0 &&
		memcmp(shown->uuid, before->uuid, sizeof(shown->uuid)) == 0;
}

static int compare_csn(const struct guard_state *a, const struct guard_state *b)
{
	/* what is not known is no evidence */
	return a->csn[0] == '\0' || b->csn[0] == '\0' ? 0 : strcmp(a->csn, b->csn);
}

static bool nothing_written(const struct guard_state *before, const struct guard_state *shown)
{
	return before->csn[0] != '\0' && strcmp(before->csn, shown->csn) == 0;
}

static void hold(struct guard *g, size_t provider, bool older)
{
	/* the first who showed a loss is who must be confirmed */
	if (!g->held || g->older != older)
		g->provider = provider;
	g->held = true;
	g->older = older;
}

static enum guard_verdict believe(struct guard *g, const struct guard_state *shown)
{
	*g = (struct guard){ .in_force = *shown };
	return GUARD_BELIEVE;
}

static enum guard_verdict judge_loss(struct guard *g, const struct guard_state *shown,
	size_t provider, const struct guard_loss *l)
{
	if (g->held && !g->older && provider != g->provider &&
	    !nothing_written(&g->in_force, shown))
		return believe(g, shown);
	hold(g, provider, false);
	snprintf(g->reason, sizeof(g->reason), "missing: %zu of %zu %s%s; what was there stays in "
		"force until they are back, another directory server shows the same, or "
		"\"hubctl config accept\" says that it is right", l->lost, l->before, l->what,
		nothing_written(&g->in_force, shown) ? " though nothing was written" : "");
	return GUARD_HOLD;
}

enum guard_verdict guard_judge(struct guard *g, const struct guard_state *shown, size_t provider,
	const struct guard_loss *losses, size_t n, bool changed)
{
	const struct guard_loss *l = guard_too_large(losses, n);

	if (g->override || !changed)
		return believe(g, shown);
	if (compare_csn(shown, &g->in_force) < 0) {
		hold(g, provider, true);
		snprintf(g->reason, sizeof(g->reason), "the directory is older than what is in "
			"force (its last change is %s, not %s): a replica that is behind, or a "
			"restored backup, for which there is \"hubctl config accept\"", shown->csn,
			g->in_force.csn);
		return GUARD_HOLD;
	}
	if (l == NULL || new_epoch(&g->in_force, shown))
		return believe(g, shown);
	return judge_loss(g, shown, provider, l);
}
