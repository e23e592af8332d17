/* target_asked.c - what administrators ask for and are shown; see target.h. */
#include "edgesyncd/target_impl.h"

#include <string.h>

#include <utlist.h>

#include "edgesyncd/belonging.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

const char *const target_state_names[] = {
	"waiting", "connecting", "standby", "holder", "removing",
};

void target_end_wants(struct target *t, const char *text)
{
	struct push_result result = { .error = text };
	struct want *w;

	while ((w = t->wants) != NULL) {
		DL_DELETE(t->wants, w);
		w->cb(&result, w->ctx);
		free(w);
	}
}

void target_fail_wants(struct target *t)
{
	struct push_result result = { .error = t->error };
	struct want *w, *next;

	DL_FOREACH_SAFE(t->wants, w, next) {
		if (++w->failures <= t->reach->n_uris)
			continue;
		DL_DELETE(t->wants, w);
		w->cb(&result, w->ctx);
		free(w);
	}
}

void target_start_wanted(struct target *t)
{
	struct push_result result = { 0 };
	struct err e = { 0 };
	struct want *w;

	while ((w = t->wants) != NULL && pusher_attached(t->pusher)) {
		DL_DELETE(t->wants, w);
		if (pusher_start(t->pusher, w->full, w->allow_loss, w->cb, w->ctx, &e) != 0) {
			result.error = e.text;
			w->cb(&result, w->ctx);
		}
		free(w);
	}
}

void target_on_patience(evutil_socket_t fd, short what, void *ctx)
{
	struct target *t = ctx;
	struct push_result result = { 0 };
	uint64_t now_ms = clock_mono_ms();
	struct want *w, *next;
	char text[ERROR_MAX];

	(void)fd;
	(void)what;
	if (t->error[0] != '\0')
		snprintf(text, sizeof(text), "%s", t->error);
	else if (t->blind)
		snprintf(text, sizeof(text), "the organization's directory is not settled here: "
			"it is read, out of reach or held");
	else
		snprintf(text, sizeof(text), "the lease is held by %.300s, who does not give it",
			lease_keeper_view(t->keeper)->holder);
	result.error = text;
	DL_FOREACH_SAFE(t->wants, w, next) {
		if (w->until_ms > now_ms)
			continue;
		DL_DELETE(t->wants, w);
		w->cb(&result, w->ctx);
		free(w);
	}
	if (t->wants != NULL)
		target_after_ms(t->patience, UPKEEP_SOON_MS);
}

void target_start(struct target *t, bool full, bool allow_loss, pusher_done_cb *cb, void *ctx)
{
	uint64_t limit_ms = (uint64_t)t->common->lease_time_s * 1000;
	struct want *w = xcalloc(1, sizeof(*w));

	w->full = full;
	w->allow_loss = allow_loss;
	w->cb = cb;
	w->ctx = ctx;
	w->until_ms = clock_mono_ms() + limit_ms;
	DL_APPEND(t->wants, w);
	target_after_ms(t->patience, limit_ms < UPKEEP_SOON_MS ? limit_ms : UPKEEP_SOON_MS);
	if (t->state == TARGET_HOLDER) {
		target_start_wanted(t);
	} else if (t->bound) {
		lease_keeper_prefer(t->keeper);
	} else if (t->c == NULL && t->s != NULL) {
		t->delay_ms = DELAY_MIN_MS;
		target_after_ms(t->retry, 0);
	}
}

int target_compare(struct target *t, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e)
{
	if (t->bound && t->clearing == NULL)
		return pusher_compare(t->pusher, full, address, cbs, ctx, e);
	return err_set(e, ERR_TEMP, 0, "not connected to %s%s%s", t->name,
		t->error[0] != '\0' ? ": " : "", t->error);
}

void target_forget(struct target *t, void *ctx)
{
	struct want *w, *next;

	DL_FOREACH_SAFE(t->wants, w, next)
		if (w->ctx == ctx) {
			DL_DELETE(t->wants, w);
			free(w);
		}
	pusher_forget(t->pusher, ctx);
}

/* --- status --- */

static const char *hub_of(struct target *t, const char *account)
{
	const char *hub;

	if (*account == '\0')
		return "";
	hub = t->base != NULL ? edge_account_hub(t->status, account, t->base, NULL) : NULL;
	return hub != NULL ? hub : arena_strdup(t->status, account);
}

static void list_hubs(struct target *t, struct target_status *out)
{
	struct target_hub *hubs, *hub;
	size_t i;

	if (t->sealed == NULL)
		return;
	out->hubs = hubs = arena_alloc(t->status, (t->sealed->n_hubs + 1) * sizeof(*hubs));
	for (i = 0; i < t->sealed->n_hubs; i++) {
		if (t->sealed->hubs[i].former)
			continue;
		hub = &hubs[out->n_hubs++];
		hub->name = arena_strdup(t->status, t->sealed->hubs[i].name);
		hub->enrolled = accounts_enrolled(t->accounts, hub->name, &hub->account_expires);
	}
}

static const char *name_of(struct target *t, const struct obj *o)
{
	return o != NULL ? arena_strdup(t->status, o->name) : "";
}

static const char *error_of(struct target *t)
{
	const char *text = t->error[0] != '\0' ? t->error : t->accounts_error;

	return *text != '\0' ? arena_strdup(t->status, text) : NULL;
}

void target_status(struct target *t, struct target_status *out)
{
	const struct lease_view *lease = lease_keeper_view(t->keeper);

	arena_free(&t->status);
	t->status = arena_new();
	memset(out, 0, sizeof(*out));
	out->name = t->name;
	out->site = name_of(t, t->sub != NULL ? t->sub->site.target : NULL);
	out->former_site = name_of(t, t->sub != NULL ? belonging_former_site(t->sub) : NULL);
	out->state = t->state;
	out->uri = t->reach != NULL ? arena_strdup(t->status, t->reach->uris[t->uri]) : "";
	out->error = error_of(t);
	out->error_ms = t->error_ms;
	out->lease_holder = hub_of(t, lease->holder);
	out->lease_expiry = lease->expiry_s;
	out->lease_mine = lease_keeper_holds(t->keeper);
	out->lease_preferred = hub_of(t, lease->preferred);
	list_hubs(t, out);
	out->certificate_expires = t->certificate_expires;
	out->account_expires = t->account_expires;
	out->connects = t->connects;
	out->failures = t->failures;
	out->leases = t->leases;
	out->leases_lost = t->leases_lost;
	pusher_status(t->pusher, &out->push);
}
