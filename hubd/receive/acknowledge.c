/* acknowledge.c - hubMaxAcknowledgementDelay: the 250 for a message comes when all its recipients
 * are done, or when the delay is over.
 *
 * A sender that keeps its copy until then has it still if this server is lost with all its disks
 * before the message is delivered. The message is in the spool already, so nothing is risked by an
 * answer that comes early: on a timeout, or when the server stops, it does. Meanwhile nothing is
 * read of the peer. Hubs of ours need no such thing: they do not wait.
 */
#include "hubd/receive/session.h"

#include "hubd/track/counters.h"

static void say(struct session *s, uint64_t id)
{
	char text[SPOOL_ID_TEXT];

	session_reply(s, 250, "2.6.0", "queued as %s", spool_id_text(id, text));
}

static void on_done(uint64_t id, uint64_t tag, void *ctx)
{
	struct session *s = session_find(ctx, tag);

	if (s == NULL || s->wait != WAIT_DELIVERY || s->unacknowledged != id)
		return;
	counter_add(COUNTER_ACKNOWLEDGED_DELIVERED, 1);
	session_note(s, NULL, "delivered, acknowledged now");
	acknowledge_now(s);
}

static uint64_t delay_of(const struct session *s)
{
	bool waits = s->principal != PRINCIPAL_HUB && !s->receiver->draining && s->overdue == NULL;

	return waits ? s->connector->max_ack_delay_s : 0;
}

void acknowledge(struct session *s, uint64_t id)
{
	uint64_t delay_s = delay_of(s);

	if (delay_s == 0) {
		say(s, id);
		return;
	}
	s->unacknowledged = id;
	spool_watch(s->receiver->cfg.port, id, on_done, s->id, s->receiver);
	stream_pause(s->stream);
	session_hold(s, WAIT_DELIVERY, delay_s);
	session_note(s, NULL, "acknowledgement waits for the delivery, at most %llu s",
		(unsigned long long)delay_s);
}

void acknowledge_now(struct session *s)
{
	event_del(s->timer);
	stream_resume(s->stream);
	say(s, s->unacknowledged);
	session_resume(s);
}
