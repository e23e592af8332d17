/* failover.c - see failover.h */
#include "hubd/queue/failover.h"

#include <event2/event.h>
#include <stdatomic.h>
#include <string.h>
#include <uthash.h>

#include "hubd/config/live.h"
#include "hubd/queue/schedule.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/connector.h"

/* A success of one connector is told again after so long. */
enum { SUCCESS_EVERY_MS = 100 };

enum note_kind { NOTE_SUCCESS, NOTE_FAILURE, NOTE_PASSED };

/* What a worker tells the judge. */
struct note {
	struct inbox_node node;
	enum note_kind kind;
	enum queue_type type;
	char *connector, *domain, *text;
};

/* The latest few different ones. */
struct domains {
	char *v[FAILOVER_PROBES];
	size_t n;
};

/* A connector in trouble; others have no entry. */
struct judged {
	UT_hash_handle hh;
	enum queue_type type;
	char *domain;			/* the smart hosts, as the queue is named */
	struct domains failing, wanted;	/* MX routing */
	uint64_t since_ms;		/* monotonic: the first failure since the last success */
	char *reason;
	bool failed;
	int64_t failed_ms;		/* wall */
	uint32_t probes;
	uint64_t probe_at_ms;		/* monotonic */
	char name[];
};

struct failover {
	struct loop *loop;
	struct queues *queues;
	void (*on_change)(void *ctx);
	void *ctx;
	struct inbox *notes;
	struct event *timer;
	const struct live *live;
	const struct failed_set *set;
	struct judged *all;
	uint64_t generation;
	atomic_uint_fast64_t n_failed, n_judged;
};

/* --- what was told --- */

static struct note *note_new(enum note_kind kind, const struct queue_key *key, const char *text)
{
	struct note *n = xcalloc(1, sizeof(*n));

	n->kind = kind;
	n->type = key->type;
	n->connector = xstrdup(key->connector);
	n->domain = xstrdup(key->domain);
	n->text = text != NULL ? xstrdup(text) : NULL;
	return n;
}

static void note_free(struct note *n)
{
	free(n->connector);
	free(n->domain);
	free(n->text);
	free(n);
}

static void domains_add(struct domains *d, const char *domain)
{
	size_t i;

	for (i = 0; i < d->n; i++)
		if (strcmp(d->v[i], domain) == 0)
			return;
	if (d->n == FAILOVER_PROBES) {
		free(d->v[0]);
		memmove(d->v, d->v + 1, (FAILOVER_PROBES - 1) * sizeof(d->v[0]));
		d->n--;
	}
	d->v[d->n++] = xstrdup(domain);
}

static void domains_clear(struct domains *d)
{
	while (d->n != 0)
		free(d->v[--d->n]);
}

/* --- entries --- */

static struct judged *judged_find(struct failover *f, const char *name)
{
	struct judged *j;

	HASH_FIND_STR(f->all, name, j);
	return j;
}

static struct judged *judged_get(struct failover *f, const char *name)
{
	struct judged *j = judged_find(f, name);
	size_t n = strlen(name);

	if (j != NULL)
		return j;
	j = xcalloc(1, sizeof(*j) + n + 1);
	memcpy(j->name, name, n + 1);
	j->since_ms = clock_mono_ms();
	HASH_ADD_KEYPTR(hh, f->all, j->name, n, j);
	return j;
}

static void judged_free(struct failover *f, struct judged *j)
{
	HASH_DEL(f->all, j);
	domains_clear(&j->failing);
	domains_clear(&j->wanted);
	free(j->domain);
	free(j->reason);
	free(j);
}

/* --- the set in force --- */

static void set_make(struct failover *f)
{
	const char **names = xcalloc(HASH_COUNT(f->all) + 1, sizeof(*names));
	struct judged *j, *next;
	size_t n = 0;

	HASH_ITER(hh, f->all, j, next)
		if (j->failed)
			names[n++] = j->name;
	failed_set_unref(&f->set);
	f->set = failed_set_new(names, n, ++f->generation);
	atomic_store(&f->n_failed, n);
	free(names);
}

static void set_change(struct failover *f)
{
	set_make(f);
	f->on_change(f->ctx);
}

