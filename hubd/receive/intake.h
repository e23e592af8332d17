/* intake.h - one message's content on its way from the wire into the spool.
 *
 * Wire bytes go through the DATA decoder (or the BDAT check), then through the header scan, which
 * takes out what the sender has no right to (the header firewall) and what the envelope keeps, then
 * into a spool draft. What is wrong with the message
 * is remembered, not acted on: the session stays in step with its peer and asks intake_verdict at
 * the end. One session owns it.
 */
#ifndef HUB_RECEIVE_INTAKE_H
#define HUB_RECEIVE_INTAKE_H

#include "hubd/receive/author.h"
#include "hubd/receive/trace.h"
#include "hubd/spool/envelope.h"
#include "hubd/spool/exclusion.h"
#include "hubd/spool/firewall.h"
#include "hubd/spool/spool.h"
#include "libhub/smtp/body.h"
#include "libhub/smtp/header.h"
#include "libhub/smtp/reply.h"

struct intake_limits {
	uint64_t max_size;		/* bytes, 0 = unlimited */
	uint64_t max_header_size;	/* 0 = unlimited */
	uint64_t max_hops, max_local_hops;	/* local: 0 = never */
	struct arena *arena;		/* for what the header tells; outlives the intake */
	/* what counts as a local hop in "by NAME": the server's, and the connector's */
	const char *own_name, *own_alias;
	/* enum firewall_class: what may stay; with FIREWALL_ORGANIZATION origin and size count */
	uint32_t accept;
	bool trust_exclusions;		/* EXCLUSION_FIELD counts: from hubs only */
	bool binary;			/* BODY=BINARYMIME: bare CR and LF, and NUL, are content */
	/*
	 * Whose is this in From, Sender and their Resent- fields? NULL = anything may stand there;
	 * for intake_new's ctx.
	 */
	enum author (*judge_author)(const char *value, size_t n, void *ctx);
};

struct intake;

/*
 * ctx is for both callbacks. on_resume(ctx): room in the spool again after intake_data or
 * intake_chunk said to pause.
 */
struct intake *intake_new(struct spool_port *port, const struct intake_limits *limits,
	spool_resume_cb *on_resume, void *ctx);
/* Aborts the draft if it was not committed. Accepts a pointer to NULL; sets it to NULL. */
void intake_free(struct intake **in);

uint64_t intake_id(const struct intake *in);
/* Before any content. */
void intake_trace(struct intake *in, const struct trace *t);
/* The same of a message that comes in another way: a whole Received field. */
void intake_trace_text(struct intake *in, const char *field, size_t n);

/*
 * DATA: takes bytes up to the end of the message; *used is how many. True when the end was seen.
 * *pause: stop reading until on_resume.
 */
bool intake_data(struct intake *in, const char *p, size_t n, size_t *used, bool *pause);
/* BDAT: all n bytes belong to the message. */
void intake_chunk(struct intake *in, const char *p, size_t n, bool *pause);
/* After the last byte. */
void intake_end(struct intake *in);

/*
 * NULL when the message may be accepted, else the reply that refuses it, in *r, and the limit that
 * it breaks is counted. Once.
 */
const struct smtp_reply *intake_verdict(const struct intake *in, struct smtp_reply *r);

const struct smtp_header_scan *intake_header(const struct intake *in);
/* Size when first received: from a trusted field, else what was counted here. */
uint64_t intake_original_size(const struct intake *in);
/* What the peer says of the message's origin, if it may and says enough; else NULL. */
const struct origin *intake_origin(const struct intake *in);
/* enum firewall_class: what the header has that was stored. */
uint32_t intake_classes(const struct intake *in);
enum envelope_automatic intake_automatic(const struct intake *in);
/* Connectors to go around, as the envelope keeps them; from trusted fields only. */
const char *intake_excluded(const struct intake *in, struct arena *a);
/* Gives the draft away for its commit. */
struct spool_draft *intake_take_draft(struct intake *in);
uint64_t intake_body_size(const struct intake *in);

#endif
