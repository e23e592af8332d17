/* configuration_push.c - see configuration_push.h
 *
 * The marker is written only after every write of the round has succeeded: until then the digest in
 * it is that of what the edge has in force.
 */
#include "edgesyncd/configuration_push.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "edgesyncd/difference.h"
#include "edgesyncd/loss_window.h"
#include "edgesyncd/projection.h"
#include "edgesyncd/requests.h"
#include "libhub/base/clock.h"
#include "libhub/org/dn.h"

enum {
	FAILURES_MAX = 16,		/* refused writes before the rest is not tried */
	/* of what stands on the edge */
	ENTRIES_MAX = 100000,
	BYTES_MAX = 64 * 1024 * 1024,
};

/* Everything that is replicated but the buckets, each with its own search at once. */
static const struct part {
	const char *rdn;
	int scope;
} parts[] = {
	{ "", LDAP_SCOPE_BASE },
	{ "cn=Connectors,", LDAP_SCOPE_SUBTREE },
	{ "cn=Accepted Domains,", LDAP_SCOPE_SUBTREE },
	{ "cn=Remote Domains,", LDAP_SCOPE_SUBTREE },
	{ "cn=Sites,", LDAP_SCOPE_SUBTREE },
	{ "cn=Site Links,", LDAP_SCOPE_SUBTREE },
	{ "cn=Routing Groups,", LDAP_SCOPE_SUBTREE },
	{ "cn=Servers,", LDAP_SCOPE_SUBTREE },
	{ "cn=Edge Subscriptions,", LDAP_SCOPE_SUBTREE },
	{ "cn=Push,", LDAP_SCOPE_SUBTREE },
	{ "cn=Recipients,", LDAP_SCOPE_BASE },
};

struct configuration_push {
	struct loop *loop;
	char *edge, *base, *holder;
	struct requests requests;
	struct event *begin;		/* a round that was started */

	struct edge_entries *there;	/* NULL: not known */
	struct replica_marker marker;
	bool marker_known, marker_there;
	char here_digest[REPLICA_DIGEST_TEXT];
	char fingerprint[FINGERPRINT_HEX + 1];
	bool pushed;
	struct loss_window windows[DIFFERENCE_LOSSES];	/* outlive a lease */
	bool anew;			/* a modification broke a rule that two entries keep */

	/* of the round under way */
	bool busy;
	unsigned int flags;
	const struct snapshot *s;
	struct round_callbacks cbs;
	void *ctx;
	struct round_result result;
	struct arena *arena;
	struct edge_entries *reading, *here;
	size_t shown, shown_bytes;	/* of reading */
	struct difference difference;
	size_t next, failures;
};

/* Which write a request was, for its answer. */
struct sent_op {
	struct configuration_push *p;
	const struct edge_op *op;
};

static void on_begin(evutil_socket_t fd, short what, void *ctx);

struct configuration_push *configuration_push_new(struct loop *loop, const char *edge)
{
	struct configuration_push *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->edge = xstrdup(edge);
	p->begin = evtimer_new(loop_base(loop), on_begin, p);
	BUG_ON(p->begin == NULL);
	return p;
}

void configuration_push_free(struct configuration_push **pp)
{
	struct configuration_push *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	configuration_push_detach(p);
	event_free(p->begin);
	free(p->edge);
	free(p);
}

void configuration_push_attach(struct configuration_push *p, struct directory_connection *c,
	const char *base, const char *holder)
{
	BUG_ON(p->requests.c != NULL);
	p->requests.c = c;
	p->base = xstrdup(base);
	p->holder = xstrdup(holder);
	loss_windows_leave(p->windows, DIFFERENCE_LOSSES);
}

static void end_round(struct configuration_push *p)
{
	event_del(p->begin);
	requests_cancel(&p->requests);
	edge_entries_free(&p->reading);
	edge_entries_free(&p->here);
	arena_free_wiped(&p->arena);
	snapshot_unref(&p->s);
	p->busy = false;
}

void configuration_push_detach(struct configuration_push *p)
{
	if (p->requests.c == NULL)
		return;
	end_round(p);
	edge_entries_free(&p->there);
	p->requests.c = NULL;
	p->marker_known = p->pushed = false;
	free(p->base);
	free(p->holder);
	p->base = p->holder = NULL;
}

static void finish(struct configuration_push *p, enum round_outcome outcome)
{
	struct round_result result = p->result;

	result.outcome = outcome;
	p->anew = p->anew && outcome == ROUND_FAILED;
	end_round(p);
	p->pushed = outcome == ROUND_IN_STEP &&
		((p->flags & ROUND_DRY) == 0 || result.differences == 0);
	if (outcome == ROUND_FAILED || outcome == ROUND_FENCED)
		edge_entries_free(&p->there);
	p->cbs.done(&result, p->ctx);
}