/* --- time --- */

static uint64_t delay_ms(const struct failover *f)
{
	return f->live != NULL ? f->live->snapshot->org->connector_failover_delay_s * 1000 : 0;
}

static bool fails_everywhere(const struct judged *j)
{
	return j->type != QUEUE_DNS_CONNECTOR || j->failing.n >= FAILOVER_DOMAINS;
}

/* When something is to be done about it; 0 = nothing until more is told. */
static uint64_t due_ms(const struct failover *f, const struct judged *j)
{
	if (j->failed)
		return j->probe_at_ms;
	return fails_everywhere(j) ? j->since_ms + delay_ms(f) : 0;
}

static void arm(struct failover *f)
{
	uint64_t now = clock_mono_ms(), first = UINT64_MAX, wait;
	struct judged *j, *next;
	struct timeval tv;

	HASH_ITER(hh, f->all, j, next)
		if (due_ms(f, j) != 0 && due_ms(f, j) < first)
			first = due_ms(f, j);
	if (first == UINT64_MAX) {
		event_del(f->timer);
		return;
	}
	wait = first > now ? first - now : 0;
	tv = (struct timeval){ (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };
	event_add(f->timer, &tv);
}

/* --- probes --- */

static void probe_next(struct failover *f, struct judged *j)
{
	j->probe_at_ms = clock_mono_ms() + schedule_retry_ms(f->live->self, j->probes + 1);
}

static void probe_domains(struct failover *f, const struct judged *j,
	const struct pool_connector *pc, const struct domains *d)
{
	struct queue_key key = { j->type, NULL, j->name };
	size_t i;

	for (i = 0; i < d->n; i++) {
		key.domain = d->v[i];
		queues_post(f->queues, queue_item_new_probe(f->live, pc, &key));
	}
}

/* Those that send by SMTP to hosts outside; they share one container, so a name is one of them. */
static const struct pool_connector *connector_find(const struct snapshot *s, const char *name)
{
	const struct obj *found = snapshot_find(s, OBJ_SEND_CONNECTOR, name);

	if (found == NULL)
		found = snapshot_find(s, OBJ_ROUTING_GROUP_CONNECTOR, name);
	return (const void *)found;
}

static void probe(struct failover *f, struct judged *j)
{
	const struct pool_connector *pc = connector_find(f->live->snapshot, j->name);
	const struct queue_key key = { j->type, j->domain, j->name };

	BUG_ON(pc == NULL);
	if (j->type == QUEUE_DNS_CONNECTOR) {
		probe_domains(f, j, pc, &j->wanted);
		probe_domains(f, j, pc, &j->failing);
	} else {
		queues_post(f->queues, queue_item_new_probe(f->live, pc, &key));
	}
	j->probes++;
	probe_next(f, j);
}

/* --- connectors --- */

/* Is it a connector in force that this server delivers with? */
static bool usable(const struct live *live, const char *name)
{
	const struct pool_connector *pc = connector_find(live->snapshot, name);
	size_t i;

	if (pc == NULL || !pc->obj.enabled)
		return false;
	for (i = 0; i < pc->sources.n; i++)
		if (pc->sources.v[i].target == &live->self->obj)
			return true;
	return false;
}

/* Where it sends, and by which port where a host names none. */
static const struct smart_hosts *hosts_of(const struct pool_connector *c, uint64_t *port)
{
	const struct routing_group_connector *rgc = (const void *)c;
	const struct send_connector *sc = (const void *)c;

	*port = 0;
	if (c->obj.class->kind == OBJ_ROUTING_GROUP_CONNECTOR)
		return &rgc->targets;
	*port = sc->port;
	return &sc->smart_hosts;
}

/* A connection made before a change may fail after it, by hosts where there is MX routing now. */
static bool fits(const struct live *live, const struct note *n)
{
	uint64_t port;

	return usable(live, n->connector) && (n->type == QUEUE_DNS_CONNECTOR) ==
		(hosts_of(connector_find(live->snapshot, n->connector), &port)->n == 0);
}

/* --- judging --- */

static void judge_failed(struct failover *f, struct judged *j)
{
	j->failed = true;
	j->failed_ms = clock_wall_ms();
	j->probes = 0;
	probe_next(f, j);
	atomic_fetch_add(&f->n_judged, 1);
	log_event(LOG_LEVEL_WARNING, "connector-failed", LOG_STR("connector", j->name),
		LOG_UINT("failing_s", (clock_mono_ms() - j->since_ms) / 1000),
		LOG_STR("reason", j->reason), LOG_END);
}

/* Gives whether the set has changed by it. */
static bool judge_good(struct failover *f, struct judged *j, const char *why)
{
	bool was_failed = j->failed;

	if (was_failed)
		log_event(LOG_LEVEL_WARNING, "connector-back", LOG_STR("connector", j->name),
			LOG_UINT("failed_s", (uint64_t)(clock_wall_ms() - j->failed_ms) / 1000),
			LOG_STR("reason", why), LOG_END);
	judged_free(f, j);
	return was_failed;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct failover *f = ctx;
	uint64_t now = clock_mono_ms();
	struct judged *j, *next;
	bool changed = false;

	(void)fd;
	(void)what;
	loop_touch(f->loop);
	HASH_ITER(hh, f->all, j, next) {
		if (due_ms(f, j) == 0 || due_ms(f, j) > now)
			continue;
		if (j->failed) {
			probe(f, j);
		} else {
			judge_failed(f, j);
			changed = true;
		}
	}
	if (changed)
		set_change(f);
	arm(f);
}

static void take_failure(struct failover *f, const struct note *n)
{
	struct judged *j = judged_get(f, n->connector);

	j->type = n->type;
	free(j->reason);
	j->reason = n->text != NULL ? xstrdup(n->text) : NULL;
	if (n->type == QUEUE_DNS_CONNECTOR) {
		domains_add(&j->failing, n->domain);
	} else {
		free(j->domain);
		j->domain = xstrdup(n->domain);
	}
}

static void on_note(struct inbox_node *node, void *ctx)
{
	struct failover *f = ctx;
	struct note *n = INBOX_ENTRY(node, struct note, node);
	struct judged *j = judged_find(f, n->connector);

	if (n->kind == NOTE_FAILURE && delay_ms(f) != 0 && fits(f->live, n))
		take_failure(f, n);
	else if (n->kind == NOTE_PASSED && j != NULL && j->failed)
		domains_add(&j->wanted, n->domain);
	else if (n->kind == NOTE_SUCCESS && j != NULL && judge_good(f, j, "delivers again"))
		set_change(f);
	note_free(n);
	arm(f);
}

/* --- a new configuration --- */

static bool has_host(const struct smart_hosts *hosts, const char *text)
{
	size_t i;

	for (i = 0; i < hosts->n; i++)
		if (strcmp(hosts->v[i].text, text) == 0)
			return true;
	return false;
}

static bool same_hosts(const struct live *a, const struct live *b, const char *name)
{
	uint64_t port_x, port_y;
	const struct smart_hosts *x = hosts_of(connector_find(a->snapshot, name), &port_x);
	const struct smart_hosts *y = hosts_of(connector_find(b->snapshot, name), &port_y);
	size_t i;

	if (x->n != y->n || port_x != port_y)
		return false;
	for (i = 0; i < x->n; i++)
		if (!has_host(y, x->v[i].text))
			return false;
	return true;
}

static bool outlives(const struct failover *f, const struct judged *j, const struct live *live)
{
	return live->snapshot->org->connector_failover_delay_s != 0 && usable(live, j->name) &&
		same_hosts(f->live, live, j->name);
}

void failover_adopt(struct failover *f, const struct live *live)
{
	struct judged *j, *next;
	bool changed = false;

	HASH_ITER(hh, f->all, j, next)
		if (!outlives(f, j, live))
			changed |= judge_good(f, j, "the configuration changed");
	live_unref(&f->live);
	f->live = live_ref(live);
	if (changed)
		set_make(f);
	arm(f);
}

const struct failed_set *failover_set(const struct failover *f)
{
	return f->set;
}

/* --- for people --- */

void failover_each(const struct failover *f, void (*cb)(const struct failover_row *row, void *ctx),
	void *ctx)
{
	int64_t to_wall = clock_wall_ms() - (int64_t)clock_mono_ms();
	const struct judged *j;

	for (j = f->all; j != NULL; j = j->hh.next) {
		struct failover_row row = { j->name, j->reason, j->failed_ms,
			(int64_t)j->probe_at_ms + to_wall };

		if (j->failed)
			cb(&row, ctx);
	}
}

void failover_counts(const struct failover *f, uint64_t *failed, uint64_t *judged)
{
	*failed = atomic_load(&f->n_failed);
	*judged = atomic_load(&f->n_judged);
}

/* --- ports --- */

struct success {
	UT_hash_handle hh;
	uint64_t at_ms;			/* monotonic; told to the judge */
	char connector[];
};

struct failover_port {
	struct failover *f;
	struct success *told;
};

static bool concerns(const struct failover_port *p, const struct queue_key *key)
{
	return p != NULL && (key->type == QUEUE_DNS_CONNECTOR ||
		key->type == QUEUE_SMART_HOST_CONNECTOR ||
		key->type == QUEUE_RELAY_TO_ROUTING_GROUP);
}

void failover_passed(struct failover *f, const char *connector, const char *domain)
{
	const struct queue_key key = { QUEUE_DNS_CONNECTOR, domain, connector };

	if (f != NULL)
		inbox_post(f->notes, &note_new(NOTE_PASSED, &key, NULL)->node);
}

void failover_port_success(struct failover_port *p, const struct queue_key *key)
{
	uint64_t now = clock_mono_ms();
	size_t n = strlen(key->connector);
	struct success *s;

	if (!concerns(p, key))
		return;
	HASH_FIND(hh, p->told, key->connector, n, s);
	if (s != NULL && now - s->at_ms < SUCCESS_EVERY_MS)
		return;
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + n + 1);
		memcpy(s->connector, key->connector, n + 1);
		HASH_ADD_KEYPTR(hh, p->told, s->connector, n, s);
	}
	s->at_ms = now;
	inbox_post(p->f->notes, &note_new(NOTE_SUCCESS, key, NULL)->node);
}

