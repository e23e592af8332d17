/* send_log.c - see send_log.h */
#include "hubd/deliver/send_log.h"

#include <stdarg.h>
#include <stdio.h>

#include "hubd/config/live.h"
#include "hubd/queue/queue.h"
#include "hubd/track/csv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/stream.h"

/* As of the sessions of receivers: no id is seen twice. */
enum { WORKER_SHIFT = 48, START_SHIFT = 16 };

/* In the place of a connector's name. */
static const char intra_org[] = "Intra-Organization";

struct send_log_lines {
	struct protocol_session session;
	size_t used;
	char command[CSV_FIELD_MAX + 1];
};

void send_log_shared_init(struct send_log_shared *shared, uint32_t worker)
{
	shared->next_id = (uint64_t)worker << WORKER_SHIFT |
		(uint64_t)(uint32_t)clock_wall_s() << START_SHIFT | 1;
}

void send_log_init(struct send_log *g, struct send_log_shared *shared,
	const struct send_connector *connector)
{
	*g = (struct send_log){ .shared = shared, .connector = connector,
		.checked = UINT64_MAX };
}

void send_log_deinit(struct send_log *g)
{
	free(g->lines);
	g->lines = NULL;
}

/* --- is it on? --- */

static bool is_verbose(const struct send_log *g, const struct live *live)
{
	const struct send_connector *sc;

	if (g->connector == NULL)
		return live->self->intra_org_logging == PROTOCOL_LOGGING_VERBOSE;
	sc = (const void *)snapshot_find(live->snapshot, OBJ_SEND_CONNECTOR,
		g->connector->pool.obj.name);
	return sc != NULL && sc->logging == PROTOCOL_LOGGING_VERBOSE;
}

bool send_log_is_on(struct send_log *g)
{
	const struct live *live;

	if (g == NULL || g->shared->file == NULL)
		return false;
	live = queue_set_live(g->shared->set);
	if (g->checked != live->snapshot->generation) {
		g->checked = live->snapshot->generation;
		g->verbose = is_verbose(g, live);
	}
	return g->verbose;
}

/* --- lines --- */

static struct send_log_lines *lines_of(struct send_log *g)
{
	if (g->lines == NULL)
		g->lines = xcalloc(1, sizeof(*g->lines));
	if (!g->has_session) {
		g->has_session = true;
		g->lines->used = 0;
		g->lines->session = (struct protocol_session){ .id = g->shared->next_id++ };
		snprintf(g->lines->session.connector, sizeof(g->lines->session.connector), "%.64s",
			g->connector != NULL ? g->connector->pool.obj.name : intra_org);
	}
	return g->lines;
}

void send_log_ends(struct send_log *g, const struct stream *s)
{
	struct sockaddr_storage local;
	struct protocol_session *p;

	if (!send_log_is_on(g))
		return;
	p = &lines_of(g)->session;
	stream_local(s, &local);
	protocol_endpoint(&local, p->local);
	protocol_endpoint(stream_peer(s), p->remote);
}

static void write_line(struct send_log *g, enum protocol_event event, const char *data, size_t n,
	const char *context)
{
	protocol_log_write(g->shared->file, &lines_of(g)->session, event, data, n, context);
}

void send_log_line(struct send_log *g, enum protocol_event event, const char *data, size_t n,
	const char *context)
{
	if (send_log_is_on(g))
		write_line(g, event, data, n, context);
}

void send_log_note_write(struct send_log *g, const char *context, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	protocol_log_note(g->shared->file, &lines_of(g)->session, context, fmt, ap);
	va_end(ap);
}

void send_log_put(struct send_log *g, const char *fmt, va_list ap)
{
	struct send_log_lines *l;
	int n;

	if (!send_log_is_on(g))
		return;
	l = lines_of(g);
	n = vsnprintf(l->command + l->used, sizeof(l->command) - l->used, fmt, ap);
	BUG_ON(n < 0);
	l->used += (size_t)n < sizeof(l->command) - l->used ? (size_t)n :
		sizeof(l->command) - l->used - 1;
}

void send_log_put_end(struct send_log *g)
{
	if (!send_log_is_on(g))
		return;
	write_line(g, PROTOCOL_SENT, g->lines->command, g->lines->used, NULL);
	g->lines->used = 0;
}

void send_log_session_end(struct send_log *g, bool was_connected, const char *context)
{
	if (g == NULL)
		return;
	if (was_connected)
		send_log_line(g, PROTOCOL_DISCONNECT, NULL, 0, context);
	g->has_session = false;
}

/* --- the configuration --- */

static bool has_source(const struct send_connector *sc, const struct server *self)
{
	size_t i;

	for (i = 0; i < sc->pool.sources.n; i++)
		if (sc->pool.sources.v[i].target == &self->obj)
			return true;
	return false;
}

static void tell(const char *name)
{
	log_event(LOG_LEVEL_WARNING, "protocol-log-off", LOG_STR("connector", name),
		LOG_STR("why", "protocol_log = off in the settings"), LOG_END);
}

void send_log_check(const struct live *live, bool is_kept)
{
	const struct objects *all = &live->snapshot->all[OBJ_SEND_CONNECTOR];
	size_t i;

	for (i = 0; i < all->n && !is_kept; i++) {
		const struct send_connector *sc = (const void *)all->v[i];

		if (sc->pool.obj.enabled && sc->logging == PROTOCOL_LOGGING_VERBOSE &&
			has_source(sc, live->self))
			tell(sc->pool.obj.name);
	}
	if (!is_kept && live->self->intra_org_logging == PROTOCOL_LOGGING_VERBOSE)
		tell(intra_org);
}