static void set_text(struct configuration_push *p, const char *what, const char *text)
{
	/* the first trouble is most often the cause of the others */
	if (p->result.text[0] == '\0')
		snprintf(p->result.text, sizeof(p->result.text), "%.250s: %.300s", what, text);
}

static void fail(struct configuration_push *p, const char *what, const char *text)
{
	set_text(p, what, text);
	finish(p, ROUND_FAILED);
}

/* --- the marker, last --- */

static bool marker_is_right(const struct configuration_push *p)
{
	return p->marker_there && p->marker.holder[0] != '\0' &&
		strcmp(p->marker.digest, p->here_digest) == 0 &&
		strcmp(p->marker.fingerprint, p->fingerprint) == 0;
}

/* All stands there as it should. */
static void succeed(struct configuration_push *p)
{
	edge_entries_free(&p->there);
	p->there = p->here;
	p->here = NULL;
	finish(p, ROUND_IN_STEP);
}

static void on_marked(int code, const char *text, void *ctx)
{
	struct configuration_push *p = ctx;

	if (code == LDAP_SUCCESS) {
		p->marker_known = p->marker_there = true;
		succeed(p);
		return;
	}
	p->marker_known = false;
	set_text(p, replica_marker_dns[REPLICA_CONFIGURATION], text);
	finish(p, code == LDAP_INSUFFICIENT_ACCESS ? ROUND_FENCED : ROUND_FAILED);
}

/* Neither name nor class of an entry that is there may be written. */
static size_t marker_changes(const struct entry *e, struct directory_change *changes)
{
	size_t i, n = 0;

	for (i = 0; i < e->n; i++)
		if (strcmp(e->attrs[i].name, "cn") != 0 &&
		    strcmp(e->attrs[i].name, "objectClass") != 0)
			changes[n++] = (struct directory_change){ .how = DIRECTORY_REPLACE,
				.attr = e->attrs[i].name, .values = e->attrs[i].values,
				.n = e->attrs[i].n };
	return n;
}

static void write_marker(struct configuration_push *p)
{
	struct replica_marker *m = &p->marker;
	struct directory_change *changes;
	const struct entry *e;
	struct err err;
	int sent;

	if (marker_is_right(p)) {
		succeed(p);
		return;
	}
	*m = (struct replica_marker){ .time_s = clock_wall_s() };
	snprintf(m->fingerprint, sizeof(m->fingerprint), "%s", p->fingerprint);
	snprintf(m->digest, sizeof(m->digest), "%s", p->here_digest);
	snprintf(m->holder, sizeof(m->holder), "%s", p->holder);
	e = replica_marker_entry(p->arena, REPLICA_CONFIGURATION, p->base, m);
	changes = arena_alloc(p->arena, e->n * sizeof(*changes));
	sent = p->marker_there ? requests_modify(&p->requests, e->dn, changes,
		marker_changes(e, changes), on_marked, p, &err) :
		requests_add(&p->requests, e, on_marked, p, &err);
	if (sent < 0)
		fail(p, e->dn, err.text);
}

/* --- the writes --- */

static void send_more(struct configuration_push *p);

static void count_op(struct configuration_push *p, const struct edge_op *op)
{
	struct push_counts *c = &p->result.counts;

	switch (op->write) {
	case EDGE_DELETE:
		c->deleted += !op->again;
		break;
	case EDGE_ADD:
		c->added++;
		break;
	case EDGE_MODIFY:
		c->changed++;
		break;
	}
}

static void on_written(int code, const char *text, void *ctx)
{
	struct sent_op *sent = ctx;
	struct configuration_push *p = sent->p;

	if (code == LDAP_INSUFFICIENT_ACCESS) {
		set_text(p, sent->op->dn, text);
		finish(p, ROUND_FENCED);
		return;
	}
	if (code == LDAP_SUCCESS) {
		count_op(p, sent->op);
	} else {
		p->failures++;
		p->result.counts.failed++;
		set_text(p, sent->op->dn, text);
		p->anew |= code == LDAP_CONSTRAINT_VIOLATION && sent->op->write == EDGE_MODIFY;
	}
	send_more(p);
}

static int send_op(struct configuration_push *p, const struct edge_op *op)
{
	struct sent_op *sent = arena_alloc(p->arena, sizeof(*sent));
	struct err e = { 0 };
	int r = -1;

	*sent = (struct sent_op){ p, op };
	switch (op->write) {
	case EDGE_DELETE:
		r = requests_delete(&p->requests, op->dn, on_written, sent, &e);
		break;
	case EDGE_ADD:
		r = requests_add(&p->requests, op->entry, on_written, sent, &e);
		break;
	case EDGE_MODIFY:
		r = requests_modify(&p->requests, op->dn, op->changes, op->n, on_written, sent,
			&e);
		break;
	}
	if (r < 0)
		set_text(p, op->dn, e.text);
	return r;
}

