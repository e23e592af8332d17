/* intake.c - see intake.h */
#include "hubd/receive/intake.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "hubd/track/counters.h"
#include "libhub/base/mem.h"

/* Fields of one message that are looked at; a hub sends EXCLUSIONS_MAX. */
enum { EXCLUSION_FIELDS_MAX = 4 * EXCLUSIONS_MAX };

struct intake {
	struct intake_limits limits;
	struct smtp_body_decoder decoder;
	struct smtp_body_check check;
	struct smtp_header_scan header;
	struct spool_draft *draft;
	uint64_t content;		/* decoded bytes, before fields were taken out */
	uint64_t declared_original;	/* of the trusted field, 0 = none */
	uint64_t local_hops;
	enum envelope_automatic automatic;
	bool report;			/* of delivery: it has rules of its own */
	struct origin_claim claim;
	struct exclusions excluded;
	unsigned exclusion_fields;
	uint32_t classes;		/* enum firewall_class: what stays */
	void *ctx;			/* the caller's */
	enum author author;		/* the worst */
	bool too_large;
	bool has_nul;
	bool pause;
};

/* Rows of the rules; those of origin_field come first. */
enum {
	ROW_SIZE = ORIGIN_FIELDS,
	ROW_EXCLUSION,
	ROW_CLASSES,
	ROW_RECEIVED = ROW_CLASSES + 2,
	ROW_RESENT,
	ROW_AUTOMATIC = ROW_CLASSES + FIREWALL_RULE_COUNT,
	ROW_FORWARDED,
	ROW_TYPE,
	ROW_FROM,
	ROW_SENDER,
	ROWS
};

/* What the envelope keeps is taken out of every message, whoever sends it. */
#define RULES(drop)                                                                     \
	{                                                                               \
		{ ORIGIN_NAME_AS, true, true }, { ORIGIN_NAME_SOURCE, true, true },     \
		{ ORIGIN_NAME_MECHANISM, true, true }, { ORIGIN_NAME_DOMAIN, true, true }, \
		{ ORIGIN_NAME_ARRIVED, true, true }, { ORIGIN_NAME_SIZE, true, true },  \
		{ EXCLUSION_FIELD, true, true }, FIREWALL_RULES(drop),                  \
		{ "Auto-Submitted", false, true }, { "Autoforwarded", false, true },    \
		{ "Content-Type", false, true }, { "From", false, true },               \
		{ "Sender", false, true }                                               \
	}

/* By the bits that are not accepted. */
static const struct smtp_header_rule rules[FIREWALL_ALL + 1][ROWS] = {
	RULES(0), RULES(1), RULES(2), RULES(3), RULES(4), RULES(5), RULES(6), RULES(7),
};

static bool header_too_large(const struct intake *in)
{
	return in->limits.max_header_size != 0 && in->header.size > in->limits.max_header_size;
}

/* From the header scan: what stays of the message. */
static void on_kept(void *ctx, const char *p, size_t n)
{
	struct intake *in = ctx;

	if (!in->too_large && !header_too_large(in) && !spool_draft_write(in->draft, p, n))
		in->pause = true;
}

static bool is_name(const char *text, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(text, name, n) == 0 && (text[n] == '\0' || strchr(" ;\t\r\n",
		text[n]) != NULL);
}

static void count_local_hop(struct intake *in, const char *value)
{
	const char *by = value;

	while ((by = strcasestr(by, "by ")) != NULL) {
		by += 3;
		if (is_name(by, in->limits.own_name) || is_name(by, in->limits.own_alias)) {
			in->local_hops++;
			return;
		}
	}
}

static void note_original_size(struct intake *in, const char *value)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno == 0 && end != value && *end == '\0' && *value != '-')
		in->declared_original = n;
}

static void note_exclusion(struct intake *in, const char *value)
{
	struct exclusions one;

	if (in->exclusion_fields++ == EXCLUSION_FIELDS_MAX)
		in->limits.trust_exclusions = false;
	exclusions_parse(value, in->limits.arena, &one);
	exclusions_merge(&in->excluded, &one);
}

static void note_origin(struct intake *in, enum origin_field f, const char *value)
{
	origin_claim_add(&in->claim, f, value, in->limits.arena);
}

static bool begins(const char *value, const char *word)
{
	return strncasecmp(value, word, strlen(word)) == 0;
}

