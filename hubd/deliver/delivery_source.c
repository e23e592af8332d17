/* delivery_source.c - the local address to send from (hubSourceAddress). See delivery.h.
 *
 * Who gives one means it: firewalls and SPF records know it. So where this server has addresses of
 * one family only, targets of the other are passed over, and where the host lacks an address,
 * nothing goes out from another; it waits. That costs nothing where none is given; else a socket
 * for each connection, to learn it before the target is blamed.
 */
#include "hubd/deliver/delivery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hubd/config/live.h"
#include "libhub/base/log.h"

static socklen_t length_of(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
		sizeof(struct sockaddr_in);
}

static const char *text_of(const struct sockaddr *sa, char text[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 *in6 = (const void *)sa;
	const struct sockaddr_in *in = (const void *)sa;
	const void *address = sa->sa_family == AF_INET6 ? (const void *)&in6->sin6_addr :
		&in->sin_addr;

	return inet_ntop(sa->sa_family, address, text, INET6_ADDRSTRLEN);
}

/* 0, or the reason why nothing can be sent from it. */
static int try_address(const struct sockaddr *sa)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 || bind(fd, sa, length_of(sa)) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* Once when it begins, and once when it ends. */
static void tell(struct delivery *s, const char *text, int error)
{
	struct deliver *d = s->d;

	if (error == 0 && strcmp(d->missing_source, text) == 0) {
		d->missing_source[0] = '\0';
		log_event(LOG_LEVEL_INFO, "source-address-back", LOG_STR("address", text), LOG_END);
	} else if (error != 0 && strcmp(d->missing_source, text) != 0) {
		snprintf(d->missing_source, sizeof(d->missing_source), "%s", text);
		log_event(LOG_LEVEL_ERROR, "source-address-missing",
			LOG_STR("connector", s->connector->pool.obj.name), LOG_STR("address", text),
			LOG_STR("reason", strerror(error)), LOG_END);
	}
}

static bool is_usable(struct delivery *s, const struct sockaddr *sa)
{
	char address[INET6_ADDRSTRLEN], text[QUEUE_TEXT_MAX];
	int error = try_address(sa);

	tell(s, text_of(sa, address), error);
	if (error == 0)
		return true;
	snprintf(text, sizeof(text), "cannot send from hubSourceAddress %s: %s", address,
		strerror(error));
	delivery_note(s, NULL, "%s", text);
	delivery_note_failure(s, "4.3.5", text);
	return false;
}

bool delivery_source(struct delivery *s, const struct sockaddr **source, socklen_t *length)
{
	const struct sockaddr *sa;
	bool given = false;
	size_t i;

	*source = NULL;
	*length = 0;
	for (i = 0; s->connector != NULL && i < s->connector->source_addresses.n; i++) {
		const struct source_address *a = &s->connector->source_addresses.v[i];

		if (a->server != NULL && name_compare(a->server, s->live->self->obj.name) != 0)
			continue;
		given = true;
		sa = (const void *)&a->addr;
		if (sa->sa_family != s->target->addr.sa.sa_family)
			continue;
		*source = sa;
		*length = length_of(sa);
		return is_usable(s, sa);
	}
	if (!given)
		return true;
	delivery_note(s, NULL, "passed over: hubSourceAddress has no address of its family");
	delivery_note_failure(s, "4.3.5", "hubSourceAddress has no address of that family");
	return false;
}