/* Of one phase; the next one when all of it is answered. */
static void send_more(struct configuration_push *p)
{
	const struct edge_op *ops = p->difference.ops;

	while (p->next < p->difference.n && p->failures < FAILURES_MAX &&
	       p->requests.n < REQUESTS_MAX) {
		if (p->requests.n != 0 && ops[p->next].phase != ops[p->next - 1].phase)
			return;
		if (send_op(p, &ops[p->next++]) < 0) {
			p->failures++;
			p->result.counts.failed++;
		}
	}
	if (p->requests.n != 0)
		return;
	if (p->failures != 0)
		finish(p, ROUND_FAILED);
	else
		write_marker(p);
}

/* --- what is to be written --- */

/* Too much would go, together with what has gone lately. */
static bool is_held(struct configuration_push *p)
{
	const struct difference *d = &p->difference;
	bool held = false;
	size_t i;

	loss_windows_return(p->windows, DIFFERENCE_LOSSES, p->marker.holder, p->holder);
	if (d->other_site)
		loss_window_allow(&p->windows[LOST_HUBS]);
	if ((p->flags & ROUND_ALLOW_LOSS) == 0)
		held = loss_windows_hold(p->windows, d->losses, d->gains, DIFFERENCE_LOSSES,
			clock_mono_ms(), p->result.text, sizeof(p->result.text));
	else
		for (i = 0; i < DIFFERENCE_LOSSES; i++)
			loss_window_allow(&p->windows[i]);
	/* nor do the hubs of the former site count for what comes after */
	if (d->other_site)
		loss_window_allow(&p->windows[LOST_HUBS]);
	return held;
}

static void report(struct configuration_push *p)
{
	static const enum push_difference kinds[] = {
		[EDGE_DELETE] = PUSH_SURPLUS, [EDGE_ADD] = PUSH_MISSING,
		[EDGE_MODIFY] = PUSH_DIFFERENT,
	};
	size_t i;

	for (i = 0; i < p->difference.n; i++) {
		const struct edge_op *op = &p->difference.ops[i];

		if (op->again)
			continue;
		count_op(p, op);
		p->result.differences++;
		if (p->cbs.each != NULL)
			p->cbs.each(kinds[op->write], op->dn, p->ctx);
	}
	if (!marker_is_right(p) && p->difference.n == 0) {
		p->result.differences++;
		if (p->cbs.each != NULL)
			p->cbs.each(PUSH_DIFFERENT, replica_marker_dns[REPLICA_CONFIGURATION],
				p->ctx);
	}
	finish(p, ROUND_IN_STEP);
}

/* What should stand there; -1 when that is not known, and the round is over. */
static int prepare(struct configuration_push *p)
{
	struct err e;

	p->here = projection_new(p->s, p->edge, p->base, &e);
	if (p->here == NULL) {
		fail(p, "nothing is pushed", e.text);
		return -1;
	}
	edge_entries_digest(p->here, p->there, p->here_digest);
	/* what was pushed is no longer what is wanted */
	p->pushed = p->pushed && strcmp(p->fingerprint, p->s->fingerprint) == 0;
	memcpy(p->fingerprint, p->s->fingerprint, sizeof(p->fingerprint));
	return 0;
}

static void plan(struct configuration_push *p)
{
	if (prepare(p) < 0)
		return;
	difference_make(p->arena, p->here, p->there, p->anew, &p->difference);
	p->result.counts.scanned = p->difference.scanned;
	if ((p->flags & ROUND_DRY) != 0) {
		report(p);
		return;
	}
	if (is_held(p)) {
		finish(p, ROUND_HELD);
		return;
	}
	/* the organization is as at the last push: somebody else has written there */
	if (marker_is_right(p))
		p->result.differences = p->difference.n;
	p->pushed = p->pushed && p->difference.n == 0;
	p->next = p->failures = 0;
	send_more(p);
}

/* --- what stands there --- */

static void begin_reading(struct configuration_push *p)
{
	p->reading = edge_entries_new(p->base);
	p->shown = p->shown_bytes = 0;
	p->marker_there = p->marker_known = false;
	p->marker = (struct replica_marker){ .time_s = 0 };
}

/* About what it takes in memory. */
static size_t size_of(const struct entry *e)
{
	size_t i, j, size = sizeof(*e) + 4 * strlen(e->dn);

	for (i = 0; i < e->n; i++) {
		size += sizeof(e->attrs[i]) + strlen(e->attrs[i].name);
		for (j = 0; j < e->attrs[i].n; j++)
			size += sizeof(struct blob) + e->attrs[i].values[j].size;
	}
	return size;
}