/* Only told by servers that have the right to the organization's fields. */
static void note_told(struct intake *in, size_t row, const char *value)
{
	if (row == ROW_EXCLUSION && in->limits.trust_exclusions)
		note_exclusion(in, value);
	if ((in->limits.accept & FIREWALL_ORGANIZATION) == 0)
		return;
	if (row == ROW_SIZE)
		note_original_size(in, value);
	else if (row < ORIGIN_FIELDS)
		note_origin(in, (enum origin_field)row, value);
}

static void note_author(struct intake *in, const char *value, size_t n)
{
	enum author author;

	if (in->limits.judge_author == NULL)
		return;
	author = in->limits.judge_author(value, n, in->ctx);
	in->author = author > in->author ? author : in->author;
}

static void note_class(struct intake *in, size_t row, const char *name, const char *value,
	size_t n)
{
	/* a loop is found by what is there, not by what stays */
	if (row == ROW_RECEIVED)
		count_local_hop(in, value);
	if (in->header.rules[row].drop)
		return;
	in->classes |= firewall_class_of_rule(row - ROW_CLASSES);
	if (row == ROW_RESENT && (strcasecmp(name, "Resent-From") == 0 ||
		strcasecmp(name, "Resent-Sender") == 0))
		note_author(in, value, n);
}

static void note_content(struct intake *in, size_t row, const char *value, size_t n)
{
	if (row == ROW_AUTOMATIC && begins(value, "auto-replied"))
		in->automatic = ENVELOPE_AUTOMATIC_REPLY;
	else if (row == ROW_FORWARDED && strcasecmp(value, "true") == 0)
		in->automatic = ENVELOPE_AUTOMATIC_FORWARD;
	else if (row == ROW_TYPE && begins(value, "multipart/report"))
		in->report = true;
	else if (row == ROW_FROM || row == ROW_SENDER)
		note_author(in, value, n);
}

static void on_field(void *ctx, const struct smtp_header_rule *rule, const char *name,
	const char *value, size_t value_length)
{
	struct intake *in = ctx;
	size_t row = (size_t)(rule - in->header.rules);

	if (row < ROW_CLASSES)
		note_told(in, row, value);
	else if (row < ROW_AUTOMATIC)
		note_class(in, row, name, value, value_length);
	else
		note_content(in, row, value, value_length);
}

/* From the decoder: the message as its sender wrote it. */
static void on_content(void *ctx, const char *p, size_t n)
{
	struct intake *in = ctx;

	in->content += n;
	if (in->limits.max_size != 0 && in->content > in->limits.max_size)
		in->too_large = true;
	smtp_header_feed(&in->header, p, n);
}

struct intake *intake_new(struct spool_port *port, const struct intake_limits *limits,
	spool_resume_cb *on_resume, void *ctx)
{
	struct intake *in = xcalloc(1, sizeof(*in));

	in->limits = *limits;
	smtp_body_decoder_init(&in->decoder, on_content, in);
	smtp_body_check_init(&in->check);
	smtp_header_init(&in->header, rules[FIREWALL_ALL & ~limits->accept], ROWS, on_kept,
		on_field, in);
	in->claim.origin.source = in->claim.origin.domain = in->claim.origin.submitter = "";
	in->ctx = ctx;
	in->draft = spool_draft_new(port, on_resume, ctx);
	return in;
}

void intake_free(struct intake **inp)
{
	if (*inp == NULL)
		return;
	spool_draft_abort(&(*inp)->draft);
	free(*inp);
	*inp = NULL;
}

uint64_t intake_id(const struct intake *in)
{
	return spool_draft_id(in->draft);
}

void intake_trace(struct intake *in, const struct trace *t)
{
	char field[TRACE_MAX];

	intake_trace_text(in, field, trace_format(t, field));
}

void intake_trace_text(struct intake *in, const char *field, size_t n)
{
	on_kept(in, field, n);
	in->classes |= FIREWALL_ROUTING;
}

static bool take_pause(struct intake *in)
{
	bool pause = in->pause;

	in->pause = false;
	return pause;
}

/*
 * Text has no NUL (RFC 5322 section 4, RFC 6152 section 3), and some servers drop it: CRLF NUL "."
 * CRLF ends the message for them.
 */
static void look_for_nul(struct intake *in, const char *p, size_t n)
{
	in->has_nul = in->has_nul || memchr(p, '\0', n) != NULL;
}

bool intake_data(struct intake *in, const char *p, size_t n, size_t *used, bool *pause)
{
	*used = smtp_body_decode(&in->decoder, p, n);
	look_for_nul(in, p, *used);
	*pause = take_pause(in);
	return in->decoder.ended;
}

