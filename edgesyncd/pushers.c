/* pushers.c - what all pushers share: see pusher.h */
#include "edgesyncd/pusher_priv.h"

#include <stdlib.h>

#include <utlist.h>

#include "libhub/base/mem.h"

struct pushers *pushers_new(struct loop *loop, const struct push_settings *settings)
{
	struct pushers *all = xcalloc(1, sizeof(*all));

	all->loop = loop;
	all->settings = *settings;
	all->log = change_log_new();
	return all;
}

void pushers_free(struct pushers **pp)
{
	struct pushers *all = *pp;

	*pp = NULL;
	if (all == NULL)
		return;
	BUG_ON(all->list != NULL);
	if (all->recipients != NULL)
		recipients_watch_addresses(all->recipients, NULL, NULL);
	snapshot_unref(&all->s);
	change_log_free(&all->log);
	free(all);
}

void pushers_set_settings(struct pushers *all, const struct push_settings *settings)
{
	all->settings = *settings;
}

static void on_address(const char *folded, void *ctx)
{
	struct pushers *all = ctx;
	struct pusher *p;
	bool needed = false;

	DL_FOREACH(all->list, p)
		needed |= p->attached;
	if (!needed)
		return;
	change_log_add(all->log, folded);
	DL_FOREACH(all->list, p)
		pusher_wake(&p->halves[PUSH_RECIPIENTS], all->settings.recipient_delay_ms);
}

static void watch(struct pushers *all, struct recipients *recipients)
{
	struct pusher *p;

	if (all->recipients != NULL)
		recipients_watch_addresses(all->recipients, NULL, NULL);
	all->recipients = recipients;
	if (recipients != NULL)
		recipients_watch_addresses(recipients, on_address, all);
	DL_FOREACH(all->list, p)
		p->halves[PUSH_RECIPIENTS].read_due = true;
}

/* Those that it is news for, or the answer that they have waited for. */
static void set_as_of(struct pushers *all, enum push_type type, uint64_t as_of_ms, bool news)
{
	uint64_t before_ms = all->as_of_ms[type];
	struct pusher *p;

	all->as_of_ms[type] = as_of_ms;
	news = news || (as_of_ms == 0) != (before_ms == 0);
	DL_FOREACH(all->list, p)
		if (news || before_ms < p->attached_ms)
			pusher_wake(&p->halves[type], 0);
}

void pushers_set_organization(struct pushers *all, const struct snapshot *s,
	struct recipients *recipients, uint64_t configuration_as_of_ms,
	uint64_t recipients_as_of_ms)
{
	bool news = s != all->s, other = recipients != all->recipients;
	struct pusher *p;

	if (s != all->s) {
		snapshot_unref(&all->s);
		all->s = s != NULL ? snapshot_ref(s) : NULL;
	}
	if (other)
		watch(all, recipients);
	set_as_of(all, PUSH_CONFIGURATION, s != NULL ? configuration_as_of_ms : 0, news);
	set_as_of(all, PUSH_RECIPIENTS, recipients != NULL ? recipients_as_of_ms : 0, other);
	/* a round with a snapshot ends as it began, for that stays as it is; but they change */
	if (all->as_of_ms[PUSH_RECIPIENTS] == 0)
		DL_FOREACH(all->list, p)
			recipient_push_unsettled(p->recipients);
}

const char *pushers_unsettled(const struct pushers *all, enum push_type type)
{
	if (all->as_of_ms[type] != 0)
		return NULL;
	return type == PUSH_CONFIGURATION ? "the organization's directory is not settled: it is "
		"read, out of reach or held" : "the recipients of the directory are not settled: "
		"they are read, out of reach or held";
}

bool pushers_take_turn(struct pushers *all, struct pusher *p)
{
	if (all->turn == NULL)
		all->turn = p;
	p->halves[PUSH_RECIPIENTS].waiting = all->turn != p;
	return all->turn == p;
}

void pushers_end_turn(struct pushers *all, struct pusher *p)
{
	struct pusher *other;

	p->halves[PUSH_RECIPIENTS].waiting = false;
	if (all->turn != p)
		return;
	all->turn = NULL;
	/* to the end of the line */
	DL_DELETE(all->list, p);
	DL_APPEND(all->list, p);
	DL_FOREACH(all->list, other)
		if (other->halves[PUSH_RECIPIENTS].waiting)
			pusher_wake(&other->halves[PUSH_RECIPIENTS], 0);
}

void pushers_trim(struct pushers *all)
{
	uint64_t place = change_log_end(all->log), needed;
	struct pusher *p;

	DL_FOREACH(all->list, p) {
		needed = recipient_push_place(p->recipients);
		if (p->attached && !p->observes && needed < place)
			place = needed;
	}
	change_log_trim(all->log, place);
}