/* What the edge's slapd shows is the edge's doing. False: the round is over. */
static bool is_reasonable(struct configuration_push *p, const struct entry *entry)
{
	p->shown_bytes += size_of(entry);
	if (++p->shown <= ENTRIES_MAX && p->shown_bytes <= BYTES_MAX)
		return true;
	fail(p, p->base, "more than 100000 entries or 64 MB stand there beside the recipients");
	return false;
}

static void take_entry(const struct entry *entry, void *ctx)
{
	struct configuration_push *p = ctx;
	const char *ndn = strlen(entry->dn) <= ENTRY_DN_MAX ?
		dn_normalize(p->arena, entry->dn) : NULL;
	const char *rdn = ndn != NULL ? dn_relative(p->arena, ndn, p->reading->nbase) : NULL;
	struct err ignored;

	if (!is_reasonable(p, entry))
		return;
	if (rdn != NULL && strcmp(rdn, replica_marker_rdns[REPLICA_CONFIGURATION]) == 0) {
		p->marker_there = true;
		/* one that cannot be read says nothing, and is written anew */
		if (replica_marker_read(entry, &p->marker, &ignored) < 0)
			p->marker = (struct replica_marker){ .time_s = 0 };
		return;
	}
	edge_entries_add(p->reading, entry);
}

static void on_part(int code, const char *text, void *ctx)
{
	struct configuration_push *p = ctx;

	/* a container that is missing is made again */
	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT) {
		fail(p, p->base, text);
		return;
	}
	if (p->requests.n != 0)
		return;
	edge_entries_sort(p->reading);
	if (edge_entries_find(p->reading, "") == NULL) {
		fail(p, p->base, "there is no such tree on the edge, or it may not be read");
		return;
	}
	edge_entries_free(&p->there);
	p->there = p->reading;
	p->reading = NULL;
	p->marker_known = true;
	plan(p);
}

/* --- the marker alone, of a dry round --- */

static void on_looked(int code, const char *text, void *ctx)
{
	struct configuration_push *p = ctx;

	if (code != LDAP_SUCCESS && code != LDAP_NO_SUCH_OBJECT) {
		fail(p, replica_marker_dns[REPLICA_CONFIGURATION], text);
		return;
	}
	p->marker_known = true;
	if (prepare(p) < 0)
		return;
	p->result.differences = !marker_is_right(p);
	finish(p, ROUND_IN_STEP);
}

static void look(struct configuration_push *p)
{
	struct directory_query q = { .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE };
	struct err e;

	q.base = arena_printf(p->arena, "%s,%s", replica_marker_dns[REPLICA_CONFIGURATION],
		p->base);
	begin_reading(p);
	if (requests_search(&p->requests, &q, take_entry, on_looked, p, &e) < 0)
		fail(p, q.base, e.text);
}

static void read_all(struct configuration_push *p)
{
	struct directory_query q = { .filter = "(objectClass=*)" };
	struct err e;
	size_t i;

	begin_reading(p);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		q.base = arena_printf(p->arena, "%s%s", parts[i].rdn, p->base);
		q.scope = parts[i].scope;
		if (requests_search(&p->requests, &q, take_entry, on_part, p, &e) < 0) {
			fail(p, q.base, e.text);
			return;
		}
	}
}

static void on_begin(evutil_socket_t fd, short what, void *ctx)
{
	struct configuration_push *p = ctx;

	(void)fd;
	(void)what;
	loop_touch(p->loop);
	if ((p->flags & (ROUND_READ | ROUND_DRY)) == ROUND_DRY)
		look(p);
	else if ((p->flags & ROUND_READ) != 0 || p->there == NULL || !p->marker_known)
		read_all(p);
	else
		plan(p);
}

void configuration_push_start(struct configuration_push *p, const struct snapshot *s,
	unsigned int flags, const struct round_callbacks *cbs, void *ctx)
{
	static const struct timeval at_once = { 0, 0 };

	BUG_ON(p->busy || p->requests.c == NULL);
	p->busy = true;
	p->flags = flags;
	p->s = snapshot_ref(s);
	p->cbs = *cbs;
	p->ctx = ctx;
	p->arena = arena_new();
	memset(&p->result, 0, sizeof(p->result));
	evtimer_add(p->begin, &at_once);
}

void configuration_push_known(const struct configuration_push *p, struct configuration_known *out)
{
	*out = (struct configuration_known){
		.pushed = p->pushed, .fingerprint = p->fingerprint, .here = p->here_digest,
		.marker = p->marker_known && p->marker_there ? &p->marker : NULL,
		.objects = p->there != NULL ? edge_entries_objects(p->there) : 0,
		.counted = p->there != NULL,
	};
}
