/* pickup_file.c - the header of a file read and judged. See pickup_file_priv.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hubd/pickup/pickup_file_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum { MAX_HOPS = 60, MAX_LOCAL_HOPS = 8 };	/* as of Receive connectors */

static struct intake_limits limits_of(const struct pickup_file *x)
{
	const struct live *live = x->folder->pickup->live;
	uint32_t all = FIREWALL_ALL;

	return (struct intake_limits){
		.arena = x->arena,
		.max_size = live->snapshot->org->max_receive_size,
		.max_hops = MAX_HOPS, .max_local_hops = MAX_LOCAL_HOPS,
		.own_name = arena_strdup(x->arena, live->fqdn),
		.own_alias = arena_strdup(x->arena, live->fqdn),
		.accept = x->trusted ? all : x->folder->kind == PICKUP_KIND_REPLAY ?
			FIREWALL_ROUTING : 0,
		.trust_exclusions = x->trusted,
		.binary = x->env->body == ENVELOPE_BODY_BINARYMIME,
	};
}

/*
 * Whom an administrator lets write to the pickup directory is of ours. Replayed mail came from
 * somewhere else, unless the organization's fields in a trusted file say otherwise: that it is
 * trusted means that these are believed, and without them it says nothing.
 */
static void make_envelope(struct pickup_file *x, const struct file_header *h)
{
	const struct pickup_folder *f = x->folder;
	struct envelope *env = arena_alloc(x->arena, sizeof(*env));
	bool within = f->kind == PICKUP_KIND_PICKUP;

	*env = (struct envelope){
		.sender = h->sender, .envid = h->envid, .ret = h->ret, .body = h->body,
		.smtputf8 = h->smtputf8, .message_id = "", .subject = "",
		.received_ms = clock_wall_ms(), .connector = pickup_kind_names[f->kind],
		.linked_connector = "", .peer_name = h->helo, .peer_address = h->address,
		.identity = "", .auth = ENVELOPE_AUTH_LOCAL, .excluded = "",
		.recipients = h->recipients, .recipient_count = h->recipient_count,
	};
	env->expires_base_ms = env->received_ms;
	env->origin = (struct origin){ .as = within ? ORIGIN_INTERNAL : ORIGIN_EXTERNAL,
		.mechanism = ORIGIN_BY_FILE, .domain = "",
		.submitter = x->trusted ? h->submitter : "",
		.source = arena_strdup(x->arena, f->pickup->live->fqdn),
		.arrived_ms = env->received_ms };
	/* RFC 4954 section 5: AUTH=<>, as of a client that is believed, see judge.c */
	if (x->trusted && h->submitter_given && *h->submitter == '\0')
		env->origin.as = ORIGIN_ANONYMOUS;
	x->env = env;
	x->body_given = h->body_given;
}

static void put_trace(struct pickup_file *x)
{
	const struct live *live = x->folder->pickup->live;
	bool replay = x->folder->kind == PICKUP_KIND_REPLAY;
	char id[SPOOL_ID_TEXT], date[64], *field;

	clock_rfc5322(clock_wall_s(), date, sizeof(date));
	field = xasprintf("Received: from %s\r\n\tby %s with %s id %s;\r\n\t%s\r\n",
		replay ? live->fqdn : "localhost", live->fqdn,
		pickup_kind_names[x->folder->kind], spool_id_text(intake_id(x->intake), id), date);
	intake_trace_text(x->intake, field, strlen(field));
	free(field);
}

static struct file_header *read_header(struct pickup_file *x, const char *p, size_t n,
	const char **rule, struct err *e)
{
	const struct live *live = x->folder->pickup->live;
	const struct accepted_domain *d =
		(const void *)live->snapshot->org->default_domain.target;
	struct file_header_limits limits = { .max_recipients =
		x->folder->kind == PICKUP_KIND_PICKUP ?
		(uint32_t)live->self->pickup_max_recipients : 0 };
	struct file_header_defaults defaults;
	char date[64];

	clock_rfc5322(clock_wall_s(), date, sizeof(date));
	defaults.date = date;
	defaults.message_id = arena_printf(x->arena, "<%llx.%llx.%s@%s>",
		(unsigned long long)clock_wall_ms(), (unsigned long long)x->st.st_ino,
		x->folder->kind == PICKUP_KIND_PICKUP ? "pickup" : "replay",
		d != NULL ? d->domain : live->fqdn);
	return file_header_read(x->folder->kind, p, n, &limits, &defaults, x->arena, rule, e);
}

static void on_spool_room(void *ctx)
{
	file_step(ctx);
}

static void begin_content(struct pickup_file *x, const struct file_header *h)
{
	struct intake_limits limits;
	bool pause;

	make_envelope(x, h);
	limits = limits_of(x);
	x->intake = intake_new(x->folder->pickup->port, &limits, on_spool_room, x);
	put_trace(x);
	file_look_for_8bit(x, h->head, h->head_size);
	intake_chunk(x->intake, h->head, h->head_size, &pause);
	x->at = h->size;
	/* with a pause on_resume comes, which goes on as well */
	if (!pause)
		file_step(x);
}

static uint64_t header_max(const struct pickup_file *x)
{
	uint64_t max = x->folder->pickup->live->self->pickup_max_header;

	if (x->folder->kind == PICKUP_KIND_REPLAY || max == 0 || max > REPLAY_HEADER_MAX)
		return REPLAY_HEADER_MAX;
	return max;
}

/* The file's first bytes up to the end of its header, malloc'd; NULL: it was decided. */
static char *load_header(struct pickup_file *x, size_t *size)
{
	uint64_t max = header_max(x);
	size_t room = PICKUP_PIECE, n = 0;
	char *buf = NULL;
	ssize_t got;

	do {
		room = n == room ? room * 2 : room;
		buf = xrealloc(buf, room);
		got = file_read_at(x, buf + n, room - n, n);
		if (got < 0)
			break;
		n += (size_t)got;
		*size = file_header_find_end(buf, n);
	} while (*size == 0 && got > 0 && n <= max);
	if (got < 0) {
		file_return(x, strerror(errno));
	} else if (*size > max || (*size == 0 && n > max)) {
		file_bad(x, "header-size", "the header is larger than the limit");
	} else if (*size == 0) {
		file_bad(x, "empty-line", "no empty line ends the header");
	} else {
		return buf;
	}
	free(buf);
	return NULL;
}

void file_begin(struct pickup_file *x)
{
	struct file_header *h;
	const char *rule;
	size_t size = 0;
	struct err e;
	char *buf = load_header(x, &size);

	if (buf == NULL)
		return;
	h = read_header(x, buf, size, &rule, &e);
	free(buf);
	if (h == NULL)
		file_bad(x, rule, e.text);
	else
		begin_content(x, h);
}
