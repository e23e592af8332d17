/* stream_silence.c - is the peer's host still there? See stream_set_silence.
 *
 * The kernel has keepalive for a connection on which nothing is said, and TCP_USER_TIMEOUT. But the
 * latter also ends a connection whose peer has closed its window for that long and acknowledges
 * each probe of it, so a peer that is only slow would never get a large message. Thus the kernel is
 * asked what it has heard, and what it waits for.
 */
#include <linux/tcp.h>		/* newer than netinet/tcp.h, which must not come with it */
#include <netinet/in.h>
#include <sys/socket.h>

#include "libhub/smtp/stream_priv.h"

/* Probes without an answer; one may only be on its way. */
enum { PROBES_UNANSWERED = 2 };

void stream_silence_keepalive(int fd, int silence_s)
{
	static const int on = 1, probes = 3;
	const int idle_s = silence_s / 2, interval_s = silence_s / 6 > 0 ? silence_s / 6 : 1;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Probes of a closed window come at growing intervals: no answer is late before there are two. */
static bool is_overdue(const struct tcp_info *t)
{
	return (t->tcpi_unacked != 0 && t->tcpi_snd_wnd != 0) ||
		t->tcpi_probes >= PROBES_UNANSWERED;
}

bool stream_silence_is_over(int fd, uint32_t silence_ms, uint32_t *wait_ms)
{
	struct tcp_info t = { 0 };
	socklen_t len = sizeof(t);
	uint32_t heard_ms;

	*wait_ms = silence_ms;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &t, &len) != 0)
		return false;
	heard_ms = t.tcpi_last_ack_recv < t.tcpi_last_data_recv ? t.tcpi_last_ack_recv :
		t.tcpi_last_data_recv;
	if (heard_ms >= silence_ms && is_overdue(&t))
		return true;
	*wait_ms = heard_ms < silence_ms ? silence_ms - heard_ms : silence_ms / 6;
	return false;
}
