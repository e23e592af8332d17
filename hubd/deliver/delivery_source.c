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
#include <uthash.h>

#include "hubd/config/live.h"
#include "libhub/base/inet.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* Told of so many at most; of others every time. */
enum { MISSING_MAX = 1000 };

struct missing_source {
	UT_hash_handle hh;
	char text[INET6_ADDRSTRLEN];
};

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
	int rc = fd < 0 || bind(fd, sa, inet_size(sa)) != 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

/* The host lacks the address, or its family; everything else says nothing about it. */
static bool is_missing(int error)
{
	return error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
}

static void tell_missing(struct delivery *s, const char *text, int error)
{
	struct missing_source *m;

	if (HASH_COUNT(s->d->missing_sources) < MISSING_MAX) {
		m = xcalloc(1, sizeof(*m));
		snprintf(m->text, sizeof(m->text), "%s", text);
		HASH_ADD_STR(s->d->missing_sources, text, m);
	}
	log_event(LOG_LEVEL_ERROR, "source-address-missing",
		LOG_STR("connector", s->connector->pool.obj.name), LOG_STR("address", text),
		LOG_STR("reason", strerror(error)), LOG_END);
}

/* Once when it begins, and once when it ends, of each address. */
static void tell(struct delivery *s, const char *text, int error)
{
	struct deliver *d = s->d;
	struct missing_source *m = NULL;

	if (error == 0 && d->missing_sources == NULL)
		return;
	HASH_FIND_STR(d->missing_sources, text, m);
	if (error == 0 && m != NULL) {
		HASH_DEL(d->missing_sources, m);
		free(m);
		log_event(LOG_LEVEL_INFO, "source-address-back", LOG_STR("address", text), LOG_END);
	} else if (is_missing(error) && m == NULL) {
		tell_missing(s, text, error);
	}
}

void delivery_source_forget(struct deliver *d)
{
	struct missing_source *m;

	while ((m = d->missing_sources) != NULL) {
		HASH_DEL(d->missing_sources, m);
		free(m);
	}
}

static const char *check(struct delivery *s, const struct sockaddr *sa,
	char why[QUEUE_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN];
	int error = try_address(sa);

	tell(s, text_of(sa, address), error);
	if (error == 0)
		return NULL;
	snprintf(why, QUEUE_TEXT_MAX, "cannot send from hubSourceAddress %s: %s", address,
		strerror(error));
	return is_missing(error) ? "4.3.5" : "4.3.0";
}

const char *delivery_source(struct delivery *s, const struct sockaddr *to,
	const struct sockaddr **source, char why[QUEUE_TEXT_MAX])
{
	const struct sockaddr *sa;
	bool given = false;
	size_t i;

	*source = NULL;
	for (i = 0; s->connector != NULL && i < s->connector->source_addresses.n; i++) {
		const struct source_address *a = &s->connector->source_addresses.v[i];

		if (a->server != NULL && name_compare(a->server, s->live->self->obj.name) != 0)
			continue;
		given = true;
		sa = (const void *)&a->addr;
		if (sa->sa_family != to->sa_family)
			continue;
		*source = sa;
		return check(s, sa, why);
	}
	if (!given)
		return NULL;
	snprintf(why, QUEUE_TEXT_MAX, "hubSourceAddress has no address of that family");
	return "4.3.5";
}
