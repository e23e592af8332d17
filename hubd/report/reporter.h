/* reporter.h - delivery status notifications (RFC 3461 to 3464). One per worker; its thread.
 *
 * Decides whether a report is due (never for the null sender; NOTIFY; the remote domain's
 * settings), writes it, puts it into the spool, and hands it on as a message like any other. A
 * report is safe before the recipient it speaks of is done.
 */
#ifndef HUB_REPORT_REPORTER_H
#define HUB_REPORT_REPORTER_H

#include "hubd/config/live.h"
#include "hubd/queue/queue.h"
#include "hubd/spool/message.h"

/* Valid during the call only. */
struct report_request {
	const struct live *live;
	uint64_t id;			/* of the original in the spool */
	uint64_t body_size;
	const struct envelope *env;
	const struct queue_report_recipient *v;
	size_t n;
	bool public_hop;		/* the hosts that spoke can be found by DNS, by anybody */
	int64_t expires_ms;		/* QUEUE_REPORT_DELAYED: until when it is tried */
};

/* ok: the report is safe, or none was due. */
typedef void report_done_cb(bool ok, void *ctx);

struct reporter;

/* on_message gets each report that is safe in the spool and owns it. */
struct reporter *reporter_new(struct loop *loop, struct spool_port *port,
	void (*on_message)(struct message *m, void *ctx), void *ctx);
/* Nothing that was sent is still without its done. */
void reporter_free(struct reporter **r);
bool reporter_is_busy(const struct reporter *r);
/* done (may be NULL) comes exactly once, never from inside this call. */
void reporter_send(struct reporter *r, const struct report_request *q, report_done_cb *done,
	void *ctx);

#endif
