/* reporter.c - see reporter.h */
#include "hubd/report/reporter.h"

#include <string.h>

#include "hubd/report/text.h"
#include "hubd/spool/copy.h"
#include "hubd/spool/firewall.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/address.h"

/* Of the original's header comes no more. */
enum { HEADER_MAX = 64 * 1024 };

struct reporter {
	struct loop *loop;
	struct spool_port *port;
	void (*on_message)(struct message *m, void *ctx);
	void *ctx;
	size_t jobs;
};

/* One report on its way into the spool. */
struct report_job {
	struct reporter *reporter;
	struct message *message;	/* the report, handed on when safe */
	/* its parts, until it is safe: once more if the original cannot be read */
	char *head, *tail;
	size_t head_size, tail_size;
	const void *envelope;		/* in the message's arena */
	size_t envelope_size;
	uint32_t strip;			/* enum firewall_class: what the original loses */
	bool bare;			/* nothing of the original comes with it */
	report_done_cb *done;
	void *ctx;
	bool ok;
};

struct reporter *reporter_new(struct loop *loop, struct spool_port *port,
	void (*on_message)(struct message *m, void *ctx), void *ctx)
{
	struct reporter *r = xcalloc(1, sizeof(*r));

	*r = (struct reporter){ .loop = loop, .port = port, .on_message = on_message, .ctx = ctx };
	return r;
}

void reporter_free(struct reporter **r)
{
	free(*r);
	*r = NULL;
}

bool reporter_is_busy(const struct reporter *r)
{
	return r->jobs != 0;
}

/* --- is one due? --- */

static bool notify_allows(uint32_t notify, enum queue_report_kind kind)
{
	switch (kind) {
	case QUEUE_REPORT_FAILED:
		return notify == 0 || (notify & ENVELOPE_NOTIFY_FAILURE) != 0;
	case QUEUE_REPORT_DELAYED:
		return notify == 0 || (notify & ENVELOPE_NOTIFY_DELAY) != 0;
	case QUEUE_REPORT_DELIVERED:
	case QUEUE_REPORT_RELAYED:
	case QUEUE_REPORT_EXPANDED:
		return (notify & ENVELOPE_NOTIFY_SUCCESS) != 0;
	default:
		return false;
	}
}

/* hubRemoteDomain: some correspondents get no reports. */
static bool domain_allows(const struct report_request *q, enum queue_report_kind kind)
{
	const char *at = strrchr(q->env->sender, '@');
	const struct remote_domain *d;

	if (at == NULL || snapshot_accepted_domain(q->live->snapshot, at + 1) != NULL)
		return true;
	d = snapshot_remote_domain(q->live->snapshot, at + 1);
	if (d == NULL)
		return true;
	return kind == QUEUE_REPORT_FAILED ? d->ndr : d->delivery_reports;
}

/* Positions in q->v that the sender wants to hear of. */
static size_t find_due(const struct report_request *q, uint32_t *due)
{
	size_t n = 0;
	uint32_t i;

	/* never a report of a report (RFC 5321 section 6.1) */
	if (*q->env->sender == '\0')
		return 0;
	for (i = 0; i < q->n; i++)
		if (notify_allows(q->env->recipients[q->v[i].i].notify, q->v[i].kind) &&
			domain_allows(q, q->v[i].kind))
			due[n++] = i;
	return n;
}

/* --- the message --- */

static const char *postmaster(const struct live *live, struct arena *a)
{
	const struct organization *org = live->snapshot->org;
	const struct accepted_domain *d = (const void *)org->default_domain.target;

	if (org->postmaster != NULL)
		return org->postmaster;
	return arena_printf(a, "postmaster@%s", d != NULL ? d->domain : live->fqdn);
}

static struct envelope *envelope_of(const struct report_request *q, const char *message_id,
	struct arena *a)
{
	struct envelope *env = arena_alloc(a, sizeof(*env));

	env->sender = env->envid = env->connector = env->linked_connector = env->identity = "";
	env->excluded = "";
	env->peer_name = env->peer_address = "";
	env->message_id = message_id;
	env->subject = "";
	env->body = ENVELOPE_BODY_8BITMIME;
	/*
	 * what UTF-8 the original has lies in a body part (RFC 6533 section 4): any 8-bit way will
	 * do
	 */
	env->smtputf8 = !smtp_is_ascii(q->env->sender);
	env->received_ms = env->expires_base_ms = clock_wall_ms();
	env->auth = ENVELOPE_AUTH_LOCAL;
	env->origin = (struct origin){ .as = ORIGIN_INTERNAL, .mechanism = ORIGIN_MADE_HERE,
		.source = arena_strdup(a, q->live->fqdn), .domain = "", .submitter = "",
		.arrived_ms = env->received_ms };
	env->recipient_count = 1;
	env->recipients = arena_alloc(a, sizeof(*env->recipients));
	env->recipients[0] = (struct envelope_recipient){ .orcpt = "", .original = "",
		.address = arena_strdup(a, q->env->sender), .notify = ENVELOPE_NOTIFY_NEVER };
	return env;
}