void intake_chunk(struct intake *in, const char *p, size_t n, bool *pause)
{
	if (!in->limits.binary) {
		smtp_body_check_feed(&in->check, p, n);
		look_for_nul(in, p, n);
	}
	on_content(in, p, n);
	*pause = take_pause(in);
}

void intake_end(struct intake *in)
{
	if (!in->limits.binary)
		smtp_body_check_end(&in->check);
	smtp_header_end(&in->header);
}

static bool has_fault(const struct intake *in, struct smtp_reply *r)
{
	uint32_t faults = in->decoder.faults | in->check.faults;

	if ((faults & SMTP_BODY_BARE_LF) != 0)
		smtp_reply_set(r, 550, "5.6.0", "bare LF in the message: lines end by CRLF");
	else if ((faults & SMTP_BODY_BARE_CR) != 0)
		smtp_reply_set(r, 550, "5.6.0", "bare CR in the message: lines end by CRLF");
	else if (in->header.bare)
		smtp_reply_set(r, 550, "5.6.0", "bare CR or LF in the header");
	else if (in->header.nul)
		smtp_reply_set(r, 550, "5.6.0", "NUL in the header");
	else if (in->has_nul)
		smtp_reply_set(r, 550, "5.6.0", "NUL in the message: only BINARYMIME may have it");
	else
		return false;
	return true;
}

/* Counts the limit that the message breaks. */
static bool is_over_limit(const struct intake *in, struct smtp_reply *r)
{
	const struct intake_limits *l = &in->limits;
	enum counter limit;

	if (in->too_large) {
		limit = COUNTER_LIMIT_MESSAGE_SIZE;
		smtp_reply_set(r, 552, "5.3.4", "message exceeds the size limit of %llu bytes",
			(unsigned long long)l->max_size);
	} else if (header_too_large(in)) {
		limit = COUNTER_LIMIT_HEADER_SIZE;
		smtp_reply_set(r, 552, "5.3.4", "header exceeds the limit of %llu bytes",
			(unsigned long long)l->max_header_size);
	} else if (l->max_hops != 0 && in->header.received >= l->max_hops) {
		limit = COUNTER_LIMIT_HOPS;
		smtp_reply_set(r, 554, "5.4.6", "mail loop: %u Received fields",
			in->header.received);
	} else if (l->max_local_hops != 0 && in->local_hops >= l->max_local_hops) {
		limit = COUNTER_LIMIT_LOCAL_HOPS;
		smtp_reply_set(r, 554, "5.4.6", "mail loop: this server was passed %llu times",
			(unsigned long long)in->local_hops);
	} else {
		return false;
	}
	counter_add(limit, 1);
	return true;
}

const struct smtp_reply *intake_verdict(const struct intake *in, struct smtp_reply *r)
{
	if (has_fault(in, r) || is_over_limit(in, r))
		return r;
	if (in->author == AUTHOR_FOREIGN)
		smtp_reply_set(r, 550, "5.7.1", "From or Sender is no address of who logged in");
	else if (in->author == AUTHOR_NOT_KNOWN)
		smtp_reply_set(r, 451, "4.3.0", "recipients are not loaded yet");
	else if (spool_draft_failed(in->draft))
		smtp_reply_set(r, 452, "4.3.1", "insufficient storage, try again later");
	else
		return NULL;
	return r;
}

const struct smtp_header_scan *intake_header(const struct intake *in)
{
	return &in->header;
}

uint64_t intake_original_size(const struct intake *in)
{
	return in->declared_original != 0 ? in->declared_original : in->content;
}

const struct origin *intake_origin(const struct intake *in)
{
	return origin_claim_is_whole(&in->claim) ? &in->claim.origin : NULL;
}

uint32_t intake_classes(const struct intake *in)
{
	return in->classes;
}

const char *intake_excluded(const struct intake *in, struct arena *a)
{
	return exclusions_text(&in->excluded, a);
}

enum envelope_automatic intake_automatic(const struct intake *in)
{
	return in->report ? ENVELOPE_AUTOMATIC_NO : in->automatic;
}

struct spool_draft *intake_take_draft(struct intake *in)
{
	struct spool_draft *draft = in->draft;

	in->draft = NULL;
	return draft;
}

uint64_t intake_body_size(const struct intake *in)
{
	return spool_draft_size(in->draft);
}