void failover_port_failure(struct failover_port *p, const struct queue_key *key,
	const char *status, const char *text)
{
	bool network = status != NULL && strncmp(status, "4.4.", 4) == 0;
	struct success *s;

	if (!concerns(p, key) || (key->type == QUEUE_DNS_CONNECTOR && !network))
		return;
	/* the next success is news */
	HASH_FIND_STR(p->told, key->connector, s);
	if (s != NULL)
		s->at_ms = 0;
	inbox_post(p->f->notes, &note_new(NOTE_FAILURE, key, text)->node);
}

void failover_port_forget(struct failover_port *p)
{
	struct success *s, *next;

	if (p == NULL)
		return;
	HASH_ITER(hh, p->told, s, next) {
		HASH_DEL(p->told, s);
		free(s);
	}
}

struct failover_port *failover_port_new(struct failover *f)
{
	struct failover_port *p = xcalloc(1, sizeof(*p));

	p->f = f;
	return p;
}

void failover_port_free(struct failover_port **p)
{
	if (*p == NULL)
		return;
	failover_port_forget(*p);
	free(*p);
	*p = NULL;
}

/* --- life --- */

struct failover *failover_new(struct loop *loop, struct queues *queues,
	void (*on_change)(void *ctx), void *ctx)
{
	struct failover *f = xcalloc(1, sizeof(*f));

	f->loop = loop;
	f->queues = queues;
	f->on_change = on_change;
	f->ctx = ctx;
	f->notes = inbox_new(loop, on_note, f);
	f->timer = evtimer_new(loop_base(loop), on_timer, f);
	BUG_ON(f->timer == NULL);
	return f;
}

void failover_free(struct failover **fp)
{
	struct failover *f = *fp;
	struct judged *j, *next;

	if (f == NULL)
		return;
	inbox_free(&f->notes);
	event_free(f->timer);
	HASH_ITER(hh, f->all, j, next)
		judged_free(f, j);
	failed_set_unref(&f->set);
	live_unref(&f->live);
	free(f);
	*fp = NULL;
}