static void finish(struct report_job *job)
{
	job->reporter->jobs--;
	free(job->head);
	free(job->tail);
	message_free(&job->message);
	if (job->done != NULL)
		job->done(job->ok, job->ctx);
	free(job);
}

static void on_copied(uint64_t id, uint64_t body_size, const struct err *e, void *ctx);

static struct spool_copy *copy_new(struct report_job *job)
{
	return spool_copy_new(job->reporter->port, job->reporter->loop, on_copied, job);
}

static void copy_start(struct report_job *job, struct spool_copy *copy, uint64_t original,
	enum spool_copy_part part)
{
	spool_copy_prefix(copy, job->head, job->head_size);
	spool_copy_suffix(copy, job->tail, job->tail_size);
	spool_copy_limit_header(copy, HEADER_MAX);
	if (job->strip != 0)
		spool_copy_strip(copy, job->strip);
	spool_copy_start(copy, original, part, job->envelope, job->envelope_size, 1);
}

static void on_copied(uint64_t id, uint64_t body_size, const struct err *e, void *ctx)
{
	struct report_job *job = ctx;
	struct message *m = job->message;

	if (e != NULL && e->class != ERR_TEMP && !job->bare) {
		/* the original is damaged: its sender hears of it all the same */
		log_text(LOG_LEVEL_ERROR, "report-without-original", "%s", e->text);
		job->bare = true;
		copy_start(job, copy_new(job), 0, SPOOL_COPY_NOTHING);
		return;
	}
	if (e != NULL) {
		log_text(LOG_LEVEL_ERROR, "report-failed", "%s", e->text);
		finish(job);
		return;
	}
	job->ok = true;
	job->message = NULL;
	m->id = id;
	m->body_size = body_size;
	m->envelope->original_size = body_size;
	job->reporter->on_message(m, job->reporter->ctx);
	finish(job);
}

/*
 * Of the original: how it went through the organization is nobody's business outside, and the first
 * thing to look at for a sender within, above all in a loop.
 */
static uint32_t hidden_classes(bool within)
{
	return FIREWALL_ORGANIZATION | FIREWALL_FOREST | (within ? 0 : FIREWALL_ROUTING);
}

static void write_report(struct report_job *job, const struct report_request *q,
	const uint32_t *due, size_t due_n)
{
	struct spool_copy *copy = copy_new(job);
	struct arena *a = arena_new();
	char id[SPOOL_ID_TEXT], original[SPOOL_ID_TEXT];
	struct report_parts p = { .q = q, .id = spool_id_text(q->id, original),
		.to = q->env->sender, .reporting = q->live->fqdn,
		.within = reader_is_within(q), .now_s = clock_wall_s() };
	struct envelope *env;
	struct err e;

	p.n = reader_lines(q, due, due_n, a, &p.lines);
	p.whole = reader_gets_whole(q, p.lines, p.n);
	spool_id_text(spool_copy_id(copy), id);
	p.from = postmaster(q->live, a);
	p.boundary = arena_printf(a, "=_%s_%llx", id, (unsigned long long)clock_wall_ms());
	p.message_id = arena_printf(a, "<%s.report@%s>", id, q->live->fqdn);
	env = envelope_of(q, p.message_id, a);
	job->message = message_new(a, env);
	job->strip = q->env->classes & hidden_classes(p.within);
	job->head = report_text(&p, &job->head_size);
	job->tail = report_tail(&p, &job->tail_size);
	/* every text in it was in an envelope before, so the limits hold */
	BUG_ON(envelope_encode(env, a, &job->envelope, &job->envelope_size, &e) != 0);
	copy_start(job, copy, q->id, p.whole ? SPOOL_COPY_BODY : SPOOL_COPY_HEADER);
}

static void finish_later(void *ctx)
{
	finish(ctx);
}

void reporter_send(struct reporter *r, const struct report_request *q, report_done_cb *done,
	void *ctx)
{
	struct report_job *job = xcalloc(1, sizeof(*job));
	uint32_t *due = xcalloc(q->n, sizeof(*due));
	size_t due_n = find_due(q, due);

	*job = (struct report_job){ .reporter = r, .done = done, .ctx = ctx, .ok = due_n == 0 };
	r->jobs++;
	if (due_n == 0)
		loop_defer(r->loop, finish_later, job);
	else
		write_report(job, q, due, due_n);
	free(due);
}
